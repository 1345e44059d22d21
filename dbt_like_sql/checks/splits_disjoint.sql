-- Near-duplicate pictures share a `split_group`, and all examples of a group are in one split.
-- table: shard_examples
SELECT i.split_group, list_sort(list(DISTINCT t.split)) AS splits, count(*) AS examples
FROM shard_examples AS t
JOIN images AS i ON i.image_id = t.image_id AND i.batch = t.batch
GROUP BY i.split_group
HAVING count(DISTINCT t.split) > 1
