-- A picture has one row.
-- table: images
SELECT image_id, count(*) AS n
FROM images
GROUP BY image_id
HAVING count(*) > 1
