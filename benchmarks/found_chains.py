"""Chains over masks that a segmenter gets wrong by rate, judged by the true annotations.

Pictures are looked at as if nobody had annotated them: a stand-in for a segmenter finds the instances, the line sifts,
composes and certifies, and the stand-in's own evaluator executes each accepted program on the annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from benchmarks.truth import upper_bound
from hopchain_assets.domain.certify import CertifierSettings
from hopchain_assets.domain.certify.robust import Disturbance
from hopchain_assets.domain.countable import CountLimits, uncountable
from hopchain_assets.domain.program import Objects
from hopchain_assets.domain.records import Chain, Doubt, Facts, Instance, Pair, canonical_number
from hopchain_assets.domain.sift import OTHER_NAME, SiftSettings
from hopchain_assets.ports.segmenter import Segmented, ToSegment
from hopchain_assets.stages.found_masks import found_masks
from hopchain_assets.stages.hop_chains import ChainSettings, certified_chains
from hopchain_assets.stand_in.evaluate import Evaluator
from hopchain_assets.stand_in.segmenter import OF_INSTANCES, MaskFaults, StandInSegmenter
from hopchain_assets.stand_in.truth import Known, Truth

ALL = "all kinds"


@dataclass(frozen=True, slots=True)
class Case:
    """What the segmenter does wrong: a kind, or all kinds, how often, and whether its scores tell anything."""

    kind: str
    rate: float
    informative: bool = True

    @property
    def faults(self) -> MaskFaults:
        """Of all kinds together `rate` is the share of instances with any fault, and of names with a spurious one."""
        if self.kind == ALL:
            return MaskFaults(**dict.fromkeys(OF_INSTANCES, self.rate / len(OF_INSTANCES)), spurious=self.rate)
        return MaskFaults(**{self.kind: self.rate})


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps wrong chains out; a score of 0 is switched off, `doubts` are those about what was left out."""

    sure: float = CountLimits().sure_score
    weak: float = Disturbance().weak_score
    least: float = SiftSettings().least_score
    doubts: bool = True


@dataclass(slots=True)
class Tally:
    """Chains accepted, those of them that are wrong, and pictures looked at."""

    accepted: int = 0
    wrong: int = 0
    pictures: int = 0

    def add(self, other: Tally) -> None:
        """Takes in another one."""
        self.accepted += other.accepted
        self.wrong += other.wrong
        self.pictures += other.pictures

    @property
    def share(self) -> float:
        """Of the accepted ones that are wrong."""
        return self.wrong / self.accepted if self.accepted else 0.0

    @property
    def bound(self) -> float:
        """Of that share, one-sided, with 95% certainty, as if chains of a picture were independent."""
        return upper_bound(self.wrong, self.accepted) if self.accepted else 1.0

    @property
    def per_picture(self) -> float:
        """Chains accepted of each picture."""
        return self.accepted / self.pictures if self.pictures else 0.0


def looked_at(truth: Truth, case: Case, seed: int) -> Iterator[tuple[Known, Segmented]]:
    """What is found of each picture under its names and one that is not there."""
    pictures = [truth.known(name) for name in truth.names()]
    every = sorted({category for known in pictures for category in known.categories})
    segmenter = StandInSegmenter(truth, case.faults, case.informative, seed)
    for known in pictures:
        there = dict.fromkeys([*known.categories, *(name for name, _ in known.crowds), *sorted(known.unusable)])
        absent = Random(f"{seed} {known.image_id}").choice([name for name in every if name not in there])
        asked = ToSegment(known.image_id, (*there, absent), truth.path(known.image_id).read_bytes)
        yield known, next(segmenter.segment([asked]))


def facts_of(known: Known, told: Segmented, settings: SiftSettings) -> Facts:
    """What the line makes of it; which categories may be counted is not said yet."""
    made = found_masks(told, "stand-in", known.height, known.width, settings)
    items = sorted((_instance(row) for row in made.instances), key=lambda item: item.instance_id)
    doubts = tuple(
        Doubt(_instance(row), row["rival_id"] if row["reason"] == OTHER_NAME else "")
        for row in made.left_out
        if row["doubtful"]
    )
    rows = [] if made.pairs is None else made.pairs.iter_rows(named=True)
    pairs = {(row["a"], row["b"]): Pair(row["overlap_px"], row["inside_share"], row["edge_gap"]) for row in rows}
    return Facts(known.image_id, known.width, known.height, tuple(items), pairs, {}, {}, doubts)


def _instance(row: Mapping[str, Any]) -> Instance:
    box = (row["x0"], row["y0"], row["x1"], row["y1"])
    place = (row["cx"], row["cy"], row["area"])
    return Instance(row["instance_id"], row["category"], box, *place, row["mask_rle"], score=row["score"])


def guarded(facts: Facts, guards: Guards) -> Facts:
    """With the categories that may not be counted, and without doubts where they are switched off."""
    doubts = facts.doubts if guards.doubts else ()
    limits = CountLimits(sure_score=guards.sure)
    perhaps = [doubt.instance.category for doubt in doubts]
    reasons = uncountable(facts.instances, (), facts.width, facts.height, limits, perhaps)
    return replace(facts, uncountable=reasons, doubts=doubts)


def is_wrong(known: Known, chain: Chain) -> bool:
    """Whether the annotations give another answer, or cannot tell."""
    undefined = {category for category, _ in known.crowds} | known.unusable
    if any(isinstance(node, Objects) and node.category in undefined for node in chain.program.nodes):
        return True
    answer = Evaluator(known).answer(chain.program.to_json())
    return answer is None or canonical_number(answer) != chain.answer


def tallies(truth: Truth, case: Case, seed: int, several: Sequence[Guards]) -> list[Tally]:
    """What comes of the same finds behind each of several guards."""
    made = [Tally() for _ in several]
    for known, told in looked_at(truth, case, seed):
        seen = {least: facts_of(known, told, SiftSettings(least)) for least in {guards.least for guards in several}}
        judged: dict[object, Tally] = {}
        for guards, tally in zip(several, made, strict=True):
            facts = guarded(seen[guards.least], guards)
            # thresholds tell for chains by what they close and whom they doubt alone: many come to the same
            weak = [item for item in facts.instances if item.score < guards.weak]
            if len(weak) + len(facts.doubts) <= Disturbance().doubts:
                # those of closed categories take no other one's place
                weak = [item for item in weak if item.category not in facts.uncountable]
            key = (
                guards.least,
                frozenset(facts.uncountable),
                frozenset(item.instance_id for item in weak),
                bool(facts.doubts),
            )
            if key not in judged:
                judged[key] = _judged(known, facts, guards)
            tally.add(judged[key])
    return made


def _judged(known: Known, facts: Facts, guards: Guards) -> Tally:
    settings = ChainSettings(certifier=CertifierSettings(disturbance=Disturbance(weak_score=guards.weak)))
    chains, _ = certified_chains(facts, settings)
    return Tally(len(chains), sum(is_wrong(known, chain) for chain in chains), 1)
