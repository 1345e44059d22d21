-- Every example lies in a file of `shards`, and every file holds as many examples as its row says.
-- table: shard_examples
SELECT shard_path, s.n_rows, e.n AS examples
FROM shards AS s
FULL JOIN (SELECT shard_path, count(*) AS n FROM shard_examples GROUP BY shard_path) AS e USING (shard_path)
WHERE s.n_rows IS DISTINCT FROM e.n
