-- How often each answer occurs in the verified set.
-- In all, as a share, and by the type of query (A, B, C). An answer that is much too frequent can be guessed.
-- unique: answer
-- not_null: answer, chains, share
-- relationships: answer -> verified_set.answer
SELECT
    v.answer,
    try_cast(v.answer AS DOUBLE) AS number,
    count(*) AS chains,
    count(*) / sum(count(*)) OVER () AS share,
    count(*) FILTER (c.query_type = 'A') AS type_a,
    count(*) FILTER (c.query_type = 'B') AS type_b,
    count(*) FILTER (c.query_type = 'C') AS type_c
FROM verified_set AS v
LEFT JOIN hop_chains AS c ON c.chain_id = v.chain_id AND c.batch = v.batch
GROUP BY v.answer
ORDER BY chains DESC, number
