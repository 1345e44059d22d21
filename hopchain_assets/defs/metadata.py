"""What a materialisation says of itself: counts, losses and a sample of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.stages.engine import StageReport
from hopchain_assets.warehouse.lake import Lake

SAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a stage: its main table, the sample's columns, and what is counted beside its rows.

    `counted` maps a label to (table, column): one number for each value of the column, or one in all where it is "".
    """

    table: str
    columns: tuple[str, ...]
    counted: Mapping[str, tuple[str, str]]


SHOWN: Mapping[str, Shown] = {
    "raw_images": Shown(
        "images",
        ("source_uri", "width", "height", "format", "byte_size", "license", "author"),
        {"quarantined": ("quarantine", "reason")},
    ),
    "categories": Shown("categories", ("image_id", "category", "source", "crowd"), {}),
    "instance_masks": Shown(
        "instances",
        ("image_id", "instance_id", "category", "cx", "cy", "area", "attributes", "source"),
        {"pairs": ("pairs", ""), "unusable annotations": ("bad_annotations", "")},
    ),
    "hop_chains": Shown(
        "hop_chains",
        ("chain_id", "skeleton", "query_type", "n_hops", "question", "answer"),
        {"rejected": ("rejected_chains", "rule")},
    ),
    "verified_set": Shown(
        "verified_set",
        ("chain_id", "question", "answer", "answer_source", "verified_by"),
        {"waiting": ("waiting_chains", "reason")},
    ),
    "training_shards": Shown(
        "shard_examples",
        ("example_id", "chain_id", "split", "shard_path"),
        {"examples": ("shard_examples", "split"), "shards": ("shards", "split")},
    ),
}


def report_metadata(lake: Lake, report: StageReport) -> dict[str, dg.MetadataValue]:
    """The numbers and the sample for one batch of a stage. Values from outside are escaped."""
    shown, batch = SHOWN[report.stage], report.batch
    sample = lake.query(
        f'SELECT {", ".join(shown.columns)} FROM "{shown.table}" WHERE batch = ? ORDER BY ALL LIMIT {SAMPLE_ROWS}',
        [batch],
    )
    counts = lake.query(f'SELECT count(*), count(*) FILTER (batch = ?) FROM "{shown.table}"', [batch])
    total, mine = counts.row(0)
    found: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(total),
        "dagster/partition_row_count": dg.MetadataValue.int(mine),
        "pending before": dg.MetadataValue.int(report.pending_before),
        "pending after": dg.MetadataValue.int(report.pending_after),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
    }
    if not changed(report):
        found["this run"] = dg.MetadataValue.text("nothing was pending: the rows are those of an earlier run")
    outcomes = lake.query(
        "SELECT outcome, count(*) FROM stage_done WHERE stage = ? AND batch = ? GROUP BY ALL ORDER BY ALL",
        [report.stage, batch],
    )
    found |= {f"outcome: {outcome}": dg.MetadataValue.int(count) for outcome, count in outcomes.iter_rows()}
    for label, (table, column) in shown.counted.items():
        found |= _counted(lake, batch, label, table, column)
    if sample.height:
        found["sample"] = dg.MetadataValue.md(table_markdown(sample.to_dicts(), shown.columns))
    return found


def changed(report: StageReport) -> bool:
    """Whether the run did anything to the batch."""
    return bool(report.pending_before or report.gone)


def _counted(lake: Lake, batch: str, label: str, table: str, column: str) -> dict[str, dg.MetadataValue]:
    by: Any = f'"{column}"' if column else "''"
    rows = lake.query(
        f'SELECT {by} AS what, count(*) FROM "{table}" WHERE batch = ? GROUP BY what ORDER BY count(*) DESC, what',
        [batch],
    )
    if not column:
        return {label: dg.MetadataValue.int(sum(rows["count_star()"]))}
    return {f"{label}: {what}": dg.MetadataValue.int(count) for what, count in rows.iter_rows()}
