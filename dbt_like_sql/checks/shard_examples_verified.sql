-- An example in the shards rests on a chain of `verified_set` that is not held.
-- table: shard_examples
SELECT t.example_id, t.chain_id, t.batch
FROM shard_examples AS t
ANTI JOIN verified_set AS o ON o.chain_id = t.chain_id AND o.batch = t.batch AND o.held IS NULL
