-- A picture that was rated out has no categories.
-- With none nothing else is made of it.
-- table: categories
SELECT c.image_id, c.category, r.complexity, r.quality, c.batch
FROM categories AS c
INNER JOIN image_ratings AS r ON r.image_id = c.image_id AND r.batch = c.batch
WHERE NOT r.kept
