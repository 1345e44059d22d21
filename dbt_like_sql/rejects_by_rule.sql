-- What was rejected, by the rule that it broke.
-- Of kind `chain` are chains that were proposed, of kind `category` the categories of a picture that no question may be
-- about. `share` is of all rejects of the same kind, `example` the words of one of them.
-- unique: rule, kind
-- not_null: rule, kind, rejected
-- accepted_values: kind in ('chain', 'category')
SELECT
    rule,
    kind,
    count(*) AS rejected,
    count(DISTINCT image_id) AS pictures,
    count(*) / sum(count(*)) OVER (PARTITION BY kind) AS share,
    min(detail) AS example
FROM (SELECT rule, if(question IS NULL, 'category', 'chain') AS kind, image_id, detail FROM rejected_chains)
GROUP BY rule, kind
ORDER BY kind DESC, rejected DESC, rule
