"""What people said: the rules of their votes, and the rule "verified by people"."""

from __future__ import annotations

import polars as pl

from hopchain_assets.quality import columns
from hopchain_assets.quality.answers import CANONICAL
from hopchain_assets.quality.suite import (
    CheckOutcome,
    Frames,
    Rule,
    Suite,
    between,
    not_null,
    nothing_to_check,
    one_of,
    run_suite,
    unique,
)

PEOPLE = "people"
STATES = ("unanimous", "disagreed", "defect")

VOTES = Suite(
    "votes",
    ("question_id", "person_id"),
    ("question_id", "image_id", "person_id", "at", "origin"),
    (
        between("row_once", "that are there twice", "n_same", None, 1),
        Rule(
            "number_canonical",
            "whose number is not canonical",
            "ExpectColumnValuesToMatchRegex",
            {"column": "number", "regex": CANONICAL},
        ),
        between("number_or_defect", "with neither a number nor a defect, or with both", "n_said", 1, 1),
    ),
    columns.voted,
)
REVIEWS = Suite(
    "reviews",
    ("question_id",),
    ("question_id", "image_id", "state", "needed"),
    (
        unique("question_id"),
        one_of("state_known", f"whose state is not {', '.join(STATES)}", "state", STATES),
        not_null("answer_of_unanimous", "that are unanimous without an answer", "agreed_on"),
        between("needed_positive", "that needed nobody", "needed", 1, None),
    ),
    columns.closed,
)
_SUBJECT = "answers of people"
_RULES = (
    not_null("people_needed", "whose question nobody has closed", "needed"),
    between("people_enough", "on which fewer different people voted than needed", "lacking_people", None, 0),
    between("people_agree", "on which somebody gave another number", "n_other", None, 0),
    between("no_defect", "on which somebody reports a defect", "n_defects", None, 0),
)


def check_people(frames: Frames) -> CheckOutcome:
    """Each row that people verified has the votes of enough different people, all for its answer, none for a defect.

    Args:
        frames: `rows` (`chain_id`, `question_id`, `answer`, `verified_by`, as in `verified_set`), `votes`
            (`question_id`, `person_id`, `number`, `defect`) and `reviews` (`question_id`, `needed`).

    Raises:
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    rows = frames["rows"].filter(pl.col("verified_by") == PEOPLE)
    if rows.is_empty():
        return nothing_to_check(_SUBJECT)
    cast = rows.select("chain_id", "question_id", "answer").join(frames["votes"], on="question_id")
    defect = pl.col("defect").is_not_null()
    counted = cast.group_by("chain_id").agg(
        n_people=pl.col("person_id").n_unique().cast(pl.Int64),
        n_other=(~defect & pl.col("number").ne_missing(pl.col("answer"))).sum().cast(pl.Int64),
        n_defects=defect.sum().cast(pl.Int64),
    )
    needed = frames["reviews"].unique("question_id").select("question_id", "needed")
    rows = rows.join(counted, on="chain_id", how="left", maintain_order="left")
    rows = rows.join(needed, on="question_id", how="left", maintain_order="left")
    rows = rows.with_columns(lacking_people=pl.col("needed") - pl.col("n_people").fill_null(0))
    return run_suite(_SUBJECT, rows, _RULES, "chain_id")
