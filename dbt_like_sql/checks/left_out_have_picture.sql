-- Every find that was left out belongs to a picture of its batch, and is no instance.
-- table: left_out
SELECT l.image_id, l.instance_id
FROM left_out AS l
LEFT JOIN images AS p ON p.image_id = l.image_id AND p.batch = l.batch
LEFT JOIN instances AS i ON i.instance_id = l.instance_id AND i.batch = l.batch
WHERE p.image_id IS NULL OR i.instance_id IS NOT NULL
