"""Runs one stage on one batch: what is pending is worked on without a connection open, then put in place whole."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.done import Done, StageTables, output_hash, pending, replace
from hopchain_assets.warehouse.lake import Lake

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Work:
    """What a stage made of its inputs: rows by table, and how each input ended."""

    frames: Mapping[str, pl.DataFrame]
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a run of a stage on a batch did; `outcomes` and `rows` are of this run alone."""

    stage: str
    batch: str
    pending_before: int
    pending_after: int
    seconds: float
    gone: int = 0
    skipped: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


class Stage(Protocol):
    """One step of the line."""

    tables: ClassVar[StageTables]

    @property
    def version(self) -> str:
        """What the stage's rows depend on beside its inputs: code and settings."""
        ...

    def inputs(self, connection: duckdb.DuckDBPyConnection, batch: str) -> Mapping[str, str]:
        """The ids to work on, each with the hash of what is read for it."""
        ...

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Rows for some of the ids. Called without a connection open."""
        ...


def run_stage(lake: Lake, stage: Stage, batch: str, progress: Progress | None = None) -> StageReport:
    """Does what is pending of a stage in a batch; nothing when nothing is."""
    started = time.perf_counter()
    with lake.open() as connection:
        inputs = stage.inputs(connection, batch)
        to_do, gone = pending(connection, stage.tables.stage, batch, stage.version, inputs)
    if not to_do and not gone:
        return StageReport(stage.tables.stage, batch, 0, 0, time.perf_counter() - started)
    made = stage.work(batch, to_do, progress or _silent) if to_do else Work({}, {})
    replaced = replace(
        lake,
        stage.tables,
        batch,
        stage.version,
        made.frames,
        _done(stage, made, inputs, to_do),
        gone,
        still=lambda connection: stage.inputs(connection, batch),
    )
    with lake.open() as connection:
        left, _ = pending(connection, stage.tables.stage, batch, stage.version, stage.inputs(connection, batch))
    return StageReport(
        stage=stage.tables.stage,
        batch=batch,
        pending_before=len(to_do),
        pending_after=len(left),
        seconds=time.perf_counter() - started,
        gone=replaced.gone,
        skipped=replaced.skipped + replaced.stale,
        outcomes=Counter(made.outcomes.get(name, "done") for name in to_do),
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
    return [Done(i, inputs[i], made.outcomes.get(i, "done"), hashes[i], counts[i]) for i in ids]
