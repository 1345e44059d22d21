"""Which categories of a picture may be counted or searched at all, whoever marked them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hopchain_assets.domain.records import Instance

# names that people give to one another's objects: where both are present a count of either is a matter of opinion
CONFUSABLE = (
    frozenset({"car", "truck", "bus", "van"}),
    frozenset({"cup", "bowl", "vase", "mug"}),
    frozenset({"chair", "bench", "couch"}),
)


@dataclass(frozen=True, slots=True)
class CountLimits:
    """`smallest_share` of the picture an instance's box must take, `smallest_side` in pixels that the shorter
    side of its box keeps at `training_pixels` a picture, `most` instances a category may have, `sure_score` the
    least score of each: with one that is less sure nobody knows how many there are."""

    smallest_share: float = 0.002
    smallest_side: float = 8.0
    training_pixels: float = 1_000_000
    most: int = 10
    sure_score: float = 0.5


def uncountable(
    instances: Sequence[Instance],
    crowds: Iterable[str],
    width: int,
    height: int,
    limits: CountLimits,
    perhaps: Iterable[str] = (),
) -> dict[str, str]:
    """Categories that may not be counted or searched, each with the reason.

    `crowds` are the categories of which a region, not an instance, is marked, `perhaps` those that may be present
    though no instance of them was kept.
    """
    reasons = dict.fromkeys(crowds, "a crowd of them is marked as one region")
    present = {item.category for item in instances}
    beside = present | set(perhaps)
    scale = min(1.0, math.sqrt(limits.training_pixels / (width * height)))
    for category in sorted(present - reasons.keys()):
        members = [item for item in instances if item.category == category]
        reason = _reason(category, members, beside, width * height, scale, limits)
        if reason:
            reasons[category] = reason
    return reasons


def _reason(
    category: str, members: Sequence[Instance], present: set[str], pixels: float, scale: float, limits: CountLimits
) -> str:
    if len(members) > limits.most:
        return f"there are {len(members)}, more than {limits.most}"
    for group in CONFUSABLE:
        others = sorted((group & present) - {category}) if category in group else []
        if others:
            return f"easily taken for {others[0]}, which is in the picture too"
    least = min(item.score for item in members)
    if least < limits.sure_score:
        return f"one is there with a score of {least:.2f} only, less than {limits.sure_score:g}"
    for item in members:
        x0, y0, x1, y1 = item.box
        # by its box: thin things (a kite, a horse's legs) are as easy to find as solid ones of their extent
        if item.box_area < limits.smallest_share * pixels:
            return f"one takes {item.box_area / pixels:.2%} of the picture, less than {limits.smallest_share:.1%}"
        if min(x1 - x0, y1 - y0) * scale < limits.smallest_side:
            return f"one is narrower than {limits.smallest_side:g} pixels at the training resolution"
    return ""
