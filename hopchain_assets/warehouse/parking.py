"""Batches that failed too often are parked with their error, until somebody takes them up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

import duckdb

from hopchain_assets.warehouse.done import of_batches
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.rows import utc_now


@dataclass(frozen=True, slots=True)
class Parked:
    """A batch given up after `attempts` runs, for as long as the same is pending."""

    batch: str
    pending_hash: str
    attempts: int
    error: str
    run_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retried:
    """What `retry` opened again: parked batches, and inputs of stages that had failed or could not be read."""

    batches: tuple[str, ...]
    inputs: int


def park(lake: Lake, batch: str, pending_hash: str, attempts: int, error: str, run_id: str) -> None:
    """Parks a batch, in the place of what was said of it before."""

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        row = astuple(Parked(batch, pending_hash, attempts, error, run_id, utc_now()))
        connection.execute("DELETE FROM parked WHERE batch = ?", [batch])
        connection.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, NULL)", list(row))

    lake.transact("parked", "", work, f"park {batch}")


def parked_now(lake: Lake) -> dict[str, Parked]:
    """The parked batches, by name."""
    columns = 'batch, pending_hash, attempts, error, run_id, "at"'
    rows = lake.query(f"SELECT {columns} FROM parked WHERE retried_at IS NULL ORDER BY batch")
    return {row[0]: Parked(*row) for row in rows.iter_rows()}


def retried_at(lake: Lake) -> dict[str, datetime]:
    """When batches that were parked were last taken up again; naive UTC."""
    return dict(lake.query("SELECT batch, retried_at FROM parked WHERE retried_at IS NOT NULL").rows())


def forget(lake: Lake, batches: Sequence[str]) -> None:
    """Forgets that these batches were parked: a run over them ended well."""
    if batches and lake.query(f"SELECT count(*) FROM parked WHERE {of_batches(batches)}").item():
        lake.transact("parked", "", lambda c: c.execute(f"DELETE FROM parked WHERE {of_batches(batches)}"), "unpark")


def try_anew(lake: Lake, batches: Sequence[str]) -> None:
    """Takes up again what is parked of these batches, because something else is pending now."""
    if batches:
        lake.transact("parked", "", lambda connection: _take_up(connection, of_batches(batches)), "unpark")


def retry(lake: Lake, batches: Sequence[str] | None = None) -> Retried:
    """Takes up again what was parked, and what failed or could not be read, in these batches (in all)."""
    where = of_batches(batches)

    def work(connection: duckdb.DuckDBPyConnection) -> Retried:
        taken = connection.execute(
            f"SELECT batch FROM parked WHERE retried_at IS NULL AND {where} ORDER BY 1"
        ).fetchall()
        if taken:
            _take_up(connection, where)
        # another input hash makes an input pending, and its old rows are replaced with it
        failed = f"{where} AND input_hash <> '' AND ({_FAILED})"
        count = connection.execute(f"SELECT count(*) FROM stage_done WHERE {failed}").fetchall()[0][0]
        if count:
            connection.execute(f"UPDATE stage_done SET input_hash = '' WHERE {failed}")
        return Retried(tuple(batch for (batch,) in taken), count)

    return lake.transact("parked", "", work, "retry")


def _take_up(connection: duckdb.DuckDBPyConnection, where: str) -> None:
    connection.execute(f"UPDATE parked SET retried_at = ? WHERE retried_at IS NULL AND {where}", [utc_now()])


_FAILED = """
    outcome = 'failed' OR (stage = 'raw_images' AND outcome = 'quarantined' AND (batch, input_id) IN
    (SELECT (batch, content_sha256) FROM quarantine WHERE reason = 'cannot be read'))
    OR (stage = 'hop_chains' AND (batch, input_id) IN
    (SELECT (batch, image_id) FROM rejected_chains WHERE rule IN ('unusable_reply', 'no_reply')))
"""
