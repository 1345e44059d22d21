"""Runs the job in this process, for the command line, so that the run is seen in the web UI like any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.instance.ref import InstanceRef

from hopchain_assets.defs.alive import bury
from hopchain_assets.defs.build import build_definitions
from hopchain_assets.defs.jobs import line_job, publish_job
from hopchain_assets.defs.partitions import PARTITIONS, over, ranges, sync_partitions
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.sensors import NO_RETRY
from hopchain_assets.settings import Settings
from hopchain_assets.stages.engine import StageReport
from hopchain_assets.warehouse.parking import forget

LOCATION = "hopchain_assets"
# lets the job's page in the web UI list the run, which Dagster knows of runs started there only
_PLACE = {".dagster/repository": f"__repository__@{LOCATION}", "dagster/code_location": LOCATION}
# who started it by hand starts it again by hand
_PLACE |= NO_RETRY
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# Dagster would put its own files in the place of stdout and stderr, and no terminal could be drawn on
_UNREDIRECTED = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that did not pass. `batch` is "" where it speaks of the whole range."""

    asset: str
    check: str
    batch: str
    summary: str
    failing_ids: tuple[str, ...]


@dataclass(slots=True)
class Launched:
    """What became of a launch. `run_ids` has one run for each stretch of neighbouring batches."""

    run_ids: list[str] = field(default_factory=list)
    success: bool = True
    reports: list[StageReport] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    failed_checks: list[FailedCheck] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        """The last run; "" when there was none."""
        return self.run_ids[-1] if self.run_ids else ""

    @property
    def changed(self) -> bool:
        """Whether any stage had anything to do."""
        return any(report.pending_before or report.gone for report in self.reports)


def prepare_home(settings: Settings) -> Path:
    """Dagster's home under the settings', with the shipped `dagster.yaml` where there is none. Returns it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        with resources.as_file(resources.files("hopchain_assets") / "dagster.yaml") as shipped:
            shutil.copyfile(shipped, home / "dagster.yaml")
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance that the web UI of these settings shows. Close it, or use it in a `with`."""
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(prepare_home(settings)), overrides=_UNREDIRECTED))


def launch(
    settings: Settings,
    batches: Sequence[str],
    progress: Callable[[str, str, int, int], None] | None = None,
    raise_on_error: bool = False,
) -> Launched:
    """Runs the whole line over the batches, in as few runs as their neighbourhood allows, then publishes.

    Args:
        settings: where everything is; also where Dagster keeps its runs.
        batches: sealed batches, in any order; they become partitions in the order given.
        progress: is told stage, batch, pictures done and in all.
        raise_on_error: whether an error in a step is raised; otherwise it is in the outcome.
    """
    resource = LineResource(settings, progress)
    definitions = build_definitions(resource)
    launched = Launched(reports=resource.reports)
    with open_instance(settings) as instance:
        bury(instance)
        sync_partitions(instance, batches)

        def execute(job: str, tags: Mapping[str, str]) -> None:
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance, run_config=_QUIET, tags={**_PLACE, **tags}, raise_on_error=raise_on_error
            )
            _tell(launched, result)

        for first, last in ranges(instance.get_dynamic_partitions(PARTITIONS), batches):
            execute(line_job.name, over(first, last))
        if launched.success:
            forget(resource.line.lake, batches)
            execute(publish_job.name, {})
    return launched


def _tell(launched: Launched, result: dg.ExecuteInProcessResult) -> None:
    launched.run_ids.append(result.run_id)
    launched.success &= result.success
    failures = [failure for event in result.all_events if (failure := _failure(event))]
    checks = [_failed(seen) for seen in result.get_asset_check_evaluations() if not seen.passed]
    # of a range there is one evaluation for each batch, and one for all that repeats them
    launched.failed_checks += [check for check in checks if check.batch] or checks
    steps = [(step, message) for step, message in failures if step]
    launched.failures += steps or ([] if checks else failures)


def _failure(event: dg.DagsterEvent) -> tuple[str, str] | None:
    """The step and what went wrong in it, unless it is a check that did not pass; "" stands for the run itself."""
    if event.is_step_failure:
        error = event.step_failure_data.error
        if error and error.cls_name == DagsterAssetCheckFailedError.__name__:
            return None
    elif event.is_job_failure:
        error = event.job_failure_data.error
    else:
        return None
    while error and error.cause:
        error = error.cause
    return event.step_key or "", (error.message if error else event.message or "").strip()


def _failed(seen: dg.AssetCheckEvaluation) -> FailedCheck:
    ids = seen.metadata.get("failing ids")
    return FailedCheck(
        asset=seen.asset_key.to_user_string(),
        check=seen.check_name,
        batch=seen.partition or "",
        summary=seen.description or "",
        failing_ids=tuple(ids.value) if isinstance(ids, dg.JsonMetadataValue) and isinstance(ids.value, list) else (),
    )
