"""Writes chains about pictures from their truth: proposals of the composer, checked, put into free words, some spoilt.

A proposal whose answer differs from what `evaluate.py` makes of it is never written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from hopchain_assets.domain.records import canonical_number, digest
from hopchain_assets.stand_in.english import Unsaid, put_into_words
from hopchain_assets.stand_in.evaluate import Evaluator, Program
from hopchain_assets.stand_in.faults import WRITTEN, Planted, Planting, Rates, plant
from hopchain_assets.stand_in.looks import Looks, involved, result
from hopchain_assets.stand_in.pools import INVOLVED, Pool, Pools, Proposal
from hopchain_assets.stand_in.predicates import SHADES
from hopchain_assets.stand_in.slips import changed
from hopchain_assets.stand_in.truth import Known

# repairs come soon after what they repair
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: how many chains, on which instances, over which categories and attributes."""

    wanted: int
    combination: frozenset[int]
    categories: tuple[str, ...]
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it is sent, and what the log says of it."""

    sent: Mapping[str, Any]
    logged: Mapping[str, Any]


class Writer:
    """Writes and mends. Remembers what it wrote, so that it knows in a repair what was wrong with it."""

    def __init__(self, rates: Rates, seed: int) -> None:
        self.rates = rates
        self.pools = Pools(seed)
        self._written: OrderedDict[str, tuple[int, bytes, str]] = OrderedDict()

    def write(self, known: Known, order: Order, repair_round: int, random: Random) -> list[Chain]:
        """As many chains as the combination gives, at most those wanted, none twice."""
        pool = self.pools.of(known)
        chains: list[Chain] = []
        used: set[str] = set()
        # a fault for which one program has no place waits for the next, so that each kind keeps its rate
        fault = ""
        for proposal in self._fitting(pool, order, random):
            if len(chains) >= order.wanted:
                break
            if proposal.shape in used:
                continue
            program = self._perceiving(proposal, pool, order, random)
            fault = fault or self.rates.draw(WRITTEN, random) or "none"
            chain = self._chain(pool, proposal, program, fault.removeprefix("none"), order, repair_round, random)
            if chain:
                used.add(proposal.shape)
                chains.append(chain)
                fault = ""
        return chains

    def mend(
        self, known: Known, order: Order, written: Mapping[str, Any], repair_round: int, random: Random
    ) -> list[Chain]:
        """Another try at a chain that was found fault with, or nothing where the stand-in gives up."""
        pool = self.pools.of(known)
        question = str(written.get("question", ""))
        origin = self._written.get(digest(known.image_id, question))
        if origin is None or not origin[2]:
            if origin is not None and random.random() < 0.5:
                return []
            return self._another(pool, order, origin, repair_round, random)
        number, text, fault = origin
        if random.random() < self.rates.mends:
            fault = ""
        elif random.random() < 0.5:
            likely = [name for name in WRITTEN if self.rates.faults.get(name)]
            fault = random.choice(likely or [fault])
        chain = self._chain(pool, pool.proposals[number], orjson.loads(text), fault, order, repair_round, random)
        return [chain] if chain else []

    def _another(
        self, pool: Pool, order: Order, origin: tuple[int, bytes, str] | None, repair_round: int, random: Random
    ) -> list[Chain]:
        """A chain made of another proposal than the one before."""
        before = pool.proposals[origin[0]].shape if origin else ""
        for proposal in self._fitting(pool, order, random):
            if proposal.shape != before:
                fault = self.rates.draw(WRITTEN, random)
                chain = self._chain(pool, proposal, proposal.program, fault, order, repair_round, random)
                return [chain] if chain else []
        return []

    def _fitting(self, pool: Pool, order: Order, random: Random) -> Iterator[Proposal]:
        """Proposals that involve the combination but one instance at most, in an order of chance."""
        names = frozenset(order.categories)
        fitting = [
            proposal
            for proposal in pool.proposals
            if len(order.combination - proposal.involved) <= 1
            and proposal.categories <= names
            and proposal.attributes <= order.attributes.keys()
        ]
        random.shuffle(fitting)
        for proposal in fitting:
            if proposal.good is None:
                proposal.good = pool.is_good(proposal.program)
            if proposal.good:
                yield proposal

    def _perceiving(self, proposal: Proposal, pool: Pool, order: Order, random: Random) -> Program:
        """The program with a colour asked for by a look that no mask proves, for a share of the chains."""
        program = proposal.program
        if random.random() >= self.rates.perceives:
            return program
        for place, node in enumerate(program["nodes"]):
            if node["op"] != "filter" or node["attribute"] != "color":
                continue
            for shade in (shade for shade, colors in SHADES.items() if node["value"] in colors):
                other = changed(program, place, op="perceive", predicate=shade, value="yes")
                del other["nodes"][place]["attribute"]
                if self._holds(other, pool, order):
                    return other
        return program

    def _holds(self, program: Program, pool: Pool, order: Order) -> bool:
        values = pool.evaluator.run(program)
        looked_at = involved(Looks.of(program), values)
        covers = len(order.combination - looked_at) <= 1 and len(looked_at) in INVOLVED
        return values[program["answer"]] is not None and covers and pool.is_good(program)

    def _chain(
        self,
        pool: Pool,
        proposal: Proposal,
        program: Program,
        fault: str,
        order: Order,
        repair_round: int,
        random: Random,
    ) -> Chain | None:
        """The chain in words, with the fault where the program has a place for it."""
        right = pool.evaluator.answer(program)
        assert right is not None
        at = Planting(program, pool.evaluator, order.combination, order.categories, order.attributes, random)
        planted = plant(fault, at) if fault else None
        if fault and not planted:
            return None
        stated = planted or Planted(program, program, right)
        try:
            question, texts = _worded(stated, random)
        except Unsaid:
            return None
        self._remember(digest(pool.evaluator.known.image_id, question), (proposal.number, orjson.dumps(program), fault))
        sent = {
            "question": question,
            "hops": _hops(stated.program, texts, pool.evaluator),
            "program": stated.program,
            "answer": canonical_number(stated.answer),
        }
        truly = pool.evaluator.answer(stated.said)
        meant = truly if not any(node.get("attribute") == "said" for node in stated.said["nodes"]) else None
        logged = {
            "question": question,
            "answer": sent["answer"],
            "true_answer": None if meant is None else canonical_number(meant),
            "program": stated.program,
            "words_mean": None if stated.said is stated.program else stated.said,
            "fault": fault,
            "round": repair_round,
        }
        return Chain(sent, logged)

    def _remember(self, key: str, origin: tuple[int, bytes, str]) -> None:
        self._written[key] = origin
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)


def _worded(stated: Planted, random: Random) -> tuple[str, Mapping[str, str]]:
    words = put_into_words(stated.said, random.getrandbits(32))
    question = words.question.replace(".", f"{stated.leak}.", 1) if stated.leak else words.question
    return question, words.texts


def _hops(program: Program, texts: Mapping[str, str], evaluator: Evaluator) -> list[dict[str, Any]]:
    looks, values = Looks.of(program), evaluator.run(program)
    return [
        {"number": k, "node": look, "text": texts.get(look, "a look"), "result": result(looks, values, look)}
        for k, look in enumerate(looks.order, start=1)
    ]
