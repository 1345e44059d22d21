"""The jobs: the line over batches, what is published of all of them, and the upkeep of the warehouse."""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
import dagster as dg

from hopchain_assets.defs.checks import CHECKS
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.upkeep import maintain

line_job = dg.define_asset_job(
    "line",
    selection=dg.AssetSelection.assets(*STAGES).without_checks() | dg.AssetSelection.checks(*CHECKS),
    description="The whole line over a range of image batches; what is done already is not done again.",
    tags={"hopchain/line": "main"},
)

publish_job = dg.define_asset_job(
    "publish",
    selection=dg.AssetSelection.assets("manifest")
    | dg.AssetSelection.groups("models")
    | (dg.AssetSelection.all_asset_checks() - dg.AssetSelection.checks(*CHECKS)),
    description="The manifest of the shards, the SQL models and the set-wide checks, over all batches.",
)


@dg.op(pool="writer", description="Merges small files, gives up old states, deletes files that nothing needs.")
def keep_up(context: dg.OpExecutionContext, line: dg.ResourceParam[LineResource]) -> None:
    """The upkeep, with the space won in its metadata."""
    done = maintain(line.line.lake, line.settings.snapshot_age)
    rows = [
        {"": when, "states": size.snapshots, "files": size.files_kept, "bytes": size.bytes_kept}
        for when, size in (("before", done.before), ("after", done.after))
    ]
    context.add_output_metadata(
        {
            "files deleted": dg.MetadataValue.int(done.deleted),
            "bytes won": dg.MetadataValue.int(done.before.bytes_kept - done.after.bytes_kept),
            "sizes": dg.MetadataValue.md(table_markdown(rows, ("", "states", "files", "bytes"))),
        }
    )


@dg.job(name="maintenance", description="Upkeep of the warehouse's files, every night.")
def maintenance_job() -> None:
    """One op."""
    keep_up()
