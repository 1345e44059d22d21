"""Random pictures and random programs for property tests, and the warehouse's frames of such pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, get_args

import polars as pl
from hypothesis import strategies as st

from hopchain_assets.domain.program import (
    MIDDLE,
    RELATIONS,
    Arith,
    Axis,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Overlapping,
    Perceive,
    Pick,
    Program,
    Read,
    Side,
    SideOf,
    Type,
)
from hopchain_assets.domain.records import Facts, Instance, Pair

CATEGORIES = ("cup", "die", 'o\'neill "mug"')
COLORS = ("red", "blue")
# texts that are no finite number in any reading are here too; digits of other scripts are not
NUMBERS = ("1", "2", "3", "2.5", "-4", " 6 ", "six", "", "nan", "inf")
FACINGS = ("left", "right")
PREDICATES = ("open", "it's full")
WORDS = {"color": COLORS, "number": NUMBERS, "facing": FACINGS}
# halves and quarters add and multiply exactly, whatever the order
CONSTANTS = (-2, -1, 0, 1, 2, 3, 5, 0.5, -1.25)


@st.composite
def facts(draw: st.DrawFn, image_id: str = "picture", max_instances: int = 8) -> Facts:
    """A picture of a few instances on a coarse grid, so that centres, areas and distances often tie."""
    size = max_instances - draw(st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4, 5, max_instances)))
    instances = tuple(draw(_instance(f"{image_id}-{k}")) for k in range(size))
    ids = [item.instance_id for item in instances]
    pairs: dict[tuple[str, str], Pair] = {}
    for k, a in enumerate(ids):
        for b in ids[k + 1 :]:
            pairs[a, b], pairs[b, a] = draw(_both_ways())
    keys = [(i, predicate) for i in ids for predicate in PREDICATES]
    told = draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(COLORS))) if keys else {}
    return Facts(image_id, 40, 30, instances, pairs, told)


@st.composite
def _instance(draw: st.DrawFn, instance_id: str) -> Instance:
    cx, cy = draw(st.integers(0, 8)) * 5.0, draw(st.integers(0, 6)) * 5.0
    attributes = {key: draw(st.sampled_from(values)) for key, values in WORDS.items() if draw(st.integers(0, 3))}
    return Instance(
        instance_id=instance_id,
        category=draw(st.sampled_from(CATEGORIES)),
        box=(cx - 5, cy - 5, cx + 5, cy + 5),
        cx=cx,
        cy=cy,
        area=draw(st.integers(1, 8)) * 50.0,
        attributes=attributes,
    )


@st.composite
def _both_ways(draw: st.DrawFn) -> tuple[Pair, Pair]:
    gap = draw(st.sampled_from((0.0, 1.0, 2.0, 2.5, 30.0)))
    overlap = draw(st.sampled_from((0.0, 20.0))) if gap == 0 else 0.0
    shares = st.sampled_from((0.0, 0.5, 0.9, 1.0))
    return Pair(overlap, draw(shares), gap), Pair(overlap, draw(shares), gap)


@st.composite
def programs(draw: st.DrawFn, of: Facts, max_nodes: int = 16) -> Program:
    """A well-typed program over all operations; it asks mostly for what the picture has."""
    present = sorted({item.category for item in of.instances}) or list(CATEGORIES)
    builder = _Builder(draw, present)
    for _ in range(draw(st.integers(1, 2))):
        builder.add(builder.objects())
    for _ in range(draw(st.integers(2, max_nodes - 6))):
        builder.add(draw(st.sampled_from(builder.possible()))())
    builder.add(builder.count())
    if builder.names("condition"):
        builder.add(builder.choose())
    if draw(st.booleans()):
        builder.add(builder.arith())
    return Program.checked(builder.nodes, builder.names("number")[-1])


class _Builder:
    """Grows a program node by node; every operation draws its inputs from the nodes before it."""

    def __init__(self, draw: st.DrawFn, categories: Sequence[str]) -> None:
        self.draw, self.categories = draw, list(categories)
        self.nodes: list[Node] = []

    def add(self, node: Node) -> None:
        self.nodes.append(node)

    def names(self, *kinds: Type) -> list[str]:
        return [node.id for node in self.nodes if node.gives in kinds]

    def one(self, *kinds: Type) -> str:
        # mostly the newest: what nothing reads is not tested
        names = self.names(*kinds)[::-1]
        return self.pick((*names, *names[:2], *names[:2]))

    def pick(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    @property
    def name(self) -> str:
        return f"n{len(self.nodes)}"

    def possible(self) -> list[Callable[[], Node]]:
        found = [self.filter, self.perceive, self.anchored, self.anchored, self.anchored, self.extreme, self.extreme]
        found += [self.objects, self.count, self.compare_looks, self.compare_looks]
        if self.names("instance"):
            found.append(self.read)
        if self.names("number"):
            found += [self.compare_value, self.arith]
        if self.names("condition"):
            found += [self.choose, self.choose]
        return found

    def objects(self) -> Node:
        return Objects(self.name, self.pick((*self.categories[:1] * 4, *self.categories, *CATEGORIES)))

    def filter(self) -> Node:
        key = self.pick(tuple(WORDS))
        return Filter(self.name, self.one("set"), key, self.pick(WORDS[key][:3]))

    def perceive(self) -> Node:
        return Perceive(self.name, self.one("set"), self.pick(PREDICATES), self.pick(COLORS))

    def anchored(self) -> Node:
        of, anchor = self.one("set"), self.anchor()
        op = self.pick((SideOf, Nearest, Farthest, Overlapping, Inside))
        if op is SideOf:
            return SideOf(self.name, of, anchor, self.pick(get_args(Side)))
        return op(self.name, of, anchor)

    def anchor(self) -> str:
        # a set as an anchor has one member only now and then
        return (
            self.one("instance")
            if self.names("instance") and self.draw(st.integers(0, 3))
            else self.one("instance", "set")
        )

    def extreme(self) -> Node:
        return Extreme(self.name, self.one("set"), self.pick(get_args(Axis)), self.pick((1, 1, 2, 3)))

    def count(self) -> Node:
        return Count(self.name, self.one("set"))

    def read(self) -> Node:
        return Read(self.name, self.anchor(), self.pick(("number", "number", "color")))

    def compare_value(self) -> Node:
        right = self.pick((self.one("number"), *CONSTANTS))
        return Compare(self.name, "value", self.pick(sorted(RELATIONS["value"])), self.one("number"), right)

    def compare_looks(self) -> Node:
        left, by = self.anchor(), self.pick(("position", "area", "attribute"))
        relation = self.pick(sorted(RELATIONS[by]))
        if by == "attribute":
            key = self.pick(tuple(WORDS))
            return Compare(self.name, by, relation, left, self.pick(WORDS[key]), key)
        right = MIDDLE if by == "position" and self.draw(st.booleans()) else self.anchor()
        return Compare(self.name, by, relation, left, right)

    def choose(self) -> Node:
        numbers = self.names("number")
        yes, no = (self.pick((*numbers[::-1], *CONSTANTS[:6])) for _ in range(2))
        return Pick(self.name, self.one("condition"), yes, no)

    def arith(self) -> Node:
        terms = [(self.one("number"), self.pick(CONSTANTS)) for _ in range(self.draw(st.integers(1, 3)))]
        return Arith(self.name, tuple(terms), self.pick(CONSTANTS))


def frames(pictures: Sequence[Facts]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The rows of `instances`, `pairs` and `perceptions` as the warehouse holds them."""
    instances = [
        (item.instance_id, p.image_id, item.category, item.cx, item.cy, item.area, json.dumps(dict(item.attributes)))
        for p in pictures
        for item in p.instances
    ]
    pairs = [
        (p.image_id, a, b, pair.overlap_px, pair.inside_share, pair.edge_gap)
        for p in pictures
        for (a, b), pair in p.pairs.items()
    ]
    told = [(i, p.image_id, predicate, value) for p in pictures for (i, predicate), value in p.perceptions.items()]
    text, number = pl.String, pl.Float64
    return (
        pl.DataFrame(
            instances,
            orient="row",
            schema={
                "instance_id": text, "image_id": text, "category": text,
                "cx": number, "cy": number, "area": number, "attributes": text,
            },
        ),
        pl.DataFrame(
            pairs,
            orient="row",
            schema={
                "image_id": text, "a": text, "b": text,
                "overlap_px": number, "inside_share": number, "edge_gap": number,
            },
        ),
        pl.DataFrame(
            told,
            orient="row",
            schema={"instance_id": text, "image_id": text, "predicate": text, "value": text},
        ),
    )  # fmt: skip
