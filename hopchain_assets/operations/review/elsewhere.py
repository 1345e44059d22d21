"""Votes that people gave in another program. They count as those of the page do, where the question was given to them.

`handing_out.py` says how it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.closing import assignments, follow, items, settle, votes
from hopchain_assets.operations.review.handing_out import PUT_DOWN
from hopchain_assets.operations.review.people import person_of
from hopchain_assets.operations.review.refusals import NotYours, Refused
from hopchain_assets.operations.review.trail import record
from hopchain_assets.operations.review.voting import THEIR_VOTE, Answer
from hopchain_assets.operations.statements import storable
from hopchain_assets.operations.tables import (
    FROM_ELSEWHERE,
    review_assignments,
    review_items,
    review_votes,
)


@dataclass(frozen=True, slots=True)
class VoteElsewhere:
    """A vote as another program tells it.

    `origin` names the program and the vote in it: from there each comes once. `seconds` is how long it took, None where
    nobody knows; `at` when it was given, in UTC without a time zone, None for now.
    """

    origin: str
    person_id: str
    question_id: str
    answer: Answer
    seconds: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of votes from elsewhere: so many count from now on, so many were known; the others by their origin
    with the reason why they do not count."""

    taken: int = 0
    known: int = 0
    left_out: tuple[tuple[str, str], ...] = ()


_PERSON, _QUESTION = sa.bindparam("person"), sa.bindparam("question")
_ASKED = (
    sa.select(
        items.places, assignments.purpose, assignments.since, assignments.live,
        votes.origin, votes.number, votes.defect, votes.note,
    )
    .join_from(
        review_items,
        review_assignments,
        sa.and_(assignments.question_id == items.question_id, assignments.person_id == _PERSON),
        isouter=True,
    )
    .join(review_votes, THEIR_VOTE, isouter=True)
    .where(items.question_id == _QUESTION)
)  # fmt: skip
_SAME_ORIGIN = sa.select(votes.vote_id).where(votes.origin == sa.bindparam("origin"), FROM_ELSEWHERE)
_ADD = review_votes.insert().returning(votes.question_id, votes.person_id, votes.purpose)


def take_in(connection: sa.Connection, rules: ReviewRules, given: Sequence[VoteElsewhere], now: datetime) -> TakenIn:
    """Takes down votes from elsewhere, final at once. Those that may not count are left out, with the reason."""
    settle(connection, rules, now)
    new: list[bool] = []
    left_out: list[tuple[str, str]] = []
    for vote in given:
        try:
            new.append(_take(connection, rules, vote, now))
        except Refused as refused:
            left_out.append((vote.origin, str(refused)))
    return TakenIn(sum(new), len(new) - sum(new), tuple(left_out))


def _take(connection: sa.Connection, rules: ReviewRules, vote: VoteElsewhere, now: datetime) -> bool:
    """Takes one down; False where it is known.

    Raises:
        Refused: when it may not count. Nothing was changed.
    """
    asked = _allowed(connection, vote)
    if asked is None:
        return False
    vote_id = uuid4().hex
    row = {"vote_id": vote_id, "question_id": vote.question_id, "person_id": vote.person_id, "purpose": asked.purpose}
    row |= {"number": vote.answer.number, "defect": vote.answer.defect, "note": storable(vote.answer.note)}
    # another machine's clock may be wrong
    row |= {"seconds": vote.seconds, "at": max(asked.since, min(vote.at or now, now))}
    added = connection.execute(_ADD, row | {"origin": vote.origin, "state": "final"}).all()
    for statement in PUT_DOWN:
        connection.execute(statement, {"person": vote.person_id, "question": vote.question_id})
    record(connection, now, vote.person_id, "voted", vote.question_id, vote.person_id, vote_id)
    follow(connection, rules, added, now)
    return True


def _allowed(connection: sa.Connection, vote: VoteElsewhere) -> sa.Row[*tuple[Any, ...]] | None:
    """How the question is with who votes; None where the vote is known.

    Raises:
        Refused: when it may not count.
    """
    person = person_of(connection, vote.person_id)
    if person is None:
        raise Refused("There is no such person here.")
    asked = connection.execute(_ASKED, {"person": vote.person_id, "question": vote.question_id}).first()
    if asked is None:
        raise Refused("There is no such question here.")
    if asked.origin == vote.origin:
        if (asked.number, asked.defect, asked.note) != (
            vote.answer.number, vote.answer.defect, storable(vote.answer.note),
        ):  # fmt: skip
            raise Refused("It was changed after it had been taken down: a vote stays as it was.")
        return None
    if asked.origin is not None:
        raise Refused("They have answered this question already.")
    if asked.purpose is None:
        raise NotYours("This question was not given to them.")
    if person.status != "active":
        raise Refused(f"They are {person.status}.")
    if asked.purpose == "work" and not asked.live and not asked.places:
        raise NotYours("Their time for it ran out, and others have it or have answered it.")
    if connection.execute(_SAME_ORIGIN, {"origin": vote.origin}).first():
        raise Refused("Another vote has come from there under the same number.")
    return asked
