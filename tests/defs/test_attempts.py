"""How often a batch is tried: by what its runs came to, told from the events of a real instance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from looking import Home
from ticking import desk, never_began

from hopchain_assets.defs.attempts import (
    MOST_BROKEN,
    MOST_KILLED,
    PENDING_TAG,
    Attempt,
    Verdict,
    attempts,
    decide,
    recent_runs,
)
from hopchain_assets.defs.partitions import over, sync_partitions
from hopchain_assets.warehouse.parking import parked_now


def tried(*how: str, pending: str = "now") -> list[Attempt]:
    return [Attempt(f"run {number}", pending, each, each) for number, each in enumerate(how)]


def test_a_broken_step_counts_to_three_and_a_kill_to_ten() -> None:
    """Kills say little against a batch, so that they are counted apart."""
    assert (MOST_BROKEN, MOST_KILLED) == (3, 10)
    assert decide([], "now") == Verdict(True, 0)
    assert decide(tried("broke", "broke"), "now") == Verdict(True, 2)
    assert decide(tried("broke", "broke", "broke"), "now") == Verdict(False, 3, "broke", "run 0")
    assert decide(tried(*["killed"] * 9), "now").again
    assert decide(tried(*["killed"] * 10), "now") == Verdict(False, 10, "killed", "run 0")
    assert decide(tried("broke", *["killed"] * 7, "broke"), "now").again
    assert not decide(tried("broke", "killed", "broke", "killed", "broke"), "now").again


def test_a_step_forward_starts_the_count_anew() -> None:
    """What was tried when something else was pending does not count."""
    earlier = tried("broke", "broke", "broke", pending="before")
    assert decide(earlier, "now") == Verdict(True, 0)
    assert decide([*tried("broke", "broke"), *earlier], "now") == Verdict(True, 2)


def test_a_failed_check_and_a_cancelled_run_are_not_tried_again() -> None:
    """The same rows would fail again; and who cancels a run means it, however far it had come."""
    assert decide(tried("check"), "now") == Verdict(False, 1, "check", "run 0")
    assert decide(tried("check", pending="before"), "now").again
    for pending in ("now", "before"):
        assert decide(tried("cancelled", pending=pending), "now") == Verdict(
            False, 1, "its run was cancelled in Dagster", "run 0"
        )


def test_runs_that_end_well_and_change_nothing_come_to_an_end() -> None:
    """A batch that stays pending is not run for ever."""
    assert decide(tried("done", "done"), "now").again
    assert not decide(tried("done", "done", "done"), "now").again


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is nine hours from UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_killed_runs_are_tried_ten_times_and_parked(three_batches: Home, tokyo: None) -> None:
    """A run that failed and no step of which failed was killed; taken up again, earlier runs do not count."""
    with desk(three_batches) as at:
        at.instance.report_run_failed(never_began(at, at.tick("pending")[0]))
        killed, *others = at.tick("pending")
        for one in others:
            never_began(at, one)
        for _ in range(MOST_KILLED - 1):
            at.instance.report_run_failed(never_began(at, killed))
        (last,) = at.tick("pending")
        assert (last.partition_key, last.tags["hopchain/attempt"]) == (killed.partition_key, str(MOST_KILLED))
        at.instance.report_run_failed(never_began(at, last))
        assert at.tick("pending") == []
        ((name, entry),) = parked_now(at.lake).items()
        assert (name, entry.attempts) == (killed.partition_key, MOST_KILLED)
        assert entry.error == "its runs were killed"

        runs = recent_runs(at.instance)[name]
        assert [found.how for found in attempts(at.instance, runs, None)] == ["killed"] * MOST_KILLED
        assert attempts(at.instance, runs, entry.at + timedelta(seconds=1)) == []
        assert len(attempts(at.instance, runs, entry.at - timedelta(hours=1))) == MOST_KILLED


def test_runs_are_found_by_range_and_by_partition(three_batches: Home) -> None:
    """The latest first; what has not ended is no attempt."""
    with desk(three_batches) as at:
        sync_partitions(at.instance, at.batches)
        first, second, third = at.batches
        shared = never_began(at, dg.RunRequest(tags={PENDING_TAG: "some", **over(first, second)}))
        alone = never_began(at, dg.RunRequest(tags={PENDING_TAG: "other", **over(second, second)}))
        runs = recent_runs(at.instance)
        told = {batch: [record.dagster_run.run_id for record in found] for batch, found in runs.items()}
        assert told == {first: [shared.run_id], second: [alone.run_id, shared.run_id]}
        assert attempts(at.instance, runs[second], None) == []
        at.instance.report_run_canceled(shared)
        at.instance.report_run_failed(alone)
        runs = recent_runs(at.instance)
        assert [(one.how, one.pending_hash) for one in attempts(at.instance, runs[second], None)] == [
            ("killed", "other"),
            ("cancelled", "some"),
        ]
        assert third not in runs
