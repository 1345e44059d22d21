-- An instance has one row in its picture.
-- table: instances
SELECT image_id, instance_id, count(*) AS n
FROM instances
GROUP BY image_id, instance_id
HAVING count(*) > 1
