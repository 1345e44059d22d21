"""Upkeep of real files: fewer of them, the same rows, and nobody is disturbed."""

from __future__ import annotations

import multiprocessing
import os
from datetime import timedelta
from pathlib import Path

import small_line

from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.upkeep import maintain, size

BATCHES = 4
WEEK = timedelta(days=7)
READ = ("instances", "pairs", "stage_done", "stage_runs")
TIMES = {"ducklake_snapshot": "snapshot_time", "ducklake_files_scheduled_for_deletion": "schedule_start"}


def files(lake: Lake) -> list[Path]:
    return list(Path(lake.data_path).rglob("*.parquet"))


def current_files(lake: Lake, table: str) -> int:
    """Data files of a table as it is now."""
    return lake.query(f"SELECT count(*) FROM ducklake_list_files('hopchain', '{table}')").item()


def grow_old(lake: Lake, days: int) -> None:
    """All that was done until now was done days ago, as the catalog and the file system tell it."""
    with lake.open(read_only=False) as connection:
        for table, column in TIMES.items():
            place = f"__ducklake_metadata_hopchain.{table}"
            earlier = f"strftime({column}::TIMESTAMPTZ - INTERVAL {days} DAYS, '%Y-%m-%d %H:%M:%S.%f+00')"
            connection.execute(f"UPDATE {place} SET {column} = {earlier}")
    for file in files(lake):
        long_ago = file.stat().st_mtime - days * 86400
        os.utime(file, (long_ago, long_ago))


def test_all_rows_stay_and_small_files_become_few(lake: Lake) -> None:
    """On both catalogs; run again at once, it has nothing to do."""
    small_line.run(lake, BATCHES, "first")
    small_line.run(lake, BATCHES, "second")
    rows = small_line.contents(lake)
    assert current_files(lake, "instances") == BATCHES
    done = maintain(lake, WEEK)
    assert small_line.contents(lake) == rows
    assert current_files(lake, "instances") == 1
    again = maintain(lake, WEEK)
    assert again.after.files == done.after.files
    assert small_line.contents(lake) == rows


def test_old_states_and_their_files_go(sqlite_lake: Lake) -> None:
    """After a week states cannot be read any more, and a day later their files are deleted; rows and newest stay."""
    lake = sqlite_lake
    for release in ("first", "second"):
        small_line.run(lake, BATCHES, release)
    rows, number = small_line.contents(lake), len(files(lake))
    stray = Path(lake.data_path) / "main" / "instances" / "left-by-a-killed-writer.parquet"
    stray.write_bytes(b"PAR1")
    first = maintain(lake, WEEK)
    assert stray.exists() and first.deleted == 0, "all of it is too young"
    grow_old(lake, 8)
    maintain(lake, WEEK)
    grow_old(lake, 2)
    last = maintain(lake, WEEK)
    assert not stray.exists()
    assert last.after.snapshots < first.before.snapshots
    assert len(files(lake)) < number and last.after.files_kept < first.before.files_kept
    assert small_line.contents(lake) == rows


def test_a_reader_goes_on_in_its_own_state(lake: Lake) -> None:
    """A transaction that was open before sees what it saw, in files and in the catalog."""
    small_line.run(lake, BATCHES, "first")
    with lake.open() as reader:
        reader.execute("BEGIN")
        seen = [reader.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in READ]
        if lake.catalog.startswith("postgresql:"):
            # see `maintain`: in SQLite rows of a commit after BEGIN would be seen too
            small_line.run(lake, 1, "second")
        maintain(lake, WEEK)
        assert [reader.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in READ] == seen
    assert all(seen)


def test_states_younger_than_a_day_are_never_given_up(sqlite_lake: Lake) -> None:
    """Whatever is asked for: a reader may still be there."""
    small_line.run(sqlite_lake, 1, "first")
    before = sqlite_lake.snapshot()
    small_line.run(sqlite_lake, 1, "second")
    maintain(sqlite_lake, timedelta(0))
    assert sqlite_lake.query(f"SELECT count(*) FROM instances AT (VERSION => {before})").item() == 20


def _write(lake: Lake) -> None:
    for release in ("first", "second"):
        small_line.run(lake, 2, release)


def test_writers_go_on_meanwhile(lake: Lake, tmp_path: Path) -> None:
    """Kept up again and again while a writer is at work, the tables are those of an undisturbed run."""
    context = multiprocessing.get_context("forkserver")
    writer = context.Process(target=_write, args=(lake,), daemon=True)
    writer.start()
    times = 0
    while writer.is_alive() and times < 3:
        maintain(lake, WEEK)
        times += 1
    writer.join(60)
    assert writer.exitcode == 0 and times
    alone = Lake(f"sqlite:{tmp_path}/alone/c.sqlite", str(tmp_path / "alone/data"), tmp_path / "alone/locks")
    alone.migrate()
    _write(alone)
    assert small_line.contents(lake) == small_line.contents(alone)


def test_an_empty_warehouse_is_kept_up_too(sqlite_lake: Lake) -> None:
    """On its first night there is nothing to do."""
    done = maintain(sqlite_lake, WEEK)
    assert done.deleted == 0 and size(sqlite_lake).bytes >= 0
