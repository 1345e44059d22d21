"""Rules `countable`, `unique_reference`, `decisive`: every reference fits one object, by a margin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hopchain_assets.domain.certify.margins import Ruler
from hopchain_assets.domain.interpreter import INSIDE_SHARE, TOUCHING_PX, Value
from hopchain_assets.domain.program import (
    Compare,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Overlapping,
    Perceive,
    Program,
    Read,
    SideOf,
)
from hopchain_assets.domain.records import Facts, Finding
from hopchain_assets.domain.world import World, members_of


class Decisions:
    """Looks at every node of a program that ran on a picture."""

    def __init__(self, program: Program, facts: Facts, world: World, ruler: Ruler, values: Sequence[Value]) -> None:
        self.program, self.facts, self.world, self.ruler = program, facts, world, ruler
        self.value = dict(zip((node.id for node in program.nodes), values, strict=True))
        self.gives = {node.id: node.gives for node in program.nodes}

    def countable(self) -> Iterator[Finding]:
        """No category is searched that cannot be counted in this picture."""
        for node in self.program.nodes:
            if isinstance(node, Objects):
                reason = self.facts.uncountable.get(node.category)
                if reason:
                    yield Finding("countable", f"{node.category}: {reason}")
                elif not self.world.members(node.category):
                    yield Finding("countable", f"{node.category}: there is none in the picture")

    def unique_reference(self) -> Iterator[Finding]:
        """Every reference has exactly one object, every number exists."""
        for node in self.program.nodes:
            if self.value[node.id] is None:
                yield Finding("unique_reference", f"{node.op} at {node.id} fits no object, or several")
                return
            for name, wanted in node.inputs():
                if wanted == "instance" and self.gives[name] == "set" and self._set(name).bit_count() != 1:
                    found = self._set(name).bit_count()
                    yield Finding("unique_reference", f"{name} stands for one object, but {found} fit")
                    return

    def decisive(self) -> Iterator[Finding]:
        """Every choice, membership and comparison holds by the margin, in each reading of the words."""
        for node in self.program.nodes:
            doubt = self._doubt(node)
            if doubt:
                yield Finding("decisive", f"{node.op} at {node.id}: {doubt}")

    def _set(self, name: str) -> int:
        value = self.value[name]
        return value if isinstance(value, int) else 0

    def _one(self, name: str) -> int:
        """The instance a node stands for; only asked after `unique_reference` held."""
        value = self.value[name]
        assert isinstance(value, int)
        return value.bit_length() - 1 if self.gives[name] == "set" else value

    def _doubt(self, node: Node) -> str:
        match node:
            case Filter():
                return self._filter(node)
            case Perceive():
                known = self.facts.perceptions
                for i in members_of(self._set(node.of)):
                    if (self.world.ids[i], node.predicate) not in known:
                        return f"{node.predicate} of one {self.world.category[i]} is not known"
                return ""
            case SideOf():
                return self._side(node)
            case Overlapping() | Inside():
                return self._contact(node)
            case Extreme():
                return self._extreme(node)
            case Nearest() | Farthest():
                return self._distance(node)
            case Compare():
                return self._compare(node)
            case Read():
                known = node.attribute in self.world.attributes[self._one(node.of)]
                return "" if known else "the number is not certain"
        return ""

    def _filter(self, node: Filter) -> str:
        for item in members_of(self._set(node.of)):
            if node.attribute not in self.world.attributes[item]:
                return f"the {node.attribute} of one {self.world.category[item]} is not certain"
        return ""

    def _side(self, node: SideOf) -> str:
        anchor = self._one(node.anchor)
        axis = 0 if node.side in ("left", "right") else 1
        for item in members_of(self._set(node.of) & ~(1 << anchor)):
            doubt = self.ruler.side_doubt(item, anchor, axis)
            if doubt:
                return f"one {self.world.category[item]} and the {self.world.category[anchor]}: {doubt}"
        return ""

    def _contact(self, node: Overlapping | Inside) -> str:
        anchor = self._one(node.anchor)
        far = min(self.ruler.reach)
        for item in members_of(self._set(node.of) & ~(1 << anchor)):
            if isinstance(node, Overlapping):
                gap = self.ruler.gap(item, anchor)
                clear = gap is not None and (gap <= TOUCHING_PX / 2 or gap >= far)
            else:
                share = self.ruler.inside_share(item, anchor)
                clear = share is not None and (share >= (1 + INSIDE_SHARE) / 2 or share <= INSIDE_SHARE / 2)
            if not clear:
                return f"one {self.world.category[item]} is neither clearly so nor clearly not"
        return ""

    def _extreme(self, node: Extreme) -> str:
        order = [i for _, i in self.world.along(node.axis) if self._set(node.of) >> i & 1]
        place = order.index(self._one(node.id))
        for before, after in ((place - 1, place), (place, place + 1)):
            if before < 0 or after >= len(order):
                continue
            doubt = self._order_doubt(node.axis, order[before], order[after])
            if doubt:
                return f"two candidates {doubt}"
        # people also go by the edge that faces the way they look, so the set splits the same by it
        if node.axis not in ("largest", "smallest"):
            axis, sign = (0 if node.axis in ("left", "right") else 1), (1 if node.axis in ("left", "top") else -1)
            edge = {i: sign * self.ruler.along(i, axis)[2 if sign > 0 else 3] for i in order}
            if sorted(order, key=edge.__getitem__)[place] != order[place]:
                return "by its edge another one would be meant"
        return ""

    def _order_doubt(self, axis: str, first: int, second: int) -> str:
        if axis in ("largest", "smallest"):
            return self.ruler.larger_doubt(first, second)
        way = 0 if axis in ("left", "right") else 1
        (a, a_box, _, _), (b, b_box, _, _) = self.ruler.along(first, way), self.ruler.along(second, way)
        if abs(a - b) < self.ruler.reach[way]:
            return f"are only {abs(a - b):.0f} pixels apart"
        return "" if (a < b) == (a_box < b_box) else "are ordered otherwise by box centre"

    def _distance(self, node: Nearest | Farthest) -> str:
        anchor, found = self._one(node.anchor), self._one(node.id)
        for other in members_of(self._set(node.of) & ~(1 << anchor) & ~(1 << found)):
            near, far = (found, other) if isinstance(node, Nearest) else (other, found)
            doubt = self.ruler.nearer_doubt(near, far, anchor)
            if doubt:
                return doubt
        return ""

    def _compare(self, node: Compare) -> str:
        if node.by == "value":
            return ""
        left = self._one(node.left)
        if node.by == "attribute":
            return "" if node.attribute in self.world.attributes[left] else f"the {node.attribute} is not certain"
        axis = 0 if node.relation in ("left", "right") else 1
        if node.to_middle:
            return self.ruler.half_doubt(left, axis)
        right = self._one(str(node.right))
        if left == right:
            return "an object is compared with itself"
        return self.ruler.larger_doubt(left, right) if node.by == "area" else self.ruler.side_doubt(left, right, axis)
