"""What Dagster remembers of earlier evaluations. The one place that reads its event log below the public API."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

Target = AssetCheckEvaluationTargetMaterializationData
FINGERPRINT = "rows checked"


def passed_before(instance: dg.DagsterInstance, check: dg.AssetCheckKey, batch: str, fingerprint: str) -> bool:
    """Whether the last evaluation of this batch passed and was about the rows with this fingerprint."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=1, status={Status.SUCCEEDED, Status.FAILED}, partition_filter=PartitionKeyFilter(key=batch)
    )
    if not records or records[0].status != Status.SUCCEEDED or records[0].event is None:
        return False
    event = records[0].event.dagster_event
    seen = event.asset_check_evaluation_data.metadata.get(FINGERPRINT) if event else None
    return seen is not None and seen.value == fingerprint


def last_materialisation(instance: dg.DagsterInstance, asset: dg.AssetKey, batch: str) -> Target | None:
    """The materialisation of a batch that an evaluation made now is about."""
    wanted = dg.AssetRecordsFilter(asset, asset_partitions=[batch])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)
    return None
