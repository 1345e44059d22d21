"""Counterfactual worlds: pictures that might have been, to tell what two programs mean apart.

Two programs that agree on one picture may agree by chance. Here the picture's instances are moved,
mirrored, removed, doubled, resized and given one another's attributes, and worlds are kept such that each
one-operation mutant of a program (another side, axis, rank, category, value, constant, branch, anchor)
gives another answer on at least one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.program import (
    RELATIONS,
    Arith,
    Compare,
    Extreme,
    Farthest,
    Filter,
    Nearest,
    Node,
    Objects,
    Operand,
    Perceive,
    Pick,
    Program,
    ProgramError,
    SideOf,
)
from hopchain_assets.domain.records import Facts, Instance, Pair
from hopchain_assets.domain.world import World

WORLDS = 32
POOL = 192
_CONTRARY = {"yes": "no", "no": "yes"}


def differing_world(program: Program, other: Program, facts: Facts, seed: int) -> str:
    """Where the two programs differ in result, empty when they agree everywhere they were tried."""
    plan, rival = Plan(program), Plan(other)
    world = World.of(facts)
    here, there = plan.answer(world), rival.answer(world)
    if here != there:
        return f"on the picture itself it gives {there}, not {here}"
    worlds, undecided = telling_worlds(program, facts, seed)
    if undecided:
        return f"no world tells the program from {undecided[0]}"
    for number, made in enumerate(worlds, start=1):
        here, there = plan.answer(made), rival.answer(made)
        if here != there:
            return f"in counterfactual world {number} it gives {there}, not {here}"
    return ""


def telling_worlds(program: Program, facts: Facts, seed: int) -> tuple[list[World], list[str]]:
    """32 seeded worlds that tell the program from its mutants, and the mutants that none of the pool tells."""
    plan = Plan(program)
    random = Random(seed)
    pool = [_world(facts, random) for _ in range(POOL)]
    answers = [plan.answer(world) for world in pool]
    chosen: list[int] = []
    undecided: list[str] = []
    for name, mutant in mutants(program, facts):
        rival = Plan(mutant)
        if any(rival.answer(pool[k]) != answers[k] for k in chosen):
            continue
        telling = next((k for k, world in enumerate(pool) if rival.answer(world) != answers[k]), None)
        if telling is None:
            undecided.append(name)
        else:
            chosen.append(telling)
    # a world in which the answer is undefined says little, so the rest are filled up with defined ones
    for k, answer in enumerate(answers):
        if len(chosen) >= WORLDS:
            break
        if answer is not None and k not in chosen:
            chosen.append(k)
    return [pool[k] for k in chosen], undecided


def mutants(program: Program, facts: Facts) -> Iterator[tuple[str, Program]]:
    """Every program that differs in one operation, with a name; those that mean the same text are left out."""
    canonical = program.canonical()
    for k, node in enumerate(program.nodes):
        for changed in _changed(node, program, facts):
            nodes = (*program.nodes[:k], changed, *program.nodes[k + 1 :])
            try:
                mutant = Program.checked(nodes, program.answer)
            except ProgramError:
                continue
            if mutant.canonical() != canonical:
                yield f"{node.id} as {changed}", mutant


def _changed(node: Node, program: Program, facts: Facts) -> Iterator[Node]:
    match node:
        case Objects():
            categories = sorted({item.category for item in facts.instances} - {node.category})
            yield from (replace(node, category=category) for category in categories)
        case SideOf():
            yield from (replace(node, side=s) for s in ("left", "right", "above", "below") if s != node.side)
        case Extreme():
            axes = ("left", "right", "top", "bottom", "largest", "smallest")
            yield from (replace(node, axis=axis) for axis in axes if axis != node.axis)
            yield from (replace(node, rank=r) for r in (node.rank - 1, node.rank + 1) if r >= 1)
        case Nearest():
            yield Farthest(node.id, node.of, node.anchor)
        case Farthest():
            yield Nearest(node.id, node.of, node.anchor)
        case Filter():
            values = {item.attributes[node.attribute] for item in facts.instances if node.attribute in item.attributes}
            yield from (replace(node, value=value) for value in sorted(values - {node.value}))
        case Perceive():
            # as if the words had said the contrary
            yield replace(node, value=_CONTRARY.get(node.value, "no"))
        case Compare():
            yield from (replace(node, relation=r) for r in sorted(RELATIONS[node.by] - {node.relation}))
            if not isinstance(node.right, str):
                yield from (replace(node, right=node.right + step) for step in (-1, 1))
        case Pick():
            yield replace(node, yes=node.no, no=node.yes)
            yield from (replace(node, yes=value) for value in _near(node.yes))
            yield from (replace(node, no=value) for value in _near(node.no))
        case Arith():
            yield from (replace(node, plus=node.plus + step) for step in (-1, 1))
            for k, (name, times) in enumerate(node.terms):
                for step in (-1, 1):
                    yield replace(node, terms=(*node.terms[:k], (name, times + step), *node.terms[k + 1 :]))
    yield from _other_anchors(node, program)


def _near(operand: Operand) -> list[Operand]:
    return [] if isinstance(operand, str) else [operand - 1, operand + 1]


def _other_anchors(node: Node, program: Program) -> Iterator[Node]:
    """The same step from, or about, another instance found before."""
    earlier = program.nodes[: program.nodes.index(node)]
    found = [other.id for other in earlier if other.gives == "instance"]
    for field in ("anchor", "left"):
        at = getattr(node, field, None)
        if at in found:
            yield from (replace(node, **{field: other}) for other in found if other != at)


def _world(facts: Facts, random: Random) -> World:
    """One picture that might have been."""
    items = _present(facts.instances, random)
    mirrored = random.random() < 0.3
    moving = random.choice((0.3, 0.7, 1.0))
    made = [_altered(item, k, facts, random, mirrored, moving) for k, item in enumerate(items)]
    made = _exchanged(made, random)
    perceptions = {
        (copy.instance_id, predicate): _perhaps_other(value, random)
        for copy, item in zip(made, items, strict=True)
        for (name, predicate), value in facts.perceptions.items()
        if name == item.instance_id
    }
    return World.of_instances(made, (facts.width, facts.height), _relations(made, random), perceptions)


def _present(items: Sequence[Instance], random: Random) -> list[Instance]:
    """Some instances are gone, some are there twice or three times."""
    return [item for item in items for _ in range(random.choice((0, 1, 1, 1, 2, 3)))]


def _altered(item: Instance, k: int, facts: Facts, random: Random, mirrored: bool, moving: float) -> Instance:
    cx, cy = (facts.width - item.cx if mirrored else item.cx), item.cy
    if random.random() < moving:
        cx, cy = random.uniform(0, facts.width), random.uniform(0, facts.height)
    area = item.area * random.uniform(0.3, 3.0)
    return replace(item, instance_id=f"w{k}", cx=cx, cy=cy, area=area)


def _exchanged(items: Sequence[Instance], random: Random) -> list[Instance]:
    """Instances of a category take one another's attributes, or those of no one in the picture."""
    made: list[Instance] = []
    for item in items:
        donors = [other for other in items if other.category == item.category]
        attributes = dict(random.choice(donors).attributes)
        for name, value in attributes.items():
            if value.isdigit() and random.random() < 0.3:
                attributes[name] = str(int(value) + random.choice((1, 2)))
        made.append(replace(item, attributes=attributes))
    return made


def _perhaps_other(value: str, random: Random) -> str:
    """What was perceived, or now and then its contrary."""
    return _CONTRARY.get(value, value) if random.random() < 0.4 else value


def _relations(items: Sequence[Instance], random: Random) -> dict[tuple[str, str], Pair]:
    """Touching and inside at random: worlds have no masks to measure them by."""
    relations: dict[tuple[str, str], Pair] = {}
    for k, a in enumerate(items):
        for b in items[k + 1 :]:
            gap = 0.0 if random.random() < 0.4 else 50.0
            for one, other in ((a, b), (b, a)):
                share = 1.0 if random.random() < 0.4 else 0.0
                relations[one.instance_id, other.instance_id] = Pair(0.0, share, gap)
    return relations
