-- The picture of an instance is in `images`, in the same batch.
-- table: instances
SELECT t.image_id, t.instance_id, t.batch
FROM instances AS t
ANTI JOIN images AS o ON o.image_id = t.image_id AND o.batch = t.batch
