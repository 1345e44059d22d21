"""How far each choice of a chain was from the runner-up: the numbers behind rule `decisive`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hopchain_assets.domain.certify.margins import Margins, Ruler
from hopchain_assets.domain.interpreter import INSIDE_SHARE, TOUCHING_PX, Plan
from hopchain_assets.domain.program import (
    Compare,
    Extreme,
    Farthest,
    Inside,
    Nearest,
    Node,
    Overlapping,
    SideOf,
)
from hopchain_assets.domain.records import Chain, Facts
from hopchain_assets.domain.world import World, members_of

Unit = Literal["px", "times", "share", "count"]

_APART = ("apart horizontally", "apart vertically")


@dataclass(frozen=True, slots=True)
class Margin:
    """One choice: how far it was from turning out otherwise, and how far it had to be.

    `hop` is the hop that the choice belongs to, `subject` the instance chosen or judged, `rival` what it was told
    apart from (another instance, an anchor), `why` the measure in words. Units: `px` pixels, `times` a ratio,
    `share` of an area, `count` a difference of two numbers.
    """

    hop: int
    node: str
    why: str
    measured: float
    needed: float
    unit: Unit
    subject: str = ""
    rival: str = ""

    @property
    def slack(self) -> float:
        """How many times over the margin holds; below 1 it does not."""
        nothing = 1.0 if self.unit == "times" else 0.0
        return (self.measured - nothing) / (self.needed - nothing) if self.needed > nothing else float("inf")


def chain_margins(facts: Facts, chain: Chain, margins: Margins) -> list[Margin]:
    """The closest call of every choice, membership and comparison of a chain, in the order of its program.

    Nodes that choose nothing (a category, a count, an attribute, arithmetic) have none, nor has a choice without
    a rival. Of a chain that is not defined on these facts only what has a value is told.
    """
    hop_of = {name: hop.number for hop in chain.hops for name in hop.grounds}
    measure = _Measure(facts, chain, Ruler(facts, margins))
    return [
        Margin(hop_of.get(node.id, 0), node.id, *found) for node in chain.program.nodes for found in measure.node(node)
    ]


Found = tuple[str, float, float, Unit, str, str]


class _Measure:
    """Measures the nodes of one chain on its picture."""

    def __init__(self, facts: Facts, chain: Chain, ruler: Ruler) -> None:
        self.ruler, self.items = ruler, facts.instances
        plan = Plan(chain.program)
        values = plan.run(World.of(facts))
        self.value = {name: values[position] for name, position in plan.position.items()}
        self.gives = {node.id: node.gives for node in chain.program.nodes}
        self.world = World.of(facts)
        self.middle = (facts.width / 2, facts.height / 2)

    def node(self, node: Node) -> Iterator[Found]:
        """The closest call of a node, or none."""
        match node:
            case Extreme():
                yield from self._extreme(node)
            case Nearest() | Farthest():
                yield from self._distance(node)
            case SideOf():
                yield from self._side(node)
            case Overlapping() | Inside():
                yield from self._contact(node)
            case Compare():
                yield from self._compare(node)

    def _one(self, name: str) -> int | None:
        value = self.value.get(name)
        if value is None or self.gives[name] != "set":
            return None if value is None else int(value)
        return int(value).bit_length() - 1 if int(value).bit_count() == 1 else None

    def _others(self, of: str, *without: int) -> list[int]:
        value = self.value[of]
        return [i for i in members_of(int(value or 0)) if i not in without]

    def _extreme(self, node: Extreme) -> Iterator[Found]:
        found = self._one(node.id)
        if found is None:
            return
        order = [i for _, i in self.world.along(node.axis) if i in set(self._others(node.of))]
        place = order.index(found)
        rivals = order[max(0, place - 1) : place] + order[place + 1 : place + 2]
        if not rivals:
            return
        if node.axis in ("largest", "smallest"):
            yield self._closest(found, rivals, lambda i: _ratio(self._area(found), self._area(i)), "in area", "times")
            return
        axis = 0 if node.axis in ("left", "right") else 1
        yield self._closest(
            found, rivals, lambda i: abs(self._at(found, axis) - self._at(i, axis)), _APART[axis], "px", axis
        )

    def _distance(self, node: Nearest | Farthest) -> Iterator[Found]:
        found, anchor = self._one(node.id), self._one(node.anchor)
        if found is None or anchor is None:
            return
        rivals = self._others(node.of, found, anchor)
        if rivals:
            mine = self.ruler.distance(found, anchor)
            words = "in distance"
            yield self._closest(found, rivals, lambda i: _ratio(mine, self.ruler.distance(i, anchor)), words, "times")

    def _side(self, node: SideOf) -> Iterator[Found]:
        anchor = self._one(node.anchor)
        if anchor is None:
            return
        axis = 0 if node.side in ("left", "right") else 1
        judged = self._others(node.of, anchor)
        if judged:
            item = min(judged, key=lambda i: abs(self._at(i, axis) - self._at(anchor, axis)))
            gap = abs(self._at(item, axis) - self._at(anchor, axis))
            yield _APART[axis], gap, self.ruler.reach[axis], "px", self._id(item), self._id(anchor)

    def _contact(self, node: Overlapping | Inside) -> Iterator[Found]:
        anchor = self._one(node.anchor)
        if anchor is None:
            return
        calls: list[Found] = []
        for item in self._others(node.of, anchor):
            pair = (self._id(item), self._id(anchor))
            if isinstance(node, Inside):
                share = self.ruler.inside_share(item, anchor)
                limit = (1 - INSIDE_SHARE) / 2 if share is not None and share >= INSIDE_SHARE else INSIDE_SHARE / 2
                if share is not None:
                    calls.append(("inside, from the limit", abs(share - INSIDE_SHARE), limit, "share", *pair))
                continue
            gap = self.ruler.gap(item, anchor)
            if gap is not None and gap > TOUCHING_PX:
                calls.append(("between their edges", gap, min(self.ruler.reach), "px", *pair))
        yield from sorted(calls, key=lambda call: call[1] / call[2])[:1]

    def _compare(self, node: Compare) -> Iterator[Found]:
        if node.by == "attribute":
            return
        if node.by == "value":
            left = self.value.get(node.left)
            right = self.value.get(node.right) if isinstance(node.right, str) else node.right
            if left is not None and right is not None and node.relation != "equal":
                yield "between the two numbers", abs(float(left) - float(right)), 1, "count", "", ""
            return
        left = self._one(node.left)
        right = None if node.to_middle else self._one(str(node.right))
        if left is None or (right is None and not node.to_middle):
            return
        axis = 0 if node.relation in ("left", "right") else 1
        if right is None:
            gap = abs(self._at(left, axis) - self.middle[axis])
            yield "from the middle of the picture", gap, self.ruler.reach[axis], "px", self._id(left), ""
        elif node.by == "area":
            yield self._closest(left, [right], lambda i: _ratio(self._area(left), self._area(i)), "in area", "times")
        else:
            yield self._closest(
                left, [right], lambda i: abs(self._at(left, axis) - self._at(i, axis)), _APART[axis], "px", axis
            )

    def _closest(
        self, found: int, rivals: Sequence[int], far: Callable[[int], float], why: str, unit: Unit, axis: int = 0
    ) -> Found:
        """The rival that comes closest, and the margin to it."""
        rival = min(rivals, key=far)
        needed = self.ruler.reach[axis] if unit == "px" else 1 + self.ruler.margins.ratio
        return why, far(rival), needed, unit, self._id(found), self._id(rival)

    def _at(self, item: int, axis: int) -> float:
        return self.ruler.along(item, axis)[0]

    def _area(self, item: int) -> float:
        return self.items[item].area

    def _id(self, item: int) -> str:
        return self.items[item].instance_id


def _ratio(one: float, other: float) -> float:
    return max(one, other) / max(min(one, other), 1e-9)
