-- The picture of a category is in `images`, in the same batch.
-- table: categories
SELECT t.image_id, t.category, t.batch
FROM categories AS t
ANTI JOIN images AS o ON o.image_id = t.image_id AND o.batch = t.batch
