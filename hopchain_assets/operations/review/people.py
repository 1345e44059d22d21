"""Who reviews and who leads: invited by a link, paused, and removed with all that names them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.closing import STANDING, drop_all, people, refresh, votes
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.operations.review.trail import record
from hopchain_assets.operations.tables import review_people, review_votes

Role = Literal["annotator", "lead"]
LONGEST_NAME = 80
# what who leads may make of a person, and the words of the trail
STATUSES = ("active", "paused", "stopped")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known here. `session` changes when their link does, and ends their sessions."""

    person_id: str
    name: str
    role: Role
    status: str
    session: str


_PERSON = sa.select(people.person_id, people.name, people.role, people.status, people.token_sha256).where(
    people.status != "removed"
)
# asked with every request
_BY_ID = _PERSON.where(people.person_id == sa.bindparam("which"))
_BY_LINK = _PERSON.where(people.token_sha256 == sa.bindparam("which"))


def invite(connection: sa.Connection, name: str, role: Role, actor: str, now: datetime) -> tuple[str, str]:
    """A new person's id and the secret of their link, which is kept nowhere.

    Raises:
        Refused: when the name is empty, too long or taken.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused(f"A name has 1 to {LONGEST_NAME} characters.")
    taken = sa.select(people.person_id).where(people.name == name, people.status != "removed")
    if connection.execute(taken).first():
        raise Refused("There is somebody of that name already.")
    person_id, token = secrets.token_hex(8), secrets.token_urlsafe(24)
    row = {"person_id": person_id, "name": name, "role": role, "status": "active"}
    connection.execute(review_people.insert(), row | {"token_sha256": _hash(token), "invited_at": now})
    record(connection, now, actor, "invited", person_id=person_id, detail=role)
    return person_id, token


def new_link(connection: sa.Connection, person_id: str, actor: str, now: datetime) -> str:
    """The secret of a new link for somebody; the old one and all their sessions end.

    Raises:
        Refused: when they are not known, or removed.
    """
    token = secrets.token_urlsafe(24)
    _change(connection, person_id, token_sha256=_hash(token))
    record(connection, now, actor, "new link", person_id=person_id)
    return token


def enter(connection: sa.Connection, token: str, now: datetime) -> Person | None:
    """Whose link it is; None for nobody's."""
    person = _one(connection, _BY_LINK, _hash(token))
    if person:
        connection.execute(sa.update(review_people).where(people.person_id == person.person_id).values(seen_at=now))
    return person


def person_of(connection: sa.Connection, person_id: str) -> Person | None:
    """Somebody by id; None where they are not known, or removed."""
    return _one(connection, _BY_ID, person_id)


def set_status(
    connection: sa.Connection, rules: ReviewRules, person_id: str, status: str, actor: str, now: datetime
) -> None:
    """Pauses somebody or lets them go on.

    Raises:
        Refused: when they are not known, or removed.
    """
    if status not in STATUSES:
        raise Refused("A person is active, paused or stopped.")
    before = person_of(connection, person_id)
    if before and before.status == status:
        return
    _change(connection, person_id, status=status)
    if status != "active":
        drop_all(connection, rules, person_id, now)
    record(connection, now, actor, status, person_id=person_id)


def remove(connection: sa.Connection, rules: ReviewRules, person_id: str, actor: str, now: datetime) -> None:
    """Forgets somebody's name and link. Their votes stay, under an id that names nobody.

    Raises:
        Refused: when they are not known, or removed already, or the only one who leads.
    """
    leads = sa.select(people.person_id).where(people.role == "lead", people.status != "removed")
    if connection.execute(leads).scalars().all() == [person_id]:
        raise Refused("Nobody else leads: invite another lead first.")
    _change(connection, person_id, name=f"removed {person_id[:4]}", status="removed", token_sha256=None)
    drop_all(connection, rules, person_id, now)
    record(connection, now, actor, "removed", person_id=person_id)


def set_votes_aside(connection: sa.Connection, rules: ReviewRules, person_id: str, actor: str, now: datetime) -> int:
    """Takes all votes of somebody out of the count, and stops them; returns how many. Their questions open again.

    Raises:
        Refused: when nobody is known by this id; one who was removed still is.
    """
    if not connection.execute(sa.select(people.person_id).where(people.person_id == person_id)).first():
        raise Refused("There is no such person.")
    aside = (
        sa.update(review_votes)
        .where(votes.person_id == person_id, votes.purpose == "work", STANDING)
        .values(state="set aside")
        .returning(votes.question_id)
    )
    questions = sorted(connection.execute(aside).scalars().all())
    for question_id in questions:
        refresh(connection, rules, question_id, now)
    going = sa.update(review_people).where(people.person_id == person_id, people.status.in_(["active", "paused"]))
    stopped = connection.execute(going.values(status="stopped")).rowcount
    drop_all(connection, rules, person_id, now)
    if questions or stopped:
        record(connection, now, actor, "set votes aside", person_id=person_id, detail=str(len(questions)))
    return len(questions)


def _one(connection: sa.Connection, asked: sa.Select[*tuple[Any, ...]], which: str) -> Person | None:
    row = connection.execute(asked, {"which": which}).first()
    return Person(row.person_id, row.name, row.role, row.status, row.token_sha256[:16]) if row else None


def _change(connection: sa.Connection, person_id: str, **values: object) -> None:
    known = sa.update(review_people).where(people.person_id == person_id, people.status != "removed").values(**values)
    if not connection.execute(known).rowcount:
        raise Refused("There is no such person.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
