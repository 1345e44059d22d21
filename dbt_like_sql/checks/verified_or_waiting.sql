-- No chain is verified and waits at the same time.
-- table: verified_set
SELECT v.chain_id, v.image_id, v.batch, w.reason
FROM verified_set AS v
JOIN waiting_chains AS w ON w.chain_id = v.chain_id
