-- Somebody has one vote on a question.
-- table: votes
SELECT question_id, person_id, count(*) AS n
FROM votes
GROUP BY question_id, person_id
HAVING count(*) > 1
