"""Blocking checks on the batches that the run has just written: each answer is a unique number.

A batch whose rows passed the same rules before passes without another look, because Great Expectations takes
seconds to import. That is decided by the content of the rows: rows that somebody altered are checked like new ones.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import dagster as dg
import polars as pl
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.event_api import PartitionKeyFilter

from hopchain_assets.defs.partitions import IMAGE_BATCH
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.rules import RULES, Frames, Rule
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.quality.suite import MAX_IDS, CheckOutcome

FINGERPRINT = "rows checked"
TOGETHER = 32
_JUDGES = ("quality/answers.py", "quality/suite.py", "warehouse/program_sql.py", "defs/rules.py")


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome for one batch, and the fingerprint of the rows that it is about."""

    batch: str
    fingerprint: str
    outcome: CheckOutcome


def build_check(rule: Rule) -> dg.AssetChecksDefinition:
    """The rule as a blocking check of its asset, partitioned like it."""

    @dg.asset_check(
        asset=rule.asset, name=rule.name, description=rule.says, blocking=True, partitions_def=IMAGE_BATCH
    )
    def check(context: dg.AssetCheckExecutionContext, line: dg.ResourceParam[LineResource]) -> dg.AssetCheckResult:
        judged = _judge_all(context, line, rule)
        if not context.has_partition_key:
            # for a range Dagster would record one result without a partition: each batch gets its own
            for each in judged:
                context.op_execution_context.log_event(_evaluation(context.instance, rule, each))
        outcome = _summed([each.outcome for each in judged])
        prints = hashlib.sha256("".join(each.fingerprint for each in judged).encode()).hexdigest()
        return dg.AssetCheckResult(
            passed=outcome.passed,
            description=outcome.summary,
            metadata=_metadata(outcome, judged[0].fingerprint if len(judged) == 1 else prints),
        )

    return check


def _judge_all(context: dg.AssetCheckExecutionContext, line: LineResource, rule: Rule) -> list[Judged]:
    """Each batch of the run, in order. Some are read at a time, so that memory does not grow with the range."""
    judged: list[Judged] = []
    batches = iter(context.partition_keys)
    while some := list(itertools.islice(batches, TOGETHER)):
        frames = {batch: rule.read(line.line, batch) for batch in some}
        prints = {batch: _fingerprint(frames[batch]) for batch in some}
        fresh = [batch for batch in some if not _passed_before(context.instance, rule, batch, prints[batch])]
        outcomes = _outcomes(rule, {batch: frames[batch] for batch in fresh})
        unchanged = CheckOutcome(True, "These rows passed before and have not changed since.", (), 0, {})
        judged += [Judged(batch, prints[batch], outcomes.get(batch, unchanged)) for batch in some]
    return judged


def _outcomes(rule: Rule, frames: Mapping[str, Frames]) -> dict[str, CheckOutcome]:
    """One judgement for all when all is well, else one for each, so that a fault is told of its batch alone."""
    if len(frames) > 1:
        names = next(iter(frames.values())).keys()
        whole = {name: pl.concat([each[name] for each in frames.values()], how="vertical_relaxed") for name in names}
        outcome = rule.judge(whole)
        if outcome.passed:
            return dict.fromkeys(frames, outcome)
    return {batch: rule.judge(each) for batch, each in frames.items()}


def _passed_before(instance: dg.DagsterInstance, rule: Rule, batch: str, fingerprint: str) -> bool:
    """Whether the last evaluation of this batch passed, and was about these rows by these rules."""
    last = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(rule.asset), rule.name), limit=1,
        status=None, partition_filter=PartitionKeyFilter(key=batch),
    )
    return bool(last) 


@cache
def _rules_text() -> bytes:
    """The source of all that judges: another wording of a rule looks at the rows again."""
    package = resources.files("hopchain_assets")
    return b"".join(package.joinpath(name).read_bytes() for name in _JUDGES)


def _fingerprint(frames: Frames) -> str:
    content = hashlib.sha256(_rules_text())
    for name in sorted(frames):
        content.update(f"{name}\n".encode())
        content.update(frames[name].write_ndjson().encode())
    return content.hexdigest()[:20]


def _evaluation(instance: dg.DagsterInstance, rule: Rule, judged: Judged) -> dg.AssetCheckEvaluation:
    key = dg.AssetKey(rule.asset)
    records = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[judged.batch]), limit=1).records
    target = [
        AssetCheckEvaluationTargetMaterializationData(
            run_id=record.event_log_entry.run_id, storage_id=record.storage_id, timestamp=record.timestamp
        )
        for record in records
    ]
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=rule.name,
        passed=judged.outcome.passed,
        description=judged.outcome.summary,
        metadata=_metadata(judged.outcome, judged.fingerprint),
        target_materialization_data=target[0] if target else None,
        blocking=True,
        partition=judged.batch,
    )


def _summed(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """What all batches together came to."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not failed:
        return CheckOutcome(True, " ".join(dict.fromkeys(outcome.summary for outcome in outcomes)), (), 0, {})
    ids = tuple(itertools.islice(itertools.chain.from_iterable(outcome.failing_ids for outcome in failed), MAX_IDS))
    details = {f"{name} #{number}": seen for number, o in enumerate(failed, 1) for name, seen in o.details.items()}
    summary = " ".join(outcome.summary for outcome in failed)
    return CheckOutcome(False, summary, ids, sum(outcome.n_failing for outcome in failed), details)


def _metadata(outcome: CheckOutcome, fingerprint: str) -> dict[str, dg.MetadataValue]:
    found: dict[str, dg.MetadataValue] = {
        "failing rows": dg.MetadataValue.int(outcome.n_failing),
        FINGERPRINT: dg.MetadataValue.text(fingerprint),
    }
    if outcome.failing_ids:
        found["failing ids"] = dg.MetadataValue.json(list(outcome.failing_ids))
    broken = [{"rule": name, **seen} for name, seen in outcome.details.items() if not seen["passed"]]
    if broken:
        shown = [row | {"observed": "; ".join(row["observed"])} for row in broken]
        found["broken rules"] = dg.MetadataValue.md(table_markdown(shown, ("rule", "failing", "observed")))
    return found


CHECKS = [build_check(rule) for rule in RULES]
