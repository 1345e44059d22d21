"""What Dagster loads: `dagster dev -w workspace.yaml`, `dg` and plain `dagster` all come here."""

from __future__ import annotations

import dagster as dg

from hopchain_assets.defs.build import build_definitions
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """The line as the environment sets it, read when Dagster loads the code location."""
    return build_definitions(LineResource(Settings.load()))
