"""Claims on work: one process at a time for each stage and batch, and none that outlives its process."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from hopchain_assets.warehouse.lake import Lake

TURNS = 100


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["psycopg", "hopchain_assets.warehouse.lake"])
    return context


def _start(target: Callable[..., None], *args: object) -> ForkServerProcess:
    process = _context().Process(target=target, args=args, daemon=True)
    process.start()
    return process


def _files(lake: Lake) -> list[Path]:
    return [file for file in lake.lock_folder.rglob("*.lock") if file.name != "writer.lock"]


def _race(lake: Lake, barrier: Barrier, marker: Path) -> None:
    """Asks until it had the claim many times; two that hold it at once would both make the marker."""
    barrier.wait(60)
    turns = 0
    while turns < TURNS:
        with lake.claim("hop_chains", "b1", wait=False) as mine:
            if mine:
                marker.touch(exist_ok=False)
                time.sleep(0.001)
                marker.unlink()
                turns += 1


def _hold(lake: Lake, batch: str, held: Event) -> None:
    with lake.claim("hop_chains", batch, wait=True):
        held.set()
        time.sleep(600)


def test_no_two_processes_hold_a_claim_at_once(lake: Lake, tmp_path: Path) -> None:
    """Three race for it; each has its turn, and no lock file stays behind."""
    barrier = _context().Barrier(3)
    racers = [_start(_race, lake, barrier, tmp_path / "held") for _ in range(3)]
    for racer in racers:
        racer.join(120)
        assert racer.exitcode == 0
    assert not _files(lake)


def test_a_killed_holder_frees_its_claim(lake: Lake) -> None:
    """Who does not wait is told at once that it is taken; after SIGKILL nobody has to clean up."""
    held = _context().Event()
    holder = _start(_hold, lake, "b1", held)
    assert held.wait(60)
    with lake.claim("hop_chains", "b1", wait=False) as mine:
        assert not mine
    holder.kill()
    holder.join(60)
    with lake.claim("hop_chains", "b1", wait=True) as mine:
        assert mine
    assert not _files(lake)


def test_other_batches_and_stages_do_not_wait(lake: Lake) -> None:
    """A claim is for one stage of one batch; writing under another claim goes on too."""
    held = _context().Event()
    holder = _start(_hold, lake, "b1", held)
    assert held.wait(60)
    for stage, batch in (("hop_chains", "b2"), ("instance_masks", "b1"), ("hop_chains", "")):
        with lake.claim(stage, batch, wait=False) as mine:
            assert mine
            lake.transact(stage, batch, lambda connection: connection.execute("SELECT 1"))
    holder.kill()
    holder.join(60)


def test_a_claim_falls_with_an_error(lake: Lake) -> None:
    """Work that raises leaves nothing claimed."""
    try:
        with lake.claim("hop_chains", "b1", wait=False) as mine:
            assert mine
            raise RuntimeError("the work failed")
    except RuntimeError:
        pass
    with lake.claim("hop_chains", "b1", wait=False) as mine:
        assert mine
    assert not _files(lake)
