"""What each kind of node does: its step, made ready for many worlds.

docs/programs.md says what the kinds mean. A step reads a `World` and the values of the nodes before it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hopchain_assets.domain.program import (
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Operand,
    Overlapping,
    Perceive,
    Pick,
    Read,
    Relation,
    SideOf,
)
from hopchain_assets.domain.records import Pair
from hopchain_assets.domain.world import World, members_of

TOUCHING_PX = 2.0
INSIDE_SHARE = 0.9
HOLDS: Mapping[Relation, Callable[[Any, Any], bool]] = {
    "more": operator.gt, "fewer": operator.lt, "equal": operator.eq, "larger": operator.gt, "smaller": operator.lt,
    "left": operator.lt, "right": operator.gt, "above": operator.lt, "below": operator.gt,
}  # fmt: skip

Value = float | int | bool | None
Step = Callable[[World, Sequence[Value]], Value]
Places = Mapping[str, int]

# what a number on an object may look like; Python's float would also take "1e3", "nan" and other scripts' digits
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


def _only_member(mask: Value) -> int | None:
    if mask is None or not isinstance(mask, int) or mask.bit_count() != 1:
        return None
    return mask.bit_length() - 1


def step_of(node: Node, at: Places, lone: Sequence[str] = ()) -> Step:
    """The step of a node.

    Args:
        at: the places of its inputs among the values.
        lone: inputs that are sets, and stand for the instance that is their only member. The step finds those
            instances behind the values; under its own name it still finds the set, which it may read too.
    """
    if not lone:
        return _STEPS[type(node)](node, at, at)
    places = [at[name] for name in lone]
    step = _STEPS[type(node)](node, at, {**at, **{name: k - len(lone) for k, name in enumerate(lone)}})
    return lambda world, values: step(world, [*values, *[_only_member(values[k]) for k in places]])


# Each step below knows the places of its inputs among the values: `at` as sets, numbers and conditions, `one` as
# instances. What the program alone decides is decided here, once, and not in the step: a plan runs on many worlds.


def _objects(node: Objects, at: Places, one: Places) -> Step:
    category = node.category
    return lambda world, values: world.members(category)


def _filter(node: Filter, at: Places, one: Places) -> Step:
    of, attribute, wanted = at[node.of], node.attribute, node.value

    def step(world: World, values: Sequence[Value]) -> Value:
        members = values[of]
        if not isinstance(members, int):
            return None
        return sum([1 << i for i in members_of(members) if world.attributes[i].get(attribute) == wanted])

    return step


def _perceive(node: Perceive, at: Places, one: Places) -> Step:
    of, predicate, wanted = at[node.of], node.predicate, node.value

    def step(world: World, values: Sequence[Value]) -> Value:
        members = values[of]
        if not isinstance(members, int):
            return None
        known, ids = world.perceptions, world.ids
        return sum(1 << i for i in members_of(members) if known.get((ids[i], predicate)) == wanted)

    return step


def _side(node: SideOf, at: Places, one: Places) -> Step:
    of, at_anchor, side = at[node.of], one[node.anchor], node.side

    def step(world: World, values: Sequence[Value]) -> Value:
        members, anchor = values[of], values[at_anchor]
        if not isinstance(members, int) or not isinstance(anchor, int):
            return None
        measures = world.cx if side in ("left", "right") else world.cy
        here = measures[anchor]
        if side in ("left", "above"):
            return sum([1 << i for i in members_of(members) if measures[i] < here])
        return sum([1 << i for i in members_of(members) if measures[i] > here])

    return step


def _overlapping(node: Overlapping, at: Places, one: Places) -> Step:
    return _related(at[node.of], one[node.anchor], lambda pair: pair.edge_gap <= TOUCHING_PX)


def _inside(node: Inside, at: Places, one: Places) -> Step:
    return _related(at[node.of], one[node.anchor], lambda pair: pair.inside_share >= INSIDE_SHARE)


def _related(of: int, at_anchor: int, holds: Callable[[Pair], bool]) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        members, anchor = values[of], values[at_anchor]
        if not isinstance(members, int) or not isinstance(anchor, int):
            return None
        found = 0
        for i in members_of(members & ~(1 << anchor)):
            pair = world.pairs.get((world.ids[i], world.ids[anchor]))
            if pair is not None and holds(pair):
                found |= 1 << i
        return found

    return step


def _extreme(node: Extreme, at: Places, one: Places) -> Step:
    of, axis, rank = at[node.of], node.axis, node.rank

    def step(world: World, values: Sequence[Value]) -> Value:
        members = values[of]
        if not isinstance(members, int):
            return None
        measures, sign = world.measures(axis)
        order = sorted([(sign * measures[i], i) for i in members_of(members)])
        if len(order) < rank:
            return None
        measure, found = order[rank - 1]
        tied = (rank > 1 and order[rank - 2][0] == measure) or (rank < len(order) and order[rank][0] == measure)
        return None if tied else found

    return step


def _by_distance(node: Nearest | Farthest, at: Places, one: Places) -> Step:
    of, at_anchor, sign = at[node.of], one[node.anchor], -1 if isinstance(node, Farthest) else 1

    def step(world: World, values: Sequence[Value]) -> Value:
        members, anchor = values[of], values[at_anchor]
        if not isinstance(members, int) or not isinstance(anchor, int):
            return None
        cx, cy = world.cx, world.cy
        x, y = cx[anchor], cy[anchor]
        least, found = math.inf, None
        for i in members_of(members & ~(1 << anchor)):
            dx, dy = cx[i] - x, cy[i] - y
            measure = sign * (dx * dx + dy * dy)
            if measure < least:
                least, found = measure, i
            elif measure == least:
                found = None
        return found

    return step


def _count(node: Count, at: Places, one: Places) -> Step:
    of = at[node.of]

    def step(world: World, values: Sequence[Value]) -> Value:
        members = values[of]
        return members.bit_count() if isinstance(members, int) else None

    return step


def _read(node: Read, at: Places, one: Places) -> Step:
    of, attribute = one[node.of], node.attribute

    def step(world: World, values: Sequence[Value]) -> Value:
        instance = values[of]
        text = world.attributes[instance].get(attribute) if isinstance(instance, int) else None
        return float(text) if text is not None and PLAIN_NUMBER.fullmatch(text) else None

    return step


def _compare(node: Compare, at: Places, one: Places) -> Step:
    if node.by == "value":
        return _compare_values(node, at)
    if node.by == "attribute":
        return _has_attribute(one[node.left], node.attribute, node.right)
    if node.to_middle:
        return _compare_to_middle(node, one)
    return _compare_instances(node, one)


def _compare_values(node: Compare, at: Places) -> Step:
    left, holds = at[node.left], HOLDS[node.relation]
    right, constant = _operand(node.right, at)

    def step(world: World, values: Sequence[Value]) -> Value:
        a, b = values[left], values[right] if constant is None else constant
        return None if a is None or b is None else holds(a, b)

    return step


def _has_attribute(left: int, attribute: str, wanted: Operand) -> Step:
    def step(world: World, values: Sequence[Value]) -> Value:
        instance = values[left]
        value = world.attributes[instance].get(attribute) if isinstance(instance, int) else None
        return None if value is None else value == wanted

    return step


def _compare_to_middle(node: Compare, one: Places) -> Step:
    left, holds = one[node.left], HOLDS[node.relation]
    horizontal = node.relation in ("left", "right")

    def step(world: World, values: Sequence[Value]) -> Value:
        a = values[left]
        if not isinstance(a, int):
            return None
        return holds(world.cx[a], world.width / 2) if horizontal else holds(world.cy[a], world.height / 2)

    return step


def _compare_instances(node: Compare, one: Places) -> Step:
    left, right, holds = one[node.left], one[str(node.right)], HOLDS[node.relation]
    measure = "area" if node.by == "area" else "cx" if node.relation in ("left", "right") else "cy"

    def step(world: World, values: Sequence[Value]) -> Value:
        a, b = values[left], values[right]
        if not isinstance(a, int) or not isinstance(b, int):
            return None
        measures = getattr(world, measure)
        return holds(measures[a], measures[b])

    return step


def _pick(node: Pick, at: Places, one: Places) -> Step:
    at_condition = at[node.condition]
    yes, no = (_operand(branch, at) for branch in (node.yes, node.no))

    def step(world: World, values: Sequence[Value]) -> Value:
        condition = values[at_condition]
        if condition is None:
            return None
        place, constant = yes if condition else no
        return values[place] if constant is None else constant

    return step


def _operand(operand: Operand, at: Places) -> tuple[int, float | None]:
    """The place of a node's value, or a constant."""
    return (at[operand], None) if isinstance(operand, str) else (0, operand)


def _arith(node: Arith, at: Places, one: Places) -> Step:
    terms, plus = [(at[name], times) for name, times in node.terms], node.plus

    def step(world: World, values: Sequence[Value]) -> Value:
        total = 0.0
        for place, times in terms:
            value = values[place]
            if value is None:
                return None
            total += value * times
        return total + plus

    return step


_STEPS: Mapping[type[Node], Callable[[Any, Places, Places], Step]] = {
    Objects: _objects, Filter: _filter, Perceive: _perceive, SideOf: _side, Overlapping: _overlapping, Inside: _inside,
    Extreme: _extreme, Nearest: _by_distance, Farthest: _by_distance, Count: _count, Read: _read, Compare: _compare,
    Pick: _pick, Arith: _arith,
}  # fmt: skip
