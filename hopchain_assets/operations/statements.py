"""What is said to the operations database of calls and claims; in transactions that others begin and end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hopchain_assets.operations.tables import ANSWERED, calls, claims
from hopchain_assets.ports.vlm import Usage


class Row(TypedDict):
    """A call that was paid for, as table `calls` has it."""

    id: str
    key: str
    model: str
    revision: str
    served_by: str
    purpose: str
    stage: str
    input_id: str
    run: str
    sample_index: int
    repair_round: int
    outcome: str
    reason: str
    detail: str
    reply: str
    reasoning: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    seconds: float
    cost: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that was paid for; `row` is the id of its row."""

    row: str
    text: str
    model: str
    reasoning: str
    usage: Usage
    seconds: float


_ASKED = (
    calls.c.key,
    calls.c.id,
    calls.c.reply,
    calls.c.served_by,
    calls.c.reasoning,
    calls.c.prompt_tokens,
    calls.c.completion_tokens,
    calls.c.reasoning_tokens,
    calls.c.seconds,
)
_FIND = sa.select(*_ASKED).where(ANSWERED, calls.c.key.in_(sa.bindparam("keys", expanding=True)))
_HOLDERS = sa.select(claims.c.key, claims.c.holder).where(claims.c.key.in_(sa.bindparam("keys", expanding=True)))
_END = sa.delete(claims).where(
    claims.c.holder == sa.bindparam("whose"), claims.c.key.in_(sa.bindparam("keys", expanding=True))
)
_RENEW = sa.update(claims).where(claims.c.holder == sa.bindparam("whose")).values(until=sa.bindparam("then"))
_FORGET = sa.delete(claims).where(claims.c.holder.in_(sa.bindparam("gone", expanding=True)))


def utc_now() -> datetime:
    """Now in UTC, without a time zone, as the tables keep times."""
    return datetime.now(UTC).replace(tzinfo=None)


def today() -> datetime:
    """When this day began in UTC, likewise."""
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)


def new_id() -> str:
    """The id of a row: time, then chance. Rows that are written later come later, so the index grows at its end."""
    return f"{time.time_ns():016x}{random.getrandbits(32):08x}"


def storable(text: str) -> str:
    """The text as both databases can keep it: Postgres knows no NUL, and neither half a surrogate pair."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean.encode(errors="replace").decode() if not clean.isascii() else clean


def find(connection: sa.Connection, keys: Collection[str]) -> dict[str, Stored]:
    """The answers to those keys that have one."""
    if not keys:
        return {}
    rows = connection.execute(_FIND, {"keys": sorted(keys)})
    return {
        key: Stored(row, reply, served_by, reasoning, Usage(prompt, completion, thought), seconds)
        for key, row, reply, served_by, reasoning, prompt, completion, thought, seconds in rows
    }


def record(connection: sa.Connection, rows: Sequence[Row]) -> dict[str, Stored]:
    """Writes calls; one that is there already, after a COMMIT that was lost on the way, is left alone.

    A key is answered once. Where another process answered it meanwhile (a lease ran out), the row says so and is
    kept as unusable, because it was paid for.

    Returns:
        The answers that were there before, by key.
    """
    if not rows:
        return {}
    found = find(connection, [row["key"] for row in rows if row["outcome"] == "answered"])
    own = {row["id"] for row in rows}
    before = {key: answer for key, answer in found.items() if answer.row not in own}
    late = {"outcome": "unusable", "reason": "answered twice", "detail": "another process had answered before"}
    written = [{**row, **late} if row["outcome"] == "answered" and row["key"] in before else row for row in rows]
    connection.execute(insert(connection, calls).on_conflict_do_nothing(index_elements=[calls.c.id]), written)
    return before


def claim(
    connection: sa.Connection,
    holder: str,
    lease: float,
    keys: Collection[str],
    is_gone: Callable[[str], bool],
) -> set[str]:
    """Takes those keys that nobody holds, or whose holder's lease ran out or process ended; returns them.

    The machines' clocks may differ by a fraction of the lease, which is renewed long before it ends.
    """
    if not keys:
        return set()
    taken, others = _take(connection, holder, lease, keys)
    gone = {other for other in others if is_gone(other)}
    if gone:
        connection.execute(_FORGET, {"gone": sorted(gone)})
        taken, _ = _take(connection, holder, lease, keys)
    return taken


def release(connection: sa.Connection, holder: str, keys: Collection[str]) -> None:
    """Ends the holder's claims on these keys."""
    if keys:
        connection.execute(_END, {"whose": holder, "keys": sorted(keys)})


def renew(connection: sa.Connection, holder: str, lease: float) -> None:
    """Prolongs all that the holder has."""
    connection.execute(_RENEW, {"whose": holder, "then": utc_now() + timedelta(seconds=lease)})


def _take(connection: sa.Connection, holder: str, lease: float, keys: Iterable[str]) -> tuple[set[str], set[str]]:
    """The keys that are the holder's now, and who holds the others."""
    now = utc_now()
    until = now + timedelta(seconds=lease)
    # in one order for all, or two groups would wait for each other
    rows = [{"key": key, "holder": holder, "until": until} for key in sorted(keys)]
    upsert = insert(connection, claims)
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=[claims.c.key],
            set_={"holder": upsert.excluded.holder, "until": upsert.excluded.until},
            where=claims.c.until < sa.bindparam("now", now),
        ),
        rows,
    )
    holders = dict(connection.execute(_HOLDERS, {"keys": [row["key"] for row in rows]}).all())
    return {key for key, who in holders.items() if who == holder}, set(holders.values()) - {holder}


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT in the dialect of the connection: both know ON CONFLICT, and SQLAlchemy's common one does not."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
