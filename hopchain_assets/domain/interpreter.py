"""Runs a program on the facts of one picture: the first of the two executors.

A `World` holds one picture's instances as lists, a `Plan` a program as steps; one plan runs on many
worlds (the picture's own, slightly disturbed ones, counterfactual ones), and can run again from
one node on with another value there ("what if a person had found the other chair?").

Sets are bit masks over the instances, instances their positions, conditions bools, numbers floats,
and `None` is an undefined value (docs/programs.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from hopchain_assets.domain.program import (
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

TOUCHING_PX = 2.0
INSIDE_SHARE = 0.9

Value = float | int | bool | None
Step = Callable[["World", Sequence[Value]], Value]
Getter = Callable[[Sequence[Value]], Value]
Getters = Mapping[tuple[str, Type], Getter]

# what a number on an object may look like; Python's float would also take "1e3", "nan" and other scripts' digits
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


class World:
    """The instances of one picture, laid out for fast queries."""

    def __init__(
        self,
        size: tuple[float, float],
        ids: Sequence[str],
        category: Sequence[str],
        cx: Sequence[float],
        cy: Sequence[float],
        area: Sequence[float],
        attributes: Sequence[Mapping[str, str]],
        pairs: Mapping[tuple[str, str], Pair] | None = None,
        perceptions: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.width, self.height = size
        self.ids, self.category, self.attributes = ids, category, attributes
        self.cx, self.cy, self.area = cx, cy, area
        self.pairs = {} if pairs is None else pairs
        self.perceptions = perceptions or {}
        self._members: dict[str, int] = {}
        for position, name in enumerate(category):
            self._members[name] = self._members.get(name, 0) | 1 << position
        self._sides: dict[tuple[str, int], int] = {}
        self._orders: dict[object, list[tuple[float, int]]] = {}

    @classmethod
    def of(cls, facts: Facts) -> World:
        """The world as the facts have it."""
        return cls.of_instances(facts.instances, (facts.width, facts.height), facts.pairs, facts.perceptions)

    @classmethod
    def of_instances(
        cls,
        instances: Sequence[Instance],
        size: tuple[float, float],
        pairs: Mapping[tuple[str, str], Pair],
        perceptions: Mapping[tuple[str, str], str],
    ) -> World:
        """A world of these instances."""
        return cls(
            size,
            [item.instance_id for item in instances],
            [item.category for item in instances],
            [item.cx for item in instances],
            [item.cy for item in instances],
            [item.area for item in instances],
            [item.attributes for item in instances],
            pairs,
            perceptions,
        )

    def members(self, category: str) -> int:
        """The set of a category's instances."""
        return self._members.get(category, 0)

    def on_side(self, side: Side, anchor: int) -> int:
        """The set of instances whose centre lies strictly on that side of the anchor's."""
        key = (side, anchor)
        if key not in self._sides:
            values = self.cx if side in ("left", "right") else self.cy
            at = values[anchor]
            if side in ("left", "above"):
                self._sides[key] = sum(1 << i for i, value in enumerate(values) if value < at)
            else:
                self._sides[key] = sum(1 << i for i, value in enumerate(values) if value > at)
        return self._sides[key]

    def along(self, axis: Axis) -> list[tuple[float, int]]:
        """(measure, instance) from the first to the last along the axis."""
        if axis not in self._orders:
            values = {"left": self.cx, "right": self.cx, "top": self.cy, "bottom": self.cy}.get(axis, self.area)
            sign = -1 if axis in ("right", "bottom", "largest") else 1
            self._orders[axis] = sorted((sign * value, i) for i, value in enumerate(values))
        return self._orders[axis]

    def from_anchor(self, anchor: int, far: bool) -> list[tuple[float, int]]:
        """(signed squared centre distance, other instance), the one that is looked for first."""
        key = (anchor, far)
        if key not in self._orders:
            x, y, sign = self.cx[anchor], self.cy[anchor], -1 if far else 1
            self._orders[key] = sorted(
                (sign * ((cx - x) * (cx - x) + (cy - y) * (cy - y)), i)
                for i, (cx, cy) in enumerate(zip(self.cx, self.cy, strict=True))
                if i != anchor
            )
        return self._orders[key]


def evaluate(program: Program, facts: Facts) -> float | None:
    """The answer of the program on the facts, or None where it is undefined."""
    return Plan(program).answer(World.of(facts))


class Plan:
    """A program made ready to run: node k of the program is step k."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.position = {node.id: k for k, node in enumerate(program.nodes)}
        self._answer = self.position[program.answer]
        self._steps = [_step(node, self._getters(node)) for node in program.nodes]
        self._after: dict[int, list[int]] = {}

    def run(self, world: World) -> list[Value]:
        """The value of every node."""
        values: list[Value] = []
        for step in self._steps:
            values.append(step(world, values))
        return values

    def answer(self, world: World) -> float | None:
        """The answer alone."""
        return _as_number(self.run(world)[self._answer])

    def answer_if(self, world: World, values: Sequence[Value], changes: Mapping[int, Value]) -> float | None:
        """The answer when the nodes at these positions had these values, all else as in `values`."""
        changed = list(values)
        for position, value in changes.items():
            changed[position] = value
        if len(changes) == 1:
            affected = self.after(next(iter(changes)))
        else:
            affected = sorted({k for position in changes for k in self.after(position)})
        for k in affected:
            if k not in changes:
                changed[k] = self._steps[k](world, changed)
        return _as_number(changed[self._answer])

    def after(self, position: int) -> list[int]:
        """Positions of the nodes that depend on a node, in order."""
        if position not in self._after:
            reached = {position}
            for k, node in enumerate(self.program.nodes):
                if any(self.position[name] in reached for name, _ in node.inputs()):
                    reached.add(k)
            self._after[position] = sorted(reached - {position})
        return self._after[position]

    def _getters(self, node: Node) -> Getters:
        """How to fetch each input by name and type: one set may be read both as a set and as an instance."""
        getters: dict[tuple[str, Type], Getter] = {}
        for name, wanted in node.inputs():
            k = self.position[name]
            if wanted == "instance" and self.program.nodes[k].gives == "set":
                getters[name, wanted] = lambda values, k=k: _only_member(values[k])
            else:
                getters[name, wanted] = lambda values, k=k: values[k]
        return getters


def members_of(mask: int) -> Iterator[int]:
    """Positions of a set's members, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _as_number(value: Value) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _only_member(mask: Value) -> int | None:
    if mask is None or not isinstance(mask, int) or mask.bit_count() != 1:
        return None
    return mask.bit_length() - 1


def _step(node: Node, get: Getters) -> Step:
    match node:
        case Objects(category=category):
            return lambda world, values: world.members(category)
        case Filter(of=of, attribute=attribute, value=wanted):
            return _narrow(get[of, "set"], lambda world, i: world.attributes[i].get(attribute) == wanted)
        case Perceive(of=of, predicate=predicate, value=wanted):
            return _narrow(get[of, "set"], lambda world, i: world.perceptions.get((world.ids[i], predicate)) == wanted)
        case SideOf():
            return _side(get[node.of, "set"], get[node.anchor, "instance"], node.side)
        case Overlapping():
            return _related(
                get[node.of, "set"], get[node.anchor, "instance"], lambda pair: pair.edge_gap <= TOUCHING_PX
            )
        case Inside():
            return _related(
                get[node.of, "set"], get[node.anchor, "instance"], lambda pair: pair.inside_share >= INSIDE_SHARE
            )
        case Extreme():
            return _extreme(get[node.of, "set"], node.axis, node.rank)
        case Nearest():
            return _by_distance(get[node.of, "set"], get[node.anchor, "instance"], far=False)
        case Farthest():
            return _by_distance(get[node.of, "set"], get[node.anchor, "instance"], far=True)
        case Count():
            return _count(get[node.of, "set"])
        case Read():
            return _read(get[node.of, "instance"], node.attribute)
        case Compare():
            return _compare(node, get)
        case Pick():
            return _pick(node, get)
        case Arith():
            return _arith(node, get)
    raise TypeError(f"no step for {type(node).__name__}")


def _narrow(get_of: Getter, keep: Callable[[World, int], bool]) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of = get_of(values)
        if not isinstance(of, int):
            return None
        return sum(1 << i for i in members_of(of) if keep(world, i))

    return step


def _side(get_of: Getter, get_anchor: Getter, side: Side) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of, anchor = get_of(values), get_anchor(values)
        if not isinstance(of, int) or not isinstance(anchor, int):
            return None
        return of & world.on_side(side, anchor)

    return step


def _related(get_of: Getter, get_anchor: Getter, holds: Callable[[Pair], bool]) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of, anchor = get_of(values), get_anchor(values)
        if not isinstance(of, int) or not isinstance(anchor, int):
            return None
        found = 0
        for i in members_of(of & ~(1 << anchor)):
            pair = world.pairs.get((world.ids[i], world.ids[anchor]))
            if pair is not None and holds(pair):
                found |= 1 << i
        return found

    return step


def _ranked(order: Sequence[tuple[float, int]], mask: int, rank: int) -> int | None:
    """The member at a rank of an ordered list, None beyond its end and where the rank is tied."""
    inside = [(measure, i) for measure, i in order if mask >> i & 1]
    if len(inside) < rank:
        return None
    measure, found = inside[rank - 1]
    neighbours = inside[max(rank - 2, 0) : rank - 1] + inside[rank : rank + 1]
    return None if any(other == measure for other, _ in neighbours) else found


def _extreme(get_of: Getter, axis: Axis, rank: int) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of = get_of(values)
        return _ranked(world.along(axis), of, rank) if isinstance(of, int) else None

    return step


def _by_distance(get_of: Getter, get_anchor: Getter, far: bool) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of, anchor = get_of(values), get_anchor(values)
        if not isinstance(of, int) or not isinstance(anchor, int):
            return None
        return _ranked(world.from_anchor(anchor, far), of, 1)

    return step


def _count(get_of: Getter) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of = get_of(values)
        return of.bit_count() if isinstance(of, int) else None

    return step


def _read(get_of: Getter, attribute: str) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        of = get_of(values)
        text = world.attributes[of].get(attribute) if isinstance(of, int) else None
        return float(text) if text is not None and PLAIN_NUMBER.fullmatch(text) else None

    return step


def _compare(node: Compare, get: Getters) -> Step:
    kind: Type = "number" if node.by == "value" else "instance"
    get_left = get[node.left, kind]
    get_right = get.get((node.right, kind)) if isinstance(node.right, str) and node.by != "attribute" else None

    def step(world: World, values: Sequence[Value]) -> Value:
        left = get_left(values)
        right = get_right(values) if get_right else node.right
        if left is None or right is None:
            return None
        if node.by == "value":
            assert not isinstance(right, str)
            return {"more": left > right, "fewer": left < right, "equal": left == right}[node.relation]
        assert isinstance(left, int)
        if node.by == "attribute":
            value = world.attributes[left].get(node.attribute)
            return None if value is None else value == right
        return _compare_instances(node, world, left, None if node.to_middle else right)

    return step


def _compare_instances(node: Compare, world: World, left: int, right: object) -> bool:
    if node.by == "area":
        assert isinstance(right, int)
        a, b = world.area[left], world.area[right]
        return a > b if node.relation == "larger" else a < b
    horizontal = node.relation in ("left", "right")
    measures = world.cx if horizontal else world.cy
    middle = (world.width if horizontal else world.height) / 2
    a, b = measures[left], measures[right] if isinstance(right, int) else middle
    return a < b if node.relation in ("left", "above") else a > b


def _pick(node: Pick, get: Getters) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        condition = get[node.condition, "condition"](values)
        if condition is None:
            return None
        branch = node.yes if condition else node.no
        return get[branch, "number"](values) if isinstance(branch, str) else branch

    return step


def _arith(node: Arith, get: Getters) -> Step:
    terms = [(get[name, "number"], times) for name, times in node.terms]

    def step(world: World, values: Sequence[Value]) -> Value:
        total = 0.0
        for fetch, times in terms:
            value = fetch(values)
            if value is None:
                return None
            total += value * times
        return total + node.plus

    return step
