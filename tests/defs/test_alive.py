"""Runs at work are told from runs whose process is gone: real processes, killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from looking import Home
from ticking import Desk, covered, desk, never_began

from hopchain_assets.defs import alive
from hopchain_assets.defs.alive import GONE, WatchedRunLauncher, bury, is_alive, working
from hopchain_assets.defs.attempts import attempts, recent_runs
from hopchain_assets.settings import Settings

Started = Callable[..., subprocess.Popen[str]]

HOLD = """
import sys
import dagster as dg
from hopchain_assets.defs.alive import working
from hopchain_assets.defs.launch import open_instance
from hopchain_assets.settings import Settings
with open_instance(Settings.load()) as instance, working(instance, sys.argv[1]):
    print("at work", flush=True)
    sys.stdin.readline()
"""
LAUNCH = """
import sys
from hopchain_assets.defs.launch import launch
from hopchain_assets.settings import Settings
def tell(stage, batch, done, of):
    if stage == "hop_chains":
        print(stage, flush=True)
        sys.stdin.readline()
launch(Settings.load(), sys.argv[1:], tell)
"""


@pytest.fixture
def started() -> Iterator[Callable[[Settings, str, list[str]], subprocess.Popen[str]]]:
    """Starts a script in a process of its own, and waits until it says something."""
    processes: list[subprocess.Popen[str]] = []

    def start(settings: Settings, script: str, arguments: list[str]) -> subprocess.Popen[str]:
        environ = os.environ | {"HOPCHAIN_HOME": str(settings.home)}
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        assert process.stdout and process.stdout.readline()
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    settings = Settings.load({"HOPCHAIN_HOME": str(tmp_path)})
    settings.line().lake.migrate()
    return settings, []


def begun(at: Desk) -> dg.DagsterRun:
    """A run that has started, long enough ago to have shown itself."""
    run = never_began(at, dg.RunRequest())
    at.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", "line"), run.run_id)
    return run


@contextmanager
def old_enough(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are given no time to show themselves."""
    with monkeypatch.context() as patch:
        patch.setattr(alive, "BIRTH_SECONDS", 0.0)
        yield


def test_a_run_is_alive_while_its_process_holds_its_file(
    empty: Home, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also seen from another process. Killed, it is dead at once, is buried once, and its slot is free again."""
    with desk(empty) as at:
        killed, at_work, new = begun(at), begun(at), begun(at)
        storage = at.instance.event_log_storage
        storage.set_concurrency_slots("writer", 1)
        assert storage.claim_concurrency_slot("writer", killed.run_id, "hop_chains").is_claimed
        process = started(at.settings, HOLD, [killed.run_id])
        with working(at.instance, at_work.run_id):
            assert is_alive(at.instance, killed.run_id) and is_alive(at.instance, at_work.run_id)
            assert bury(at.instance) == []
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not is_alive(at.instance, killed.run_id)
            assert is_alive(at.instance, new.run_id), "it has only just begun"
            assert storage.get_concurrency_info("writer").active_slot_count == 1
            assert bury(at.instance) == [killed.run_id]
            assert storage.get_concurrency_info("writer").active_slot_count == 0
            assert bury(at.instance) == []
            with old_enough(monkeypatch):
                assert bury(at.instance) == [new.run_id]
        told = {run.run_id: run.status for run in at.instance.get_runs()}
        failed = dg.DagsterRunStatus.FAILURE
        assert told == {killed.run_id: failed, new.run_id: failed, at_work.run_id: dg.DagsterRunStatus.STARTED}
        assert not list((at.settings.dagster_home / "alive").iterdir()), "files of runs do not pile up"


def test_the_shipped_launcher_tells_dagster(empty: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster.yaml names it, Dagster loads it, and run monitoring asks it."""
    with desk(empty) as at:
        launcher = at.instance.run_launcher
        assert isinstance(launcher, WatchedRunLauncher) and launcher.supports_check_run_worker_health
        assert at.instance.run_monitoring_enabled and not at.instance.telemetry_enabled
        run = begun(at)
        with working(at.instance, run.run_id):
            assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
        with old_enough(monkeypatch):
            told = launcher.check_run_worker_health(run)
        assert (told.status, told.msg) == (WorkerStatus.FAILED, GONE)


def test_a_run_killed_at_work_is_found_and_asked_for_again(three_batches: Home, started: Started) -> None:
    """`launch` is killed in the middle of a stage: it counts as killed, and what it left is requested."""
    with desk(three_batches) as at:
        process = started(at.settings, LAUNCH, at.batches)
        (run,) = at.instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED and is_alive(at.instance, run.run_id)
        assert at.tick("pending") == [], "it is at work"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not is_alive(at.instance, run.run_id)
        assert at.tick("pending") == [], "nobody has noticed yet"
        assert bury(at.instance) == [run.run_id]
        for batch in at.batches:
            (attempt,) = attempts(at.instance, recent_runs(at.instance)[batch], None)
            assert (attempt.how, attempt.error) == ("killed", "its runs were killed")
        assert [covered(one, at.batches) for one in at.tick("pending")] == [[batch] for batch in at.batches]
