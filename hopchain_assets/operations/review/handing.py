"""Which question somebody gets next: never twice the same, never more people to one than it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules, is_gold_turn
from hopchain_assets.operations.review.closing import (
    MEASURES,
    assignments,
    drop_lease,
    items,
    leases,
    people,
    refresh,
    settle,
    votes,
)
from hopchain_assets.operations.review.refusals import NoMoreItems
from hopchain_assets.operations.tables import NOT_UNDONE, review_items, review_leases, review_people, review_votes


@dataclass(frozen=True, slots=True)
class Handed:
    """A question in somebody's hands: all that they may know of it."""

    question_id: str
    image_id: str
    question: str
    practice: bool
    until: datetime


_PERSON = sa.bindparam("person")
_WHO = (
    sa.select(
        people.status, people.role, leases.question_id, leases.purpose, leases.live, items.image_id, items.question,
        items.state, items.withdrawn, items.places, MEASURES.label("measures"),
    )
    .join_from(review_people, review_leases, leases.person_id == people.person_id, isouter=True)
    .join(review_items, items.question_id == leases.question_id, isouter=True)
    .where(people.person_id == _PERSON)
)  # fmt: skip
_GIVE = review_leases.insert()
_LONGER = sa.update(review_leases).where(leases.person_id == _PERSON)
_SHOWN = sa.select(items.question_id, items.image_id, items.question)
_UNSEEN = sa.and_(
    ~sa.exists().where(votes.question_id == items.question_id, votes.person_id == _PERSON, NOT_UNDONE),
    # what they have in another program would take a second place
    ~sa.exists().where(
        assignments.question_id == items.question_id, assignments.person_id == _PERSON, assignments.live
    ),
)
_WORK = (
    _SHOWN.add_columns(
        items.source,
        sa.select(sa.func.count()).where(votes.person_id == _PERSON, NOT_UNDONE).scalar_subquery().label("answered"),
    )
    .where(items.kind == "work", items.withdrawn == "", items.state == "open", items.places > 0, _UNSEEN)
    # those that others have begun come first, so that they close
    .order_by(items.places, items.position)
    .limit(1)
)
_MEASURING = (
    _SHOWN.where(items.withdrawn == "", items.places == 0, MEASURES, _UNSEEN)
    .where(items.source == sa.bindparam("source"))
    .order_by(items.position)
    .limit(1)
)
# one kind and state at a time: so the index has them in order, and the first that fits is the answer
_GOLD = (
    _MEASURING.where(items.kind == "gold", items.state == "open"),
    _MEASURING.where(items.kind == "work", items.state == "unanimous"),
)
_PRACTICES = sa.select(items.question_id).where(items.kind == "practice")
_PRACTISED = (
    sa.select(sa.func.count())
    .where(votes.person_id == _PERSON, NOT_UNDONE, votes.question_id.in_(_PRACTICES.correlate(None)))
    .scalar_subquery()
)
_IN_PRACTICE = sa.bindparam("practice", type_=sa.Integer) > _PRACTISED
_PRACTICE = (
    _SHOWN.where(
        items.kind == "practice",
        items.withdrawn == "",
        _UNSEEN,
        _IN_PRACTICE,
    )
    .order_by(items.position)
    .limit(1)
)
_HELD_PICTURE = (sa.select(items.image_id).join(review_leases, leases.question_id == items.question_id)).where(
    leases.person_id == _PERSON
)
_LAST_PICTURE = (
    sa.select(items.image_id)
    .join(review_votes, votes.question_id == items.question_id)
    .where(votes.person_id == _PERSON)
    .order_by(votes.at.desc())
    .limit(1)
)


def hand(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> Handed | None:
    """The question that somebody has in hand, or else the next for them; None where nothing is left.

    Raises:
        NoMoreItems: when they are not to get any.
    """
    settle(connection, rules, now)
    who = connection.execute(_WHO, {"person": person_id}).first()
    if who is None or who.status != "active":
        raise NoMoreItems(f"You are {who.status if who else 'not known here'}: no more questions for now.")
    if who.role == "lead":
        raise NoMoreItems("Who leads has seen the answers, and gives none.")
    if who.question_id and _is_wanted(who):
        until = _until(rules, now)
        connection.execute(_LONGER, {"person": person_id, "until": until, "live": True})
        if not who.live:
            refresh(connection, rules, who.question_id, now)
        return Handed(who.question_id, who.image_id, who.question, who.purpose == "practice", until)
    if who.question_id:
        drop_lease(connection, rules, person_id, now)
    chosen = _choose(connection, rules, person_id)
    if chosen is None:
        return None
    question_id, image_id, question, purpose = chosen
    until = give(connection, rules, person_id, question_id, purpose, now)
    return Handed(question_id, image_id, question, purpose == "practice", until)


def may_see_picture(connection: sa.Connection, person_id: str, image_id: str) -> bool:
    """Whether the question in somebody's hands is about this picture, or the one that they answered last."""
    asked = {"person": person_id}
    if connection.execute(_HELD_PICTURE, asked).scalar() == image_id:
        return True
    return connection.execute(_LAST_PICTURE, asked).scalar() == image_id


def knows_picture(connection: sa.Connection, image_id: str) -> bool:
    """Whether any question is about this picture."""
    about = sa.select(items.question_id).where(items.image_id == image_id).limit(1)
    return connection.execute(about).first() is not None


def give(
    connection: sa.Connection, rules: ReviewRules, person_id: str, question_id: str, purpose: str, now: datetime
) -> datetime:
    """Puts a question into somebody's hands, which are empty; until when it is theirs."""
    until = _until(rules, now)
    row = {"person_id": person_id, "question_id": question_id, "purpose": purpose}
    connection.execute(_GIVE, row | {"since": now, "until": until, "live": True})
    if purpose == "work":
        refresh(connection, rules, question_id, now)
    return until


def choose_known(connection: sa.Connection, person_id: str, source: str) -> sa.Row[*tuple[Any, ...]] | None:
    """A question whose answer is known and that somebody has not seen: its id, picture and words."""
    for known in _GOLD:
        gold = connection.execute(known, {"person": person_id, "source": source}).first()
        if gold:
            return gold
    return None


def _until(rules: ReviewRules, now: datetime) -> datetime:
    return now + timedelta(seconds=rules.lease_seconds)


def _is_wanted(held: sa.Row[*tuple[Any, ...]]) -> bool:
    """Whether somebody's answer to the question in their hands is of use: it may have been closed, or withdrawn."""
    if held.withdrawn:
        return False
    if held.purpose == "gold":
        return held.measures
    return held.purpose == "practice" or (held.state == "open" and (held.live or held.places > 0))


def _choose(connection: sa.Connection, rules: ReviewRules, person_id: str) -> tuple[str, str, str, str] | None:
    """The next question: its id, picture, words, and what for. Practice first, now and then one that is known."""
    asked = {"person": person_id}
    if rules.practice:
        practice = connection.execute(_PRACTICE, asked | {"practice": rules.practice}).first()
        if practice:
            return *practice, "practice"
    work = connection.execute(_WORK, asked).first()
    if work is None:
        return None
    if is_gold_turn(person_id, work.answered, work.question_id, rules.gold_share):
        gold = choose_known(connection, person_id, work.source)
        if gold:
            return *gold, "gold"
    return work.question_id, work.image_id, work.question, "work"
