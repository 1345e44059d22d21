-- Every verified chain is certified under the current version.
-- That is, `hop_chains` holds it with the same words and answer (unless the answer is people's), in the version that the ledger has for its picture, and
-- that is the version that ran last. After a change of code or settings this fails for the batches that are not done yet.
-- table: verified_set
SELECT
    v.chain_id,
    v.image_id,
    v.batch,
    CASE
        WHEN c.chain_id IS NULL THEN 'not in hop_chains'
        WHEN c.answer IS DISTINCT FROM v.answer AND v.answer_source IS DISTINCT FROM 'people' THEN 'with another answer'
        WHEN c.stage_version IS DISTINCT FROM d.stage_version THEN 'its row is not of the version in the ledger'
        ELSE 'certified under an earlier version'
    END AS why
FROM verified_set AS v
LEFT JOIN hop_chains AS c
    ON c.chain_id = v.chain_id AND c.batch = v.batch AND c.image_id = v.image_id AND c.question = v.question
LEFT JOIN stage_done AS d ON d.stage = 'hop_chains' AND d.batch = v.batch AND d.input_id = v.image_id
WHERE c.chain_id IS NULL
    OR (c.answer IS DISTINCT FROM v.answer AND v.answer_source IS DISTINCT FROM 'people')
    OR c.stage_version IS DISTINCT FROM d.stage_version
    OR c.stage_version <> (SELECT arg_max(stage_version, "at") FROM stage_done WHERE stage = 'hop_chains')
