-- A verified chain has one row.
-- table: verified_set
SELECT chain_id, count(*) AS n
FROM verified_set
GROUP BY chain_id
HAVING count(*) > 1
