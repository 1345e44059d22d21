"""Masks that are slightly or quite wrong: borders moved, cut in two, joined, cut to crumbs, drawn where nothing is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from pycocotools import mask as coco_mask

from hopchain_assets.domain.masks import Shape, dilated, eroded, trimmed

# of the root of a mask's area: what a good segmenter's border is off by, and that of one that went wrong
HONEST_BORDER = 0.015
WRONG_BORDER = (0.05, 0.15)
# of the picture's sides: how far a wrong mask is moved at most, and half of a blob's axes
WRONG_SHIFT = 0.03
BLOB = (0.03, 0.1)
# more than may be counted (`CountLimits.most`), each large enough to be one
CRUMBS = (12, 18)
CRUMB_PIXELS = 32


def honest(shape: Shape, random: Random, height: int, width: int) -> Shape:
    """The mask as a good segmenter would have it."""
    return bordered(shape, random.uniform(-HONEST_BORDER, HONEST_BORDER), height, width)


def jittered(shape: Shape, random: Random, height: int, width: int) -> Shape:
    """Much smaller or larger, and moved; it stays in the picture with at least a pixel."""
    other = bordered(shape, random.choice((-1, 1)) * random.uniform(*WRONG_BORDER), height, width)
    dx = round(random.uniform(-WRONG_SHIFT, WRONG_SHIFT) * width)
    dy = round(random.uniform(-WRONG_SHIFT, WRONG_SHIFT) * height)
    x, y = other.x + dx, other.y + dy
    inside = other.crop[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    return trimmed(inside, max(0, x), max(0, y)) or other


def bordered(shape: Shape, share: float, height: int, width: int) -> Shape:
    """With a border lost (below 0) or gained, of that share of the root of its area; as it is where none is left."""
    pixels = round(share * math.sqrt(shape.area))
    if pixels < 0:
        return eroded(shape, -pixels) or shape
    return dilated(shape, pixels, height, width) if pixels else shape


def halves(shape: Shape, share: float = 0.5) -> list[Shape]:
    """Both parts of a mask that is cut across the longer side of its box, or the mask where it is a single pixel."""
    height, width = shape.crop.shape
    at = min(max(1, round(share * max(height, width))), max(height, width) - 1)
    if width >= height:
        parts = [trimmed(shape.crop[:, :at], shape.x, shape.y), trimmed(shape.crop[:, at:], shape.x + at, shape.y)]
    else:
        parts = [trimmed(shape.crop[:at], shape.x, shape.y), trimmed(shape.crop[at:], shape.x, shape.y + at)]
    return [part for part in parts if part is not None]


def crumbs(shape: Shape, random: Random) -> list[Shape]:
    """A region cut into many pieces, the largest first cut on, as long as they are large enough."""
    pieces, wanted = [shape], random.randint(*CRUMBS)
    while len(pieces) < wanted:
        pieces.sort(key=lambda piece: piece.area)
        if pieces[-1].area < 2 * CRUMB_PIXELS:
            break
        pieces[-1:] = halves(pieces[-1])
    return pieces


def joined(shapes: Sequence[Shape]) -> Shape:
    """One mask with the pixels of all."""
    x, y = min(shape.x for shape in shapes), min(shape.y for shape in shapes)
    right, bottom = (int(max(shape.box[k] for shape in shapes)) for k in (2, 3))
    canvas = np.zeros((bottom - y, right - x), np.bool_)
    for shape in shapes:
        height, width = shape.crop.shape
        canvas[shape.y - y : shape.y - y + height, shape.x - x : shape.x - x + width] |= shape.crop
    return Shape(canvas, x, y)


def blob(random: Random, height: int, width: int) -> Shape:
    """An ellipse somewhere in the picture."""
    half_x, half_y = (max(2.0, random.uniform(*BLOB) * side) for side in (width, height))
    cx, cy = random.uniform(0, width), random.uniform(0, height)
    x0, x1 = max(0, int(cx - half_x)), min(width, int(cx + half_x) + 1)
    y0, y1 = max(0, int(cy - half_y)), min(height, int(cy + half_y) + 1)
    across, down = (np.arange(x0, x1) + 0.5 - cx) / half_x, (np.arange(y0, y1) + 0.5 - cy) / half_y
    ink = across[None, :] ** 2 + down[:, None] ** 2 <= 1
    # in a corner nothing of it may be left
    return trimmed(ink, x0, y0) or Shape(np.ones((1, 1), np.bool_), min(x0, width - 1), min(y0, height - 1))


def encoded(shape: Shape, height: int, width: int) -> str:
    """COCO's compressed run lengths of the mask in its picture."""
    canvas = np.zeros((height, width), np.uint8, order="F")
    canvas[shape.y : shape.y + shape.crop.shape[0], shape.x : shape.x + shape.crop.shape[1]] = shape.crop
    counts = coco_mask.encode(canvas)["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts
