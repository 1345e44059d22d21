"""Stage `hop_chains`: questions are written and composed over each picture's facts, and certified (paper: stage 3)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.certify import Certifier, CertifierSettings
from hopchain_assets.domain.composer import GENERATOR, ComposerSettings, compose
from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.domain.records import NO_REPLY, Chain, Facts, Finding, digest
from hopchain_assets.stages.asking import AskSettings, Left, Models, ask_each
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.facts import GRAMMAR, chain_row, read_facts
from hopchain_assets.stages.spread import Failed, computing, spread
from hopchain_assets.stages.writing import (
    Compute,
    PictureWritten,
    Refused,
    Writer,
    WriterSettings,
    asked_as,
)
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import complete_categories
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 2
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """`per_picture` composed chains at most, and what the composer, the writer and the certifier are set to."""

    per_picture: int = 8
    writer: WriterSettings = field(default_factory=WriterSettings)
    composer: ComposerSettings = field(default_factory=ComposerSettings)
    certifier: CertifierSettings = field(default_factory=CertifierSettings)
    limits: CountLimits = field(default_factory=CountLimits)


@dataclass(frozen=True, slots=True)
class HopChains:
    """Has questions written where there is a model and somebody else to read them, composes others, certifies all.

    What is rejected is kept with its rule.
    """

    lake: Lake
    settings: ChainSettings
    workers: int
    pictures: PictureStore
    models: Models
    asking: AskSettings

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables(
        "hop_chains", {"hop_chains": "image_id", "rejected_chains": "image_id", "perceptions": "image_id"}
    )

    @property
    def version(self) -> str:
        """Raised by code and every setting of composer and certifier, and by models and prompts where any are asked."""
        asked = asked_as(self.models, self.settings.writer, self.asking.sent_pixels) if self._writes else ()
        return stage_version("hop_chains", CODE, self._without_writer, *asked)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures with instances; which of their categories are complete is part of the hash."""
        complete = complete_categories(connection, batches)
        ready = upstream(connection, ["categories", "instance_masks"], batches)
        return {
            batch: {name: digest(value, *sorted(complete.get(name, ()))) for name, value in hashes.items()}
            for batch, hashes in ready.items()
        }

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Certified chains and rejected proposals of each picture.

        Raises:
            ServerUnavailable: when a model is to be asked and cannot be.
        """
        with self.lake.reading() as connection:
            # what was perceived for chains of before is no fact for new ones: they ask anew, and the ledger answers
            facts = {
                name: replace(known, perceptions={})
                for name, known in read_facts(connection, batch, self.settings.limits, inputs).items()
            }
            complete = complete_categories(connection, [batch])
        of = len(inputs)
        made = Made()
        written: dict[str, PictureWritten] = {}
        # where somebody writes, that is half of the way
        share = 2 if self._writes else 1
        asked = self._written([facts[name] for name in inputs], lambda done, _: progress(done // share, of))
        for name, ended in asked.items():
            if isinstance(ended, Left):
                made.left.append(name)
            else:
                written[name] = ended if isinstance(ended, PictureWritten) else _nothing_written(name, ended)
        here = [name for name in inputs if name in written]
        items = [(facts[name], complete.get(name, frozenset()), written[name]) for name in here]
        results = spread(
            partial(_rows, self.settings),
            items,
            self.workers,
            lambda done, _: progress(of - math.ceil((len(here) - done) / share), of),
        )
        for name, result in zip(here, results, strict=True):
            made.add(name, result)
        return made.work()

    @property
    def _writes(self) -> bool:
        return self.models.vlm is not None and self.models.binder is not None and self.settings.writer.combinations > 0

    @property
    def _without_writer(self) -> ChainSettings:
        """The settings that count where nobody writes."""
        return replace(self.settings, writer=WriterSettings())

    def _written(self, facts: Sequence[Facts], progress: Progress) -> dict[str, PictureWritten | Failed | Left]:
        """What a model wrote for each picture; nothing where there is no model."""
        if not self._writes:
            return {known.image_id: PictureWritten() for known in facts}
        # a store that cannot be reached is no picture's fault
        self.pictures.has("0" * 64)
        with computing(self.workers) as compute:

            async def write(known: Facts) -> PictureWritten:
                data = await asyncio.to_thread(self.pictures.get, known.image_id)
                writer = await asyncio.to_thread(self._writer, known, data, compute)
                return await writer.write()

            return dict(
                zip(
                    (known.image_id for known in facts),
                    ask_each(self.models, facts, write, progress, self.settings.writer.combinations),
                    strict=True,
                )
            )

    def _writer(self, facts: Facts, data: bytes, compute: Compute) -> Writer:
        settings = self.settings
        pixels = self.asking.sent_pixels
        return Writer.of_picture(self.models, settings.writer, settings.certifier, facts, data, pixels, compute)


@dataclass(slots=True)
class Made:
    """Rows and outcomes, gathered picture by picture."""

    rows: dict[str, Rows] = field(default_factory=lambda: {"hop_chains": [], "rejected_chains": [], "perceptions": []})
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def add(self, name: str, result: Mapping[str, Rows] | Failed) -> None:
        """Takes in what came of a picture."""
        if isinstance(result, Failed):
            self.failures[name] = result.error
            return
        for table, rows in result.items():
            self.rows[table] += rows
        self.outcomes[name] = "done" if result["hop_chains"] else "nothing"

    def work(self) -> Work:
        """All of it, for the engine."""
        frames = {table: pl.DataFrame(rows, infer_schema_length=None) for table, rows in self.rows.items() if rows}
        return Work(frames, self.outcomes, self.failures, self.left)


def _nothing_written(image_id: str, failed: Failed) -> PictureWritten:
    """Composed chains need no model: what failed in writing takes none of them along, and can be tried again."""
    finding = Finding(NO_REPLY, failed.error)
    return PictureWritten(refused=[Refused(digest(image_id, NO_REPLY), "", "vlm", finding)])


def _rows(settings: ChainSettings, item: tuple[Facts, frozenset[str], PictureWritten]) -> Mapping[str, Rows]:
    """Rows by table for one picture."""
    facts, complete, written = item
    known = [chain for chain, _ in written.chains]
    composed, refused = certified_chains(facts, settings, complete, known)
    proposed = [Refused(chain.chain_id, chain.question, chain.generator, finding) for chain, finding in refused]
    rejected = [_refused_row(facts.image_id, one) for one in (*proposed, *written.refused)]
    rejected += [_unused_row(facts.image_id, category, why) for category, why in sorted(facts.uncountable.items())]
    return {
        "hop_chains": [chain_row(chain, by) for chain, by in written.chains]
        + [chain_row(chain, GRAMMAR) for chain in composed],
        "rejected_chains": rejected,
        "perceptions": [{"image_id": facts.image_id, **asdict(seen)} for seen in written.perceived],
    }


def certified_chains(
    facts: Facts, settings: ChainSettings, complete: Collection[str] = (), known: Sequence[Chain] = ()
) -> tuple[list[Chain], list[tuple[Chain, Finding]]]:
    """Up to `per_picture` certified chains of a picture beside the `known` ones, and what was rejected on the way.

    Chains over `complete` categories alone come first: only they can be verified without people. No skeleton
    gives more than a third of a picture's chains, so that they differ.
    """
    certifier = Certifier(facts, settings.certifier)
    for chain in known:
        certifier.know(chain)
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


def _refused_row(image_id: str, refused: Refused) -> dict[str, Any]:
    return {
        "chain_id": refused.chain_id,
        "image_id": image_id,
        "rule": refused.finding.rule,
        "detail": refused.finding.detail,
        "question": refused.question,
        "generator": refused.generator,
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
