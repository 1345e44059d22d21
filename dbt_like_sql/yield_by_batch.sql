-- What came of each batch, from pictures to shards.
-- Pictures that were `rated_out` hold too little to ask about. The columns `with_...` count pictures that have at least one of the thing. Chains that were `proposed` are
-- `certified` or `rejected`; certified ones are `verified` or `waiting`; verified ones become `examples` in the shards,
-- unless they are held.
-- materialized: incremental
-- unique: batch
-- not_null: batch, landed, images, certified, verified, examples
-- relationships: batch -> batch_members.batch
SELECT
    batch,
    coalesce(sum(landed), 0)::BIGINT AS landed,
    coalesce(sum(images), 0)::BIGINT AS images,
    coalesce(sum(quarantined), 0)::BIGINT AS quarantined,
    coalesce(sum(rated_out), 0)::BIGINT AS rated_out,
    coalesce(sum(with_categories), 0)::BIGINT AS with_categories,
    coalesce(sum(with_instances), 0)::BIGINT AS with_instances,
    coalesce(sum(with_certified), 0)::BIGINT AS with_certified,
    coalesce(sum(with_verified), 0)::BIGINT AS with_verified,
    coalesce(sum(with_examples), 0)::BIGINT AS with_examples,
    coalesce(sum(instances), 0)::BIGINT AS instances,
    (coalesce(sum(certified), 0) + coalesce(sum(rejected), 0))::BIGINT AS proposed,
    coalesce(sum(rejected), 0)::BIGINT AS rejected,
    coalesce(sum(certified), 0)::BIGINT AS certified,
    coalesce(sum(waiting), 0)::BIGINT AS waiting,
    coalesce(sum(verified), 0)::BIGINT AS verified,
    coalesce(sum(examples), 0)::BIGINT AS examples,
    coalesce(sum(shards), 0)::BIGINT AS shards
FROM (
    SELECT batch, count(*) AS landed FROM batch_members GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS images FROM images GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS quarantined FROM quarantine GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS rated_out FROM image_ratings WHERE NOT kept GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(DISTINCT image_id) AS with_categories FROM categories GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS instances, count(DISTINCT image_id) AS with_instances FROM instances GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS certified, count(DISTINCT image_id) AS with_certified FROM hop_chains GROUP BY batch
    UNION ALL BY NAME
    -- rows without a question are categories that no question may be about
    SELECT batch, count(question) AS rejected FROM rejected_chains GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS waiting FROM waiting_chains GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS verified, count(DISTINCT image_id) AS with_verified FROM verified_set GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS examples, count(DISTINCT image_id) AS with_examples FROM shard_examples GROUP BY batch
    UNION ALL BY NAME
    SELECT batch, count(*) AS shards FROM shards GROUP BY batch
)
GROUP BY batch
