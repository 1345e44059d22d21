"""Named row rules run as one Great Expectations suite, and the outcome in a few plain fields.

Great Expectations takes pandas, so a frame is handed over with only the columns that the rules read.
It is imported when a suite runs, because the import takes seconds and most commands need no check.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

MAX_IDS = 50
MAX_OBSERVED = 5
COLUMN_OPTIONS = ("column", "column_A", "column_B")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row rule: `expectation` is a Great Expectations class name, `fault` says what a failing row has."""

    name: str
    fault: str
    expectation: str
    options: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return tuple(self.options[key] for key in COLUMN_OPTIONS if key in self.options)


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What a check found.

    `summary` is a sentence for a person, `failing_ids` the first ids of failing rows, each once, at most
    `MAX_IDS`, `n_failing` the number of failing rows, `details` what each rule saw (JSON-able): `passed`,
    `expectation`, `columns`, `failing` (rows) and `observed` (some of the values that failed, as text).
    """

    passed: bool
    summary: str
    failing_ids: tuple[str, ...]
    n_failing: int
    details: Mapping[str, Mapping[str, Any]]


def nothing_to_check(subject: str) -> CheckOutcome:
    """The outcome for no rows: passed, and said so."""
    return CheckOutcome(True, f"{subject}: there was nothing to check.", (), 0, {})


def run_suite(subject: str, frame: pl.DataFrame, rules: Sequence[Rule], id_column: str) -> CheckOutcome:
    """Hold every row of the frame against every rule.

    A null breaks only rules that are about nulls: the other rules do not look at it.

    Args:
        subject: what the rows are, for the summary; mostly the table's name.
        frame: the rows, at least one.
        rules: the rules, each name once.
        id_column: the column that names a failing row.

    Raises:
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    broken: set[int] = set()
    details: dict[str, Mapping[str, Any]] = {}
    columns = sorted({column for rule in rules for column in rule.columns})
    for rule, result in zip(rules, _validate(frame.select(columns), rules), strict=True):
        if (result.exception_info or {}).get("raised_exception"):
            raise RuntimeError(
                f"{subject}: Great Expectations could not evaluate the rule {rule.name}: "
                f"{result.exception_info['exception_message']}. Look at the types of the columns {rule.columns}."
            )
        rows = result.result.get("unexpected_index_list") or []
        broken.update(rows)
        details[rule.name] = {
            "passed": bool(result.success),
            "expectation": result.expectation_config.type,
            "columns": list(rule.columns),
            "failing": len(rows),
            "observed": _observed(frame, rule, rows),
        }
    ids = tuple(_names(frame, id_column, sorted(broken)))
    passed = all(detail["passed"] for detail in details.values())
    return CheckOutcome(passed, _summary(subject, frame.height, len(broken), rules, details), ids, len(broken), details)


def _validate(frame: pl.DataFrame, rules: Sequence[Rule]) -> list[Any]:
    """Great Expectations' results, in the order of the rules; nothing is kept or written anywhere."""
    # it reads this once, when it is imported; a user's own value stays
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    definition = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    batch = definition.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame.to_pandas()})
    expectations = [getattr(gx.expectations, rule.expectation)(**rule.options) for rule in rules]
    suite = gx.ExpectationSuite("rules", expectations=expectations)
    report = batch.validate(suite, result_format="COMPLETE")
    by_rule = {_identity(result.expectation_config.type, result.expectation_config.kwargs): result for result in report.results}
    return [by_rule[_identity(e.expectation_type, e.configuration.kwargs)] for e in expectations]
