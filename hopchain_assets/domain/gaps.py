"""Gaps between masks: of all pairs of their strips few are compared.

Over the strips of each mask stands a tree of boxes: one around every few strips that lie side by side, one around every
few of these, and so on. What is in two boxes comes no closer than the boxes do, so where something closer is known they
are not opened.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hopchain_assets.domain.strips import Floats, Ints, Strips

# a box is around so many; the topmost ones of a mask are compared with all of another's
FAN = 4
MOST_TOPMOST = 12
# of distances above `FAR` pixels two are alike that differ by less than a hundredth: `ALIKE` is that of their squares
FAR = 66
ALIKE = 0.981
AT_ONCE = 2**13

# [2, 2, ...]: x and y of the first pixel, and of the last one with the sign turned, so that the box around several is
# their minimum; a box around nothing is infinite, which is far from everything
Boxes = NDArray[np.floating[Any]]


class _Level(NamedTuple):
    """The boxes of one height, `n` over all masks.

    Where the boxes that each is around stand in the level below, `[fan, n]`; the level below; and the first and last
    strips of its boxes, `[2, below]`.
    """

    inner: Ints
    below: Boxes
    ends: Ints


def edge_gaps(strips: Strips, a: Ints, b: Ints) -> Floats:
    """Pixels between the masks of each pair, `[p]`: the distance of their closest pixel centres less one.

    Exact up to 64 pixels; longer ones are too long by at most a hundredth. Masks side by side have none between them.
    No mask may be empty; those of a pair share no pixel.
    """
    if not a.size:
        return np.zeros(0)
    # whole numbers below 2^24 are exact in 32 bits, at twice the speed
    kind = np.float32 if strips.height**2 + strips.width**2 < 2**24 else np.float64
    leaves = _leaves(strips, kind)
    levels = _levels(strips, leaves)
    nearest = np.full(a.size, np.inf, kind)
    # the last is worked on first, down to the strips, so that what waits stays short
    waiting = [(len(levels) - 1, np.arange(a.size), a, b)]
    while waiting:
        height, pair, one, other = waiting.pop()
        if pair.size > AT_ONCE:
            few = [slice(start, start + AT_ONCE) for start in range(0, pair.size, AT_ONCE)]
            waiting += [(height, pair[part], one[part], other[part]) for part in few]
            continue
        inner, below, ends = levels[height]
        mine, its = inner.take(one, axis=1), inner.take(other, axis=1)
        apart = _apart(below.take(mine, axis=2), below.take(its, axis=2))
        if height == 0:
            np.minimum.at(nearest, pair, apart.min(axis=0))
            continue
        # the first and last strips of the closest two boxes say how near the masks are at most
        likely, row = apart.argmin(axis=0), np.arange(pair.size)
        ended, ending = ends.take(mine[likely // len(its), row], axis=1), ends.take(its[likely % len(its), row], axis=1)
        np.minimum.at(nearest, pair, _apart(leaves.take(ended, axis=2), leaves.take(ending, axis=2)).min(axis=0))
        known = nearest[pair]
        # side by side is as near as can be
        known[known == 1] = 0
        known[known > FAR**2] *= ALIKE
        place, row = np.divmod(np.flatnonzero(apart < known), pair.size)
        if row.size:
            waiting.append((height - 1, pair[row], mine[place // len(its), row], its[place % len(its), row]))
    return np.sqrt(nearest, dtype=np.float64) - 1


def _apart(one: Boxes, other: Boxes) -> NDArray[np.floating[Any]]:
    """Squared distance of the closest pixel centres of each of `k` boxes to each of `k`: `[k * k, p]`."""
    between = np.maximum(one[0][:, :, None] + other[1][:, None], other[0][:, None] + one[1][:, :, None])
    np.maximum(between, 0, out=between)
    between *= between
    return (between[0] + between[1]).reshape(-1, between.shape[-1])


def _leaves(strips: Strips, kind: type[np.floating[Any]]) -> Boxes:
    """Strips as boxes, and one around nothing."""
    _, column, top, bottom = strips.cut
    boxes = np.full((2, 2, column.size + 1), np.inf, kind)
    boxes[0, 0, :-1], boxes[0, 1, :-1] = column, top
    boxes[1, 0, :-1], boxes[1, 1, :-1] = -column, 1 - bottom
    return boxes


def _levels(strips: Strips, leaves: Boxes) -> list[_Level]:
    """From the strips up; of the last level each mask has one box."""
    begin, many = strips.begins[:-1], np.diff(strips.begins)
    below, ends = leaves, np.array((np.arange(strips.begins[-1]),) * 2)
    levels: list[_Level] = []
    while many.max() > MOST_TOPMOST:
        boxes = -(-many // FAN)
        head = boxes.cumsum() - boxes
        first = (np.arange(int(boxes.sum())) - head.repeat(boxes)) * FAN + begin.repeat(boxes)
        levels.append(_Level(_inner(first, (begin + many).repeat(boxes), FAN, below), below, ends))
        ends = np.array((ends[0, first], ends[1, np.append(first[1:], ends.shape[1]) - 1]))
        nothing = below[..., -1:]
        below = np.concatenate((below.take(levels[-1].inner, axis=2).min(axis=2), nothing), axis=2)
        begin, many = head, boxes
    return [*levels, _Level(_inner(begin, begin + many, int(many.max()), below), below, ends)]


def _inner(first: Ints, end: Ints, fan: int, below: Boxes) -> Ints:
    """So many from `first` on, and the box around nothing from `end` on, `[fan, n]`."""
    inner = first + np.arange(fan)[:, None]
    return np.where(inner < end, inner, below.shape[2] - 1)
