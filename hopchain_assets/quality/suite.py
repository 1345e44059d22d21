"""Named row rules run as one Great Expectations suite, and the outcome in a few plain fields.

Great Expectations takes pandas, so a frame is handed over with only the columns that the rules read.
It is imported when a suite runs, because the import takes seconds and most commands need no check.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

MAX_IDS = 50
MAX_OBSERVED = 5
OBSERVED_WIDTH = 80
COLUMN_OPTIONS = ("column", "column_A", "column_B")

Frames = Mapping[str, pl.DataFrame]
Completed = Callable[[pl.DataFrame, Frames], pl.DataFrame]


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


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules of one table.

    `named_by` are the columns whose values name a row. `wanted` are those without which it says nothing: no null,
    no blank text, no number that is not finite. `completed` adds the columns that the rules read.
    """

    table: str
    named_by: tuple[str, ...]
    wanted: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    completed: Completed = lambda frame, _: frame


def unique(column: str) -> Rule:
    """No two rows have the same value."""
    return Rule(f"{column}_unique", f"sharing their {column}", "ExpectColumnValuesToBeUnique", {"column": column})


def between(name: str, fault: str, column: str, low: float | None, high: float | None) -> Rule:
    """A number within these limits, both included. A NaN is not looked at: pandas takes it for a null."""
    options = {"column": column, "min_value": low, "max_value": high}
    return Rule(name, fault, "ExpectColumnValuesToBeBetween", options)


def equal(name: str, fault: str, column: str, other: str) -> Rule:
    """Both columns have the same value."""
    options = {"column_A": column, "column_B": other, "ignore_row_if": "either_value_is_missing"}
    return Rule(name, fault, "ExpectColumnPairValuesToBeEqual", options)


def one_of(name: str, fault: str, column: str, values: Collection[str]) -> Rule:
    """One of these values."""
    return Rule(name, fault, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": list(values)})


def not_null(name: str, fault: str, column: str) -> Rule:
    """A value, whichever."""
    return Rule(name, fault, "ExpectColumnValuesToNotBeNull", {"column": column})


def hexadecimal(column: str, digits: int) -> tuple[Rule, Rule]:
    """So many hexadecimal digits in lower case."""
    # two rules, because the `$` of a pattern would let a line break at the end pass
    strange = {"column": column, "regex": "[^0-9a-f]"}
    length = {"column": column, "value": digits}
    return (
        Rule(
            f"{column}_hexadecimal",
            f"whose {column} is not hexadecimal",
            "ExpectColumnValuesToNotMatchRegex",
            strange,
        ),
        Rule(f"{column}_length", f"whose {column} has not {digits} digits", "ExpectColumnValueLengthsToEqual", length),
    )


COMPLETE = Rule("values_present", "without all its values", "ExpectColumnValuesToBeNull", {"column": "lacking"})


def nothing_to_check(subject: str) -> CheckOutcome:
    """The outcome for no rows: passed, and said so."""
    return CheckOutcome(True, f"{subject}: there was nothing to check.", (), 0, {})


def check_table(suite: Suite, frames: Frames) -> CheckOutcome:
    """Holds all rows of one table against its suite. `frames` has them, and those of tables they are compared with.

    Raises:
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    rows = frames[suite.table]
    if rows.is_empty():
        return nothing_to_check(suite.table)
    # named after its columns, as a row of which all of them are missing is told by that
    name = " and ".join(suite.named_by)
    named = pl.concat_str(suite.named_by, separator=" ", ignore_nulls=True)
    rows = suite.completed(rows, frames).with_columns(
        pl.when(named != "").then(named).alias(name), lacking=_lacking(rows, suite.wanted)
    )
    return run_suite(suite.table, rows, (COMPLETE, *suite.rules), name)


def merged(outcomes: Mapping[str, CheckOutcome]) -> CheckOutcome:
    """What the suites of several tables came to together; `details` are named `table.rule`."""
    failed = [outcome for outcome in outcomes.values() if not outcome.passed]
    looked_at = [outcome for outcome in outcomes.values() if outcome.details]
    told = failed or looked_at or list(outcomes.values())
    ids = itertools.chain.from_iterable(outcome.failing_ids for outcome in failed)
    return CheckOutcome(
        passed=not failed,
        summary=" ".join(outcome.summary for outcome in told),
        failing_ids=tuple(itertools.islice(ids, MAX_IDS)),
        n_failing=sum(outcome.n_failing for outcome in failed),
        details={f"{name}.{rule}": seen for name, each in outcomes.items() for rule, seen in each.details.items()},
    )


def run_suite(subject: str, frame: pl.DataFrame, rules: Sequence[Rule], id_column: str) -> CheckOutcome:
    """Hold every row of the frame against every rule.

    A null breaks only rules that are about nulls: the other rules do not look at it.

    Args:
        subject: what the rows are, for the summary; mostly the table's name.
        frame: the rows, at least one, with every column that the rules read.
        rules: the rules, each name once.
        id_column: the column that names a failing row.

    Raises:
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    results = _validate(frame.select(sorted({column for rule in rules for column in rule.columns})), rules)
    broken: set[int] = set()
    details: dict[str, Mapping[str, Any]] = {}
    for rule in rules:
        rows = _failing_rows(subject, rule, results[rule.name])
        broken.update(rows)
        details[rule.name] = {
            "passed": not rows,
            "expectation": results[rule.name].expectation_config.type,
            "columns": list(rule.columns),
            "failing": len(rows),
            "observed": _observed(frame.select(rule.columns), rows),
        }
    summary = _summary(subject, frame.height, len(broken), rules, details)
    return CheckOutcome(not broken, summary, _names(frame[id_column], sorted(broken)), len(broken), details)


def _lacking(rows: pl.DataFrame, wanted: tuple[str, ...]) -> pl.Expr:
    """Names of the wanted columns in which a row has no value, null where it has all."""
    lacks: list[pl.Expr] = []
    for name in wanted:
        column = pl.col(name)
        missing = column.is_null()
        if rows.schema[name] == pl.String:
            missing |= ~column.str.contains(r"\S")
        elif rows.schema[name].is_float():
            missing |= ~column.is_finite()
        lacks.append(pl.when(missing).then(pl.lit(name)))
    names = pl.concat_str(lacks, separator=", ", ignore_nulls=True)
    return pl.when(names != "").then(names)


def _validate(frame: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, Any]:
    """Great Expectations' result for each rule's name; nothing is kept or written anywhere."""
    # before the import, which is when a package may look at it; a user's own value stays
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # by default even an ephemeral context makes a folder for a documentation site
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    quiet = ProgressBarsConfig(globally=False, metric_calculations=False)
    config = DataContextConfig(store_backend_defaults=stores, progress_bars=quiet)
    context = gx.get_context(mode="ephemeral", project_config=config)
    definition = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    batch = definition.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame.to_pandas()})
    expectations = [
        getattr(gx.expectations, rule.expectation)(meta={"rule": rule.name}, **rule.options) for rule in rules
    ]
    report = batch.validate(gx.ExpectationSuite("rules", expectations=expectations), result_format="COMPLETE")
    # the results come back in another order than the rules went in
    configs = [result.expectation_config for result in report.results]
    names = [config.meta["rule"] for config in configs if config and config.meta]
    return dict(zip(names, report.results, strict=True))


def _failing_rows(subject: str, rule: Rule, result: Any) -> list[int]:
    """Row numbers that break the rule, refusing a result that is no judgement of the rows."""
    rows = result.result.get("unexpected_index_list")
    if rows is None or bool(result.success) != (not rows):
        raise RuntimeError(
            f"{subject}: Great Expectations could not evaluate the rule {rule.name}: "
            f"{_reason(result.exception_info or {})}. Look at the types of the columns {', '.join(rule.columns)}."
        )
    return rows


def _reason(info: Mapping[str, Any]) -> str:
    """The message of an exception, which is told flat or once for each metric that raised it."""
    inner = [value for value in info.values() if isinstance(value, Mapping)]
    messages = [each.get("exception_message") for each in (info, *inner)]
    return "; ".join(str(message) for message in messages if message) or "it gave no failing rows and no reason"


def _observed(frame: pl.DataFrame, rows: Sequence[int]) -> list[str]:
    """Some of the failing values, as `column=value` texts."""
    return [
        ", ".join(f"{column}={str(value)[:OBSERVED_WIDTH]!r}" for column, value in row.items())
        for row in frame[list(rows[:MAX_OBSERVED])].to_dicts()
    ]


def _names(ids: pl.Series, rows: Sequence[int]) -> tuple[str, ...]:
    """Ids of the rows, each once, the first `MAX_IDS`; a row without an id is named by its place."""
    names: dict[str, None] = {}
    for row in rows:
        name = ids[row]
        names[f"(row {row}, no {ids.name})" if name is None else str(name)] = None
        if len(names) == MAX_IDS:
            break
    return tuple(names)


def _summary(
    subject: str, n_rows: int, n_broken: int, rules: Sequence[Rule], details: Mapping[str, Mapping[str, Any]]
) -> str:
    noun = "row" if n_rows == 1 else "rows"
    if not n_broken:
        return f"{subject}: {n_rows} {noun} checked, none fails."
    faults = [f"{details[rule.name]['failing']} {rule.fault}" for rule in rules if details[rule.name]["failing"]]
    return f"{subject}: {n_broken} of {n_rows} {noun} {'fails' if n_broken == 1 else 'fail'}: {', '.join(faults)}."
