-- Every text lies on instances of its picture only.
-- table: texts
SELECT t.image_id, t."text", t.instance_id
FROM (SELECT image_id, batch, "text", unnest(instance_ids) AS instance_id FROM texts) AS t
LEFT JOIN instances AS i ON i.instance_id = t.instance_id AND i.image_id = t.image_id AND i.batch = t.batch
WHERE i.instance_id IS NULL
