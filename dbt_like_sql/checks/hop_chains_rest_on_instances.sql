-- Every object that a chain rests on is an instance of its picture.
-- table: hop_chains
SELECT t.chain_id, t.image_id, t.instance_id, t.batch
FROM (SELECT chain_id, image_id, batch, unnest(instance_ids) AS instance_id FROM hop_chains) AS t
ANTI JOIN instances AS o ON o.instance_id = t.instance_id AND o.image_id = t.image_id
