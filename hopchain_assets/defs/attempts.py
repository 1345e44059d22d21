"""How often a batch is tried: what the runs before came to, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

import dagster as dg

from hopchain_assets.defs.alerts import batches_of, failed_checks
from hopchain_assets.defs.jobs import line_job
from hopchain_assets.defs.partitions import PARTITIONS

PENDING_TAG = "hopchain/pending"
MOST_BROKEN = 3
# a run that was killed says little against its batch, unless it happens again and again at the same place
MOST_KILLED = 10
LOOK_BACK = 500


@dataclass(frozen=True, slots=True)
class Attempt:
    """An ended run over a batch. `how` is "done", "broke" in a step, at a "check", "killed" or "cancelled"."""

    run_id: str
    pending_hash: str
    how: str
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to try again, and if not, why; `attempts` at what is pending now came before."""

    again: bool
    attempts: int
    error: str = ""
    run_id: str = ""


def decide(tried: Sequence[Attempt], pending_hash: str) -> Verdict:
    """What to do with a batch that owes something.

    Args:
        tried: its ended runs, the latest first, since it was last taken up again.
        pending_hash: of what it owes now. A run that got anywhere changed it, and counts no more.
    """
    same = list(takewhile(lambda attempt: attempt.pending_hash == pending_hash, tried))
    # however far it came: who cancels a run does not want it back five seconds later
    if tried and tried[0].how == "cancelled":
        return Verdict(False, max(1, len(same)), "its run was cancelled in Dagster", tried[0].run_id)
    if not same:
        return Verdict(True, 0)
    last = same[0]
    killed = sum(attempt.how == "killed" for attempt in same)
    if last.how == "check" or len(same) - killed >= MOST_BROKEN or killed >= MOST_KILLED:
        return Verdict(False, len(same), last.error, last.run_id)
    return Verdict(True, len(same))


def recent_runs(instance: dg.DagsterInstance) -> dict[str, list[dg.RunRecord]]:
    """The last runs of the line, by batch, the latest first."""
    known = instance.get_dynamic_partitions(PARTITIONS)
    found: dict[str, list[dg.RunRecord]] = {}
    for record in instance.get_run_records(dg.RunsFilter(job_name=line_job.name), limit=LOOK_BACK):
        for batch in batches_of(record.dagster_run, known):
            found.setdefault(batch, []).append(record)
    return found


def attempts(instance: dg.DagsterInstance, runs: Sequence[dg.RunRecord], since: datetime | None) -> list[Attempt]:
    """What the ended ones of a batch's runs came to, since a time (naive UTC)."""
    later = [run for run in runs if not since or run.create_timestamp >= since.replace(tzinfo=UTC)]
    return [_attempt(instance, record.dagster_run) for record in later[:MOST_KILLED] if record.dagster_run.is_finished]


def _attempt(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Attempt:
    what = run.tags.get(PENDING_TAG, "")
    if run.status == dg.DagsterRunStatus.SUCCESS:
        return Attempt(run.run_id, what, "done", "its runs end well, but it stays pending")
    if run.status == dg.DagsterRunStatus.CANCELED:
        return Attempt(run.run_id, what, "cancelled", "")
    checks = failed_checks(instance, run.run_id)
    if checks:
        return Attempt(run.run_id, what, "check", "; ".join(dict.fromkeys(text for _, text in checks)))
    broken = step_errors(instance, run.run_id)
    return Attempt(run.run_id, what, "broke" if broken else "killed", broken or "its runs were killed")


def step_errors(instance: dg.DagsterInstance, run_id: str) -> str:
    """The step of a run that failed and what it died of; empty when no step failed."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error and error.cause:
            error = error.cause
        if event and error:
            return f"{event.step_key}: {error.message.strip()}"
    return ""
