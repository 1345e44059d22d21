"""Small pictures and chains by hand: rectangles on a canvas, programs as JSON, hops read off the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.english.wording import write
from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.masks import decode
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.program import Count, Program
from hopchain_assets.domain.records import Chain, Facts, Hop, Instance, canonical_number
from hopchain_assets.domain.strips import Strips
from hopchain_assets.domain.world import World, members_of

WIDTH, HEIGHT = 400, 300

Box = tuple[str, int, int, int, int] | tuple[str, int, int, int, int, Mapping[str, str]]


def rle(mask: np.ndarray) -> str:
    """COCO's compressed run lengths of an [H, W] bool mask."""
    counts = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode() if isinstance(counts, bytes) else counts


def instance(name: str, category: str, mask: np.ndarray, attributes: Mapping[str, str] | None = None) -> Instance:
    """An instance measured from its mask."""
    counts = rle(mask)
    shape = decode(counts, *mask.shape)
    assert shape is not None
    cx, cy = shape.center
    return Instance(name, category, shape.box, cx, cy, shape.area, counts, dict(attributes or {}))


def picture(*boxes: Box, uncountable: Mapping[str, str] | None = None) -> Facts:
    """Facts of a 400x300 picture of rectangles: (category, x0, y0, x1, y1[, attributes])."""
    items: list[Instance] = []
    for number, (category, x0, y0, x1, y1, *rest) in enumerate(boxes):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y0:y1, x0:x1] = True
        items.append(instance(f"i{number}", category, mask, rest[0] if rest else None))
    strips = Strips.decode([item.mask_rle for item in items], HEIGHT, WIDTH)
    pairs = pair_table([item.instance_id for item in items], strips)
    return Facts("p" * 64, WIDTH, HEIGHT, tuple(items), pairs, {}, dict(uncountable or {}))


def squares(category: str, *centers: tuple[int, int], size: int = 20) -> list[Box]:
    """Equal squares around centres."""
    half = size // 2
    return [(category, x - half, y - half, x + half, y + half) for x, y in centers]


def program(answer: str, *nodes: Mapping[str, Any]) -> Program:
    """A program from its JSON nodes."""
    return Program.from_json({"version": 1, "nodes": [dict(node) for node in nodes], "answer": answer})


def stated(of: Program, facts: Facts, question: str | None = None, **changes: Any) -> Chain:
    """The chain that states a program truthfully, in the composer's English unless `question` is given."""
    plan, world, structure = Plan(of), World.of(facts), Structure.of(of)
    values = plan.run(world)
    texts: Mapping[str, str] = {}
    if question is None:
        wording = write(of, 0)
        question, texts = wording.question, wording.texts
    number = {look: k for k, look in enumerate(structure.looks, start=1)}
    hops = tuple(
        Hop(
            number=number[look],
            kind=structure.kind(look),
            level=structure.level(look),
            depends_on=tuple(sorted(number[other] for other in structure.hop_needs[look])),
            grounds=tuple(node.id for node in of.nodes if structure.group.get(node.id) == look),
            text=texts.get(look, "a look"),
            result=_result(plan, values, structure, look, world),
        )
        for look in structure.looks
    )
    answer = values[plan.position[of.answer]]
    chain = Chain(
        image_id=facts.image_id,
        question=question,
        program=of,
        hops=hops,
        answer="" if answer is None else canonical_number(float(answer)),
        instance_ids=_involved(plan, values, structure, world),
        query_type="C",
        skeleton="by-hand",
        generator="test",
    )
    return replace(chain, **changes)


def _result(plan: Plan, values: Sequence[Any], structure: Structure, look: str, world: World) -> str:
    value: Any = values[plan.position[look]]
    if value is None:
        return ""
    if look in structure.referents:
        found: int = value.bit_length() - 1 if structure.nodes[look].gives == "set" else value
        return world.ids[found]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return canonical_number(float(value))


def _involved(plan: Plan, values: Sequence[Any], structure: Structure, world: World) -> tuple[str, ...]:
    found: set[int] = set()
    for node in plan.program.nodes:
        value = values[plan.position[node.id]]
        if isinstance(node, Count):
            found.update(members_of(values[plan.position[node.of]] or 0))
        elif node.id in structure.referents and value is not None:
            found.add(value.bit_length() - 1 if node.gives == "set" else value)
    return tuple(sorted(world.ids[i] for i in found))
