"""All masks of one picture at once, as vertical strips: run lengths in and out, and measures.

COCO counts column by column, so a run of mask pixels is an interval of positions (`column * height + row`), and cut at
the columns' ends it is strips: owner, column, first row, row after the last. Everything here works on the strips of all
masks together, as a picture has a dozen small masks, and a call of numpy for each would cost more than its work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hopchain_assets.domain.coco_codes import MaskError, read_runs, write_codes
from hopchain_assets.domain.masks import Shape

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Strips:
    """Masks of a picture of this size. Runs are sorted by owner, then by place, and no two of a mask touch.

    `owner`, `start`, `end` are `[n]`: the mask's position, and positions in the picture, `end` exclusive. A mask may
    have no run.
    """

    count: int
    height: int
    width: int
    owner: Ints = field(repr=False)
    start: Ints = field(repr=False)
    end: Ints = field(repr=False)

    @classmethod
    def decode(cls, texts: Sequence[str], height: int, width: int) -> Strips:
        """Masks of COCO's compressed run lengths.

        Raises:
            MaskError: when one of them is no such code, or does not fill a picture of this size.
        """
        runs, size, count = read_runs(texts), height * width, len(texts)
        # all texts one after the other, each less its lead
        walked = (runs.ink + runs.behind).cumsum()
        so_far = np.concatenate(([0], walked))[runs.rows.cumsum()]
        before = np.concatenate(([0], so_far[:-1])) if count else so_far
        filled = runs.lead + so_far - before
        wrong = np.flatnonzero(filled != size)
        if wrong.size:
            raise MaskError(f"the run lengths cover {filled[wrong[0]]} pixels, the picture has {height}x{width}")
        owner = np.arange(count).repeat(runs.rows)
        end = walked - runs.behind + (runs.lead - before)[owner]
        return cls.of_runs(owner, end - runs.ink, end, count, height, width)

    @classmethod
    def of_runs(cls, owner: Ints, start: Ints, end: Ints, count: int, height: int, width: int) -> Strips:
        """Masks of runs that are sorted and do not overlap; what is empty is dropped, what touches becomes one run."""
        long = end > start
        if not long.all():
            owner, start, end = owner[long], start[long], end[long]
        touching = (end[:-1] == start[1:]) & (owner[:-1] == owner[1:])
        if touching.any():
            heads = np.concatenate(([True], ~touching))
            owner, start, end = owner[heads], start[heads], end[np.concatenate((~touching, [True]))]
        return cls(count, height, width, owner, start, end)

    @classmethod
    def of_shapes(cls, shapes: Sequence[Shape]) -> Strips:
        """Masks that were cut out, in a picture just large enough for them."""
        height = max((shape.y + shape.crop.shape[0] for shape in shapes), default=1)
        width = max((shape.x + shape.crop.shape[1] for shape in shapes), default=1)
        parts = [np.zeros((3, 0), np.int64)]
        for number, shape in enumerate(shapes):
            # a row that is always empty keeps the columns apart
            columns = np.zeros((shape.crop.shape[1], shape.crop.shape[0] + 1), np.int8)
            columns[:, :-1] = shape.crop.T
            column, row = np.divmod(np.flatnonzero(np.diff(columns.reshape(-1), prepend=0)), columns.shape[1])
            place = (column + shape.x) * height + row + shape.y
            parts.append(np.stack((np.full(place.size // 2, number), place[::2], place[1::2])))
        owner, start, end = np.concatenate(parts, axis=1)
        return cls.of_runs(owner, start, end, len(shapes), height, width)

    def encode(self) -> list[str]:
        """COCO's compressed run lengths of each mask, byte by byte as pycocotools writes them."""
        size = self.height * self.width
        first = np.searchsorted(self.owner, np.arange(self.count + 1))
        # of each mask: 0, where its runs start and end, and the picture's end; run lengths are what lies between
        begin = 2 * first + 2 * np.arange(self.count + 1)
        edges = np.empty(int(begin[-1]), np.int64)
        place = 2 * np.arange(self.owner.size) + 2 * self.owner + 1
        edges[begin[:-1]], edges[begin[1:] - 1] = 0, size
        edges[place], edges[place + 1] = self.start, self.end
        values = np.diff(edges, append=0)
        # nothing is written between two masks, nor a background of none at the picture's end
        written = np.ones(values.size, np.bool_)
        written[begin[1:] - 1] = False
        written[begin[1:] - 2] &= values[begin[1:] - 2] > 0
        written[begin[:-1]] = True
        return write_codes(values[written], np.concatenate(([0], written.cumsum()))[begin])

    def chosen(self, which: Sequence[int]) -> Strips:
        """Some of the masks, in the order given (ascending)."""
        if len(which) == self.count:
            return self
        place = np.full(self.count, -1)
        place[list(which)] = np.arange(len(which))
        mine = place[self.owner] >= 0
        owner = place[self.owner[mine]]
        return Strips(len(which), self.height, self.width, owner, self.start[mine], self.end[mine])

    @cached_property
    def areas(self) -> Floats:
        """Visible pixels of each mask, `[m]`."""
        return np.bincount(self.owner, self.end - self.start, self.count).astype(np.float64)

    @cached_property
    def cut(self) -> tuple[Ints, Ints, Ints, Ints]:
        """The strips: owner, column, first row, row after the last; by owner, then column, then row."""
        first, last = self.start // self.height, (self.end - 1) // self.height
        # most pictures have no mask that runs on from one column into the next
        if (first == last).all():
            floor = first * self.height
            return self.owner, first, self.start - floor, self.end - floor
        many = last - first + 1
        run = np.arange(self.owner.size).repeat(many)
        column = first[run] + np.arange(run.size) - (many.cumsum() - many)[run]
        floor = column * self.height
        top = np.maximum(self.start[run] - floor, 0)
        bottom = np.minimum(self.end[run] - floor, self.height)
        return self.owner[run], column, top, bottom

    @cached_property
    def begins(self) -> Ints:
        """Where the strips of each mask begin, and after the last where all end, `[m + 1]`."""
        return np.searchsorted(self.cut[0], np.arange(self.count + 1))

    @cached_property
    def boxes(self) -> Floats:
        """Tight boxes, xyxy in pixels, `[m, 4]`; zeros for an empty mask."""
        _, column, top, bottom = self.cut
        found = np.zeros((self.count, 4))
        full = np.flatnonzero(np.diff(self.begins))
        if full.size:
            at = self.begins[full]
            found[full, 0], found[full, 2] = column[at], column[self.begins[full + 1] - 1] + 1
            found[full, 1], found[full, 3] = np.minimum.reduceat(top, at), np.maximum.reduceat(bottom, at)
        return found

    @cached_property
    def centers(self) -> Floats:
        """The mean of each mask's pixel centres, x and y, `[m, 2]`; not a number for an empty mask.

        To the last bit what the mask's crop gives, so that it does not matter which of the two was measured.
        """
        owner, column, top, bottom = self.cut
        tall, corner = bottom - top, self.boxes[:, :2]
        # sums of whole numbers below 2^53, so exact
        x = np.bincount(owner, tall * column, self.count)
        y = np.bincount(owner, tall * (top + bottom - 1), self.count) / 2
        with np.errstate(invalid="ignore"):
            inside = (np.array((x, y)).T - corner * self.areas[:, None]) / self.areas[:, None]
        return inside + corner + 0.5
