-- How long the stages took, over all their runs.
-- A run is one stage doing what was pending of one batch.
-- unique: stage
-- not_null: stage, runs, inputs, seconds
-- accepted_values: stage in ('raw_images', 'image_ratings', 'categories', 'instance_masks', 'hop_chains', 'verified_set', 'training_shards')
SELECT
    stage,
    count(*) AS runs,
    sum(n_inputs)::BIGINT AS inputs,
    sum(n_rows)::BIGINT AS row_count,
    sum(seconds) AS seconds,
    1000 * sum(seconds) / nullif(sum(n_inputs), 0) AS seconds_per_1000_inputs,
    max(seconds) AS slowest_run,
    arg_max(batch, seconds) AS slowest_batch,
    max("at") AS last_run
FROM stage_runs
GROUP BY stage
ORDER BY seconds DESC, stage
