"""A line of two small stages, for tests that run it in several processes or kill it.

Its rows depend on nothing but the arguments, so two runs of it can be compared row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier, Event

import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.done import (
    Done,
    Pending,
    Replaced,
    Source,
    StageTables,
    output_hash,
    pending,
    replace,
    upstream,
)
from hopchain_assets.warehouse.lake import Lake

MASKS = StageTables("instance_masks", {"instances": "image_id", "pairs": "image_id"})
CHAINS = StageTables("hop_chains", {"hop_chains": "image_id", "rejected_chains": "image_id"})
NOTHING = Pending((), ())
IMAGES = 5
OBJECTS = 4


def batches(count: int) -> list[str]:
    return [f"batch-{number}" for number in range(count)]


def inputs(batch: str, release: str) -> dict[str, str]:
    """The input hashes of the first stage."""
    return {digest(batch, str(number)): digest(batch, str(number), release) for number in range(IMAGES)}


def mask_rows(wanted: dict[str, str]) -> dict[str, pl.DataFrame]:
    """`OBJECTS` instances and one pair for each input, with a category that tells the input's hash."""
    rows = [(image, number, value[:4]) for image, value in wanted.items() for number in range(OBJECTS)]
    instances = pl.DataFrame(
        {
            "instance_id": [f"{image}:{number}" for image, number, _ in rows],
            "image_id": [image for image, _, _ in rows],
            "category": [category for _, _, category in rows],
            "x0": [float(number) for _, number, _ in rows],
            "attributes": ["{}" for _ in rows],
        }
    )
    pairs = pl.DataFrame({"image_id": list(wanted), "a": ["0"] * len(wanted), "b": ["1"] * len(wanted)})
    return {"instances": instances, "pairs": pairs}


def chain_rows(wanted: dict[str, str]) -> dict[str, pl.DataFrame]:
    """One chain for each input."""
    ids = [digest(image, value) for image, value in wanted.items()]
    lists = [[f"{image}:0", f"{image}:1"] for image in wanted]
    return {
        "hop_chains": pl.DataFrame(
            {"chain_id": ids, "image_id": list(wanted), "instance_ids": lists, "answer": ["7"] * len(ids)}
        )
    }


def results(frames: dict[str, pl.DataFrame], wanted: dict[str, str]) -> list[Done]:
    hashes = output_hash(frames, "image_id", wanted)
    counts = dict.fromkeys(wanted, 0)
    for frame in frames.values():
        for image in frame["image_id"]:
            counts[image] += 1
    return [Done(image, value, "done", hashes[image], counts[image]) for image, value in wanted.items()]


def make_masks(lake: Lake, batch: str, release: str, before_writing: Callable[[], object] = lambda: None) -> Replaced:
    now = inputs(batch, release)
    owed = pending(lake, MASKS.stage, "1", {batch: now}, [batch]).get(batch, NOTHING)
    wanted = {image: now[image] for image in owed.to_do}
    frames = mask_rows(wanted)
    before_writing()
    return replace(lake, MASKS, batch, "1", frames, results(frames, wanted), owed.gone)


def masks_of(source: Source, batch: str) -> dict[str, str]:
    return upstream(source, [MASKS.stage], [batch]).get(batch, {})


def make_chains(lake: Lake, batch: str) -> Replaced:
    now = masks_of(lake, batch)
    owed = pending(lake, CHAINS.stage, "1", {batch: now}, [batch]).get(batch, NOTHING)
    wanted = {image: now[image] for image in owed.to_do}
    frames = chain_rows(wanted)
    return replace(lake, CHAINS, batch, "1", frames, results(frames, wanted), owed.gone, lambda c: masks_of(c, batch))


def run(lake: Lake, count: int, release: str) -> None:
    """Both stages for the first `count` batches."""
    for batch in batches(count):
        make_masks(lake, batch, release)
        make_chains(lake, batch)


def run_and_tell(lake: Lake, count: int, release: str, started: Event) -> None:
    """`run` in a process of its own; `started` is set when its connections are warm."""
    lake.snapshot()
    with lake.open(read_only=False):
        started.set()
    run(lake, count, release)


def run_against_a_rival(lake: Lake, count: int, barrier: Barrier, told: SimpleQueue[tuple[int, int]]) -> None:
    """Decides what is pending, waits until the rival did too, then writes."""
    done = skipped = 0
    for batch in batches(count):
        replaced = make_masks(lake, batch, "first", lambda: barrier.wait(60))
        make_chains(lake, batch)
        done, skipped = done + replaced.done, skipped + replaced.skipped
    told.put((done, skipped))


def migrate_and_tell(lake: Lake, barrier: Barrier, told: SimpleQueue[list[str]]) -> None:
    barrier.wait(60)
    told.put(lake.migrate())


def contents(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables that the line writes, sorted, times aside."""
    tables = (*MASKS.keys, *CHAINS.keys, "stage_done")
    return {table: sorted(lake.query(f"FROM {table}").drop("at", strict=False).rows(), key=repr) for table in tables}
