"""What a program gives on the truth: an evaluator of its own, written from docs/programs.md.

Sets are tuples of positions, instances positions, conditions bools, numbers floats, and None is an undefined value.
It shares no code with the two executors of the line: it is what their answers are held against.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hopchain_assets.stand_in.predicates import perceived
from hopchain_assets.stand_in.truth import Known

Node = Mapping[str, Any]
Program = Mapping[str, Any]
# which of these it is, the operation says: a tuple, int, bool, float or None
Value = Any
Values = dict[str, Value]

TOUCHING = 2.0
INSIDE = 0.9
NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)


class Evaluator:
    """Runs programs on one picture."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.things = known.things

    def answer(self, program: Program, given: Mapping[str, Value] | None = None) -> float | None:
        """The number that the program gives, None where it is undefined. `given` are values that are not worked out."""
        return self.run(program, given)[program["answer"]]

    def run(self, program: Program, given: Mapping[str, Value] | None = None) -> Values:
        """The value of every node."""
        values: Values = {}
        for node in program["nodes"]:
            name = node["id"]
            if given and name in given:
                values[name] = given[name]
            else:
                values[name] = getattr(self, f"_{node['op']}")(node, values)
        return values

    # -- sets ----------------------------------------------------------------------------------

    def _objects(self, node: Node, values: Values) -> Value:
        return self.known.categories.get(node["category"], ())

    def _filter(self, node: Node, values: Values) -> Value:
        members = _set(values[node["of"]])
        if members is None:
            return None
        key, wanted = node["attribute"], node["value"]
        return tuple(k for k in members if self.things[k].attributes.get(key) == wanted)

    def _perceive(self, node: Node, values: Values) -> Value:
        members = _set(values[node["of"]])
        if members is None:
            return None
        return tuple(k for k in members if perceived(self.things[k], node["predicate"]) == node["value"])

    def _side(self, node: Node, values: Values) -> Value:
        members, anchor = self._around(node, values)
        if members is None or anchor is None:
            return None
        return tuple(k for k in members if self._lies(k, node["side"], anchor))

    def _overlapping(self, node: Node, values: Values) -> Value:
        members, anchor = self._around(node, values)
        if members is None or anchor is None:
            return None
        return tuple(k for k in members if self.known.pairs[k, anchor].edge_gap <= TOUCHING)

    def _inside(self, node: Node, values: Values) -> Value:
        members, anchor = self._around(node, values)
        if members is None or anchor is None:
            return None
        return tuple(k for k in members if self.known.pairs[k, anchor].inside_share >= INSIDE)

    # -- instances -----------------------------------------------------------------------------

    def _extreme(self, node: Node, values: Values) -> Value:
        members, rank = _set(values[node["of"]]), node["rank"]
        if members is None or len(members) < rank:
            return None
        measure = {k: self._measure(k, node["axis"]) for k in members}
        found = sorted(members, key=measure.__getitem__)[rank - 1]
        return found if list(measure.values()).count(measure[found]) == 1 else None

    def _nearest(self, node: Node, values: Values) -> Value:
        return self._by_distance(node, values, 1)

    def _farthest(self, node: Node, values: Values) -> Value:
        return self._by_distance(node, values, -1)

    def _by_distance(self, node: Node, values: Values, sign: int) -> Value:
        members, anchor = self._around(node, values)
        if not members or anchor is None:
            return None
        far = [(sign * self.apart(k, anchor), k) for k in members]
        least = min(far)
        return least[1] if sum(one == least[0] for one, _ in far) == 1 else None

    # -- numbers and conditions ----------------------------------------------------------------

    def _count(self, node: Node, values: Values) -> Value:
        members = _set(values[node["of"]])
        return None if members is None else float(len(members))

    def _read(self, node: Node, values: Values) -> Value:
        found = lone(values[node["of"]])
        text = None if found is None else self.things[found].attributes.get(node["attribute"])
        return float(text) if text is not None and NUMBER.fullmatch(text) else None

    def _compare(self, node: Node, values: Values) -> Value:
        by, relation = node["by"], node["relation"]
        if by == "value":
            a, b = values[node["left"]], _operand(node["right"], values)
            if a is None or b is None:
                return None
            return {"more": a > b, "fewer": a < b, "equal": a == b}[relation]
        left = lone(values[node["left"]])
        if left is None:
            return None
        if by == "attribute":
            value = self.things[left].attributes.get(node["attribute"])
            return None if value is None else value == node["right"]
        if by == "position" and node["right"] == "middle":
            thing = self.things[left]
            across, down = thing.cx - self.known.width / 2, thing.cy - self.known.height / 2
            return {"left": across < 0, "right": across > 0, "above": down < 0, "below": down > 0}[relation]
        right = lone(values[node["right"]])
        if right is None:
            return None
        if by == "area":
            one, other = self.things[left].area, self.things[right].area
            return one > other if relation == "larger" else one < other
        return self._lies(left, relation, right)

    def _pick(self, node: Node, values: Values) -> Value:
        holds = values[node["condition"]]
        return None if holds is None else _operand(node["yes" if holds else "no"], values)

    def _arith(self, node: Node, values: Values) -> Value:
        total = float(node.get("plus", 0))
        for name, times in node["terms"]:
            value = values[name]
            if value is None:
                return None
            total += value * times
        return total

    # -- measures ------------------------------------------------------------------------------

    def apart(self, one: int, other: int) -> float:
        """The squared distance of two mask centres, in pixels."""
        a, b = self.things[one], self.things[other]
        return (a.cx - b.cx) * (a.cx - b.cx) + (a.cy - b.cy) * (a.cy - b.cy)

    def _around(self, node: Node, values: Values) -> tuple[Sequence[int] | None, int | None]:
        """The members of a set without the anchor, and the anchor."""
        members, anchor = _set(values[node["of"]]), lone(values[node["anchor"]])
        return (None if members is None else [k for k in members if k != anchor]), anchor

    def _lies(self, one: int, side: str, other: int) -> bool:
        a, b = self.things[one], self.things[other]
        return {"left": a.cx < b.cx, "right": a.cx > b.cx, "above": a.cy < b.cy, "below": a.cy > b.cy}[side]

    def _measure(self, k: int, axis: str) -> float:
        thing = self.things[k]
        return {
            "left": thing.cx, "right": -thing.cx, "top": thing.cy, "bottom": -thing.cy,
            "largest": -thing.area, "smallest": thing.area,
        }[axis]  # fmt: skip


def lone(value: Value) -> int | None:
    """The instance that a value stands for: itself, or the only member of a set."""
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else None
    return value if isinstance(value, int) else None


def _set(value: Value) -> tuple[int, ...] | None:
    return value if isinstance(value, tuple) else None


def _operand(operand: str | float, values: Values) -> Value:
    return values[operand] if isinstance(operand, str) else float(operand)
