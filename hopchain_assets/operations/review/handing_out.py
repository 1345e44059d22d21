"""Questions that people take along to another program: many at once, for days.

The rules are those of the page: nobody gets what they have answered, and no question goes to more people than it needs.
What is out takes a place, as a question in somebody's hands does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules, is_gold_turn
from hopchain_assets.operations.review.closing import (
    assignments,
    items,
    lapse,
    leases,
    people,
    refresh,
    settle,
    votes,
)
from hopchain_assets.operations.review.handing import choose_known
from hopchain_assets.operations.review.trail import record
from hopchain_assets.operations.tables import (
    NOT_UNDONE,
    review_assignments,
    review_items,
    review_leases,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Out:
    """A question that is out with somebody: all that they may know of it."""

    question_id: str
    image_id: str
    question: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The questions that one person takes along, in order."""

    person_id: str
    name: str
    questions: tuple[Out, ...]


_PERSON, _QUESTION = sa.bindparam("person"), sa.bindparam("question")
_ACTIVE = (
    sa.select(people.person_id, people.name)
    .where(people.role == "annotator", people.status == "active")
    .order_by(people.person_id)
)
_OPEN = sa.and_(items.kind == "work", items.withdrawn == "", items.state == "open")
_WANTED = (
    sa.select(items.question_id, items.image_id, items.question, items.source, items.places)
    .where(_OPEN, items.places > 0)
    # as on the page: those that others have begun come first, so that they close
    .order_by(items.places, items.position)
)
# who is not to get which question: they have answered it, have it in hand, or have it with them already
_TAKEN = sa.union(
    sa.select(votes.question_id, votes.person_id)
    .join(review_items, items.question_id == votes.question_id)
    .where(_OPEN, NOT_UNDONE),
    sa.select(leases.question_id, leases.person_id).where(leases.live),
    sa.select(assignments.question_id, assignments.person_id).where(assignments.live),
)
_ANSWERED = sa.select(votes.person_id, sa.func.count()).where(NOT_UNDONE).group_by(votes.person_id)
_STILL_OUT = (
    sa.select(items.question_id, items.image_id, items.question)
    .join(review_assignments, assignments.question_id == items.question_id)
    .where(assignments.person_id == _PERSON, assignments.live)
    .order_by(assignments.since, items.position)
)
_LONGER = sa.update(review_assignments).where(assignments.person_id == _PERSON, assignments.live)
_GIVE = review_assignments.insert()
_END = sa.delete(review_assignments).where(assignments.person_id == _PERSON, assignments.question_id == _QUESTION)
_END_LEASE = sa.delete(review_leases).where(leases.person_id == _PERSON, leases.question_id == _QUESTION)
# once it is answered
PUT_DOWN = (_END, _END_LEASE)
# a question is with somebody in one way at a time; what they look at just now stays in their hands
_LAPSED = (_END, _END_LEASE.where(~leases.live))


def hand_out(
    connection: sa.Connection, rules: ReviewRules, most: int, days: float, actor: str, now: datetime
) -> list[Bundle]:
    """Gives everybody who answers questions up to `most` of those that are open for them, for so many days.

    Each question goes to those who have got fewest. As on the page, now and then one with a known answer comes beside
    them. Who gets nothing is left out.
    """
    settle(connection, rules, now)
    names = _pairs(connection, _ACTIVE)
    answered = _pairs(connection, _ANSWERED)
    until = now + timedelta(days=days)
    given: dict[str, list[Out]] = {person_id: [] for person_id in names}
    asked: set[str] = set()
    for person_id, row in _shared_out(connection, names, most):
        given[person_id].append(Out(row.question_id, row.image_id, row.question))
        _give(connection, person_id, row.question_id, "work", now, until)
        asked.add(row.question_id)
        turn = answered.get(person_id, 0) + len(given[person_id])
        if is_gold_turn(person_id, turn, row.question_id, rules.gold_share):
            known = choose_known(connection, person_id, row.source)
            if known:
                given[person_id].append(Out(*known))
                _give(connection, person_id, known.question_id, "gold", now, until)
    for question_id in sorted(asked):
        refresh(connection, rules, question_id, now)
    return _noted(connection, names, given, "handed out", actor, now)


def hand_out_again(
    connection: sa.Connection, rules: ReviewRules, days: float, actor: str, now: datetime
) -> list[Bundle]:
    """What is out with people and not answered, for so many days from now."""
    settle(connection, rules, now)
    names = _pairs(connection, _ACTIVE)
    given: dict[str, list[Out]] = {}
    for person_id in names:
        given[person_id] = [Out(*row) for row in connection.execute(_STILL_OUT, {"person": person_id})]
        connection.execute(_LONGER, {"person": person_id, "until": now + timedelta(days=days)})
    return _noted(connection, names, given, "handed out again", actor, now)


def take_back(
    connection: sa.Connection, rules: ReviewRules, images: Sequence[str] | None, actor: str, now: datetime
) -> int:
    """Takes back what is out, or what of it is about these pictures; how many questions, counted for each person.

    It is as if their time had run out: who has worked on one may still answer while it has a place.
    """
    settle(connection, rules, now)
    about = sa.select(items.question_id).where(items.image_id.in_(images or ()))
    ended = lapse(connection, rules, now, *(() if images is None else (assignments.question_id.in_(about),)))
    if ended:
        record(connection, now, actor, "taken back", detail=str(ended))
    return ended


def _shared_out(
    connection: sa.Connection, names: Mapping[str, str], most: int
) -> Iterator[tuple[str, sa.Row[*tuple[Any, ...]]]]:
    """Who gets which question."""
    taken: dict[str, set[str]] = defaultdict(set)
    for question_id, person_id in connection.execute(_TAKEN):
        taken[question_id].add(person_id)
    got = dict.fromkeys(names, 0)
    for row in connection.execute(_WANTED).all():
        able = [one for one in got if got[one] < most and one not in taken[row.question_id]]
        for person_id in sorted(able, key=lambda one: (got[one], one))[: row.places]:
            got[person_id] += 1
            yield person_id, row
        if all(many >= most for many in got.values()):
            return


def _give(
    connection: sa.Connection, person_id: str, question_id: str, purpose: str, now: datetime, until: datetime
) -> None:
    for statement in _LAPSED:
        connection.execute(statement, {"person": person_id, "question": question_id})
    row = {"person_id": person_id, "question_id": question_id, "purpose": purpose}
    connection.execute(_GIVE, row | {"since": now, "until": until, "live": True})


def _pairs(connection: sa.Connection, asked: sa.Select[str, T]) -> dict[str, T]:
    return {row[0]: row[1] for row in connection.execute(asked)}


def _noted(
    connection: sa.Connection,
    names: Mapping[str, str],
    given: Mapping[str, Sequence[Out]],
    action: str,
    actor: str,
    now: datetime,
) -> list[Bundle]:
    """Bundles of all who got something, with a row of the trail for each."""
    bundles = [Bundle(who, names[who], tuple(questions)) for who, questions in given.items() if questions]
    for bundle in bundles:
        record(connection, now, actor, action, person_id=bundle.person_id, detail=str(len(bundle.questions)))
    return bundles
