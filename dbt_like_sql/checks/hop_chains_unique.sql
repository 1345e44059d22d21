-- A certified chain has one row.
-- table: hop_chains
SELECT chain_id, count(*) AS n
FROM hop_chains
GROUP BY chain_id
HAVING count(*) > 1
