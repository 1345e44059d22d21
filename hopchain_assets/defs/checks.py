"""Blocking checks on the batches that the run has just written: each answer is a unique number.

A batch whose rows passed the same rules before passes without another look, because Great Expectations takes
seconds to import. That is decided by the content of the rows: rows that somebody altered are checked like new ones.
"""

# Dagster reads the annotation of `context` as it stands: postponed annotations would be texts to it.
import hashlib
import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import dagster as dg
import polars as pl

from hopchain_assets.defs.memory import FINGERPRINT, last_materialisation, passed_before
from hopchain_assets.defs.partitions import IMAGE_BATCH
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.rules import RULES, Frames, Rule
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.quality.suite import MAX_IDS, CheckOutcome
from hopchain_assets.stages.line import Line

BATCHES_AT_A_TIME = 8
_JUDGES = (
    "quality/answers.py",
    "quality/columns.py",
    "quality/people.py",
    "quality/suite.py",
    "quality/tables.py",
    "domain/masks.py",
    "domain/nodes.py",
    "domain/program.py",
    "domain/records.py",
    "warehouse/execute.py",
    "warehouse/program_sql.py",
    "warehouse/sql_text.py",
    "defs/rules.py",
)
_UNCHANGED = CheckOutcome(True, "These rows passed before and have not changed since.", (), 0, {})


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome for one batch, and the fingerprint of the rows that it is about."""

    batch: str
    fingerprint: str
    outcome: CheckOutcome


def build_check(rule: Rule) -> dg.AssetChecksDefinition:
    """The rule as a blocking check of its asset, partitioned like it."""
    key = dg.AssetCheckKey(dg.AssetKey(rule.asset), rule.name)

    def check(context: dg.AssetCheckExecutionContext, line: dg.ResourceParam[LineResource]) -> dg.AssetCheckResult:
        judged = judge_batches(context.instance, key, rule, line.line, context.partition_keys)
        if not context.has_partition_key:
            # of a range Dagster records one result without a partition: each batch gets its own beside it
            for each in judged:
                # accepted and stored, though the annotation of log_event does not name this event
                evaluation: Any = _evaluation(context.instance, key, each)
                context.op_execution_context.log_event(evaluation)
        outcome = _summed([each.outcome for each in judged])
        metadata = _metadata(outcome, judged[0].fingerprint if context.has_partition_key else None)
        return dg.AssetCheckResult(passed=outcome.passed, description=outcome.summary, metadata=metadata)

    with warnings.catch_warnings():
        # checks by partition are a preview in 1.13; without them one bad batch would mark all of the asset
        warnings.simplefilter("ignore", dg.PreviewWarning)
        decorate = dg.asset_check(
            asset=rule.asset, name=rule.name, description=rule.says, blocking=True, partitions_def=IMAGE_BATCH
        )
        return decorate(check)


def judge_batches(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, rule: Rule, line: Line, batches: Sequence[str]
) -> list[Judged]:
    """Each batch in order. A few are read at a time, so that memory does not grow with the range."""
    judged: list[Judged] = []
    for start in range(0, len(batches), BATCHES_AT_A_TIME):
        some = batches[start : start + BATCHES_AT_A_TIME]
        frames = {batch: rule.read(line, batch) for batch in some}
        prints = {batch: _fingerprint(frames[batch]) for batch in some}
        fresh = [batch for batch in some if not passed_before(instance, key, batch, prints[batch])]
        outcomes = _outcomes(rule, {batch: frames[batch] for batch in fresh})
        judged += [Judged(batch, prints[batch], outcomes.get(batch, _UNCHANGED)) for batch in some]
    return judged


def _outcomes(rule: Rule, frames: Mapping[str, Frames]) -> dict[str, CheckOutcome]:
    """One judgement for all when all is well, else one for each, so that a fault is told of its batch alone."""
    if len(frames) > 1:
        names = next(iter(frames.values())).keys()
        whole = {name: pl.concat([each[name] for each in frames.values()], how="vertical_relaxed") for name in names}
        outcome = rule.judge(whole)
        if outcome.passed:
            told = replace(outcome, summary=f"{len(frames)} batches together: {outcome.summary}")
            return dict.fromkeys(frames, told)
    return {batch: rule.judge(each) for batch, each in frames.items()}


@cache
def _rules_text() -> bytes:
    """The source of all that judges: rows are looked at again when a rule is worded otherwise."""
    package = resources.files("hopchain_assets")
    return b"".join(package.joinpath(name).read_bytes() for name in _JUDGES)


def _fingerprint(frames: Frames) -> str:
    content = hashlib.sha256(_rules_text())
    for name in sorted(frames):
        content.update(f"{name}\n{frames[name].write_ndjson()}".encode())
    return content.hexdigest()[:20]


def _evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey, judged: Judged) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=judged.outcome.passed,
        description=judged.outcome.summary,
        metadata=_metadata(judged.outcome, judged.fingerprint),
        target_materialization_data=last_materialisation(instance, key.asset_key, judged.batch),
        blocking=True,
        partition=judged.batch,
    )


def _summed(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """What all batches together came to."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not failed:
        return CheckOutcome(True, " ".join(dict.fromkeys(outcome.summary for outcome in outcomes)), (), 0, {})
    ids = itertools.chain.from_iterable(outcome.failing_ids for outcome in failed)
    return CheckOutcome(
        passed=False,
        summary=" ".join(outcome.summary for outcome in failed),
        failing_ids=tuple(itertools.islice(ids, MAX_IDS)),
        n_failing=sum(outcome.n_failing for outcome in failed),
        details={f"{name} ({n})": seen for n, each in enumerate(failed, 1) for name, seen in each.details.items()},
    )


def _metadata(outcome: CheckOutcome, fingerprint: str | None) -> dict[str, dg.MetadataValue]:
    found: dict[str, dg.MetadataValue] = {"failing rows": dg.MetadataValue.int(outcome.n_failing)}
    if outcome.failing_ids:
        found["failing ids"] = dg.MetadataValue.json(list(outcome.failing_ids))
    broken = [
        {"rule": name, "failing": seen["failing"], "observed": "; ".join(seen["observed"])}
        for name, seen in outcome.details.items()
        if not seen["passed"]
    ]
    if broken:
        found["broken rules"] = dg.MetadataValue.md(table_markdown(broken, ("rule", "failing", "observed")))
    if fingerprint:
        found[FINGERPRINT] = dg.MetadataValue.text(fingerprint)
    return found


CHECKS = [build_check(rule) for rule in RULES]
