"""All definitions over one resource: what the web UI loads and what `launch` runs are the same."""

from __future__ import annotations

import dagster as dg

from hopchain_assets.defs.assets import GIVEN, LINE_ASSETS
from hopchain_assets.defs.checks import CHECKS
from hopchain_assets.defs.jobs import line_job
from hopchain_assets.defs.metadata import SHOWN
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.schema import table_schemas

COLUMN_SCHEMA = "dagster/column_schema"


def build_definitions(resource: LineResource) -> dg.Definitions:
    """The six assets, their checks, what is given to them, and the job, over this resource.

    Code versions are those of the stages, so that Dagster shows what a change of settings made stale.
    """
    versions = {name: stage.version for name, stage in resource.line.stages().items()}
    schemas = table_schemas()

    def completed(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        table = SHOWN[name].table if name in SHOWN else name
        if name in versions:
            spec = spec.replace_attributes(code_version=versions[name])
        return spec.merge_attributes(metadata={COLUMN_SCHEMA: schemas[table]}) if table in schemas else spec

    return dg.Definitions(
        assets=[
            *(asset.map_asset_specs(completed) for asset in LINE_ASSETS),
            *(completed(spec) for spec in GIVEN),
        ],
        asset_checks=CHECKS,
        jobs=[line_job],
        resources={"line": resource},
        # the steps are light and share a warm warehouse: a process for each would cost 3 s and bring nothing
        executor=dg.in_process_executor,
    )
