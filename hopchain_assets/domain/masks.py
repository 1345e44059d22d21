"""Geometry of masks: run lengths in, boxes, centres, areas, gaps and slightly wrong twins out.

Masks travel as COCO's compressed run lengths (column-major, of the whole picture) and are worked on as
crops: `[h, w] bool` arrays with the picture position of their first pixel. Boxes are `xyxy`,
`x1`, `y1` exclusive; a pixel's centre lies at +0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hopchain_assets.domain.records import Pair

Crop = NDArray[np.bool_]
OUTLINE_POINTS = 96
PAIRS_AT_ONCE = 4_000_000
FAR = 2**28


class MaskError(ValueError):
    """The run lengths do not describe a mask of this picture."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A mask's crop and where it lies: `crop[0, 0]` is the pixel at (`x`, `y`)."""

    crop: Crop
    x: int
    y: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The tight box, xyxy in pixels."""
        height, width = self.crop.shape
        return float(self.x), float(self.y), float(self.x + width), float(self.y + height)

    @property
    def area(self) -> float:
        """Visible pixels."""
        return float(np.count_nonzero(self.crop))

    @property
    def center(self) -> tuple[float, float]:
        """The mean of the pixels' centres."""
        # sums along an axis of bools are slow; a float32 product counts exactly up to 2^24 pixels a line
        height, width = self.crop.shape
        ink = self.crop.astype(np.float32)
        columns = (np.ones(height, np.float32) @ ink).astype(np.float64)
        rows = (ink @ np.ones(width, np.float32)).astype(np.float64)
        total = float(columns.sum())
        cx = float(columns @ np.arange(width)) / total + self.x + 0.5
        cy = float(rows @ np.arange(height)) / total + self.y + 0.5
        return cx, cy


def run_lengths(counts: str) -> NDArray[np.int64]:
    """Decodes COCO's compressed text into alternating runs of background and mask.

    Raises:
        MaskError: when the text is not such a code.
    """
    # 5 bits a byte from 48 on, 0x20 marks "more follows", 0x10 in the last byte is the sign;
    # from the third run on each is the difference to the one two before (pycocotools' maskApi)
    try:
        codes = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64)
    except UnicodeEncodeError as error:
        raise MaskError("the run lengths hold a character that is not ASCII") from error
    codes -= 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise MaskError("the run lengths are cut short or hold a foreign character")
    last = ((codes & 0x20) == 0).nonzero()[0]
    first = np.zeros(last.size, np.int64)
    first[1:] = last[:-1] + 1
    sizes = last - first + 1
    # runs and their differences fit 33 bits; longer ones would overflow the sums below
    if sizes.max() > 7:
        raise MaskError("a run length is too long to be one")
    place = np.arange(codes.size) - first.repeat(sizes)
    values = np.add.reduceat((codes & 0x1F) << (5 * place), first)
    values -= (codes[last] & 0x10) >> 4 << (5 * sizes)
    values[1::2] = values[1::2].cumsum()
    values[2::2] = values[2::2].cumsum()
    if values.min() < 0 or values.max() >= 2**32:
        raise MaskError("a run length is negative, or too long to be one")
    return values


def decode(counts: str, height: int, width: int) -> Shape | None:
    """The mask as a tight crop, None when it holds no pixel.

    Raises:
        MaskError: when the runs do not fill a picture of this size.
    """
    runs = run_lengths(counts)
    if runs.sum() != height * width:
        raise MaskError(f"the run lengths cover {runs.sum()} pixels, the picture has {height}x{width}")
    ends = np.cumsum(runs)
    inked = np.flatnonzero(runs[1::2]) * 2 + 1
    if inked.size == 0:
        return None
    first, last = int(inked[0]), int(inked[-1])
    x0, x1 = int(ends[first - 1] // height), int((ends[last] - 1) // height) + 1
    # only the columns that hold ink are unrolled: most masks are small in a large picture
    region = runs[first - 1 : last + 2].copy()
    region[0] = ends[first - 1] - x0 * height
    region[last - first + 2 :] = x1 * height - ends[last]
    unrolled = np.repeat(np.arange(region.size) % 2 == 1, region)
    if unrolled.size < (x1 - x0) * height:
        unrolled = np.pad(unrolled, (0, (x1 - x0) * height - unrolled.size))
    columns = unrolled.reshape(x1 - x0, height).T
    rows = np.flatnonzero(columns.any(axis=1))
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    return Shape(np.ascontiguousarray(columns[y0:y1]), x0, y0)


def trimmed(crop: Crop, x: int, y: int) -> Shape | None:
    """A crop without its empty rows and columns, None when it is empty."""
    rows, columns = np.nonzero(crop.any(axis=1))[0], np.nonzero(crop.any(axis=0))[0]
    if rows.size == 0:
        return None
    tight = crop[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Shape(tight, x + int(columns[0]), y + int(rows[0]))


def eroded(shape: Shape, pixels: int) -> Shape | None:
    """The mask less a border of that many pixels (4-neighbours a pixel), None when nothing is left."""
    crop = _framed(shape.crop, 1)
    # as one line of pixels: a neighbour in the next row is a row away, and the empty frame keeps rows apart
    line, row = crop.reshape(-1), crop.shape[1]
    inner, last = line[row:-row], line.size - row
    for _ in range(pixels):
        beside = line[row - 1 : last - 1] & line[row + 1 : last + 1]
        inner &= beside & line[: last - row] & line[2 * row :]
    return trimmed(crop[1:-1, 1:-1], shape.x, shape.y)


def dilated(shape: Shape, pixels: int, height: int, width: int) -> Shape:
    """The mask and a border of that many pixels, within the picture."""
    crop = _framed(shape.crop, pixels)
    # as one line of pixels, as in `eroded`: only the last round reaches the frame's outermost columns
    line, row = crop.reshape(-1), crop.shape[1]
    for _ in range(pixels):
        before = line.copy()
        line[1:] |= before[:-1]
        line[:-1] |= before[1:]
        line[row:] |= before[:-row]
        line[:-row] |= before[row:]
    x, y = shape.x - pixels, shape.y - pixels
    left, top = max(0, -x), max(0, -y)
    # tight as it is: what grows out of a tight crop has ink in each of its outer rows and columns
    return Shape(crop[top : top + height - max(y, 0), left : left + width - max(x, 0)], x + left, y + top)


def _framed(crop: Crop, pixels: int) -> Crop:
    """The crop in an empty frame that wide; `np.pad` does the same at many times the cost."""
    height, width = crop.shape
    framed = np.zeros((height + 2 * pixels, width + 2 * pixels), np.bool_)
    framed[pixels : pixels + height, pixels : pixels + width] = crop
    return framed


def outline(shape: Shape) -> NDArray[np.float32]:
    """Centres of the border pixels, `[n, 2]` as x, y in pixels."""
    crop = _framed(shape.crop, 1)
    inner = crop[:-2, 1:-1] & crop[2:, 1:-1] & crop[1:-1, :-2] & crop[1:-1, 2:]
    rows, columns = np.nonzero(shape.crop & ~inner)
    return np.stack((columns + (shape.x + 0.5), rows + (shape.y + 0.5)), axis=1).astype(np.float32)


def pair_table(ids: Sequence[str], shapes: Sequence[Shape]) -> dict[tuple[str, str], Pair]:
    """How every instance lies to every other one: all ordered pairs.

    Shared pixels and shares are exact; gaps between masks whose boxes lie close together are exact, others
    are measured between at most 96 evenly taken outline points a mask (a few pixels too long at most).
    """
    outlines = [outline(shape) for shape in shapes]
    gaps = _coarse_gaps(outlines)
    boxes = [shape.box for shape in shapes]
    areas = [shape.area for shape in shapes]
    table: dict[tuple[str, str], Pair] = {}
    for i, one in enumerate(shapes):
        for j in range(i + 1, len(shapes)):
            overlap = shared_pixels(one, shapes[j])
            gap = 0.0 if overlap else _near_gap(outlines[i], outlines[j], boxes[i], boxes[j], float(gaps[i, j]))
            for a, b in ((i, j), (j, i)):
                share = pixels_in_box(shapes[a], boxes[b]) / areas[a]
                table[ids[a], ids[b]] = Pair(overlap, share, gap)
    return table


def shared_pixels(a: Shape, b: Shape) -> float:
    """Pixels that both masks hold."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    x0, y0, x1, y1 = (int(v) for v in (max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)))
    if x0 >= x1 or y0 >= y1:
        return 0.0
    one = a.crop[y0 - a.y : y1 - a.y, x0 - a.x : x1 - a.x]
    other = b.crop[y0 - b.y : y1 - b.y, x0 - b.x : x1 - b.x]
    return float(np.count_nonzero(one & other))


def pixels_in_box(shape: Shape, box: tuple[float, float, float, float]) -> float:
    """Mask pixels whose centre lies in the box."""
    x0, y0, x1, y1 = (round(v) for v in box)
    inside = shape.crop[max(0, y0 - shape.y) : max(0, y1 - shape.y), max(0, x0 - shape.x) : max(0, x1 - shape.x)]
    return float(np.count_nonzero(inside))


def _coarse_gaps(outlines: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Distances between at most 96 points a mask, `[n, n]` pixels."""
    count = len(outlines)
    points = np.zeros((count, OUTLINE_POINTS, 2), np.float32)
    for i, found in enumerate(outlines):
        points[i] = found[np.linspace(0, len(found) - 1, OUTLINE_POINTS).astype(int)]
    flat = points.reshape(-1, 2)
    gaps = np.zeros((count, count), np.float32)
    squares = (flat * flat).sum(axis=1)
    # one row of masks at a time: fifty instances at once would need a gigabyte
    for i in range(count):
        mine = points[i]
        distances = squares[None, :] + (mine * mine).sum(axis=1)[:, None] - 2 * (mine @ flat.T)
        gaps[i] = np.sqrt(np.maximum(distances.reshape(OUTLINE_POINTS, count, -1).min(axis=(0, 2)), 0))
    return np.maximum(np.minimum(gaps, gaps.T) - 1, 0)


def _near_gap(
    one: NDArray[np.float32],
    other: NDArray[np.float32],
    a: tuple[float, float, float, float],
    b: tuple[float, float, float, float],
    coarse: float,
) -> float:
    """The exact gap where the boxes lie within 12 pixels of each other, else the coarse one."""
    reach = 12.0
    x0, y0 = max(a[0], b[0]) - reach, max(a[1], b[1]) - reach
    x1, y1 = min(a[2], b[2]) + reach, min(a[3], b[3]) + reach
    if x0 >= x1 or y0 >= y1:
        return coarse
    near = [p[(p[:, 0] >= x0) & (p[:, 0] <= x1) & (p[:, 1] >= y0) & (p[:, 1] <= y1)] for p in (one, other)]
    if not len(near[0]) or not len(near[1]):
        return coarse
    # pixels side by side are one apart and touch
    return min(coarse, max(_closest(near[0], near[1]) - 1.0, 0.0))


def _closest(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Distance between the closest two pixel centres of two sets, `[n, 2]` each."""
    if len(one) * len(other) <= PAIRS_AT_ONCE:
        difference = one[:, None, :] - other[None, :, :]
        return float(np.sqrt((difference * difference).sum(axis=2).min()))
    # two chessboards, or two long shores in a large picture, have more pairs than memory holds: go by columns
    corner = np.minimum(one.min(axis=0), other.min(axis=0))
    (x, y), (columns, rows) = (one - corner).astype(np.int64).T, (other - corner).astype(np.int64).T
    away = _distance_in_column(columns, rows, int(max(x.max(), columns.max())) + 1, int(max(y.max(), rows.max())) + 1)
    best, dx = FAR * FAR, 0
    while dx * dx < best and dx < away.shape[1]:
        for shifted in (x + dx, x - dx):
            there = (shifted >= 0) & (shifted < away.shape[1])
            if there.any():
                best = min(best, dx * dx + int(away[y[there], shifted[there]].min()) ** 2)
        dx += 1
    return float(np.sqrt(np.float32(best)))


def _distance_in_column(columns: NDArray[np.int64], rows: NDArray[np.int64], width: int, height: int) -> NDArray[Any]:
    """How far each pixel is from the next of these pixels in its own column, `[height, width]`."""
    place = np.arange(height, dtype=np.int32)[:, None]
    above = np.full((height, width), -FAR, np.int32)
    above[rows, columns] = rows
    below = np.where(above < 0, np.int32(FAR), above)
    np.maximum.accumulate(above, axis=0, out=above)
    below = np.minimum.accumulate(below[::-1], axis=0)[::-1]
    return np.minimum(place - above, below - place)
