-- A chain that waits is a certified one of `hop_chains`.
-- table: waiting_chains
SELECT t.chain_id, t.image_id, t.batch
FROM waiting_chains AS t
ANTI JOIN hop_chains AS o ON o.chain_id = t.chain_id AND o.batch = t.batch
