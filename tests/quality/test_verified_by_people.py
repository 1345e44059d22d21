"""The rule "verified by people": enough different people, one number, no defect."""

from __future__ import annotations

import polars as pl
import pytest

from hopchain_assets.quality.people import check_people

Vote = tuple[str, str, str | None, str | None]
VOTE: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_id": pl.String,
    "person_id": pl.String,
    "number": pl.String,
    "defect": pl.String,
}
FOUR: list[Vote] = [("q1", person, "7", None) for person in "abcd"]


def frames(
    votes: list[Vote], answer: str = "7", needed: int = 4, by: str = "people", closed: tuple[str, ...] = ("q1",)
) -> dict[str, pl.DataFrame]:
    row = {"chain_id": "c1", "question_id": "q1", "image_id": "p", "answer": answer, "verified_by": by}
    return {
        "rows": pl.DataFrame([row]),
        "votes": pl.DataFrame(votes, schema=VOTE, orient="row"),
        "reviews": pl.DataFrame(
            {"question_id": list(closed), "needed": [needed] * len(closed)},
            schema={"question_id": pl.String, "needed": pl.Int32},
        ),
    }


def broken(given: dict[str, pl.DataFrame]) -> set[str]:
    outcome = check_people(given)
    assert outcome.passed or outcome.failing_ids == ("c1",)
    return {name for name, seen in outcome.details.items() if not seen["passed"]}


def test_four_people_of_one_mind_pass() -> None:
    """Votes on other questions are nobody's business, and more people than needed do no harm."""
    assert check_people(frames(FOUR)).passed
    assert check_people(frames([*FOUR, ("q2", "a", "9", None), ("q2", "b", None, "several")])).passed
    assert check_people(frames(FOUR, needed=3)).passed


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        (frames(FOUR[:3]), {"people_enough"}),
        (frames([*FOUR[:3], FOUR[0]]), {"people_enough"}),
        (frames([]), {"people_enough"}),
        (frames(FOUR, answer="8"), {"people_agree"}),
        (frames([*FOUR[:3], ("q1", "d", "8", None)]), {"people_agree"}),
        (frames([*FOUR, ("q1", "e", None, None)]), {"people_agree"}),
        (frames([*FOUR, ("q1", "e", None, "several")]), {"no_defect"}),
        (frames(FOUR, closed=()), {"people_needed"}),
    ],
    ids=["three", "one twice", "none", "another answer", "one differs", "one says nothing", "a defect", "not closed"],
)
def test_each_fault_is_found(given: dict[str, pl.DataFrame], rules: set[str]) -> None:
    """And no other rule is broken by it."""
    assert broken(given) == rules


def test_rows_that_others_verified_are_not_looked_at() -> None:
    """Execution needs no votes."""
    outcome = check_people(frames([], by="execution", closed=()))
    assert outcome.passed and "nothing to check" in outcome.summary
