"""Tells runs at work from runs whose process is gone.

A run that was killed stays "started" in Dagster for ever: its launcher cannot ask a process that nobody knows. So each
run holds a locked file under Dagster's home while it works; the lock falls with the process.

What is not covered: runs on another machine than this Dagster home. Such a deployment brings its own run launcher.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._serdes import ConfigurableClassData

BIRTH_SECONDS = 60.0
MOST_RUNS = 1000
GONE = "The run's process is gone: it was killed, or ran out of memory."


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, which also knows when a run's process is gone. Named in dagster.yaml."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> WatchedRunLauncher:
        """As Dagster makes it from dagster.yaml; nothing can be set."""
        return cls(inst_data=inst_data)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It can tell."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives, for Dagster's run monitoring."""
        if is_alive(self._instance, run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, GONE)


@contextmanager
def working(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Shows that the run is at work, for as long as the block or this process lasts."""
    file = _file(instance, run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


def is_alive(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run's process lives. One that has only just begun may not have shown itself yet."""
    try:
        handle = os.open(_file(instance, run_id), os.O_RDONLY)
    except FileNotFoundError:
        record = instance.get_run_record_by_id(run_id)
        begun = (record.start_time or record.create_timestamp.timestamp()) if record else 0.0
        return datetime.now(UTC).timestamp() - begun < BIRTH_SECONDS
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def bury(instance: dg.DagsterInstance) -> list[str]:
    """Marks started runs whose process is gone as failed, and frees their slots in the pools; returns their ids.

    The daemon does it all the time; without it, nobody but the next run can.
    """
    found = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=MOST_RUNS)
    gone = [run for run in found if not is_alive(instance, run.run_id)]
    for run in gone:
        instance.report_run_failed(run, GONE)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        _file(instance, run.run_id).unlink(missing_ok=True)
    return [run.run_id for run in gone]


def _file(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / "alive" / run_id
