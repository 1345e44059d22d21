"""The rule "each answer is a unique number", for chains, verified answers and training shards.

Facts about several rows are first counted into a column by polars, so that every rule is about one row
and a failing row can be named.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

import polars as pl

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.quality.suite import (
    CheckOutcome,
    Rule,
    between,
    equal,
    not_null,
    nothing_to_check,
    one_of,
    run_suite,
    unique,
)

# `7`, `-3`, `2.5`: no plus, no exponent, no leading or trailing zeros, no `-0`, at most six decimals.
# Free of look-around, because pandas may hand it to an engine that knows none, and of groups, of which it warns.
CANONICAL = r"^(?:0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]{0,5}[1-9])$"
MIN_HOPS, MAX_HOPS = 3, 6
SPLITS = ("train", "validation")
EXECUTED = "executed"


def _present(column: str) -> Rule:
    return not_null(f"{column}_present", f"without {column}", column)


ANSWER_RULES = (
    _present("answer"),
    Rule(
        "answer_canonical",
        "whose answer is not a canonical number",
        "ExpectColumnValuesToMatchRegex",
        {"column": "answer", "regex": CANONICAL},
    ),
    # `$` also matches before a line break at the end, so a break needs a rule of its own
    Rule(
        "answer_unbroken",
        "whose answer contains white space",
        "ExpectColumnValuesToNotMatchRegex",
        {"column": "answer", "regex": r"\s"},
    ),
    between("answer_finite", "whose answer is not finite", "answer_number", -sys.float_info.max, sys.float_info.max),
)
QUESTION_RULES = (
    _present("question"),
    Rule(
        "question_not_blank",
        "whose question is blank",
        "ExpectColumnValuesToMatchRegex",
        {"column": "question", "regex": r"\S"},
    ),
    _present("question_id"),
    _present("image_id"),
    between("one_answer_a_question", "whose picture and question have another answer too", "n_answers", None, 1),
)
HOP_RULES = (
    _present("n_hops"),
    between(
        "n_hops_in_range", f"with fewer than {MIN_HOPS} or more than {MAX_HOPS} hops", "n_hops", MIN_HOPS, MAX_HOPS
    ),
)
EXECUTED_RULES = (
    _present("answer"),
    not_null("execution_gives_a_value", "whose program gave no value", "executed"),
    equal("execution_gives_the_answer", "whose program gave another number", "answer", "executed"),
)
SHARD_RULES = (
    _present("example_id"),
    unique("example_id"),
    _present("chain_id"),
    _present("answer"),
    _present("split"),
    one_of("split_known", f"whose split is not {' or '.join(SPLITS)}", "split", SPLITS),
    between("verified_once", "without exactly one verified row", "n_verified", 1, 1),
    equal("verified_answer", "whose answer is not the verified one", "answer", "verified_answer"),
    between("not_held", "that rest on a row that is held", "n_held", None, 0),
)


def check_answers(table: str, frame: pl.DataFrame, id_column: str) -> CheckOutcome:
    """Each row has an id of its own, a question, a picture and one canonical number as its answer.

    No two rows of one picture and question may have different answers, and a chain of `hop_chains` has 3 to 6 hops.

    Args:
        table: name of the table that the rows come from.
        frame: `id_column`, `question_id`, `image_id`, `question`, `answer` (text), and for `hop_chains` `n_hops`.
        id_column: the column that names a row, `chain_id` mostly.

    Raises:
        ValueError: when a column is missing or not of the right type.
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    if frame.is_empty():
        return nothing_to_check(table)
    hop_rules = HOP_RULES if table == "hop_chains" else ()
    frame = _typed(table, frame, (id_column, "question_id", "image_id", "question", "answer"))
    if hop_rules:
        frame = _typed(table, frame, ("n_hops",), pl.Int64)
    # n_unique counts null as a value, and a missing answer is another rule's fault
    answers = pl.col("answer").drop_nulls().n_unique().over("image_id", "question_id")
    frame = frame.with_columns(
        n_answers=pl.when(pl.all_horizontal(pl.col("image_id", "question_id").is_not_null())).then(answers),
        answer_number=pl.col("answer").cast(pl.Float64, strict=False),
    )
    rules = (_present(id_column), unique(id_column), *QUESTION_RULES, *ANSWER_RULES, *hop_rules)
    return run_suite(table, frame, rules, id_column)


def check_executed(frame: pl.DataFrame, executed: Mapping[str, float | None]) -> CheckOutcome:
    """The SQL execution of each executed row's program gives the stored answer.

    Rows whose `answer_source` is not `executed` are not looked at.

    Args:
        frame: `chain_id`, `answer` (text) and `answer_source`, as in `verified_set`.
        executed: chain_id to the value of its SQL query; None where it gave NULL. A chain that is not in it fails.

    Raises:
        ValueError: when a column is missing or not of the right type.
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    subject = "executed answers"
    if frame.is_empty():
        return nothing_to_check(subject)
    frame = _typed(subject, frame, ("chain_id", "answer", "answer_source"))
    rows = frame.filter(pl.col("answer_source") == EXECUTED)
    if rows.is_empty():
        return nothing_to_check(subject)
    values = [_number_text(executed.get(chain_id)) for chain_id in rows["chain_id"]]
    rows = rows.with_columns(pl.Series("executed", values, dtype=pl.String))
    return run_suite(subject, rows, EXECUTED_RULES, "chain_id")


def check_shards(examples: pl.DataFrame, verified: pl.DataFrame) -> CheckOutcome:
    """Each training example rests on exactly one verified row with the same answer text, which is not held.

    Example ids are unique and a split is `train` or `validation`. A verified row without an example is no fault here.

    Args:
        examples: `example_id`, `chain_id`, `answer` (text), `split`, as read from the shards.
        verified: `chain_id`, `answer` and `held` (text), as in `verified_set`.

    Raises:
        ValueError: when a column is missing or not of the right type.
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    subject = "training_shards"
    if examples.is_empty():
        return nothing_to_check(subject)
    examples = _typed(subject, examples, ("example_id", "chain_id", "answer", "split"))
    if verified.is_empty():
        verified = pl.DataFrame(schema={"chain_id": pl.String, "answer": pl.String, "held": pl.String})
    truths = (
        _typed("verified_set", verified, ("chain_id", "answer", "held"))
        .group_by("chain_id")
        .agg(
            n_verified=pl.len(),
            verified_answer=pl.col("answer").first(),
            n_held=pl.col("held").is_not_null().sum().cast(pl.Int64),
        )
    )
    rows = examples.join(truths, on="chain_id", how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("n_verified").fill_null(0))
    return run_suite(subject, rows, SHARD_RULES, "example_id")


def _typed(
    subject: str, frame: pl.DataFrame, columns: tuple[str, ...], kind: type[pl.DataType] = pl.String
) -> pl.DataFrame:
    """The frame with these columns of that type.

    Numbers are never turned into text here: `7` and `7.0` would look alike or not by the reader's choice of type.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{subject}: the rows have no column {', '.join(missing)}: select it where they are read.")
    for column in columns:
        found = frame.schema[column]
        fits = found == pl.Null or found.is_integer() if kind == pl.Int64 else found in (pl.Null, pl.String)
        if not fits:
            raise ValueError(f"{subject}: the column {column} is {found}, not {kind()}: read it as it is stored.")
    return frame.with_columns(pl.col(columns).cast(kind))


def _number_text(value: float | None) -> str | None:
    """The value as the line writes numbers; `nan` and `inf` stay visible and equal no answer."""
    if value is None:
        return None
    return canonical_number(value) if math.isfinite(value) else str(value)
