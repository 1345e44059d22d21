"""What who leads may do with a question: reopen it, remove it, accept people's answer, report a missing mark."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.closing import REMOVED, STANDING, items, refresh, votes
from hopchain_assets.operations.review.pushing import GONE, withdraw
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.operations.review.trail import record
from hopchain_assets.operations.statements import storable
from hopchain_assets.operations.tables import review_findings, review_items, review_votes

LONGEST_CATEGORY = 80
_ITEM = sa.select(review_items).where(items.question_id == sa.bindparam("question"))


def accept(connection: sa.Connection, question_id: str, actor: str, now: datetime) -> None:
    """Takes people's answer for true where the program gives another.

    Raises:
        Refused: when people are not unanimous about it, or the program says the same.
    """
    item = _item(connection, question_id)
    if item.state != "unanimous" or item.answer == item.executed:
        raise Refused("Only an answer that people agree on and the program does not give can be accepted.")
    if item.accepted_by:
        return
    _change(connection, question_id, accepted_by=actor)
    record(connection, now, actor, "accepted", question_id, detail=str(item.answer))


def reopen(connection: sa.Connection, rules: ReviewRules, question_id: str, actor: str, now: datetime) -> None:
    """Asks a question again. One that was closed is asked of others, and its votes are set aside: nobody answers it
    twice. One that was removed before it was closed goes on with its votes.

    Raises:
        Refused: when it is open, and nobody removed it.
    """
    item = _item(connection, question_id)
    if item.state == "open" and item.withdrawn != REMOVED:
        raise Refused("It is open.")
    if item.state != "open":
        of_it = sa.update(review_votes).where(votes.question_id == question_id, votes.purpose == "work", STANDING)
        connection.execute(of_it.values(state="set aside"))
    _change(connection, question_id, withdrawn=GONE if item.withdrawn == GONE else "")
    record(connection, now, actor, "reopened", question_id)
    refresh(connection, rules, question_id, now)


def remove(connection: sa.Connection, rules: ReviewRules, question_id: str, actor: str, now: datetime) -> None:
    """Takes a question out for good: nobody is asked, and what was verified by its votes is verified no more.

    Raises:
        Refused: when it is not known.
    """
    # a button that is pressed twice removes once
    if _item(connection, question_id).withdrawn != REMOVED:
        withdraw(connection, rules, question_id, REMOVED, actor, now)


def not_marked(
    connection: sa.Connection, rules: ReviewRules, question_id: str, category: str, actor: str, now: datetime
) -> None:
    """Says that an object of a category has no mark in the question's picture, and removes the question.

    Raises:
        Refused: when the question is not known, or still open: who reports has seen its marks; when nothing, or a
            whole text, is named.
    """
    category = storable(" ".join(category.split()))
    if not 0 < len(category) <= LONGEST_CATEGORY:
        raise Refused(f"The name of what is not marked has 1 to {LONGEST_CATEGORY} characters.")
    item = _item(connection, question_id)
    if item.state == "open":
        raise Refused("It is open: what is marked is shown to nobody yet.")
    found = review_findings.c
    same = sa.select(found.finding_id).where(found.question_id == question_id, found.category == category)
    if item.withdrawn == REMOVED and connection.execute(same).first():
        return
    row = {"finding_id": uuid4().hex, "question_id": question_id, "image_id": item.image_id, "category": category}
    connection.execute(review_findings.insert(), row | {"person_id": actor, "at": now, "brought": False})
    record(connection, now, actor, "not marked", question_id, detail=category)
    remove(connection, rules, question_id, actor, now)


def _item(connection: sa.Connection, question_id: str) -> sa.Row[tuple[object, ...]]:
    item = connection.execute(_ITEM, {"question": question_id}).first()
    if item is None or item.kind != "work":
        raise Refused("There is no such question.")
    return item


def _change(connection: sa.Connection, question_id: str, **values: object) -> None:
    connection.execute(sa.update(review_items).where(items.question_id == question_id).values(**values))
