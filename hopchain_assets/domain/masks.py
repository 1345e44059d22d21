"""Geometry of single masks: run lengths in, boxes, centres, areas and slightly wrong twins out.

Masks travel as COCO's compressed run lengths (column-major, of the whole picture) and are worked on as
crops: `[h, w] bool` arrays with the picture position of their first pixel. Boxes are `xyxy`,
`x1`, `y1` exclusive; a pixel's centre lies at +0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hopchain_assets.domain.coco_codes import MaskError as MaskError
from hopchain_assets.domain.coco_codes import read_runs

__all__ = [
    "MaskError",
    "Shape",
    "decode",
    "dilated",
    "eroded",
    "pixels_in_box",
    "run_lengths",
    "shared_pixels",
    "trimmed",
]

Crop = NDArray[np.bool_]


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
    numbers, lead, ink, behind = read_runs([counts])
    runs = np.empty(2 * ink.size + 1, np.int64)
    runs[0], runs[1::2], runs[2::2] = lead[0], ink, behind
    return runs[: numbers[0]]


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
