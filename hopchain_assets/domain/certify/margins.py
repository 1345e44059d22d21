"""How far apart things must be for a person to see it: the settings of `decisive` and its measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hopchain_assets.domain.records import Facts, Instance


@dataclass(frozen=True, slots=True)
class Margins:
    """`position` is a share of the picture's side, `ratio` of the smaller area or distance, `half` the
    share of an object's box that must lie in the half it is said to be in, `touching` in pixels."""

    position: float = 0.03
    ratio: float = 0.15
    half: float = 0.75
    touching: float = 2.0


class Ruler:
    """Measures one picture's instances by their position in `Facts.instances`."""

    def __init__(self, facts: Facts, margins: Margins) -> None:
        self.facts, self.margins = facts, margins
        self.items: Sequence[Instance] = facts.instances
        self.reach = (margins.position * facts.width, margins.position * facts.height)

    def along(self, item: int, axis: int) -> tuple[float, float, float, float]:
        """Mask centre, box centre, low edge and high edge of an instance in x (0) or y (1), pixels."""
        instance = self.items[item]
        low, high = instance.box[axis], instance.box[axis + 2]
        return (instance.cy if axis else instance.cx), (low + high) / 2, low, high

    def side_doubt(self, item: int, anchor: int, axis: int) -> str:
        """Why it cannot be said on which side of the anchor an instance lies, empty when it can.

        Mask centres differ by the margin, box centres agree, and one centre lies beyond the other's
        edge: of two things that stand in front of each other nobody says which is further left.
        """
        center, box, low, high = self.along(item, axis)
        at, at_box, at_low, at_high = self.along(anchor, axis)
        word = "vertically" if axis else "horizontally"
        if abs(center - at) < self.reach[axis]:
            return f"only {abs(center - at):.0f} pixels apart {word}"
        if (box > at_box) != (center > at):
            return f"mask centre and box centre disagree {word}"
        beyond = (low >= at or at_high <= center) if center > at else (high <= at or at_low >= center)
        return "" if beyond else f"they overlap {word} beyond both centres"

    def half_doubt(self, item: int, axis: int) -> str:
        """Why it cannot be said in which half of the picture an instance lies, empty when it can."""
        center, box, low, high = self.along(item, axis)
        middle = (self.facts.height if axis else self.facts.width) / 2
        if abs(center - middle) < self.reach[axis]:
            return f"its centre is only {abs(center - middle):.0f} pixels from the middle"
        if (box > middle) != (center > middle):
            return "mask centre and box centre lie in different halves"
        share = min(max((middle - low) / max(high - low, 1e-9), 0), 1)
        if 1 - self.margins.half < share < self.margins.half:
            return f"the middle cuts it, {max(share, 1 - share):.0%} of it lies on one side"
        return ""

    def larger_doubt(self, one: int, other: int) -> str:
        """Why it cannot be said which of two looks larger, empty when it can."""
        a, b = self.items[one], self.items[other]
        ratio = max(a.area, b.area) / max(min(a.area, b.area), 1e-9)
        if ratio < 1 + self.margins.ratio:
            return f"one is only {ratio:.2f} times as large as the other"
        if (a.area > b.area) != (a.box_area > b.box_area):
            return "mask areas and box areas disagree"
        return ""

    def distance(self, item: int, anchor: int) -> float:
        """Between mask centres, pixels."""
        a, b = self.items[item], self.items[anchor]
        return ((a.cx - b.cx) ** 2 + (a.cy - b.cy) ** 2) ** 0.5

    def box_distance(self, item: int, anchor: int) -> float:
        """Between box centres, pixels."""
        (ax, ay), (bx, by) = self.items[item].box_center, self.items[anchor].box_center
        return ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5

    def gap(self, item: int, anchor: int) -> float | None:
        """Between the masks' edges, pixels; None when the pair is not in the facts."""
        pair = self.facts.pairs.get((self.items[item].instance_id, self.items[anchor].instance_id))
        return None if pair is None else pair.edge_gap

    def inside_share(self, item: int, anchor: int) -> float | None:
        """Share of the first mask in the second box; None when the pair is not in the facts."""
        pair = self.facts.pairs.get((self.items[item].instance_id, self.items[anchor].instance_id))
        return None if pair is None else pair.inside_share

    def nearer_doubt(self, near: int, far: int, anchor: int) -> str:
        """Why it cannot be said that `near` is closer to the anchor than `far`, empty when it can.

        Centre distances differ by the margin; distances of box centres and of edges agree.
        """
        d0, d1 = self.distance(near, anchor), self.distance(far, anchor)
        if d1 < d0 * (1 + self.margins.ratio):
            return f"the distances {d0:.0f} and {d1:.0f} pixels are too alike"
        if self.box_distance(near, anchor) >= self.box_distance(far, anchor):
            return "distances of mask centres and box centres disagree"
        g0, g1 = self.gap(near, anchor), self.gap(far, anchor)
        if g0 is None or g1 is None:
            return "their edge distances are not known"
        if g1 < g0 * (1 + self.margins.ratio) or g1 <= self.margins.touching:
            return f"measured from edge to edge the distances {g0:.0f} and {g1:.0f} pixels are too alike"
        return ""
