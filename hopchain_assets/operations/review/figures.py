"""What can be said of all work, to who leads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import sqlalchemy as sa

from hopchain_assets.domain.agreement import krippendorff_alpha, wilson_interval
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.closing import gold_of, items, people, votes
from hopchain_assets.operations.tables import NOT_UNDONE, review_items, review_people, review_votes

# a forecast goes by what was answered in these last hours of work
FORECAST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """One person's work. `gold` is the share of known questions answered right, with Wilson's 95% interval; `seen_at`
    when they came by their link or answered last."""

    person_id: str
    name: str
    role: str
    status: str
    answered: int
    aside: int
    seconds: float | None
    gold_right: int
    gold_of: int
    gold_interval: tuple[float, float]
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed question in a list."""

    question_id: str
    image_id: str
    question: str
    state: str
    answer: str
    executed: str
    accepted_by: str
    withdrawn: str
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that who leads sees at a glance.

    - `states`: questions by state, withdrawn ones apart; `begun`: open ones by the number of votes they have.
    - `votes_needed`: votes until all is closed if nobody disagrees; `a_day`: votes a day in the last week of work;
      `days_left`: at that pace, None without one. `short_of_people` is how many more have to join, since nobody answers
      a question twice.
    - `alpha`, `sample`: Krippendorff's alpha on the closed questions of the random sample that is never closed early,
      and how many these are. `unanimous_share` with its interval is of all closed ones.
    """

    states: dict[str, int]
    begun: dict[int, int]
    votes_needed: int
    a_day: float
    days_left: float | None
    short_of_people: int
    alpha: float | None
    sample: int
    unanimous_share: float | None
    unanimous_interval: tuple[float, float]
    people: list[PersonFigures]
    by_day: list[tuple[str, int]]
    defects: dict[str, int]


@dataclass(frozen=True, slots=True)
class TheirVote:
    """A vote as who leads sees it; who was removed has a `name` that tells nothing."""

    name: str
    number: str
    defect: str
    note: str
    seconds: float | None
    at: datetime
    state: str
    purpose: str
    origin: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that is known of a closed question; `shown` is JSON of hops, margins and outlines."""

    closed: Closed
    batch: str
    shown: str
    votes: list[TheirVote]


CLOSED = sa.select(
    items.question_id, items.image_id, items.question, items.state, items.answer, items.executed, items.accepted_by,
    items.withdrawn, items.closed_at,
)  # fmt: skip


def figures(connection: sa.Connection, rules: ReviewRules, now: datetime) -> Figures:
    """All that who leads sees at a glance."""
    asked = sa.case((items.withdrawn != "", "withdrawn"), else_=items.state)
    counted = sa.select(asked, sa.func.count()).where(items.kind == "work").group_by(asked)
    states = {str(state): int(count) for state, count in connection.execute(counted)}
    begun = _begun(connection)
    needed = sum(max(0, rules.people - cast) * count for cast, count in begun.items())
    by_day = _by_day(connection)
    recent = [count for day, count in by_day if day >= f"{now - FORECAST:%Y-%m-%d}"]
    a_day = sum(recent) / len(recent) if recent else 0.0
    closed = sum(states.get(state, 0) for state in ("unanimous", "disagreed", "defect"))
    unanimous = states.get("unanimous", 0)
    everybody = _people(connection)
    alpha, sample = _agreement(connection)
    return Figures(
        states=states,
        begun=begun,
        votes_needed=needed,
        a_day=a_day,
        days_left=needed / a_day if a_day else None,
        short_of_people=_short_of_people(connection, rules),
        alpha=alpha,
        sample=sample,
        unanimous_share=unanimous / closed if closed else None,
        unanimous_interval=wilson_interval(unanimous, closed),
        people=everybody,
        by_day=by_day,
        defects=_defects(connection),
    )


def told(connection: sa.Connection, question_id: str) -> Told | None:
    """All that is known of a closed question; None where there is none, or it is open: nobody sees into those."""
    row = connection.execute(
        sa.select(review_items).where(items.question_id == question_id, items.kind == "work", items.state != "open")
    ).first()
    if row is None:
        return None
    cast = (
        sa.select(
            people.name, votes.number, votes.defect, votes.note, votes.seconds, votes.at, votes.state, votes.purpose,
            votes.origin,
        )
        .join_from(review_votes, review_people, people.person_id == votes.person_id, isouter=True)
        .where(votes.question_id == question_id, NOT_UNDONE)
        .order_by(votes.at)
    )  # fmt: skip
    closed = Closed(
        row.question_id, row.image_id, row.question, row.state, row.answer, row.executed, row.accepted_by,
        row.withdrawn, row.closed_at,
    )  # fmt: skip
    return Told(closed, row.batch, row.shown, [TheirVote(*vote) for vote in connection.execute(cast)])


def _begun(connection: sa.Connection) -> dict[int, int]:
    """Open questions by how many votes they have."""
    cast = sa.select(votes.question_id, sa.func.count().label("cast")).where(
        votes.purpose == "work", votes.state.in_(["pending", "final"])
    )
    by_item = cast.group_by(votes.question_id).subquery()
    many = sa.func.coalesce(by_item.c.cast, 0)
    counted = (
        sa.select(many, sa.func.count())
        .join_from(review_items, by_item, by_item.c.question_id == items.question_id, isouter=True)
        .where(items.kind == "work", items.withdrawn == "", items.state == "open")
        .group_by(many)
        .order_by(many)
    )
    return {int(cast): int(count) for cast, count in connection.execute(counted)}


def _short_of_people(connection: sa.Connection, rules: ReviewRules) -> int:
    """How many people the open question lacks that lacks most: a reopened one cannot go to those who answered it."""
    active = sa.select(people.person_id).where(people.role == "annotator", people.status == "active")
    able = len(connection.execute(active).all())
    counts = sa.and_(votes.purpose == "work", votes.state.in_(["pending", "final"]))
    of_item = (
        sa.func.sum(sa.case((votes.person_id.in_(active), 1), else_=0)) - sa.func.sum(sa.case((counts, 1), else_=0))
    ).label("gone")
    by_item = sa.select(votes.question_id, of_item).where(NOT_UNDONE).group_by(votes.question_id).subquery()
    most = (
        sa.select(sa.func.max(sa.func.coalesce(by_item.c.gone, 0)))
        .join_from(review_items, by_item, by_item.c.question_id == items.question_id, isouter=True)
        .where(items.kind == "work", items.withdrawn == "", items.state == "open")
    )
    gone = connection.execute(most).scalar()
    return 0 if gone is None else max(0, rules.people - able + int(gone))


def _by_day(connection: sa.Connection) -> list[tuple[str, int]]:
    day = sa.func.date(votes.at)
    counted = sa.select(day, sa.func.count()).where(NOT_UNDONE, votes.purpose == "work").group_by(day).order_by(day)
    return [(str(date), int(count)) for date, count in connection.execute(counted)]


def _defects(connection: sa.Connection) -> dict[str, int]:
    counted = (
        sa.select(votes.defect, sa.func.count())
        .where(votes.defect != "", votes.purpose == "work", votes.state == "final")
        .group_by(votes.defect)
    )
    return {defect: int(count) for defect, count in connection.execute(counted.order_by(sa.func.count().desc()))}


def _agreement(connection: sa.Connection) -> tuple[float | None, int]:
    said = (
        sa.select(votes.question_id, votes.number, votes.defect)
        .join(review_items, items.question_id == votes.question_id)
        .where(items.sampled, items.state != "open", votes.purpose == "work", votes.state == "final")
    )
    units: dict[str, list[str]] = defaultdict(list)
    for question_id, number, defect in connection.execute(said):
        units[question_id].append("defect" if defect else number)
    return krippendorff_alpha(list(units.values())), len(units)


def _people(connection: sa.Connection) -> list[PersonFigures]:
    took: dict[str, list[float]] = defaultdict(list)
    answered: dict[str, int] = defaultdict(int)
    aside: dict[str, int] = defaultdict(int)
    last: dict[str, datetime] = {}
    cast = sa.select(votes.person_id, votes.seconds, votes.state, votes.at).where(NOT_UNDONE, votes.purpose == "work")
    for person_id, seconds, state, at in connection.execute(cast):
        last[person_id] = max(at, last.get(person_id, at))
        if state == "set aside":
            aside[person_id] += 1
            continue
        answered[person_id] += 1
        if seconds is not None:
            took[person_id].append(seconds)
    gold = gold_of(connection)
    everybody = sa.select(people.person_id, people.name, people.role, people.status, people.seen_at)
    return [
        PersonFigures(
            person_id, name, role, status, answered[person_id], aside[person_id],
            median(took[person_id]) if took[person_id] else None,
            *gold.get(person_id, (0, 0)), wilson_interval(*gold.get(person_id, (0, 0))),
            max((at for at in (seen_at, last.get(person_id)) if at), default=None),
        )
        for person_id, name, role, status, seen_at in connection.execute(everybody.order_by(people.invited_at))
    ]  # fmt: skip
