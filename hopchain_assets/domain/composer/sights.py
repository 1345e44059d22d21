"""What a composer can point at in a picture: moves that are plain to see, worked out once a picture.

The certifier judges every chain anew with its own measures; here the same questions are asked in
the composer's own way, so that most of what it proposes holds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from hopchain_assets.domain.program import Axis, Relation, Side
from hopchain_assets.domain.records import Facts

SIDES: Sequence[Side] = ("left", "right", "above", "below")
ALONG: Sequence[tuple[Side, Side]] = (("left", "right"), ("above", "below"))
ABOUT = {"left": "x", "right": "x", "above": "y", "below": "y", "top": "y", "bottom": "y"}
AXES: Sequence[Axis] = ("left", "right", "top", "bottom", "largest", "smallest")


@dataclass(frozen=True, slots=True)
class Group:
    """The instances of a category, or those of them that share an attribute's value."""

    number: int
    category: str
    members: tuple[int, ...]
    attribute: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A way to point at an instance: from nothing (`axis`, `rank`) or from another one.

    `rival` is the one that a careless look would take instead.
    """

    group: Group
    instance: int
    rival: int
    axis: Axis | None = None
    rank: int = 1
    side: Side | None = None
    far: bool = False

    @property
    def tells(self) -> set[str]:
        """What the words of the move tell of its instance: asking for that again would need no look."""
        told = {self.group.attribute} if self.group.attribute else set()
        if self.axis:
            told.add(ABOUT.get(self.axis, "area"))
        return told

    @property
    def way(self) -> tuple[object, ...]:
        """The move without where it leads: the same words from another instance."""
        return self.group.number, self.side, self.far


@dataclass(frozen=True, slots=True)
class Counted:
    """The members of a group on one side of an instance."""

    group: Group
    side: Side
    members: tuple[int, ...]

    @property
    def way(self) -> tuple[object, ...]:
        """The count without its result."""
        return self.group.number, self.side


@dataclass(frozen=True, slots=True)
class Sighting:
    """A condition about one or two instances and how it turns out."""

    by: str
    relation: Relation
    holds: bool
    attribute: str = ""
    value: str = ""

    @property
    def about(self) -> str:
        """What the condition is about: `x`, `y`, `area` or an attribute."""
        return self.attribute or ABOUT.get(self.relation, "area")


class Sights:
    """The plain moves of one picture. `position` and `ratio` are the shares that make a difference plain."""

    def __init__(self, facts: Facts, position: float = 0.03, ratio: float = 0.15) -> None:
        self.facts, self.ratio = facts, ratio
        items = facts.instances
        size = np.array([facts.width, facts.height], float)
        center = np.array([(i.cx, i.cy) for i in items]).reshape(-1, 2)
        box = np.array([i.box for i in items], float).reshape(-1, 4)
        box_center = (box[:, :2] + box[:, 2:]) / 2
        apart = position * size
        # reckoned as arrays, kept as lists: they are read number by number, which is slow from an array
        self.size, self.apart = size.tolist(), apart.tolist()
        self.center, self.box, self.box_center = center.tolist(), box.tolist(), box_center.tolist()
        self.area = [item.area for item in items]
        self.box_area = np.prod(box[:, 2:] - box[:, :2], axis=1).tolist()
        self.order = _clear_order(center, box, box_center, apart).tolist()
        self.distance = _distances(center).tolist()
        self.box_distance = _distances(box_center).tolist()
        self.gap = self._gaps()
        self.size_of = Counter(item.category for item in items)
        self.groups = self._groups()
        # a method's own cache would keep the picture alive for ever
        self.steps = cache(self._steps)
        self.counts = cache(self._counts)
        self.alone = cache(self._alone)
        self.telling_steps = cache(self._telling_steps)
        self.telling_counts = cache(self._telling_counts)

    def _gaps(self) -> list[list[float]]:
        gaps = [[math.nan] * len(self.area) for _ in self.area]
        place = {item.instance_id: k for k, item in enumerate(self.facts.instances)}
        for (a, b), pair in self.facts.pairs.items():
            gaps[place[a]][place[b]] = pair.edge_gap
        return gaps

    def _groups(self) -> list[Group]:
        groups: list[Group] = []
        items = self.facts.instances
        for category in sorted({i.category for i in items} - self.facts.uncountable.keys()):
            members = tuple(k for k, item in enumerate(items) if item.category == category)
            groups.append(Group(len(groups), category, members))
            for attribute in ("color", "facing"):
                values = [items[k].attributes.get(attribute) for k in members]
                if None in values or len(set(values)) < 2:
                    continue
                for value in sorted({v for v in values if v}):
                    chosen = tuple(k for k, v in zip(members, values, strict=True) if v == value)
                    groups.append(Group(len(groups), category, chosen, attribute, value))
        return groups

    def rivals(self, group: Group) -> int:
        """How many instances the group's category has."""
        return self.size_of[group.category]

    def roots(self) -> list[Found]:
        """Instances that stand out in the whole picture."""
        found: list[Found] = []
        for group in self.groups:
            if self.rivals(group) < 2 or len(group.members) < 2:
                continue
            for axis in AXES:
                ordered = self._ordered(group.members, axis)
                # the second largest can be told, but nobody likes to
                for rank in range(1, 2 if axis in ("largest", "smallest") else min(3, len(ordered)) + 1):
                    if rank == len(ordered) or not self._stands_out(ordered, rank - 1, axis):
                        continue
                    found.append(Found(group, ordered[rank - 1], ordered[rank], axis=axis, rank=rank))
        return found

    def _ordered(self, members: Sequence[int], axis: Axis) -> list[int]:
        if axis in ("largest", "smallest"):
            measure = self.area
        else:
            measure = [center[0 if axis in ("left", "right") else 1] for center in self.center]
        return sorted(members, key=measure.__getitem__, reverse=axis in ("right", "bottom", "largest"))

    def _stands_out(self, ordered: Sequence[int], place: int, axis: Axis) -> bool:
        pairs = [(ordered[k], ordered[k + 1]) for k in (place - 1, place) if 0 <= k < len(ordered) - 1]
        if axis in ("largest", "smallest"):
            return all(self.size_order(a, b) != 0 for a, b in pairs)
        way = 0 if axis in ("left", "right") else 1
        return all(abs(self.center[a][way] - self.center[b][way]) >= self.apart[way] for a, b in pairs)

    def size_order(self, a: int, b: int) -> int:
        """1 where a is plainly larger than b, -1 where it is plainly smaller, else 0."""
        for sign, one, other in ((1, a, b), (-1, b, a)):
            if self.area[one] >= (1 + self.ratio) * self.area[other] and self.box_area[one] > self.box_area[other]:
                return sign
        return 0

    def _steps(self, anchor: int) -> list[Found]:
        """Instances that another one leads to."""
        found: list[Found] = []
        for group in self.groups:
            others = [k for k in group.members if k != anchor]
            own = self.facts.instances[anchor].category == group.category
            if self.rivals(group) - own < 2:
                continue
            for side in (None, *SIDES):
                candidates = others if side is None else self._on_side(group, anchor, side)
                if not candidates:
                    continue
                for far in (False, True):
                    instance = self._reached(anchor, candidates, far)
                    if instance is not None and (len(candidates) > 1 or not far):
                        rival = self._rival(group, anchor, instance, candidates, far)
                        found.append(Found(group, instance, rival, side=side, far=far))
        return found

    def _rival(self, group: Group, anchor: int, instance: int, candidates: Sequence[int], far: bool) -> int:
        """The next candidate, or where there is none the next of the category."""
        pool = [k for k in candidates if k != instance]
        if not pool:
            items = self.facts.instances
            pool = [
                k for k, item in enumerate(items) if item.category == group.category and k not in (instance, anchor)
            ]
        return (max if far else min)(pool, key=self.distance[anchor].__getitem__)

    def _on_side(self, group: Group, anchor: int, side: Side) -> list[int] | None:
        # the order from the anchor's point of view: 1 where the anchor lies behind the other one
        order = self.order[0 if side in ("left", "right") else 1][anchor]
        wanted = 1 if side in ("left", "above") else -1
        chosen: list[int] = []
        for k in group.members:
            if k == anchor:
                continue
            if not order[k]:
                return None
            if order[k] == wanted:
                chosen.append(k)
        return chosen

    def _reached(self, anchor: int, candidates: Sequence[int], far: bool) -> int | None:
        """The one plainly nearest to (or farthest from) the anchor, in every measure of distance."""
        distance, box_distance, gap = self.distance[anchor], self.box_distance[anchor], self.gap[anchor]
        best, times = (max if far else min)(candidates, key=distance.__getitem__), 1 + self.ratio
        for other in candidates:
            if other == best:
                continue
            near, away = (other, best) if far else (best, other)
            plain = distance[away] >= times * distance[near] and box_distance[away] > box_distance[near]
            if not (plain and gap[away] >= times * gap[near] and gap[away] > 2):
                return None
        return best

    def _telling_steps(self, anchor: int, rival: int) -> list[Found]:
        """Moves from an instance that lead elsewhere for somebody who stands at its rival."""
        astray = {move.way: move.instance for move in self.steps(rival)}
        return [move for move in self.steps(anchor) if astray.get(move.way) != move.instance]

    def _telling_counts(self, anchor: int, rival: int) -> list[Counted]:
        """Counts at an instance that give another number at its rival."""
        astray = {move.way: len(move.members) for move in self.counts(rival)}
        return [move for move in self.counts(anchor) if astray.get(move.way) != len(move.members)]

    def _counts(self, anchor: int) -> list[Counted]:
        """Groups that can be counted on a side of an instance."""
        found: list[Counted] = []
        for group in self.groups:
            if len(group.members) < 2:
                continue
            for side in SIDES:
                members = self._on_side(group, anchor, side)
                if members is not None and len(members) <= 4:
                    found.append(Counted(group, side, tuple(members)))
        return found

    def _alone(self, instance: int) -> list[Sighting]:
        """Conditions about one instance: the half of the picture it lies in, its colour, where it faces."""
        seen: list[Sighting] = []
        for axis, names in enumerate(ALONG):
            half = self._half(instance, axis)
            if half is not None:
                seen += [Sighting("position", name, half == k) for k, name in enumerate(names)]
        item = self.facts.instances[instance]
        for attribute in ("color", "facing"):
            if attribute in item.attributes:
                values = {other.attributes.get(attribute) for other in self.facts.instances} - {None}
                for value in sorted(v for v in values if v):
                    holds = item.attributes[attribute] == value
                    seen.append(Sighting("attribute", "is", holds, attribute, value))
        return seen

    def _half(self, instance: int, axis: int) -> int | None:
        middle = self.size[axis] / 2
        low, high = self.box[instance][axis], self.box[instance][axis + 2]
        share = min(max((middle - low) / max(high - low, 1e-9), 0), 1)
        center, box = self.center[instance][axis], self.box_center[instance][axis]
        for half, inside, sign in ((0, share, 1), (1, 1 - share, -1)):
            if inside >= 0.75 and sign * (middle - center) >= self.apart[axis] and sign * (middle - box) > 0:
                return half
        return None

    def between(self, one: int, other: int) -> list[Sighting]:
        """Conditions about two instances: how they lie to each other, which is larger."""
        seen: list[Sighting] = []
        for axis, names in enumerate(ALONG):
            at = self.order[axis][one][other]
            if at:
                seen += [Sighting("position", name, at == (-1, 1)[k]) for k, name in enumerate(names)]
        size = self.size_order(one, other)
        if size:
            seen += [Sighting("area", "larger", size > 0), Sighting("area", "smaller", size < 0)]
        return seen

    def numbers(self, instance: int) -> list[str]:
        """Attributes of an instance that hold a number."""
        attributes = self.facts.instances[instance].attributes
        return [name for name in ("number", "dots") if name in attributes]


def _clear_order(center: np.ndarray, box: np.ndarray, box_center: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """`[2, n, n]`: -1 where i lies clearly before j along x or y, 1 clearly behind, 0 unclear."""
    order = np.zeros((2, len(center), len(center)), int)
    for axis in (0, 1):
        at, at_box, low, high = center[:, axis], box_center[:, axis], box[:, axis], box[:, axis + 2]
        behind = (at[:, None] - at[None, :] >= apart[axis]) & (at_box[:, None] > at_box[None, :])
        behind &= (low[:, None] >= at[None, :]) | (high[None, :] <= at[:, None])
        order[axis] = behind.astype(int) - behind.T.astype(int)
    return order


def _distances(points: np.ndarray) -> np.ndarray:
    difference = points[:, None, :] - points[None, :, :]
    return np.sqrt((difference * difference).sum(axis=2))
