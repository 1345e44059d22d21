"""What the landing folders held at the last look: `landing_files`, and what of it had to be set aside.

Files that never came into a batch stand in `quarantine` without one, and with `landing` as their stage's version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import polars as pl

from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import Audit, Landed, Sealed, add_audits, seal
from hopchain_assets.warehouse.rows import append

WRITER = "landing"
FILES = {
    "uri": pl.String, "byte_size": pl.Int64, "stamp": pl.String, "content_sha256": pl.String,
    "seen_at": pl.Datetime("us"),
}  # fmt: skip
ASIDE = {"source_uri": pl.String, "reason": pl.String, "detail": pl.String}


@dataclass(frozen=True, slots=True)
class Row:
    """A file of `landing_files`, its hash None until it is known; `landed` says whether its content is in a batch."""

    byte_size: int
    stamp: str
    content_sha256: str | None
    seen_at: datetime
    landed: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What the last sweep left: files by address, and (reason, detail) of what it set aside, by address."""

    files: Mapping[str, Row]
    aside: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to put and addresses to drop, in both tables. A row that is put takes the place of the old one."""

    files: Mapping[str, Row] = field(default_factory=dict)
    gone: Collection[str] = ()
    aside: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mended: Collection[str] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.gone or self.aside or self.mended)


def read_past(lake: Lake) -> Past:
    """The state before a sweep, of one snapshot.

    Raises:
        WarehouseError: when there is no warehouse.
    """
    files: dict[str, Row] = {}
    aside: dict[str, tuple[str, str]] = {}
    for uri, size, stamp, content, seen_at, landed, source, reason, detail in lake.query(_PAST).iter_rows():
        if uri is not None:
            files[uri] = Row(size, stamp, content, seen_at, landed)
        if source is not None:
            aside[source] = (reason, detail)
    return Past(files, aside)


def record(
    lake: Lake,
    change: Change,
    members: Sequence[Landed],
    audits: Sequence[Audit],
    batch_size: int,
    full_only: bool,
    now: datetime,
) -> Sealed:
    """Stores a sweep in one transaction: the state of the files, the pictures that land, the words on them.

    The words count for pictures that land or change now. An annotation file is read many times, and what a person said
    after its first reading must not be overruled by the second.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> Sealed:
        _put_files(connection, change)
        _put_aside(connection, change, now)
        sealed = seal(connection, members, batch_size, full_only)
        add_audits(connection, [audit for audit in audits if audit.image_id in sealed.touched])
        return sealed

    return lake.transact("landing", "", work, "landing folders")


def _put_files(connection: duckdb.DuckDBPyConnection, change: Change) -> None:
    rows = [(uri, r.byte_size, r.stamp, r.content_sha256, r.seen_at) for uri, r in change.files.items()]
    _drop(connection, "landing_files", "uri", [*change.files, *change.gone])
    append(connection, "landing_files", pl.DataFrame(rows, schema=FILES, orient="row"))


def _put_aside(connection: duckdb.DuckDBPyConnection, change: Change, now: datetime) -> None:
    rows = [(uri, *why) for uri, why in change.aside.items()]
    _drop(connection, "quarantine", "source_uri", [*change.aside, *change.mended], f"{_OURS} AND ")
    frame = pl.DataFrame(rows, schema=ASIDE, orient="row").with_columns(
        pl.lit(now).alias("at"), pl.lit(WRITER).alias("stage_version")
    )
    append(connection, "quarantine", frame)


def _drop(connection: duckdb.DuckDBPyConnection, table: str, key: str, names: Sequence[str], where: str = "") -> None:
    if names:
        connection.register("_dropped", pl.DataFrame({"name": names}).to_arrow())
        connection.execute(f"DELETE FROM {table} WHERE {where}{key} IN (SELECT name FROM _dropped)")
        connection.unregister("_dropped")


_OURS = f"batch IS NULL AND stage_version = '{WRITER}'"
_PAST = f"""
SELECT
    f.uri, f.byte_size, f.stamp, f.content_sha256, f.seen_at,
    coalesce(f.content_sha256 IN (SELECT content_sha256 FROM batch_members), false) AS landed,
    q.source_uri, q.reason, q.detail
FROM landing_files AS f
FULL JOIN (SELECT * FROM quarantine WHERE {_OURS}) AS q ON q.source_uri = f.uri
"""
