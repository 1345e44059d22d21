"""What becomes of a question with the votes that it has: worked out anew whenever one of them changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hopchain_assets.domain.review import Ballot, Outcome, ReviewRules, outcome
from hopchain_assets.operations.review.trail import LINE, record
from hopchain_assets.operations.tables import (
    PENDING,
    review_assignments,
    review_items,
    review_leases,
    review_people,
    review_trail,
    review_votes,
)

items, leases, assignments, votes, people, trail = (
    review_items.c, review_leases.c, review_assignments.c, review_votes.c, review_people.c, review_trail.c,
)  # fmt: skip

# of a question: who leads took it out for good
REMOVED = "removed"
# votes that count, now or when they are final
STANDING = sa.or_(votes.state == "pending", votes.state == "final")
# what is known of a question that measures people
KNOWN = sa.case((items.kind == "work", items.answer), else_=items.executed)
# whether it measures them: what only people say, and nobody confirmed, measures nobody
MEASURES = sa.and_(
    items.withdrawn != REMOVED,
    sa.or_(
        items.kind != "work",
        sa.and_(items.state == "unanimous", sa.or_(items.answer == items.executed, items.accepted_by != "")),
    ),
)

_NOW, _PERSON, _QUESTION = sa.bindparam("now"), sa.bindparam("person"), sa.bindparam("which")
_RIPE = sa.and_(PENDING, votes.at <= sa.bindparam("ripe"))
_OVERDUE = sa.and_(leases.live, leases.until < _NOW)
# most of the time nothing is due: one question instead of two
_LAPSED = sa.and_(assignments.live, assignments.until < _NOW)
_DUE = sa.select(sa.or_(sa.exists().where(_RIPE), sa.exists().where(_OVERDUE), sa.exists().where(_LAPSED)))
_FINAL = sa.update(review_votes).values(state="final").returning(votes.question_id, votes.person_id, votes.purpose)
_FINAL_BY_TIME = _FINAL.where(_RIPE)
# once those are final; by the time, as the index has somebody's votes in its order
UNDOABLE = sa.and_(PENDING, votes.person_id == _PERSON, votes.at > sa.bindparam("ripe"))
_FINAL_OF_ONE = _FINAL.where(UNDOABLE)
_EXPIRE = sa.update(review_leases).where(_OVERDUE).values(live=False).returning(leases.question_id)
_LAPSE = sa.update(review_assignments).values(live=False).returning(assignments.question_id)
_GIVE_UP = sa.delete(review_leases).where(leases.person_id == _PERSON).returning(leases.question_id)
_HELD = (
    sa.select(sa.func.count())
    .where(leases.question_id == _QUESTION, leases.purpose == "work", leases.live)
    .scalar_subquery()
)
_ASSIGNED = (
    sa.select(sa.func.count())
    .where(assignments.question_id == _QUESTION, assignments.purpose == "work", assignments.live)
    .scalar_subquery()
)
_BALLOTS = (
    sa.select(
        items.state, items.answer, items.sampled, items.withdrawn, items.kind, items.needed, items.places,
        (_HELD + _ASSIGNED).label("held"), votes.person_id, votes.number, votes.defect, votes.state.label("vote_state"),
    )
    .join_from(
        review_items,
        review_votes,
        sa.and_(votes.question_id == items.question_id, votes.purpose == "work", STANDING),
        isouter=True,
    )
    .where(items.question_id == _QUESTION)
)  # fmt: skip
_PLACES = sa.update(review_items).where(items.question_id == _QUESTION).values(places=sa.bindparam("left"))
_GOLD = (
    sa.select(votes.person_id, sa.func.count(), sa.func.sum(sa.cast(votes.number == KNOWN, sa.Integer)))
    .join(review_items, items.question_id == votes.question_id)
    .where(votes.purpose == "gold", votes.state == "final", MEASURES)
    .group_by(votes.person_id)
)
_LET_GO_ON = sa.select(sa.func.max(trail.at)).where(trail.person_id == _PERSON, trail.action == "active")


def settle(connection: sa.Connection, rules: ReviewRules, now: datetime) -> None:
    """Makes votes final whose time of undoing is over, and gives up leases that ran out."""
    ripe = {"ripe": ripe_at(rules, now)}
    if not connection.execute(_DUE, ripe | {"now": now}).scalar_one():
        return
    follow(connection, rules, connection.execute(_FINAL_BY_TIME, ripe).all(), now)
    ended = set(connection.execute(_EXPIRE, {"now": now}).scalars())
    ended |= set(connection.execute(_LAPSE.where(_LAPSED), {"now": now}).scalars())
    for question_id in sorted(ended):
        refresh(connection, rules, question_id, now)


def settle_of(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> None:
    """Makes all votes of somebody final, after `settle`: they have answered another question."""
    undoable = {"person": person_id, "ripe": ripe_at(rules, now)}
    follow(connection, rules, connection.execute(_FINAL_OF_ONE, undoable).all(), now)


def ripe_at(rules: ReviewRules, now: datetime) -> datetime:
    """Votes given until then cannot be taken back any more."""
    return now - timedelta(seconds=rules.undo_seconds)


def gold_of(
    connection: sa.Connection, person_id: str = "", since: datetime | None = None
) -> dict[str, tuple[int, int]]:
    """How many known questions people (one of them) have answered right, and how many in all, by person."""
    asked = _GOLD.where(votes.person_id == person_id) if person_id else _GOLD
    asked = asked.where(votes.at > since) if since else asked
    return {who: (int(right or 0), int(of)) for who, of, right in connection.execute(asked)}


def refresh(connection: sa.Connection, rules: ReviewRules, question_id: str, now: datetime) -> None:
    """Works out the state of a question and how many more people may take it."""
    rows = connection.execute(_BALLOTS, {"which": question_id}).all()
    item = rows[0]
    if item.kind != "work":
        return
    cast = [row for row in rows if row.person_id is not None]
    final = [Ballot(row.person_id, row.number, row.defect) for row in cast if row.vote_state == "final"]
    # another setting does not open what is closed
    told = outcome(final, item.needed or rules.people, rules.close_early and not item.sampled)
    asked = told.state == "open" and not item.withdrawn
    left = max(0, rules.people - len(cast) - item.held) if asked else 0
    if (told.state, told.answer) != (item.state, item.answer):
        _turn(connection, rules, question_id, told, now)
    if left != item.places:
        connection.execute(_PLACES, {"which": question_id, "left": left})


def drop_lease(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> None:
    """Takes back what somebody has in hand, for another to take."""
    for question_id in connection.execute(_GIVE_UP, {"person": person_id}).scalars().all():
        refresh(connection, rules, question_id, now)


def drop_all(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> None:
    """Takes back what somebody has in hand, and what is out with them in other programs."""
    drop_lease(connection, rules, person_id, now)
    lapse(connection, rules, now, assignments.person_id == person_id)


def lapse(connection: sa.Connection, rules: ReviewRules, now: datetime, *which: sa.ColumnElement[bool]) -> int:
    """Gives up the places of what is out in other programs, as if its time had run out; how many."""
    ended = connection.execute(_LAPSE.where(assignments.live, *which)).scalars().all()
    for question_id in sorted(set(ended)):
        refresh(connection, rules, question_id, now)
    return len(ended)


def _turn(connection: sa.Connection, rules: ReviewRules, question_id: str, told: Outcome, now: datetime) -> None:
    """Another state than before: what a lead accepted was about that one."""
    closed = told.state != "open"
    values: dict[str, object] = {"state": told.state, "answer": told.answer, "accepted_by": ""}
    values |= {"needed": rules.people if closed else 0, "closed_at": now if closed else None}
    connection.execute(sa.update(review_items).where(items.question_id == question_id), values)
    record(connection, now, LINE, told.state, question_id, detail=told.answer)


def follow(
    connection: sa.Connection, rules: ReviewRules, final: Sequence[sa.Row[*tuple[Any, ...]]], now: datetime
) -> None:
    """What comes of votes (question, person, purpose) that are final now: questions close, people are measured."""
    for question_id in sorted({vote.question_id for vote in final if vote.purpose == "work"}):
        refresh(connection, rules, question_id, now)
    for person_id in sorted({vote.person_id for vote in final if vote.purpose == "gold"}):
        _stop_where_wrong(connection, rules, person_id, now)


def _stop_where_wrong(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> None:
    """Who is wrong too often about what is known gets no more questions; whom a lead let go on is measured anew."""
    right, of = gold_of(connection, person_id).get(person_id, (0, 0))
    if not _is_too_low(rules, right, of):
        return
    since = connection.execute(_LET_GO_ON, {"person": person_id}).scalar()
    if since:
        right, of = gold_of(connection, person_id, since).get(person_id, (0, 0))
    if not _is_too_low(rules, right, of):
        return
    stopped = (
        sa.update(review_people)
        .where(people.person_id == person_id, people.status == "active")
        .values(status="stopped")
    )
    if connection.execute(stopped).rowcount:
        drop_all(connection, rules, person_id, now)
        record(connection, now, LINE, "stopped", person_id=person_id, detail=f"{right} of {of} known answers right")


def _is_too_low(rules: ReviewRules, right: int, of: int) -> bool:
    return of >= rules.gold_least and right / max(1, of) < rules.gold_floor
