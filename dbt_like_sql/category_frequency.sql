-- What the pictures show, and what is asked about.
-- `pictures` have the category, `instances` are marked in them, certified `chains` name it.
-- unique: category
-- not_null: category, pictures, instances, chains
-- relationships: category -> categories.category
SELECT
    category,
    coalesce(sum(pictures), 0)::BIGINT AS pictures,
    coalesce(sum(instances), 0)::BIGINT AS instances,
    coalesce(sum(chains), 0)::BIGINT AS chains
FROM (
    SELECT category, count(DISTINCT image_id) AS pictures FROM categories GROUP BY category
    UNION ALL BY NAME
    SELECT category, count(*) AS instances FROM instances GROUP BY category
    UNION ALL BY NAME
    SELECT category, count(*) AS chains
    FROM (SELECT unnest(list_distinct(json_extract_string(program, '$.nodes[*].category'))) AS category FROM hop_chains)
    GROUP BY category
)
GROUP BY category
ORDER BY pictures DESC, category
