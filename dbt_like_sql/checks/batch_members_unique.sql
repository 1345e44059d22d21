-- A picture is a member of one batch, once.
-- table: batch_members
SELECT content_sha256, count(*) AS n
FROM batch_members
GROUP BY content_sha256
HAVING count(*) > 1
