"""What is done by the clock: publishing when the line has come to rest, and upkeep at night."""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
from datetime import UTC, datetime, timedelta

import dagster as dg

from hopchain_assets.defs.jobs import maintenance_job, publish_job
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.warehouse.rows import utc_now

QUIET = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)
RUNNING = dg.DefaultScheduleStatus.RUNNING

LAST_CHANGE = """
    SELECT max(changed) FROM (
        SELECT max("at") AS changed FROM stage_runs UNION ALL
        SELECT max("at") FROM category_audit UNION ALL
        SELECT max(landed_at) FROM batch_members UNION ALL
        SELECT max(coalesce(retried_at, "at")) FROM parked
    )
"""


@dg.schedule(
    name="publish",
    job=publish_job,
    cron_schedule="* * * * *",
    default_status=RUNNING,
    description="Writes the manifest and the SQL models anew when the warehouse changed, and half a minute is quiet.",
)
def publish_schedule(
    context: dg.ScheduleEvaluationContext, line: dg.ResourceParam[LineResource]
) -> dg.RunRequest | dg.SkipReason:
    """Looks every minute; while the line is at work, it publishes every ten minutes."""
    changed = line.line.lake.query(LAST_CHANGE).item()
    if changed is None:
        return dg.SkipReason("Nothing has been made yet.")
    published, now = _published(context.instance), utc_now()
    if published and published >= changed:
        return dg.SkipReason("Nothing has changed since it was published last.")
    if now - changed < QUIET and (published is None or now - published < LONGEST_WAIT):
        return dg.SkipReason("The line is at work.")
    last = context.instance.get_run_records(dg.RunsFilter(job_name=publish_job.name), limit=1)
    if last and not last[0].dagster_run.is_finished:
        return dg.SkipReason("It is being published, or waits for its turn.")
    if last and last[0].dagster_run.is_failure and now - _naive(last[0].create_timestamp) < LONGEST_WAIT:
        return dg.SkipReason("It failed less than ten minutes ago.")
    return dg.RunRequest()


def _published(instance: dg.DagsterInstance) -> datetime | None:
    """When the run began that wrote the manifest last: what changed while it ran may not be in it."""
    event = instance.get_latest_materialization_event(dg.AssetKey("manifest"))
    record = instance.get_run_record_by_id(event.run_id) if event else None
    return datetime.fromtimestamp(record.start_time, UTC).replace(tzinfo=None) if record and record.start_time else None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance",
    job=maintenance_job,
    cron_schedule="30 3 * * *",
    default_status=RUNNING,
    description="Merges small files of the warehouse and deletes those that nothing needs.",
)

SCHEDULES = [publish_schedule, maintenance_schedule]
