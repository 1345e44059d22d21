-- The box of an instance has a width and a height and lies inside its picture.
-- table: instances
SELECT t.image_id, t.instance_id, t.x0, t.y0, t.x1, t.y1, i.width, i.height, t.batch
FROM instances AS t
JOIN images AS i ON i.image_id = t.image_id AND i.batch = t.batch
WHERE NOT coalesce(
    0 <= t.x0 AND t.x0 < t.x1 AND t.x1 <= i.width AND 0 <= t.y0 AND t.y0 < t.y1 AND t.y1 <= i.height,
    false
)
