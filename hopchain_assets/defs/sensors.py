"""What starts runs by itself: pictures that land, people's votes, work that is pending, alerts when a check fails.

Dagster's own `AutomationCondition.eager()` would see neither a changed setting nor a late word of people, since it
knows assets and not rows, and it holds an unpartitioned asset back as long as any partition upstream is missing. So
the sensor `pending` asks the ledger, `stage_done`, which `hopchain run` asks too.
"""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
import json
import time
from collections.abc import Mapping, Sequence

import dagster as dg

from hopchain_assets.defs.alerts import alert, batches_of, failed_checks
from hopchain_assets.defs.attempts import PENDING_TAG, attempts, decide, recent_runs
from hopchain_assets.defs.jobs import line_job
from hopchain_assets.defs.partitions import IMAGE_BATCH, PARTITIONS, over, ranges, sync_partitions
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.domain.records import digest
from hopchain_assets.ports.unavailable import Unavailable
from hopchain_assets.stages.landing import Swept, sweep
from hopchain_assets.stages.line import ASKING, Line, Owed, pending_hash
from hopchain_assets.stages.reviewing import bring_reviews, mark_of, push_reviews
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.parking import park, parked_now, retried_at, try_anew
from hopchain_assets.warehouse.rows import utc_now

SECONDS = 5
REVIEW_SECONDS = 30
# Dagster gives a look a minute
PUSH_SECONDS = 20.0
MOST_AT_ONCE = 8
CHECKS_OWED = "checks"
# our sensor tries again itself, and counts
NO_RETRY = {"dagster/max_retries": "0"}
RUNNING = dg.DefaultSensorStatus.RUNNING


@dg.sensor(
    name="landing",
    job=line_job,
    minimum_interval_seconds=SECONDS,
    default_status=RUNNING,
    description="Seals new pictures of the landing folders into batches, and takes them in.",
)
def landing_sensor(context: dg.SensorEvaluationContext, line: dg.ResourceParam[LineResource]) -> dg.SensorResult:
    """One look at the landing folders."""
    swept = sweep(line.line.lake, line.settings.landing(), utc_now())
    if not swept.new:
        return dg.SensorResult(skip_reason=_told(swept))
    requests = [
        dg.RunRequest(
            run_key=f"landed {batch}", partition_key=batch, asset_selection=[dg.AssetKey("raw_images")], tags=NO_RETRY
        )
        for batch in swept.new
    ]
    new = IMAGE_BATCH.build_add_request(list(swept.new))
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=[new])


@dg.sensor(
    name="pending",
    job=line_job,
    minimum_interval_seconds=SECONDS,
    default_status=RUNNING,
    description="Runs the line over batches with something pending; after three failed runs a batch is parked.",
)
def pending_sensor(context: dg.SensorEvaluationContext, line: dg.ResourceParam[LineResource]) -> dg.SensorResult:
    """One look at the ledger. The cursor holds what was due, and the state that it was of.

    Always the whole line is requested: what is done costs nothing, and a blocking check that failed is met again.
    """
    instance, lake = context.instance, line.line.lake
    before = json.loads(context.cursor or '{"due": {}, "state": ""}')
    state = _state(line.line)
    if state == before["state"] and not before["due"]:
        return dg.SensorResult(skip_reason="nothing is due, and nothing has changed", cursor=context.cursor)
    sync_partitions(instance, batches(lake))
    due, asking = _due(line.line, before["due"])
    # a run would only find that nobody may be asked; tomorrow it may
    waiting = asking if line.settings.day_is_spent() else set[str]()
    parked = parked_now(lake)
    try_anew(lake, [name for name, entry in parked.items() if due.get(name) != entry.pending_hash])
    retried = retried_at(lake)
    at_work, runs = _at_work(instance), recent_runs(instance)
    newest = max((of[0] for of in runs.values()), key=lambda record: record.storage_id, default=None)
    last = newest.dagster_run.run_id if newest else ""
    fresh: dict[str, str] = {}
    again: list[dg.RunRequest] = []
    for batch, what in list(due.items()):
        held = parked.get(batch)
        if batch in at_work or batch in waiting or (held and held.pending_hash == what):
            continue
        if len(at_work) + len(fresh) + len(again) >= MOST_AT_ONCE:
            break
        tried = attempts(instance, runs.get(batch, ()), retried.get(batch))
        if what == CHECKS_OWED and tried and tried[0].how == "done":
            del due[batch]
            continue
        verdict = decide(tried, what)
        if not verdict.again:
            park(lake, batch, what, verdict.attempts, verdict.error, verdict.run_id)
            text = f"parked after {verdict.attempts} runs: {verdict.error}. Mend that, then `hopchain retry`"
            alert(line.settings, context.log, "parked", [batch], text, verdict.run_id)
        elif tried and (verdict.attempts or tried[0].how != "done"):
            again.append(_request(batch, what, last, verdict.attempts + 1))
        else:
            fresh[batch] = what
    requests = [*again, *_together(instance, fresh, runs, last)]
    told = f"{len(at_work)} batches at work, {len(parked)} parked, {len(due)} due"
    if waiting:
        told += f", {len(waiting)} of them wait: today's budget for models is spent"
    skip = None if requests else dg.SkipReason(told)
    return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps({"due": due, "state": state}))


@dg.sensor(
    name="reviews",
    minimum_interval_seconds=REVIEW_SECONDS,
    default_status=RUNNING,
    description="Leaves questions for people, and fetches what they said; the sensor `pending` does what follows.",
)
def reviews_sensor(context: dg.SensorEvaluationContext, line: dg.ResourceParam[LineResource]) -> dg.SensorResult:
    """One look at both sides. The cursor holds the states that were compared: where neither changed, nothing is done.

    It requests no run: votes that changed make the verified set of their batches pending.
    """
    at = line.line
    try:
        # before anything is read: what changes meanwhile is looked at the next time
        state = json.dumps([at.lake.snapshot(), mark_of(at)])
        if state == context.cursor:
            return dg.SensorResult(skip_reason="nothing has changed", cursor=state)
        changed = bring_reviews(at)
        begun = time.monotonic()
        new = push_reviews(at, PUSH_SECONDS)
    except Unavailable as error:
        return dg.SensorResult(skip_reason=f"people's votes wait: {error}", cursor=context.cursor)
    told = f"{new} new questions for people, votes changed in {len(changed)} batches"
    finished = time.monotonic() - begun < PUSH_SECONDS
    return dg.SensorResult(skip_reason=told, cursor=state if finished else context.cursor)


@dg.run_failure_sensor(
    name="failed_checks",
    monitored_jobs=[line_job],
    minimum_interval_seconds=SECONDS,
    default_status=RUNNING,
    description="Tells when a blocking check ended a run: by webhook where one is set, and in the log.",
)
def failed_checks_sensor(context: dg.RunFailureSensorContext, line: dg.ResourceParam[LineResource]) -> None:
    """One alert for each run."""
    run = context.dagster_run
    told = failed_checks(context.instance, run.run_id)
    if told:
        some = [batch for batch, _ in told if batch]
        names = some or batches_of(run, context.instance.get_dynamic_partitions(PARTITIONS))
        text = "; ".join(dict.fromkeys(text for _, text in told))
        alert(line.settings, context.log, "failed check", list(dict.fromkeys(names)), text, run.run_id)


SENSORS = [landing_sensor, pending_sensor, reviews_sensor, failed_checks_sensor]


def _request(batch: str, what: str, last: str, attempt: int = 1) -> dg.RunRequest:
    """A run over one batch. `last` is the newest run of all.

    It is in the key because the same may be pending again later, as when a setting is changed back, and Dagster
    drops, for ever and without a word, what was requested under the same key before.
    """
    tags = {PENDING_TAG: what, "hopchain/attempt": str(attempt), **NO_RETRY}
    return dg.RunRequest(run_key=f"{batch} {what} {last}", partition_key=batch, tags=tags)


def _together(
    instance: dg.DagsterInstance, fresh: Mapping[str, str], runs: Mapping[str, Sequence[dg.RunRecord]], last: str
) -> list[dg.RunRequest]:
    """Requests for batches that were not tried before: neighbours share a run, which takes seconds to start.

    When a shared run over just these left them as they were, each gets a run of its own.
    """
    requests: list[dg.RunRequest] = []
    known = instance.get_dynamic_partitions(PARTITIONS)
    for start, end in ranges(known, fresh):
        shared = known[known.index(start) : known.index(end) + 1]
        what = digest(*(f"{batch} {fresh[batch]}" for batch in shared))
        before = [record.dagster_run.tags.get(PENDING_TAG) for record in runs.get(start, ())[:1]]
        if len(shared) == 1 or what in before:
            requests += [_request(batch, fresh[batch], last) for batch in shared]
        else:
            tags = {PENDING_TAG: what, **over(start, end), **NO_RETRY}
            requests.append(dg.RunRequest(run_key=f"{what} {last}", tags=tags))
    return requests


def _state(line: Line) -> str:
    """Changes with the warehouse, the code and the settings: working out what is due takes seconds in a large one."""
    return f"{line.lake.snapshot()} {digest(*(stage.version for stage in line.stages().values()))}"


def _due(line: Line, before: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """A hash of what each batch owes, by batch, and the batches for which models are asked before all else.

    One with nothing pending still owes the checks of its last run.
    """
    versions = {name: stage.version for name, stage in line.stages().items()}
    by_batch: dict[str, list[Owed]] = {}
    for owed in line.backlog():
        by_batch.setdefault(owed.batch, []).append(owed)
    due: dict[str, str] = {}
    asking: set[str] = set()
    for batch, rows in by_batch.items():
        pending = [row.stage for row in rows if row.pending]
        if pending:
            due[batch] = pending_hash(rows, versions)
            asking.update([batch] if pending[0] in ASKING else [])
        elif batch in before:
            due[batch] = CHECKS_OWED
    return due, asking


def _at_work(instance: dg.DagsterInstance) -> set[str]:
    """Batches that a run is over, or waits to be: of whatever origin."""
    known = instance.get_dynamic_partitions(PARTITIONS)
    unfinished = dg.RunsFilter(job_name=line_job.name, statuses=UNFINISHED)
    return {batch for run in instance.get_runs(unfinished) for batch in batches_of(run, known)}


UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def _told(swept: Swept) -> str:
    parts = [f"{swept.waiting} pictures wait for their batch" if swept.waiting else "nothing new"]
    if swept.seals_at:
        parts.append(f"it is sealed at {swept.seals_at:%H:%M:%S} UTC")
    if swept.unstable:
        parts.append(f"{swept.unstable} files are still being written")
    if swept.refused:
        uri, reason = swept.refused[0]
        parts.append(f"{len(swept.refused)} files refused, the first, {uri}: {reason}")
    return "; ".join(parts)
