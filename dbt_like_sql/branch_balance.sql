-- How often the conditions of certified chains hold.
-- By skeleton and relation. Where nearly all are `yes` (or `no`) a solver need not look: `yes_share` belongs near 0.5.
-- unique: skeleton, relation
-- not_null: skeleton, relation, conditions, yes_share
SELECT
    skeleton,
    relation,
    count(*) AS conditions,
    count(*) FILTER (result = 'yes') AS yes,
    count(*) FILTER (result = 'no') AS no,
    yes / conditions AS yes_share
FROM (
    -- only `compare` nodes have a relation, only their hops end in yes or no, and both stand in the program's order
    SELECT skeleton, unnest(relations) AS relation, unnest(results) AS result
    FROM (
        SELECT
            skeleton,
            json_extract_string(program, '$.nodes[*].relation') AS relations,
            list_filter(json_extract_string(hops, '$[*].result'), lambda result: result IN ('yes', 'no')) AS results
        FROM hop_chains
    )
)
GROUP BY skeleton, relation
ORDER BY conditions DESC, skeleton, relation
