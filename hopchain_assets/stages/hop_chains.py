"""Stage `hop_chains`: questions are composed over each picture's facts and certified (stage 3 of the paper)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.certify import Certifier, CertifierSettings
from hopchain_assets.domain.composer import GENERATOR, ComposerSettings, compose
from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.domain.records import Chain, Facts, Finding, digest
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.facts import chain_row, read_facts
from hopchain_assets.stages.spread import Failed, spread
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import complete_categories

CODE = 1
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """`per_picture` chains at most, and what the composer and the certifier are set to."""

    per_picture: int = 8
    composer: ComposerSettings = field(default_factory=ComposerSettings)
    certifier: CertifierSettings = field(default_factory=CertifierSettings)
    limits: CountLimits = field(default_factory=CountLimits)


@dataclass(frozen=True, slots=True)
class HopChains:
    """Composes and certifies; what is rejected is kept with its rule."""

    lake: Lake
    settings: ChainSettings
    workers: int = 1

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables("hop_chains", {"hop_chains": "image_id", "rejected_chains": "image_id"})

    @property
    def version(self) -> str:
        """Raised by code and by every setting of the composer and the certifier."""
        return stage_version("hop_chains", CODE, self.settings)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures with instances; which of their categories are complete is part of the hash."""
        complete = complete_categories(connection, batches)
        ready = upstream(connection, ["categories", "instance_masks"], batches)
        return {
            batch: {name: digest(value, *sorted(complete.get(name, ()))) for name, value in hashes.items()}
            for batch, hashes in ready.items()
        }

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Certified chains and rejected proposals of each picture."""
        with self.lake.open() as connection:
            facts = read_facts(connection, batch, self.settings.limits, inputs)
            complete = complete_categories(connection, [batch])
        items = [(facts[name], complete.get(name, frozenset())) for name in inputs]
        results = spread(partial(_rows, self.settings), items, self.workers, progress)
        chains: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        outcomes: dict[str, str] = {}
        failures: dict[str, str] = {}
        for name, result in zip(inputs, results, strict=True):
            if isinstance(result, Failed):
                failures[name] = result.error
                continue
            chains += result[0]
            rejected += result[1]
            outcomes[name] = "done" if result[0] else "nothing"
        frames = {"hop_chains": pl.DataFrame(chains), "rejected_chains": pl.DataFrame(rejected)}
        return Work({table: frame for table, frame in frames.items() if frame.height}, outcomes, failures)


def _rows(settings: ChainSettings, item: tuple[Facts, frozenset[str]]) -> tuple[Rows, Rows]:
    """Rows of `hop_chains` and of `rejected_chains` for one picture."""
    facts, complete = item
    certified, refused = certified_chains(facts, settings, complete)
    rejected = [_rejected_row(chain, finding) for chain, finding in refused]
    rejected += [_unused_row(facts.image_id, category, why) for category, why in sorted(facts.uncountable.items())]
    return [chain_row(chain) for chain in certified], rejected


def certified_chains(
    facts: Facts, settings: ChainSettings, complete: Collection[str] = ()
) -> tuple[list[Chain], list[tuple[Chain, Finding]]]:
    """Up to `per_picture` certified chains of a picture, and what was rejected on the way.

    Chains over `complete` categories alone come first: only they can be verified without people. No skeleton
    gives more than a third of a picture's chains, so that they differ.
    """
    certifier = Certifier(facts, settings.certifier)
    most = max(1, settings.per_picture // 3)
    certified: list[Chain] = []
    rejected: list[tuple[Chain, Finding]] = []
    for chain in _proposals(facts, settings, complete):
        if sum(other.skeleton == chain.skeleton for other in certified) >= most:
            continue
        finding = certifier.certify(chain)
        if finding:
            rejected.append((chain, finding))
            continue
        certified.append(chain)
        if len(certified) == settings.per_picture:
            break
    return certified, rejected


def _proposals(facts: Facts, settings: ChainSettings, complete: Collection[str]) -> Iterator[Chain]:
    present = {item.category for item in facts.instances}
    if complete and present - set(complete):
        closed = dict.fromkeys(present - set(complete), "nobody says that all are marked")
        yield from compose(replace(facts, uncountable={**closed, **facts.uncountable}), settings.composer)
    yield from compose(facts, settings.composer)


def _rejected_row(chain: Chain, finding: Finding) -> dict[str, Any]:
    return {
        "chain_id": chain.chain_id,
        "image_id": chain.image_id,
        "rule": finding.rule,
        "detail": finding.detail,
        "question": chain.question,
        "generator": chain.generator,
    }


def _unused_row(image_id: str, category: str, reason: str) -> dict[str, Any]:
    """A category that no question may be about is a loss too: kept, so that losses by rule add up."""
    return {
        "chain_id": None,
        "image_id": image_id,
        "rule": "countable",
        "detail": f"{category}: {reason}",
        "question": None,
        "generator": GENERATOR,
    }
