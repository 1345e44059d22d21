"""What the tests share: homes in which the line was run, and what they read of a Dagster instance."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import polars as pl

from hopchain_assets.defs.launch import Launched
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES

Home = tuple[Settings, list[str]]

CHECKS = {
    *((stage, "rows_are_sound") for stage in STAGES),
    ("hop_chains", "answer_is_unique_number"),
    ("verified_set", "answer_is_unique_number"),
    ("verified_set", "sql_execution_agrees"),
    ("verified_set", "people_agree"),
    ("training_shards", "answers_are_verified_ones"),
}


@dataclass(frozen=True)
class TwoRuns:
    """Six scenes in two batches, run twice; `told` is what the progress callback was told in the first run."""

    settings: Settings
    batches: list[str]
    first: Launched
    second: Launched
    told: list[tuple[str, str, int, int]]
    ledgers: tuple[pl.DataFrame, pl.DataFrame]


def materialisations(instance: dg.DagsterInstance, asset: str, run_id: str) -> dict[str, dg.AssetMaterialization]:
    """A run's materialisation of each partition."""
    found: dict[str, dg.AssetMaterialization] = {}
    for record in instance.fetch_materializations(dg.AssetKey(asset), limit=100).records:
        event = record.asset_materialization
        if record.run_id == run_id and event and event.partition:
            found.setdefault(event.partition, event)
    return found


def markdown(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Every Markdown text in the metadata of a run's materialisations, by asset, partition and entry."""
    return {
        f"{asset} {batch} {name}": value.value or ""
        for asset in STAGES
        for batch, event in materialisations(instance, asset, run_id).items()
        for name, value in event.metadata.items()
        if isinstance(value, dg.MarkdownMetadataValue)
    }


def evaluations(instance: dg.DagsterInstance, run_id: str) -> dict[tuple[str, str, str], dg.AssetCheckEvaluation]:
    """The check evaluations of a run by asset, check and partition ("" for the whole range)."""
    found: dict[tuple[str, str, str], dg.AssetCheckEvaluation] = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        assert entry.dagster_event is not None
        seen = entry.dagster_event.asset_check_evaluation_data
        found[seen.asset_key.to_user_string(), seen.check_name, seen.partition or ""] = seen
    return found
