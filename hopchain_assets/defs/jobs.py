"""The one job: `hopchain run` and the web UI both run it."""

from __future__ import annotations

import dagster as dg

from hopchain_assets.stages.line import STAGES

line_job = dg.define_asset_job(
    "line",
    selection=dg.AssetSelection.assets(*STAGES),
    description="The whole line over a range of image batches; what is done already is not done again.",
    tags={"hopchain/line": "main"},
)
