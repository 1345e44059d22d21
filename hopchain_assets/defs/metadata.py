"""What a materialisation says of itself: counts, losses and a sample of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.settings import Settings
from hopchain_assets.stages.engine import StageReport
from hopchain_assets.warehouse.lake import Lake

SAMPLE_ROWS = 5
Metadata = dict[str, dg.MetadataValue]


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
    "image_ratings": Shown(
        "image_ratings",
        ("image_id", "complexity", "quality", "kept", "complex_objects", "reason", "source"),
        {"quality": ("image_ratings", "quality")},
    ),
    "categories": Shown("categories", ("image_id", "category", "source", "crowd"), {}),
    "instance_masks": Shown(
        "instances",
        ("image_id", "instance_id", "category", "cx", "cy", "area", "score", "attributes", "source"),
        {
            "pairs": ("pairs", ""),
            "unusable annotations": ("bad_annotations", ""),
            "names grounded": ("groundings", "grounded"),
            "left out": ("left_out", "reason"),
            "texts decisive": ("texts", "decisive"),
        },
    ),
    "hop_chains": Shown(
        "hop_chains",
        ("chain_id", "skeleton", "query_type", "n_hops", "question", "answer"),
        {"rejected": ("rejected_chains", "rule"), "perceived": ("perceptions", "value")},
    ),
    "verified_set": Shown(
        "verified_set",
        ("chain_id", "question", "answer", "answer_source", "verified_by"),
        {"waiting": ("waiting_chains", "reason"), "verified by": ("verified_set", "verified_by")},
    ),
    "training_shards": Shown(
        "shard_examples",
        ("example_id", "chain_id", "split", "shard_path"),
        {"examples": ("shard_examples", "split"), "shards": ("shards", "split")},
    ),
}


def pages(lake: Lake, stage: str, reports: Sequence[StageReport]) -> dict[str, Metadata]:
    """The numbers and the sample of each reported batch. Values from outside are escaped.

    Reads each table once for all batches: a query for each of a thousand batches would take minutes.
    """
    shown, batches = SHOWN[stage], [report.batch for report in reports]
    total = dg.MetadataValue.int(lake.query(f'SELECT count(*) FROM "{shown.table}"').item())
    rows = dict(_counts(lake, f'"{shown.table}"', "", batches))
    found: dict[str, Metadata] = {
        report.batch: {
            "dagster/row_count": total,
            "dagster/partition_row_count": dg.MetadataValue.int(rows.get((report.batch, ""), 0)),
            **_progress(report),
        }
        for report in reports
    }
    counted = {"outcome": ("stage_done", "outcome"), **shown.counted}
    for label, (table, column) in counted.items():
        where = f"(FROM stage_done WHERE stage = '{stage}')" if table == "stage_done" else f'"{table}"'
        for (batch, value), count in _counts(lake, where, column, batches):
            found[batch][f"{label}: {value}" if column else label] = dg.MetadataValue.int(count)
    for batch, sample in _samples(lake, shown, batches).items():
        found[batch]["sample"] = dg.MetadataValue.md(table_markdown(sample.to_dicts(), shown.columns))
    return found


def paid_metadata(settings: Settings, stage: str, run: str) -> Metadata:
    """What the run has paid to models for a stage, all batches together; nothing where nobody is asked."""
    if settings.servers.vlm is None:
        return {}
    found: Metadata = {}
    for spent in Ledger(settings.operations).spent_by(["stage"], run):
        if spent.group == (stage,):
            found["calls paid in this run"] = dg.MetadataValue.int(spent.calls)
            found["of those unusable"] = dg.MetadataValue.int(spent.unusable)
            found["tokens in"] = dg.MetadataValue.int(spent.prompt_tokens)
            found["tokens out"] = dg.MetadataValue.int(spent.completion_tokens)
            found["of those reasoning"] = dg.MetadataValue.int(spent.reasoning_tokens)
            if spent.unpriced_calls < spent.calls:
                found["cost"] = dg.MetadataValue.float(round(spent.cost, 6))
    return found


def changed(report: StageReport) -> bool:
    """Whether the run did anything to the batch."""
    return bool(report.pending_before or report.gone)


def _progress(report: StageReport) -> Metadata:
    found: Metadata = {
        "pending before": dg.MetadataValue.int(report.pending_before),
        "pending after": dg.MetadataValue.int(report.pending_after),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
    }
    if not changed(report):
        found["this run"] = dg.MetadataValue.text("nothing was pending: the rows are those of an earlier run")
    return found


def _counts(lake: Lake, source: str, column: str, batches: Sequence[str]) -> list[tuple[tuple[str, str], int]]:
    """Rows by batch and value of the column ("" for all rows of a batch), the most frequent value first."""
    by = f'"{column}"::VARCHAR' if column else "''"
    rows = lake.query(
        f"SELECT batch, {by} AS what, count(*) AS n FROM {source} WHERE list_contains(?, batch) "
        "GROUP BY ALL ORDER BY n DESC, what",
        [list(batches)],
    )
    return [((batch, what), count) for batch, what, count in rows.iter_rows()]


def _samples(lake: Lake, shown: Shown, batches: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The first rows of each batch that has any."""
    columns = ", ".join(shown.columns)
    rows = lake.query(
        f'SELECT batch, {columns} FROM "{shown.table}" WHERE list_contains(?, batch) '
        f"QUALIFY row_number() OVER (PARTITION BY batch ORDER BY {columns}) <= {SAMPLE_ROWS} ORDER BY ALL",
        [list(batches)],
    )
    return {str(batch): sample for (batch,), sample in rows.group_by("batch", maintain_order=True)}
