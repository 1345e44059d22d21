-- Of each name that was looked for, as many instances are there as its grounding says.
-- table: groundings
SELECT g.image_id, g.category, g.n_kept, count(i.instance_id) AS instances
FROM groundings AS g
LEFT JOIN instances AS i ON i.image_id = g.image_id AND i.batch = g.batch AND i.category = g.category
GROUP BY ALL
HAVING count(i.instance_id) <> g.n_kept
