"""Questions that the line leaves here, and what it fetches: votes, closed questions, objects without a mark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules, is_sampled
from hopchain_assets.operations.review.closing import REMOVED, items, refresh, votes
from hopchain_assets.operations.review.trail import LINE, record
from hopchain_assets.operations.statements import insert
from hopchain_assets.operations.tables import (
    PENDING,
    review_batches,
    review_findings,
    review_items,
    review_trail,
    review_votes,
)
from hopchain_assets.ports.reviews import Cast, NotMarked, Reviewed, ReviewItem

# its chain is gone, or waits for people no more
GONE = "gone"


def push(
    connection: sa.Connection,
    rules: ReviewRules,
    pushed: Sequence[ReviewItem],
    batches: Sequence[str],
    stamp: str,
    now: datetime,
) -> int:
    """Adds new questions, renews known ones, withdraws those of the batches that are not named; how many are new."""
    known = {
        row.question_id: row
        for row in connection.execute(
            sa.select(review_items).where(
                sa.or_(items.batch.in_(batches), items.question_id.in_([one.question_id for one in pushed]))
            )
        )
    }
    # what people were asked in earnest is no practice any more
    pushed = [one for one in pushed if one.kind == "work" or _kind(known, one.question_id) != "work"]
    new = [one for one in pushed if one.question_id not in known]
    for one in pushed:
        if one.question_id in known:
            _renew(connection, rules, one, known[one.question_id], now)
    rows = [_row(one, rules, now) for one in new]
    if rows:
        connection.execute(insert(connection, review_items).on_conflict_do_nothing(), rows)
        record(connection, now, LINE, "pushed", detail=f"{len(rows)} questions")
    named = {one.question_id for one in pushed}
    for question_id, row in known.items():
        if question_id not in named and row.batch in batches and not row.withdrawn:
            withdraw(connection, rules, question_id, GONE, LINE, now)
    connection.execute(sa.delete(review_batches).where(review_batches.c.batch.in_(batches)))
    if stamp and batches:
        connection.execute(review_batches.insert(), [{"batch": batch, "stamp": stamp} for batch in batches])
    return len(new)


def pushed(connection: sa.Connection) -> dict[str, str]:
    """The stamp that each batch was last left here with."""
    rows = connection.execute(sa.select(review_batches.c.batch, review_batches.c.stamp))
    return {str(batch): str(stamp) for batch, stamp in rows}


def withdraw(
    connection: sa.Connection, rules: ReviewRules, question_id: str, why: str, actor: str, now: datetime
) -> None:
    """Asks a question no more. Its votes stay, and count again when it comes back."""
    which = sa.update(review_items).where(items.question_id == question_id)
    connection.execute(which.values(withdrawn=why))
    record(connection, now, actor, f"withdrawn: {why}", question_id)
    refresh(connection, rules, question_id, now)


def reviewed(connection: sa.Connection) -> tuple[list[Reviewed], list[Cast]]:
    """All closed questions that nobody removed, and the final votes on them, in order.

    One statement, so that both are of one state of the tables in Postgres too.
    """
    counted = sa.and_(votes.question_id == items.question_id, votes.purpose == "work", votes.state == "final")
    rows = connection.execute(
        sa.select(
            items.question_id, items.image_id, items.batch, items.state, items.answer, items.accepted_by, items.needed,
            votes.person_id, votes.number, votes.defect, votes.note, votes.seconds, votes.at, votes.origin,
        )
        .join_from(review_items, review_votes, counted, isouter=True)
        .where(items.kind == "work", items.state != "open", items.withdrawn != REMOVED)
        .order_by(items.question_id, votes.at, votes.person_id)
    )  # fmt: skip
    closed: dict[str, Reviewed] = {}
    cast: list[Cast] = []
    for row in rows:
        named, told, vote = tuple(row[:3]), tuple(row[3:7]), tuple(row[7:])
        closed.setdefault(named[0], Reviewed(*named, *told))
        if vote[0] is not None:
            cast.append(Cast(*named, *vote))
    return list(closed.values()), cast


def not_marked(connection: sa.Connection) -> list[NotMarked]:
    """Objects without a mark that the line has not fetched yet."""
    found = review_findings.c
    asked = sa.select(found.finding_id, found.image_id, found.category, found.person_id).where(~found.brought)
    return [NotMarked(*row) for row in connection.execute(asked.order_by(found.at))]


def fetched(connection: sa.Connection, finding_ids: Sequence[str]) -> None:
    """The line has recorded these."""
    which = sa.update(review_findings).where(review_findings.c.finding_id.in_(finding_ids))
    connection.execute(which.values(brought=True))


def mark(connection: sa.Connection) -> str:
    """Changes with all that happens; "" where nothing ever did.

    Everything is noted in the trail, but that a vote became final: that is told by how many are not.
    """
    last = connection.execute(sa.select(sa.func.max(review_trail.c.number))).scalar()
    pending = connection.execute(sa.select(sa.func.count()).select_from(review_votes).where(PENDING)).scalar_one()
    return f"{last} {pending}" if last else ""


def waiting(connection: sa.Connection) -> int:
    """Questions that people have not closed yet."""
    asked = sa.select(sa.func.count()).select_from(review_items)
    return connection.execute(
        asked.where(items.kind == "work", items.withdrawn == "", items.state == "open")
    ).scalar_one()


def _row(one: ReviewItem, rules: ReviewRules, now: datetime) -> dict[str, object]:
    return {
        "question_id": one.question_id, "image_id": one.image_id, "batch": one.batch, "source": one.source,
        "kind": one.kind, "question": one.question, "executed": one.executed, "shown": one.shown,
        "sampled": is_sampled(one.question_id, rules.sample_share), "withdrawn": "", "state": "open", "answer": "",
        "accepted_by": "", "needed": 0, "places": rules.people if one.kind == "work" else 0,
        "position": int(hashlib.sha256(one.question_id.encode()).hexdigest()[:15], 16), "pushed_at": now,
    }  # fmt: skip


def _renew(
    connection: sa.Connection, rules: ReviewRules, one: ReviewItem, known: sa.Row[tuple[object, ...]], now: datetime
) -> None:
    """A question that comes again: what the line says of it is taken over, what people said stays."""
    values = {
        "batch": one.batch, "source": one.source, "question": one.question, "executed": one.executed,
        "shown": one.shown, "kind": one.kind, "withdrawn": "" if known.withdrawn == GONE else known.withdrawn,
    }  # fmt: skip
    if all(getattr(known, name) == value for name, value in values.items()):
        return
    connection.execute(sa.update(review_items).where(items.question_id == one.question_id).values(values))
    if known.withdrawn == GONE:
        record(connection, now, LINE, "came back", one.question_id)
    refresh(connection, rules, one.question_id, now)


def _kind(known: Mapping[str, sa.Row[tuple[object, ...]]], question_id: str) -> str:
    return str(known[question_id].kind) if question_id in known else ""
