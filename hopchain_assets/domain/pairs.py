"""How every two masks of a picture lie to each other: shared pixels, shares in boxes, gaps between edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from hopchain_assets.domain.gaps import edge_gaps
from hopchain_assets.domain.records import Pair
from hopchain_assets.domain.strips import Floats, Ints, Strips

AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of masks, each once: positions of both, shared pixels, gap, and each one's share within the other's box."""

    a: Ints
    b: Ints
    overlap_px: Floats
    a_inside: Floats
    b_inside: Floats
    edge_gap: Floats


def all_pairs(strips: Strips) -> Pairs:
    """Every pair of masks. All is exact, but for gaps of more than 64 pixels: those may be too long by a hundredth.

    Raises:
        ValueError: when a mask is empty: it lies nowhere.
    """
    if not strips.areas.all():
        raise ValueError("an empty mask lies nowhere: leave it out")
    a, b = _each_once(strips.count)
    overlap, inside = np.zeros(a.size), np.zeros((2, a.size))
    close = _close(strips, a, b)
    if close.size:
        one, other = a[close], b[close]
        overlap[close], within = _shared(strips, one, other)
        inside[:, close] = within / strips.areas[np.array((one, other))]
    gap = np.zeros(a.size)
    apart = np.flatnonzero(overlap == 0)
    gap[apart] = edge_gaps(strips, a[apart], b[apart])
    return Pairs(a, b, overlap, inside[0], inside[1], gap)


def overlapping(strips: Strips) -> tuple[Ints, Ints, Floats]:
    """The pairs that share pixels, each once: positions of both, and how many pixels. Masks may be empty."""
    a, b = _each_once(strips.count)
    close = _close(strips, a, b)
    a, b = a[close], b[close]
    shared, _ = _shared(strips, a, b)
    some = shared > 0
    return a[some], b[some], shared[some]


def pair_table(ids: Sequence[str], strips: Strips) -> dict[tuple[str, str], Pair]:
    """Both orders of every pair, by id."""
    pairs = all_pairs(strips)
    columns = (pairs.a, pairs.b, pairs.overlap_px, pairs.a_inside, pairs.b_inside, pairs.edge_gap)
    names, table = list(ids), dict[tuple[str, str], Pair]()
    for a, b, overlap, a_inside, b_inside, gap in zip(*(column.tolist() for column in columns), strict=True):
        one, other = names[a], names[b]
        table[one, other] = Pair(overlap, a_inside, gap)
        table[other, one] = Pair(overlap, b_inside, gap)
    return table


@lru_cache(maxsize=64)
def _each_once(count: int) -> tuple[Ints, Ints]:
    """Positions of every pair of so many, each once; kept, as pictures have a dozen masks each."""
    return np.triu_indices(count, 1)


def _close(strips: Strips, a: Ints, b: Ints) -> Ints:
    """The pairs whose boxes overlap."""
    x0, y0, x1, y1 = strips.boxes.T
    across = (x0[a] < x1[b]) & (x0[b] < x1[a])
    return np.flatnonzero(across & (y0[a] < y1[b]) & (y0[b] < y1[a]))


def _shared(strips: Strips, a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """Pixels that both masks of each pair hold, `[p]`, and pixels of each in the other's box, `[2, p]`.

    The boxes of a pair overlap. Only what lies where they do is looked at.
    """
    owner, column, top, bottom = strips.cut
    both, other = np.concatenate((a, b)), np.concatenate((b, a))
    boxes = strips.boxes.astype(np.int64)
    low = np.maximum(boxes[both, :2], boxes[other, :2])
    high = np.minimum(boxes[both, 2:], boxes[other, 2:])
    keys, offset = owner * strips.width + column, both * strips.width
    begin = np.searchsorted(keys, offset + low[:, 0])
    many = np.searchsorted(keys, offset + high[:, 0]) - begin
    # the one with fewer strips there is looked up in the other
    fewer = many[: a.size] <= many[a.size :]
    asked = np.concatenate((fewer, ~fewer))
    ink = _Ink(strips)
    within, shared = np.zeros(both.size), np.zeros(both.size)
    for part in _portions(many):
        side, strip = _ragged(begin[part], many[part])
        side += part.start
        first, after = np.maximum(top[strip], low[side, 1]), np.minimum(bottom[strip], high[side, 1])
        within += np.bincount(side, np.maximum(after - first, 0), both.size)
        ask = np.flatnonzero(asked[side] & (after > first))
        side, strip = side[ask], strip[ask]
        place = other[side] * ink.size + column[strip] * strips.height
        pixels = ink.before(place + after[ask]) - ink.before(place + first[ask])
        shared += np.bincount(side, pixels, both.size)
    return shared.reshape(2, -1).sum(axis=0), within.reshape(2, -1)


class _Ink:
    """Counts mask pixels before a position, of all masks laid one after the other; each takes `size` positions."""

    def __init__(self, strips: Strips) -> None:
        self.size = strips.height * strips.width
        self._start = strips.owner * self.size + strips.start
        self._long = strips.end - strips.start
        self._before = self._long.cumsum() - self._long

    def before(self, place: Ints) -> Ints:
        run = np.searchsorted(self._start, place, "right") - 1
        # before the first run -1 stands for the last one, which lies far behind
        return np.where(run < 0, 0, self._before[run] + np.minimum(place - self._start[run], self._long[run]))


def _ragged(begin: Ints, many: Ints) -> tuple[Ints, Ints]:
    """For ranges `begin .. begin + many` the number of the range and each member, one after the other."""
    number = np.arange(many.size).repeat(many)
    return number, np.arange(number.size) + (begin - many.cumsum() + many)[number]


def _portions(work: Ints) -> list[slice]:
    """Slices that are small enough to be done at once; one entry at least."""
    if work.sum() <= AT_ONCE:
        return [slice(0, work.size)]
    portion = (work.cumsum() - work) // AT_ONCE
    ends = [*(np.flatnonzero(np.diff(portion)) + 1).tolist(), work.size]
    return [slice(start, end) for start, end in pairwise([0, *ends])]
