"""What an annotator may know of their own work. It tells nothing of which questions have known answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.closing import UNDOABLE, assignments, items, leases, ripe_at, votes
from hopchain_assets.operations.tables import (
    NOT_UNDONE,
    review_items,
    review_leases,
    review_votes,
)

MOST_WAITING = 200


@dataclass(frozen=True, slots=True)
class OwnCount:
    """What somebody may know of their own work: answers today (UTC) and in all, what waits for them, practice left.

    `waiting` is at most `MOST_WAITING`: with each page more than that would take longer to count than all the rest.
    `undo_seconds` is how long their last answer can be taken back, 0 where there is none to take back.
    """

    today: int
    ever: int
    waiting: int
    practice_left: int
    undo_seconds: int


_PERSON = sa.bindparam("person")
_MINE = sa.and_(votes.person_id == _PERSON, NOT_UNDONE)
_OPEN = sa.and_(items.kind == "work", items.withdrawn == "", items.state == "open", items.places > 0)
_PRACTICE = sa.and_(items.kind == "practice", items.withdrawn == "")
_SOME = sa.select(items.question_id).where(_OPEN).limit(2 * MOST_WAITING).subquery()
# in another program: the page does not give it to them
_ELSEWHERE = sa.and_(assignments.person_id == _PERSON, assignments.live)


def _count(table: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*where).scalar_subquery()


def _answered(question: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(votes.question_id == question, _MINE)


_HELD = review_leases.join(review_items, items.question_id == leases.question_id)
_UNSEEN = (
    sa.select(sa.func.count())
    .select_from(_SOME)
    .where(
        ~_answered(_SOME.c.question_id),
        ~sa.exists().where(assignments.question_id == _SOME.c.question_id, _ELSEWHERE),
    )
)
_COUNTS = sa.select(
    _count(review_votes, _MINE).label("ever"),
    _count(review_votes, _MINE, votes.at >= sa.bindparam("midnight")).label("today"),
    _count(_SOME).label("open"),
    _count(_HELD, leases.person_id == _PERSON, sa.or_(_OPEN, leases.purpose == "gold")).label("held"),
    _count(review_votes, UNDOABLE, votes.purpose == "gold").label("known"),
    _count(review_items, _PRACTICE).label("practice"),
    _count(review_items, _PRACTICE, _answered(items.question_id)).label("practised"),
    sa.select(sa.func.max(votes.at)).where(UNDOABLE, votes.purpose != "practice").scalar_subquery().label("last"),
)


def own_count(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> OwnCount:
    """What somebody may know of their own work.

    One with a known answer is counted as if it were one of those that wait, while it is in their hands and for as long
    as they can take their answer back: a number that stood still would tell which it is.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    told = connection.execute(_COUNTS, {"person": person_id, "midnight": midnight, "ripe": ripe_at(rules, now)}).one()
    undo = int(rules.undo_seconds - (now - told.last).total_seconds()) if told.last else 0
    waiting = MOST_WAITING
    if told.open < 2 * MOST_WAITING:
        waiting = connection.execute(_UNSEEN, {"person": person_id}).scalar_one() - told.held - told.known
    return OwnCount(
        today=told.today,
        ever=told.ever,
        waiting=min(MOST_WAITING, max(0, waiting)),
        practice_left=max(0, min(told.practice, rules.practice) - told.practised),
        undo_seconds=max(0, undo),
    )
