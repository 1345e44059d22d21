-- The ledger has one row for each stage, batch and input.
-- table: stage_done
SELECT stage, batch, input_id, count(*) AS n
FROM stage_done
GROUP BY stage, batch, input_id
HAVING count(*) > 1
