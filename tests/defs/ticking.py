"""The daemon's part, by hand: sensors are evaluated against a real instance, and what they request is run for real."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.dynamic_partitions_request import AddDynamicPartitionsRequest
from looking import Home

from hopchain_assets.defs.build import build_definitions
from hopchain_assets.defs.launch import open_instance
from hopchain_assets.defs.partitions import sync_partitions
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.settings import Settings
from hopchain_assets.warehouse.lake import Lake

RUN_KEY = "dagster/run_key"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Desk:
    """A home with its definitions and its Dagster instance; the sensors' cursors are kept between ticks.

    With `only`, runs of the whole line are cut down to these assets, where the others have nothing to do: a run of all
    takes seconds.
    """

    settings: Settings
    batches: list[str]
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    @property
    def lake(self) -> Lake:
        return self.settings.line().lake

    def with_settings(self, **environ: str) -> Desk:
        """The same home under other settings, as after a restart; the sensors go on where they were."""
        settings = Settings.load({"HOPCHAIN_HOME": str(self.settings.home), **environ})
        return Desk(settings, self.batches, _definitions(settings), self.instance, self.cursors, self.only)

    def tick(self, name: str) -> list[dg.RunRequest]:
        """One evaluation of a sensor; its requests.

        Dagster drops a request whose run key was seen before without a word: here that is an error.
        """
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            instance_ref=self.instance.get_ref(),
            cursor=self.cursors.get(name),
            repository_def=repository,
            sensor_name=name,
            resources=repository.get_top_level_resources(),
        ) as context:
            told = repository.get_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = told.cursor
        for request in told.dynamic_partitions_requests or []:
            assert isinstance(request, AddDynamicPartitionsRequest)
            sync_partitions(self.instance, request.partition_keys)
        for request in told.run_requests or []:
            assert request.run_key, "without a run key one request may become two runs"
            assert not self.instance.get_runs(dg.RunsFilter(tags={RUN_KEY: request.run_key})), "this would be dropped"
        return list(told.run_requests or [])

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """The run that was requested."""
        chosen = list(request.asset_selection or map(dg.AssetKey, self.only))
        return self.definitions.resolve_job_def("line").execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            tags={**request.tags, RUN_KEY: request.run_key or ""},
            partition_key=request.partition_key,
            asset_selection=chosen or None,
            raise_on_error=False,
        )

    def go_on(self, ticks: int = 12) -> list[tuple[list[str], bool]]:
        """Ticks of `pending` and the runs it requests, until it requests nothing: batches and success of each run."""
        done: list[tuple[list[str], bool]] = []
        for _ in range(ticks):
            requests = self.tick("pending")
            if not requests:
                return done
            for request in requests:
                done.append((covered(request, self.batches), self.execute(request).success))
        raise AssertionError(f"still requested after {ticks} ticks: {done}")


def never_began(desk: Desk, request: dg.RunRequest, job: str = "line") -> dg.DagsterRun:
    """The run that was requested, known to Dagster and not begun."""
    tags = {**request.tags, RUN_KEY: request.run_key or ""}
    if request.partition_key:
        tags["dagster/partition"] = request.partition_key
    # not by create_run_for_job: it plans the whole run, which takes half a second
    run = dg.DagsterRun(job, str(uuid.uuid4()), status=dg.DagsterRunStatus.NOT_STARTED, tags=tags)
    return desk.instance.add_run(run)


def due(settings: Settings) -> dict[str, int]:
    """What is pending, by batch."""
    found: dict[str, int] = {}
    for owed in settings.line().backlog():
        if owed.pending:
            found[owed.batch] = found.get(owed.batch, 0) + owed.pending
    return found


def covered(request: dg.RunRequest, known: list[str]) -> list[str]:
    """The batches that a request is over."""
    if request.partition_key:
        return [request.partition_key]
    ends = [known.index(request.tags[f"dagster/asset_partition_range_{end}"]) for end in ("start", "end")]
    return known[ends[0] : ends[1] + 1]


@contextmanager
def desk(home: Home, *only: str) -> Iterator[Desk]:
    settings, names = home
    with open_instance(settings) as instance:
        yield Desk(settings, names, _definitions(settings), instance, only=only)


def _definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(LineResource(settings))
