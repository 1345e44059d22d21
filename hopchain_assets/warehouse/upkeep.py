"""Upkeep of the warehouse's files: each commit adds some, and old states keep theirs until they are given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import duckdb

from hopchain_assets.warehouse.connect import NAME, quoted
from hopchain_assets.warehouse.lake import Lake

# a writer puts its files down before it commits them, and a reader may still be at an old state
LEAST_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Size:
    """What the warehouse takes: states that can be read, data files of the newest, and all files there are."""

    snapshots: int
    files: int
    bytes: int
    files_kept: int
    bytes_kept: int


@dataclass(frozen=True, slots=True)
class Upkept:
    """The sizes before and after, and the files that were deleted."""

    before: Size
    after: Size
    deleted: int


def maintain(lake: Lake, keep: timedelta = timedelta(days=7)) -> Upkept:
    """Merges small files, gives up states older than `keep`, and deletes the files that nothing needs for a day.

    Reading goes on meanwhile; writers wait for each step. May be killed at any time, and be run again.

    What is not covered: a reader of a SQLite catalog that keeps one transaction open over it, and over a commit
    before it, may then see rows of that commit too.
    """
    before = size(lake)
    age = f"now() - INTERVAL {int(max(keep, LEAST_AGE).total_seconds())} SECONDS"
    unused = f"now() - INTERVAL {int(LEAST_AGE.total_seconds())} SECONDS"
    # Not ducklake_flush_inlined_data: the few rows that are kept in the catalog itself, moved to files, vanished for
    # readers of a SQLite catalog with a transaction open (the ledger was empty, and all seemed pending), and on
    # Postgres it fails beside writers.
    _call(lake, f"CALL ducklake_merge_adjacent_files({quoted(NAME)})")
    _call(lake, f"CALL ducklake_expire_snapshots({quoted(NAME)}, older_than => {age})")
    deleted = _call(lake, f"CALL ducklake_cleanup_old_files({quoted(NAME)}, older_than => {unused})")
    deleted += _call(lake, f"CALL ducklake_delete_orphaned_files({quoted(NAME)}, older_than => {unused})")
    return Upkept(before, size(lake), deleted)


def size(lake: Lake) -> Size:
    """What the warehouse takes now."""
    with lake.open() as connection:
        row = connection.execute(_SIZE).fetchone()
    assert row is not None
    return Size(*map(int, row))


def _call(lake: Lake, statement: str) -> int:
    """Runs one of DuckLake's procedures as a writer; returns how many rows it told of."""
    return lake.transact("upkeep", "", lambda connection: len(_rows(connection, statement)))


def _rows(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[object, ...]]:
    return connection.execute(statement).fetchall()


_META = f"__ducklake_metadata_{NAME}"
_SIZE = f"""
    SELECT
        (SELECT count(*) FROM {_META}.ducklake_snapshot),
        count(*) FILTER (end_snapshot IS NULL),
        coalesce(sum(file_size_bytes) FILTER (end_snapshot IS NULL), 0),
        count(*) + (SELECT count(*) FROM {_META}.ducklake_files_scheduled_for_deletion),
        coalesce(sum(file_size_bytes), 0)
    FROM {_META}.ducklake_data_file
"""
