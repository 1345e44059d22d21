"""Rule `bound` for free English: somebody who sees the words alone writes down what they ask, several times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hopchain_assets.domain.certify.words import same_meaning
from hopchain_assets.domain.program import Perceive, Program, ProgramError
from hopchain_assets.domain.records import Chain, Facts, Finding
from hopchain_assets.ports.vlm import Ask, CallFailed, Sampling, UnusableReply, Vlm
from hopchain_assets.stages.asking import together
from hopchain_assets.stages.messages import known_attributes, message
from hopchain_assets.stages.prompting import prompt
from hopchain_assets.stages.replies import Reading

SAMPLES = 3
# readings asked for in the place of those that could not be used
SPARE = 2
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=16_384)

# "is standing" and "standing" say the same of an object
_FILLERS = re.compile(r"^(?:(?:that|who|which)\s+)?(?:(?:is|are|was|were|being)\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Binder:
    """Asks for readings of a question and holds them against its program."""

    vlm: Vlm

    async def readings(self, chain: Chain, facts: Facts) -> list[Reading] | Finding:
        """Three readings, or that there were not so many to be had."""
        found = await together(self._reading(chain, facts, number) for number in range(SAMPLES))
        usable = [reading for reading in found if reading]
        for number in range(SAMPLES, SAMPLES + SPARE):
            if len(usable) == SAMPLES:
                break
            reading = await self._reading(chain, facts, number)
            usable += [reading] if reading else []
        if len(usable) < SAMPLES:
            return Finding("bound", f"only {len(usable)} of {SAMPLES} readings of the words could be had")
        return usable

    async def _reading(self, chain: Chain, facts: Facts, number: int) -> Reading | None:
        categories = sorted({item.category for item in facts.instances})
        ask = Ask(
            purpose="bind",
            stage="hop_chains",
            input_id=chain.image_id,
            system=prompt("bind"),
            prompt=message(
                {"question": chain.question, "categories": categories, "attributes": known_attributes(facts)}
            ),
            pictures=(),
            schema_name="reading",
            schema=Reading.schema_sent(),
            read=Reading.read,
            sampling=SAMPLING,
            sample_index=number,
        )
        try:
            return (await self.vlm.ask(ask)).value
        except (UnusableReply, CallFailed):
            return None


def differing(chain: Chain, facts: Facts, readings: Sequence[Reading], seed: int) -> Finding | None:
    """Why the readings do not bind the words to the chain's program; None where each of them does.

    A phrase that no node of a reading carries ("wooden") says something that nobody tests.
    """
    program = _plain(chain.program)
    facts = replace(facts, perceptions={(name, _bare(p)): value for (name, p), value in facts.perceptions.items()})
    for number, reading in enumerate(readings, start=1):
        try:
            other = _plain(Program.from_json(reading.program))
        except ProgramError as error:
            return Finding("bound", f"reading {number} of the words is no program: {error}")
        nodes = other.by_id()
        loose = [phrase.phrase for phrase in reading.phrases if phrase.node is None or phrase.node not in nodes]
        if loose:
            return Finding("bound", f"nothing in the program says {loose[0]!r} (reading {number})")
        difference = same_meaning(program, other, facts, seed)
        if difference:
            return Finding("bound", f"the words say another program (reading {number}): {difference}")
    return None


def _plain(program: Program) -> Program:
    """The program with its predicates in their barest words."""
    nodes = (
        replace(node, predicate=_bare(node.predicate)) if isinstance(node, Perceive) else node for node in program.nodes
    )
    return Program(tuple(nodes), program.answer)


def _bare(predicate: str) -> str:
    return _FILLERS.sub("", " ".join(predicate.lower().split()))
