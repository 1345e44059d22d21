-- What each batch owes, by stage, and why it is parked.
-- Of the inputs that are `ready` upstream some are `done`, `failed`, or have no record yet (`not_done`); `gone` counts
-- records whose input is no longer ready. `failure` is one of the reasons, `parked_error` that of the whole batch. A
-- change of code or of settings makes done work pending again: that is seen by `hopchain status` alone, not here.
-- unique: batch, stage
-- not_null: batch, stage, ready, done, failed, not_done, gone
-- accepted_values: stage in ('raw_images', 'image_ratings', 'categories', 'instance_masks', 'hop_chains', 'verified_set', 'training_shards')
-- relationships: batch -> batch_members.batch
WITH pictures AS (
    -- a picture's outcome by stage; NULL where the stage has not seen it
    SELECT
        batch,
        bool_or(stage = 'landed') AS landed,
        max(outcome) FILTER (stage = 'raw_images') AS raw_images,
        max(outcome) FILTER (stage = 'image_ratings') AS image_ratings,
        max(outcome) FILTER (stage = 'categories') AS categories,
        max(outcome) FILTER (stage = 'instance_masks') AS instance_masks,
        max(outcome) FILTER (stage = 'hop_chains') AS hop_chains,
        max(outcome) FILTER (stage = 'verified_set') AS verified_set,
        max(detail) FILTER (outcome = 'failed') AS failure,
        -- there is something to go on with
        coalesce(raw_images NOT IN ('quarantined', 'nothing', 'failed'), false) AS usable,
        coalesce(image_ratings NOT IN ('nothing', 'failed'), false) AS rated,
        coalesce(categories NOT IN ('nothing', 'failed'), false) AS named,
        coalesce(instance_masks NOT IN ('nothing', 'failed'), false) AS masked,
        coalesce(hop_chains NOT IN ('nothing', 'failed'), false) AS asked,
        coalesce(verified_set NOT IN ('nothing', 'failed'), false) AS verified
    FROM (
        SELECT batch, content_sha256 AS input_id, 'landed' AS stage, 'done' AS outcome, NULL AS detail
        FROM batch_members
        UNION ALL
        SELECT batch, input_id, stage, outcome, detail FROM stage_done WHERE stage <> 'training_shards'
    )
    GROUP BY batch, input_id
),

inputs AS (
    SELECT batch, failure, unnest([
        {'step': 1, 'stage': 'raw_images', 'ready': landed, 'outcome': raw_images},
        {'step': 2, 'stage': 'image_ratings', 'ready': usable, 'outcome': image_ratings},
        {'step': 3, 'stage': 'categories', 'ready': usable AND rated, 'outcome': categories},
        {'step': 4, 'stage': 'instance_masks', 'ready': usable AND named, 'outcome': instance_masks},
        {'step': 5, 'stage': 'hop_chains', 'ready': named AND masked, 'outcome': hop_chains},
        {'step': 6, 'stage': 'verified_set', 'ready': masked AND asked, 'outcome': verified_set}
    ], recursive := true)
    FROM pictures
    UNION ALL
    -- the shards' input is the batch
    SELECT b.batch, s.detail, 7, 'training_shards', b.ready, s.outcome
    FROM (SELECT batch, bool_or(usable AND verified) AS ready FROM pictures GROUP BY batch) AS b
    LEFT JOIN (SELECT batch, outcome, detail FROM stage_done WHERE stage = 'training_shards') AS s ON s.batch = b.batch
),

parked_now AS (
    SELECT batch, max("at") AS parked_at, arg_max(attempts, "at") AS attempts, arg_max(error, "at") AS error
    FROM parked WHERE retried_at IS NULL GROUP BY batch
)

SELECT
    i.batch,
    i.step,
    i.stage,
    count(*) FILTER (i.ready) AS ready,
    count(*) FILTER (i.ready AND i.outcome <> 'failed') AS done,
    count(*) FILTER (i.ready AND i.outcome = 'failed') AS failed,
    count(*) FILTER (i.ready AND i.outcome IS NULL) AS not_done,
    count(*) FILTER (NOT i.ready AND i.outcome IS NOT NULL) AS gone,
    min(i.failure) FILTER (i.outcome = 'failed') AS failure,
    any_value(p.parked_at) AS parked_at,
    any_value(p.attempts) AS attempts,
    any_value(p.error) AS parked_error
FROM inputs AS i
LEFT JOIN parked_now AS p ON p.batch = i.batch
GROUP BY i.batch, i.step, i.stage
ORDER BY i.batch, i.step
