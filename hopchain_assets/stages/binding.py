"""Rule `bound` for free English: somebody who sees the words alone writes down what they ask, several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hopchain_assets.domain.certify.lexicon import unaccounted
from hopchain_assets.domain.certify.words import same_meaning
from hopchain_assets.domain.program import Compare, Filter, Perceive, Program, ProgramError, Read
from hopchain_assets.domain.records import UNUSABLE, Chain, Facts, Finding
from hopchain_assets.domain.written import bare
from hopchain_assets.ports.vlm import Ask, Sampling, UnusableReply, Vlm
from hopchain_assets.stages.asking import together
from hopchain_assets.stages.messages import known_attributes, message
from hopchain_assets.stages.prompting import prompt
from hopchain_assets.stages.replies import Reading

SAMPLES = 3
# readings asked for in the place of those that could not be used
SPARE = 2
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=16_384)


@dataclass(frozen=True, slots=True)
class Binder:
    """Asks for readings of a question and holds them against its program."""

    vlm: Vlm

    async def readings(self, chain: Chain, facts: Facts) -> list[Reading] | Finding:
        """Three readings, or that there were not so many that can be used.

        Raises:
            CallFailed: when the binder does not answer.
        """
        found = await together(self._reading(chain, facts, number) for number in range(SAMPLES))
        usable = [reading for reading in found if reading]
        for number in range(SAMPLES, SAMPLES + SPARE):
            if len(usable) == SAMPLES:
                break
            reading = await self._reading(chain, facts, number)
            usable += [reading] if reading else []
        if len(usable) < SAMPLES:
            return Finding(UNUSABLE, f"bind: {len(usable)} of {SAMPLES} readings of the words can be used")
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
        except UnusableReply:
            return None


def differing(chain: Chain, facts: Facts, readings: Sequence[Reading], seed: int) -> Finding | None:
    """Why the readings do not bind the words to the chain's program; None where each of them does.

    A phrase that no node of a reading carries ("wooden") says something that nobody tests.
    """
    program = _plain(chain.program)
    facts = replace(facts, perceptions={(name, bare(p)): value for (name, p), value in facts.perceptions.items()})
    for number, reading in enumerate(readings, start=1):
        try:
            other = _plain(Program.from_json(reading.program))
        except ProgramError as error:
            return Finding("bound", f"reading {number} of the words is no program: {error}")
        used = other.used()
        loose = [phrase.phrase for phrase in reading.phrases if phrase.node not in used]
        if loose:
            return Finding("bound", f"nothing in the program says {loose[0]!r} (reading {number})")
        difference = same_meaning(program, other, facts, seed)
        if difference:
            return Finding("bound", f"the words say another program (reading {number}): {difference}")
    return None


def loose_words(question: str, program: Program, facts: Facts) -> Finding | None:
    """A word that stands for nothing in the program, whoever may pass over it; None where there is none."""
    used = program.used()
    tested: list[str] = []
    for node in program.nodes:
        if node.id not in used:
            continue
        if isinstance(node, Perceive):
            tested.append(node.predicate)
        elif isinstance(node, Filter):
            tested += _said(node.attribute, node.value)
        elif isinstance(node, Compare) and node.by == "attribute":
            tested += _said(node.attribute, str(node.right))
        elif isinstance(node, Read):
            tested += _said(node.attribute, "")
    loose = unaccounted(question, {item.category for item in facts.instances}, tested)
    if not loose:
        return None
    return Finding("bound", f"no step tests {loose[0]!r}: leave the word out, say it otherwise, or perceive it")


def _said(attribute: str, value: str) -> list[str]:
    """The words in which an attribute is spoken of."""
    return [attribute, value, *(("faces", "face", "looking") if attribute == "facing" else ())]


def _plain(program: Program) -> Program:
    """The program with its predicates in their barest words."""
    nodes = (
        replace(node, predicate=bare(node.predicate)) if isinstance(node, Perceive) else node for node in program.nodes
    )
    return Program(tuple(nodes), program.answer)
