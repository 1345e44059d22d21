-- The picture of a pair is in `images`, in the same batch.
-- table: pairs
SELECT t.image_id, t.a, t.b, t.batch
FROM pairs AS t
ANTI JOIN images AS o ON o.image_id = t.image_id AND o.batch = t.batch
