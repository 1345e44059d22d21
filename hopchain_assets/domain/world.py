"""One picture's instances, laid out for fast queries: what programs run on.

Sets are bit masks over the instances, instances their positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from hopchain_assets.domain.program import Axis
from hopchain_assets.domain.records import Facts, Instance, Pair


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

    def measures(self, axis: Axis) -> tuple[Sequence[float], int]:
        """What the axis orders by, instance by instance, and -1 where the greatest comes first, else 1."""
        if axis in ("left", "right"):
            return self.cx, 1 if axis == "left" else -1
        if axis in ("top", "bottom"):
            return self.cy, 1 if axis == "top" else -1
        return self.area, 1 if axis == "smallest" else -1

    def along(self, axis: Axis) -> list[tuple[float, int]]:
        """(measure, instance) from the first to the last along the axis."""
        if axis not in self._orders:
            values, sign = self.measures(axis)
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


@lru_cache(maxsize=4096)
def members_of(mask: int) -> tuple[int, ...]:
    """Positions of a set's members, ascending; kept, because the same few sets come up all the time."""
    members: list[int] = []
    while mask:
        low = mask & -mask
        members.append(low.bit_length() - 1)
        mask ^= low
    return tuple(members)
