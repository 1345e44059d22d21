-- Which of the names that a model gave for plain pictures were found in them.
-- `grounded` pictures have at least one find that is sure enough; a name that hardly ever has is one that the model
-- makes up (`not_grounded`). `kept` of the `found` ones are instances, the others are in `left_out`.
-- unique: category
-- not_null: category, pictures, grounded, not_grounded, found, kept
SELECT
    category,
    count(*)::BIGINT AS pictures,
    count(*) FILTER (grounded)::BIGINT AS grounded,
    count(*) FILTER (NOT grounded)::BIGINT AS not_grounded,
    sum(n_found)::BIGINT AS found,
    sum(n_kept)::BIGINT AS kept,
    round(avg(presence), 4) AS mean_presence,
    round(median(best_score), 4) AS median_best_score
FROM groundings
GROUP BY category
ORDER BY not_grounded DESC, pictures DESC, category
