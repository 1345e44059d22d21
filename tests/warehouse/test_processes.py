"""Several processes on one warehouse: real ones, started, raced and killed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import small_line

from hopchain_assets.warehouse.lake import MIGRATIONS, Lake

# inputs whose rows and ledger row are not of one and the same release
HALVES = """
    SELECT image_id FROM
        (SELECT image_id, category, count(*) AS n FROM instances GROUP BY ALL) FULL JOIN
        (SELECT input_id AS image_id, left(input_hash, 4) AS told FROM stage_done WHERE stage = 'instance_masks')
        USING (image_id)
    WHERE category IS DISTINCT FROM told OR n IS DISTINCT FROM ?
"""


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # the imports are paid once, not by each of the many processes
    context.set_forkserver_preload(["duckdb", "polars", "pyarrow", "psycopg", "hopchain_assets.warehouse.done"])
    return context


def _start(target: Callable[..., object], *args: object) -> ForkServerProcess:
    process = _context().Process(target=target, args=args, daemon=True)
    process.start()
    return process


def _finish(*processes: ForkServerProcess) -> None:
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def _new_lake(folder: Path) -> Lake:
    lake = Lake(f"sqlite:{folder}/catalog.sqlite", str(folder / "data"), folder / "locks")
    lake.migrate()
    return lake


def test_two_processes_migrate_at_once(tmp_path: Path) -> None:
    """Of two processes that start together on no warehouse, one makes it and the other finds it made."""
    lake = Lake(f"sqlite:{tmp_path}/new/catalog.sqlite", str(tmp_path / "new/data"), tmp_path / "locks")
    barrier, told = _context().Barrier(2), _context().SimpleQueue()
    _finish(*[_start(small_line.migrate_and_tell, lake, barrier, told) for _ in range(2)])
    names = sorted(file.name for file in MIGRATIONS.glob("*.sql"))
    assert sorted([told.get(), told.get()]) == [[], names]
    assert sorted(lake.query("SELECT name FROM migrations")["name"]) == names


def test_two_processes_on_one_new_batch_leave_no_duplicates(lake: Lake, tmp_path: Path) -> None:
    """Both find the batch pending before either writes; one writes, the other sees that it is done."""
    barrier, told = _context().Barrier(2), _context().SimpleQueue()
    count = 4
    _finish(*[_start(small_line.run_against_a_rival, lake, count, barrier, told) for _ in range(2)])
    first, second = told.get(), told.get()
    assert first[0] + second[0] == first[1] + second[1] == count * small_line.IMAGES

    alone = _new_lake(tmp_path / "alone")
    small_line.run(alone, count, "first")
    assert small_line.contents(lake) == small_line.contents(alone)


def test_readers_see_whole_batches_while_a_writer_writes(lake: Lake) -> None:
    """A reader that polls during writes meets no error and never part of a batch."""
    started = _context().Event()
    writer = _start(small_line.run_and_tell, lake, 8, "first", started)
    assert started.wait(60)
    seen: set[int] = set()
    while writer.is_alive():
        rows = lake.query(
            "SELECT batch, n, d FROM (SELECT batch, count(*) AS n FROM instances GROUP BY batch) "
            "FULL JOIN (SELECT batch, count(*) AS d FROM stage_done WHERE stage = 'instance_masks' GROUP BY batch) "
            "USING (batch)"
        )
        whole = (small_line.IMAGES * small_line.OBJECTS, small_line.IMAGES)
        assert all(row[1:] == whole for row in rows.rows())
        seen.add(rows.height)
    _finish(writer)
    assert seen, "the reader never read while the writer was alive"


def test_killed_at_random_points_and_run_again_gives_the_same_tables(lake: Lake, tmp_path: Path) -> None:
    """SIGKILL in the middle, many times, each time with all inputs changed; then one run to the end."""
    draw = random.Random(20)
    count, kills = 3, 20 if lake.catalog.startswith("sqlite:") else 6
    killed_at_work = 0
    for number in range(kills):
        started = _context().Event()
        process = _start(small_line.run_and_tell, lake, count, f"release {number}", started)
        assert started.wait(60)
        time.sleep(draw.uniform(0, 0.6))
        killed_at_work += process.is_alive()
        process.kill()
        process.join(60)
        assert lake.query(HALVES, [small_line.OBJECTS]).is_empty(), f"half a batch after kill {number}"
    assert killed_at_work, "every run was over before it was killed"

    alone = _new_lake(tmp_path / "alone")
    for one in (lake, alone):
        small_line.run(one, count, "last")
    assert small_line.contents(lake) == small_line.contents(alone)
