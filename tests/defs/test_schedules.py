"""What is asked for by the clock, evaluated on a real instance over a real warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from looking import Home
from ticking import QUIET, Desk, desk, never_began

from hopchain_assets.settings import Settings


def look(at: Desk) -> str:
    """What the schedule `publish` says now: why not, or nothing when it asks for a run."""
    repository = at.definitions.get_repository_def()
    resources = repository.get_top_level_resources()
    with dg.build_schedule_context(at.instance, datetime.now(UTC), resources, repository) as context:
        told = repository.get_schedule_def("publish").evaluate_tick(context)
    assert bool(told.run_requests) != bool(told.skip_message)
    return told.skip_message or ""


def put_back(at: Desk, by: timedelta) -> None:
    """All that was written, as if it had been then."""
    for table, column in (("stage_runs", "at"), ("category_audit", "at"), ("batch_members", "landed_at")):
        change = f'UPDATE {table} SET "{column}" = "{column}" - INTERVAL {int(by.total_seconds())} SECONDS'
        at.lake.transact("spoil", "", lambda connection, change=change: connection.execute(change))


def publish(at: Desk) -> dg.ExecuteInProcessResult:
    """The job's run, without the models."""
    job = at.definitions.resolve_job_def("publish")
    manifest = [dg.AssetKey("manifest")]
    return job.execute_in_process(QUIET, at.instance, raise_on_error=False, asset_selection=manifest)


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Home:
    settings = Settings.load({"HOPCHAIN_HOME": str(tmp_path_factory.mktemp("empty"))})
    settings.line().lake.migrate()
    return settings, []


def test_nothing_is_published_of_nothing(empty: Home) -> None:
    """A new warehouse has nothing to tell."""
    with desk(empty) as at:
        assert look(at) == "Nothing has been made yet."


def test_a_change_is_published_once_and_when_it_is_quiet(three_batches: Home) -> None:
    """Not in the middle of the work, not while it is being published, and not again when nothing changed since."""
    with desk(three_batches) as at:
        assert look(at) == "The line is at work."
        put_back(at, timedelta(minutes=1))
        assert look(at) == ""

        waiting = never_began(at, dg.RunRequest(), "publish")
        assert look(at) == "It is being published, or waits for its turn."
        at.instance.report_run_canceled(waiting)
        assert look(at) == ""

        done = publish(at)
        assert done.success
        assert done.asset_materializations_for_node("manifest")
        assert look(at) == "Nothing has changed since it was published last."

        at.lake.transact("spoil", "", lambda connection: connection.execute(LATER))
        assert look(at) == "The line is at work."


def test_a_failure_is_not_repeated_every_minute(three_batches: Home) -> None:
    """Where the manifest cannot be written it is tried again after ten minutes."""
    with desk(three_batches) as at:
        put_back(at, timedelta(minutes=1))
        folder = at.settings.home / "shards"
        folder.write_text("in the way")
        assert not publish(at).success
        assert look(at) == "It failed less than ten minutes ago."


def test_upkeep_is_done_at_night(empty: Home) -> None:
    """The job runs as it is scheduled, and tells what it won."""
    with desk(empty) as at:
        repository = at.definitions.get_repository_def()
        schedule = repository.get_schedule_def("maintenance")
        assert schedule.cron_schedule == "30 3 * * *"
        job = repository.get_job(schedule.job_name)
        done = job.execute_in_process(run_config=QUIET, instance=at.instance)
        (output,) = [event for event in done.all_events if event.event_type_value == "STEP_OUTPUT"]
        metadata = output.step_output_data.metadata
        assert metadata["files deleted"].value == 0
        assert isinstance(metadata["bytes won"].value, int)
        assert "| before |" in str(metadata["sizes"].value) and "| after |" in str(metadata["sizes"].value)


LATER = """
    INSERT INTO stage_runs BY NAME SELECT 'raw_images' AS stage, 'b' AS batch, (now() AT TIME ZONE 'UTC') AS "at"
"""
