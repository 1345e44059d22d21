-- Every stage has in each batch as many rows as its ledger says.
-- Counted over all its tables: no half of a batch is missing or there twice.
-- table: stage_done
WITH counted AS (
    SELECT 'raw_images' AS stage, batch, count(*) AS n FROM images GROUP BY batch
    UNION ALL SELECT 'raw_images', batch, count(*) FROM quarantine GROUP BY batch
    UNION ALL SELECT 'image_ratings', batch, count(*) FROM image_ratings GROUP BY batch
    UNION ALL SELECT 'categories', batch, count(*) FROM categories GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM instances GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM pairs GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM bad_annotations GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM groundings GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM left_out GROUP BY batch
    UNION ALL SELECT 'instance_masks', batch, count(*) FROM texts GROUP BY batch
    UNION ALL SELECT 'hop_chains', batch, count(*) FROM hop_chains GROUP BY batch
    UNION ALL SELECT 'hop_chains', batch, count(*) FROM rejected_chains GROUP BY batch
    UNION ALL SELECT 'hop_chains', batch, count(*) FROM perceptions GROUP BY batch
    UNION ALL SELECT 'verified_set', batch, count(*) FROM verified_set GROUP BY batch
    UNION ALL SELECT 'verified_set', batch, count(*) FROM waiting_chains GROUP BY batch
    UNION ALL SELECT 'training_shards', batch, count(*) FROM shard_examples GROUP BY batch
    UNION ALL SELECT 'training_shards', batch, count(*) FROM shards GROUP BY batch
),

both_sides AS (
    SELECT stage, batch, sum(n)::BIGINT AS found, 0::BIGINT AS recorded FROM counted GROUP BY stage, batch
    UNION ALL
    SELECT stage, batch, 0, sum(n_rows)::BIGINT FROM stage_done GROUP BY stage, batch
)

SELECT stage, batch, sum(found)::BIGINT AS found, sum(recorded)::BIGINT AS recorded
FROM both_sides
GROUP BY stage, batch
HAVING sum(found) <> sum(recorded)
