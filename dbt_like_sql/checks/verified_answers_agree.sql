-- A question about a picture has one answer in the verified set, whatever program it was made from.
-- table: verified_set
SELECT image_id, question_id, list_sort(list(DISTINCT answer)) AS answers
FROM verified_set
GROUP BY image_id, question_id
HAVING count(DISTINCT answer) > 1
