"""All definitions over one resource: what the web UI loads and what `launch` runs are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from hopchain_assets.defs.alive import working
from hopchain_assets.defs.assets import GIVEN, LINE_ASSETS, manifest
from hopchain_assets.defs.checks import CHECKS
from hopchain_assets.defs.jobs import line_job, maintenance_job, publish_job
from hopchain_assets.defs.metadata import SHOWN
from hopchain_assets.defs.models import sql_definitions
from hopchain_assets.defs.plots import MODEL_PLOTS
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.schedules import SCHEDULES
from hopchain_assets.defs.schema import table_schemas
from hopchain_assets.defs.sensors import SENSORS

COLUMN_SCHEMA = "dagster/column_schema"


def build_definitions(resource: LineResource) -> dg.Definitions:
    """The assets, their checks, what is given to them, jobs, sensors and schedules, over this resource.

    Code versions are those of the stages, so that Dagster shows what a change of settings made stale.
    """
    versions = {name: stage.version for name, stage in resource.line.stages().items()}
    schemas = table_schemas()
    models, set_checks = sql_definitions(resource.line, MODEL_PLOTS)

    def completed(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        table = SHOWN[name].table if name in SHOWN else name
        if name in versions:
            spec = spec.replace_attributes(code_version=versions[name])
        return spec.merge_attributes(metadata={COLUMN_SCHEMA: schemas[table]}) if table in schemas else spec

    return dg.Definitions(
        assets=[
            *(asset.map_asset_specs(completed) for asset in LINE_ASSETS),
            manifest,
            *models,
            *(completed(spec) for spec in GIVEN),
        ],
        asset_checks=[*CHECKS, *set_checks],
        jobs=[line_job, publish_job, maintenance_job],
        sensors=SENSORS,
        schedules=SCHEDULES,
        resources={"line": _shown_at_work(resource)},
        # the steps are light and share a warm warehouse: a process for each would cost 3 s and bring nothing
        executor=dg.in_process_executor,
    )


def _shown_at_work(resource: LineResource) -> dg.ResourceDefinition:
    """The resource; a run that holds it is seen to be at work."""

    @contextmanager
    def held(context: dg.InitResourceContext) -> Iterator[LineResource]:
        # sensors and schedules hold it outside of a run
        if context.instance is None or context.run is None:
            yield resource
            return
        with working(context.instance, context.run.run_id):
            yield resource

    return dg.ResourceDefinition(held, description="The line, its warehouse and its settings.")
