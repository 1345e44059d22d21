-- An example lies in one shard, once.
-- table: shard_examples
SELECT example_id, count(*) AS n
FROM shard_examples
GROUP BY example_id
HAVING count(*) > 1
