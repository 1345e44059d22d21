"""What who leads pages through: closed questions, whom an action concerns, the trail, and rows for sheets.

Nothing of an open question is told here but that it exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hopchain_assets.operations.review.closing import items, people, votes
from hopchain_assets.operations.review.figures import CLOSED, Closed
from hopchain_assets.operations.tables import review_items, review_people, review_trail, review_votes

_ASKED = items.withdrawn == ""
_OTHER_NUMBER = sa.and_(items.state == "unanimous", items.answer != items.executed)
# the lists of closed questions by name: what waits for who leads comes first
LISTS: Mapping[str, sa.ColumnElement[bool]] = {
    "people": sa.and_(_ASKED, _OTHER_NUMBER, items.accepted_by == ""),
    "disagreed": sa.and_(_ASKED, items.state == "disagreed"),
    "defect": sa.and_(_ASKED, items.state == "defect"),
    "accepted": sa.and_(_ASKED, _OTHER_NUMBER, items.accepted_by != ""),
    "unanimous": sa.and_(_ASKED, items.state == "unanimous", items.answer == items.executed),
    "withdrawn": items.withdrawn != "",
    "all": sa.true(),
}
_IS_CLOSED = sa.and_(items.kind == "work", items.state != "open")
_COUNTED = votes.state.in_(["pending", "final"])


@dataclass(frozen=True, slots=True)
class Concerned:
    """Somebody, and what it concerns to take their votes out of the count: so many votes, of which so many are on
    closed questions, which may open again."""

    person_id: str
    name: str
    role: str
    status: str
    votes: int
    on_closed: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A row of the trail. `actor` and `person` are names, or what stands in their place; `closed` tells whether the
    question can be looked at."""

    at: datetime
    actor: str
    action: str
    question_id: str
    closed: bool
    person: str
    detail: str


def closed_counts(connection: sa.Connection) -> dict[str, int]:
    """How many closed questions are in each of `LISTS`."""
    counted = [sa.func.coalesce(sa.func.sum(sa.case((which, 1), else_=0)), 0) for which in LISTS.values()]
    row = connection.execute(sa.select(*counted).where(_IS_CLOSED)).one()
    return {name: int(count) for name, count in zip(LISTS, row, strict=True)}


def closed_list(connection: sa.Connection, name: str, offset: int, most: int) -> list[Closed]:
    """Closed questions of one of `LISTS`, those closed last first.

    Raises:
        KeyError: when there is no such list.
    """
    chosen = CLOSED.where(_IS_CLOSED, LISTS[name]).order_by(items.closed_at.desc(), items.question_id)
    return [Closed(*row) for row in connection.execute(chosen.offset(offset).limit(most))]


def concerned(connection: sa.Connection, person_id: str) -> Concerned | None:
    """Somebody, removed or not, and their votes that count; None where they were never known."""
    person = sa.select(people.name, people.role, people.status).where(people.person_id == person_id)
    row = connection.execute(person).first()
    if row is None:
        return None
    counted = (
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((items.state != "open", 1), else_=0)), 0))
        .join_from(review_votes, review_items, items.question_id == votes.question_id)
        .where(votes.person_id == person_id, votes.purpose == "work", _COUNTED)
    )
    cast, on_closed = connection.execute(counted).one()
    return Concerned(person_id, row.name, row.role, row.status, int(cast), int(on_closed))


def trail(connection: sa.Connection, most: int) -> list[Happened]:
    """What happened last, the newest first."""
    happened, actor = review_trail.c, review_people.alias()
    rows = (
        sa.select(
            happened.at, sa.func.coalesce(actor.c.name, happened.actor), happened.action, happened.question_id,
            sa.case((_IS_CLOSED, 1), else_=0), sa.func.coalesce(people.name, happened.person_id),
            happened.detail,
        )
        .join_from(review_trail, actor, actor.c.person_id == happened.actor, isouter=True)
        .join(review_people, people.person_id == happened.person_id, isouter=True)
        .join(review_items, items.question_id == happened.question_id, isouter=True)
        .order_by(happened.number.desc())
        .limit(most)
    )  # fmt: skip
    return [
        Happened(at, who, action, question_id, bool(closed), person, detail)
        for at, who, action, question_id, closed, person, detail in connection.execute(rows)
    ]


def votes_after(connection: sa.Connection, question_id: str, vote_id: str, most: int) -> list[Mapping[str, object]]:
    """Votes on closed questions, final or set aside, in the order of (question, vote) after this one."""
    rows = (
        sa.select(
            votes.question_id, votes.vote_id, items.image_id, items.batch, items.source, votes.person_id,
            votes.purpose, votes.number, votes.defect, votes.note, votes.seconds, votes.at, votes.origin, votes.state,
        )
        .join_from(review_votes, review_items, items.question_id == votes.question_id)
        .where(
            _IS_CLOSED,
            votes.state.in_(["final", "set aside"]),
            sa.tuple_(votes.question_id, votes.vote_id) > sa.tuple_(question_id, vote_id),
        )
        .order_by(votes.question_id, votes.vote_id)
        .limit(most)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(rows).mappings()]


def questions_after(connection: sa.Connection, question_id: str, most: int) -> list[Mapping[str, object]]:
    """Closed questions in the order of their ids after this one."""
    rows = sa.select(
        items.question_id, items.image_id, items.batch, items.source, items.question, items.state, items.answer,
        items.executed, items.accepted_by, items.sampled, items.withdrawn, items.pushed_at, items.closed_at,
    ).where(_IS_CLOSED, items.question_id > question_id)  # fmt: skip
    chosen = rows.order_by(items.question_id).limit(most)
    return [dict(row) for row in connection.execute(chosen).mappings()]
