"""Runs one stage on one batch: what is pending is worked on without a connection open, then put in place whole."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.done import Done, Inputs, StageTables, output_hash, pending, replace
from hopchain_assets.warehouse.lake import Lake

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Work:
    """What a stage made of its inputs: rows by table, how each input ended, and why those failed that did.

    `left` are the inputs that it did not come to, because a budget was spent: they have no rows and stay pending.
    `reasons` say why an input ended as it did, where that is worth a sentence.
    """

    frames: Mapping[str, pl.DataFrame]
    outcomes: Mapping[str, str]
    failures: Mapping[str, str] = field(default_factory=dict)
    left: Collection[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a run of a stage on a batch did; `outcomes` and `rows` are of this run alone.

    `left` inputs were not come to, because a budget was spent.
    """

    stage: str
    batch: str
    pending_before: int
    pending_after: int
    seconds: float
    gone: int = 0
    skipped: int = 0
    left: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


class Stage(Protocol):
    """One step of the line.

    Of an `exclusive` stage one batch is worked on at a time, by all processes together.
    """

    tables: ClassVar[StageTables]
    exclusive: ClassVar[bool]

    @property
    def version(self) -> str:
        """What the stage's rows depend on beside its inputs: code and settings."""
        ...

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """The ids to work on in these batches (in all), each with the hash of what is read for it."""
        ...

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Rows for some of the ids. Called without a connection open."""
        ...


def run_stage(lake: Lake, stage: Stage, batch: str, progress: Progress | None = None) -> StageReport:
    """Does what is pending of a stage in a batch; nothing when nothing is. Claim the batch before."""
    started = time.perf_counter()
    name = stage.tables.stage

    def inputs(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
        return stage.inputs(connection, [batch]).get(batch, {})

    with lake.reading() as connection:
        now = inputs(connection)
        owed = pending(connection, name, stage.version, {batch: now}, [batch]).get(batch)
    if not owed:
        return StageReport(name, batch, 0, 0, time.perf_counter() - started)
    made = stage.work(batch, owed.to_do, progress or _silent) if owed.to_do else Work({}, {})
    done = _done(stage, made, now, [name for name in owed.to_do if name not in made.left])
    seconds = time.perf_counter() - started
    replaced = replace(lake, stage.tables, batch, stage.version, made.frames, done, owed.gone, inputs, seconds)
    return StageReport(
        stage=name,
        batch=batch,
        pending_before=len(owed.to_do),
        pending_after=replaced.pending,
        seconds=time.perf_counter() - started,
        gone=replaced.gone,
        skipped=replaced.skipped + replaced.stale,
        left=len(made.left),
        outcomes=Counter(entry.outcome for entry in done),
        rows=replaced.rows,
    )


def stage_version(name: str, code: int, *settings: object) -> str:
    """The version of a stage: raised by its code's number or by any of the settings it depends on."""
    return f"{code}-{digest(name, *(repr(item) for item in settings))[:10]}"


def _silent(_done: int, _of: int) -> None:
    """Nobody watches."""


def _done(stage: Stage, made: Work, inputs: Mapping[str, str], ids: Sequence[str]) -> list[Done]:
    hashes = output_hash(made.frames, stage.tables.keys, ids)
    counts: Counter[str] = Counter()
    for table, frame in made.frames.items():
        for name, count in frame.group_by(stage.tables.keys[table]).len().iter_rows():
            counts[name] += count
    return [
        Done(i, inputs[i], "failed", hashes[i], counts[i], made.failures[i])
        if i in made.failures
        else Done(i, inputs[i], made.outcomes.get(i, "done"), hashes[i], counts[i], made.reasons.get(i))
        for i in ids
    ]
