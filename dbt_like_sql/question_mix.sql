-- Certified chains by skeleton, hops and level.
-- `l1_hops` of the `n_hops` are of level L1, the others of L2. `verified` counts those of the chains that training may
-- use, `share` is of all certified chains.
-- unique: skeleton, query_type, n_hops, l1_hops
-- not_null: skeleton, query_type, n_hops, l1_hops, chains
-- accepted_values: query_type in ('A', 'B', 'C')
-- accepted_values: n_hops in (3, 4, 5, 6)
SELECT
    c.skeleton,
    c.query_type,
    c.n_hops,
    len(list_filter(json_extract_string(c.hops, '$[*].level'), lambda level: level = 'L1')) AS l1_hops,
    count(*) AS chains,
    count(v.chain_id) AS verified,
    count(*) / sum(count(*)) OVER () AS share
FROM hop_chains AS c
LEFT JOIN verified_set AS v ON v.chain_id = c.chain_id AND v.batch = c.batch AND v.held IS NULL
GROUP BY ALL
ORDER BY chains DESC, c.skeleton, c.query_type, c.n_hops, l1_hops
