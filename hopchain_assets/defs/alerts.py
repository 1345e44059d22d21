"""Who is told when something needs a person: the webhook of the settings, or a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError

from hopchain_assets.export.webhook import Undelivered, post
from hopchain_assets.settings import Settings

LOST = "hopchain alert"


def alert(settings: Settings, log: logging.Logger, kind: str, batches: Sequence[str], text: str, run_id: str) -> None:
    """Tells of a failed check or a parked batch. One that cannot be delivered is a line in the log."""
    log.error("%s: %s: %s", LOST, ", ".join(batches), text)
    if not settings.alert_webhook:
        return
    message = {
        "kind": kind,
        "batches": list(batches),
        "text": f"hopchain, {', '.join(batches)}: {text}",
        "run_id": run_id,
    }
    try:
        post(settings.alert_webhook, message)
    except Undelivered as error:
        log.error("%s: %s", LOST, error)


def batches_of(run: dg.DagsterRun, known: Sequence[str]) -> list[str]:
    """The batches that a run is over."""
    one = run.tags.get("dagster/partition")
    if one:
        return [one]
    first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    if first in known and last in known:
        return list(known[known.index(first) : known.index(last) + 1])
    return []


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str]]:
    """Batch and words of the blocking checks that ended a run; empty when something else did.

    The batch is "" where a check speaks of the whole run, as it does when none speaks of a batch.
    """
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    if not any(_is_check(entry.dagster_event) for entry in failures):
        return []
    seen = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.dagster_event.asset_check_evaluation_data for entry in seen if entry.dagster_event]
    told = [
        (data.partition or "", f"{data.asset_key.to_user_string()}, check {data.check_name}: {_words(data)}")
        for data in evaluations
        if not data.passed
    ]
    # of a range there is one evaluation for each batch, and one for all that repeats them
    return [one for one in told if one[0]] or told or [("", "a blocking check failed")]


def _words(data: dg.AssetCheckEvaluation) -> str:
    return data.description or "failed"


def _is_check(event: dg.DagsterEvent | None) -> bool:
    error = event.step_failure_data.error if event else None
    return bool(error and error.cls_name == DagsterAssetCheckFailedError.__name__)
