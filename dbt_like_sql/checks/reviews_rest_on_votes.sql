-- A question that people closed has votes, and a unanimous one those of as many people as it needed.
-- table: reviews
SELECT r.question_id, r.state, r.needed, count(DISTINCT v.person_id) AS people, r.batch
FROM reviews AS r
LEFT JOIN votes AS v ON v.question_id = r.question_id AND v.batch = r.batch
GROUP BY ALL
HAVING count(DISTINCT v.person_id) < if(r.state = 'unanimous', r.needed, 1)
