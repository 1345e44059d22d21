"""A question as somebody wrote it, with a program of theirs, made a `Chain` that the certifier can judge.

What can be read off the program (kinds, levels, what depends on what, the instances) is read off it. What the writer
claims (the answer, what each hop finds) stays as it was claimed, so that a wrong claim is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hopchain_assets.domain.certify.structure import Structure, involved
from hopchain_assets.domain.interpreter import Plan, Value
from hopchain_assets.domain.program import Perceive, Program, ProgramError
from hopchain_assets.domain.records import Chain, Facts, Finding, Hop, canonical_number
from hopchain_assets.domain.world import World, members_of

SKELETON = "written"
# predicates that an object in a crop is asked about
PREDICATES = 2

# white space but for control characters, which are no part of a text
_SPACES = re.compile(r"[^\S\x1c-\x1f\x85]+")
# "is standing" and "standing" say the same of an object
_FILLERS = re.compile(r"^(?:(?:that|who|which)\s+)?(?:(?:is|are|was|were|being)\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StatedHop:
    """A hop in its writer's words: the node that it looks at, and what it is said to find."""

    node: str
    text: str
    result: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer handed in. `program` is JSON, `answer` a text; nothing of it has been checked."""

    question: str
    program: object
    hops: Sequence[StatedHop]
    answer: str


def spoken(text: str) -> str:
    """A question as it is shown and read: in NFKC form, with single spaces.

    Signs that cannot be seen stay, so that the rule `leakage` finds them.
    """
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip(" ")


def bare(predicate: str) -> str:
    """The predicate in its barest words: `standing` for "who is Standing"."""
    return _FILLERS.sub("", " ".join(predicate.lower().split()))


def program_of(draft: Draft) -> Program | Finding:
    """The draft's program, or why it is none."""
    try:
        return Program.from_json(draft.program)
    except ProgramError as error:
        return Finding("number", f"the program does not hold together: {error}")


def chain_of_draft(facts: Facts, draft: Draft, program: Program, generator: str) -> Chain | Finding:
    """The draft as a chain over these facts, or what keeps it from being one.

    Args:
        facts: with whatever `perceive` nodes need.
        program: the draft's own.
        generator: who wrote it.
    """
    structure = Structure.of(program)
    plan, world = Plan(program), World.of(facts)
    values = plan.run(world)
    stated = _by_look(structure, draft.hops)
    if isinstance(stated, Finding):
        return stated
    ids = (world.ids[k] for k in members_of(involved(structure, plan, values)))
    number = {look: k for k, look in enumerate(structure.looks, start=1)}
    hops = tuple(
        Hop(
            number=number[look],
            kind=structure.kind(look),
            level=structure.level(look),
            depends_on=tuple(sorted(number[other] for other in structure.hop_needs[look])),
            grounds=tuple(node.id for node in program.nodes if structure.group.get(node.id) == look),
            text=stated[look].text,
            result=_claimed(stated[look].result, structure, look, world, values[plan.position[look]]),
        )
        for look in structure.looks
    )
    return Chain(
        image_id=facts.image_id,
        question=draft.question,
        program=program,
        hops=hops,
        answer=_number(draft.answer),
        instance_ids=tuple(sorted(ids)),
        query_type="C",
        skeleton=SKELETON,
        generator=generator,
    )


def uncovered(chain: Chain, combination: Collection[str]) -> Finding | None:
    """Whether two or more instances of the combination that it was to be built on play no part in the chain."""
    idle = set(combination) - set(chain.instance_ids)
    if len(idle) < 2:
        return None
    return Finding("coverage", f"{len(idle)} instances of the combination play no part, one may be left out")


def looked_at(program: Program, facts: Facts, question: str) -> list[tuple[str, str]] | Finding:
    """(instance id, predicate) of all that `perceive` nodes may ask, or why they may not ask it."""
    asked: dict[tuple[str, str], None] = {}
    structure = Structure.of(program)
    nodes = [node for node in program.nodes if isinstance(node, Perceive)]
    predicates = sorted({node.predicate for node in nodes})
    if len(predicates) > PREDICATES:
        return Finding("decisive", f"more than {PREDICATES} different things are to be perceived")
    if len({bare(predicate) for predicate in predicates}) < len(predicates):
        return Finding("bound", f"{' and '.join(map(repr, predicates))} say the same: one of them is enough")
    for node in nodes:
        if node.value not in ("yes", "no"):
            return Finding("decisive", f"perceive at {node.id}: the value is yes or no, not {node.value!r}")
        if not _says(question, node.predicate):
            return Finding("bound", f"the words do not say {node.predicate!r}, which {node.id} asks for")
        category = structure.base(node.id).category
        members = [item.instance_id for item in facts.instances if item.category == category]
        if category in facts.uncountable or not members:
            return Finding(
                "countable", f"{category}: {facts.uncountable.get(category, 'there is none in the picture')}"
            )
        asked.update(((name, node.predicate), None) for name in members)
    return list(asked)


def _says(question: str, predicate: str) -> bool:
    """Whether the predicate stands in the question as whole words; a joined word ("warm-coloured") is one."""
    words = spoken(predicate).lower()
    pattern = rf"(?<!\w)(?<!\w-){re.escape(words)}(?!-?\w)"
    return bool(words) and re.search(pattern, spoken(question).lower()) is not None


def _by_look(structure: Structure, hops: Sequence[StatedHop]) -> Mapping[str, StatedHop] | Finding:
    """The stated hop of each look; a hop may name any node that is seen with its look."""
    found: dict[str, StatedHop] = {}
    for place, hop in enumerate(hops, start=1):
        look = structure.group.get(hop.node)
        if look is None:
            return Finding("chained", f"hop {place} names {hop.node!r}, at which nothing is looked at")
        if look in found:
            return Finding("chained", f"hop {place} is a second one about {look}")
        found[look] = hop
    missing = [look for look in structure.looks if look not in found]
    if missing:
        return Finding("chained", f"no hop is stated for {missing[0]}")
    return found


def _claimed(result: str, structure: Structure, look: str, world: World, value: Value) -> str:
    """What the hop claims, in the certifier's terms: of an instance its writer can only name the category."""
    told = result.strip()
    if look not in structure.referents:
        return _number(told) if structure.nodes[look].gives == "number" else told.lower()
    if isinstance(value, int) and value >= 0:
        one = value.bit_length() - 1 if structure.nodes[look].gives == "set" else value
        if 0 <= one < len(world.ids) and told.lower() == world.category[one].lower():
            return world.ids[one]
    return told


def _number(text: str) -> str:
    """The canonical way to write it, where it is a number; else the text itself."""
    try:
        return canonical_number(float(text))
    except ValueError:
        return text
