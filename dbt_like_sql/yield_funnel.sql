-- Pictures and chains that are left at each step of the line.
-- Over all batches. `of_first` is the share of the first step of the same unit, `of_previous` that of the step before.
-- unique: unit, step
-- not_null: unit, step, name, n
-- accepted_values: unit in ('pictures', 'chains')
SELECT
    *,
    n / nullif(first_value(n) OVER steps, 0) AS of_first,
    n / nullif(lag(n, 1, n) OVER steps, 0) AS of_previous
FROM (
    SELECT unnest([
        {'unit': 'pictures', 'step': 1, 'name': 'landed', 'n': sum(landed)::BIGINT},
        {'unit': 'pictures', 'step': 2, 'name': 'usable', 'n': sum(images)::BIGINT},
        {'unit': 'pictures', 'step': 3, 'name': 'not rated out', 'n': sum(images - rated_out)::BIGINT},
        {'unit': 'pictures', 'step': 4, 'name': 'with categories', 'n': sum(with_categories)::BIGINT},
        {'unit': 'pictures', 'step': 5, 'name': 'with instances', 'n': sum(with_instances)::BIGINT},
        {'unit': 'pictures', 'step': 6, 'name': 'with a certified chain', 'n': sum(with_certified)::BIGINT},
        {'unit': 'pictures', 'step': 7, 'name': 'with a verified chain', 'n': sum(with_verified)::BIGINT},
        {'unit': 'pictures', 'step': 8, 'name': 'in the shards', 'n': sum(with_examples)::BIGINT},
        {'unit': 'chains', 'step': 1, 'name': 'proposed', 'n': sum(proposed)::BIGINT},
        {'unit': 'chains', 'step': 2, 'name': 'certified', 'n': sum(certified)::BIGINT},
        {'unit': 'chains', 'step': 3, 'name': 'verified', 'n': sum(verified)::BIGINT},
        {'unit': 'chains', 'step': 4, 'name': 'in the shards', 'n': sum(examples)::BIGINT}
    ], recursive := true)
    FROM yield_by_batch
    HAVING count(*) > 0
)
WINDOW steps AS (PARTITION BY unit ORDER BY step)
ORDER BY unit DESC, step
