"""What the tests read of a Dagster instance."""

from __future__ import annotations

import dagster as dg

from hopchain_assets.stages.line import STAGES

CHECKS = {
    ("hop_chains", "answer_is_unique_number"),
    ("verified_set", "answer_is_unique_number"),
    ("verified_set", "sql_execution_agrees"),
    ("training_shards", "answers_are_verified_ones"),
}


def materialisations(instance: dg.DagsterInstance, asset: str) -> dict[str, dg.AssetMaterialization]:
    """The last materialisation of each partition."""
    found: dict[str, dg.AssetMaterialization] = {}
    for record in instance.fetch_materializations(dg.AssetKey(asset), limit=100).records:
        event = record.asset_materialization
        if event and event.partition:
            found.setdefault(event.partition, event)
    return found


def markdown(instance: dg.DagsterInstance) -> dict[str, str]:
    """Every Markdown text in the metadata of all last materialisations, by asset, partition and entry."""
    return {
        f"{asset} {batch} {name}": value.value or ""
        for asset in STAGES
        for batch, event in materialisations(instance, asset).items()
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
