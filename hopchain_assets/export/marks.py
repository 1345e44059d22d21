"""Marks on a picture: mask outlines, badges and arrows, all anti-aliased.

Positions are picture pixels as in `domain/records.py`, masks are `[H, W] bool`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from hopchain_assets.domain.masks import MaskError, decode
from hopchain_assets.domain.records import Instance

Colour = tuple[int, int, int]
Point = tuple[float, float]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.floating]

INK: Colour = (17, 24, 39)
PAPER: Colour = (255, 255, 255)
# every colour is light enough for text in INK on it (contrast 4.3 or more)
PALETTE: tuple[Colour, ...] = (
    (255, 59, 92), (0, 166, 255), (255, 176, 0), (22, 186, 102), (170, 88, 255), (255, 110, 30),
    (0, 186, 186), (240, 70, 190), (150, 190, 0), (86, 108, 255), (200, 120, 70), (120, 140, 160),
)  # fmt: skip
_FILL = 0.1
_HALO = 0.5
# the logistic curve that follows the normal distribution most closely has this slope
_LOGISTIC = 1.702


def category_colours(categories: Iterable[str]) -> dict[str, int]:
    """An index into `PALETTE` for each category, by the alphabet, so that any order gives the same."""
    return {category: index % len(PALETTE) for index, category in enumerate(sorted(set(categories)))}


def instance_mask(instance: Instance, size: tuple[int, int]) -> Mask:
    """The instance's mask in a picture of (width, height); its box where it has no mask.

    Raises:
        ValueError: when the run lengths are not those of a picture of this size.
    """
    width, height = size
    mask = np.zeros((height, width), dtype=bool)
    if not instance.mask_rle:
        x0, y0, x1, y1 = (max(0, round(value)) for value in instance.box)
        mask[y0:y1, x0:x1] = True
        return mask
    try:
        shape = decode(instance.mask_rle, height, width)
    except MaskError as error:
        raise ValueError(
            f"the mask of instance {instance.instance_id} is not one of a {width}x{height} picture ({error}); "
            "hand over the picture in the size that its facts state"
        ) from error
    if shape:
        rows, columns = shape.crop.shape
        mask[shape.y : shape.y + rows, shape.x : shape.x + columns] = shape.crop
    return mask


def stroke_width(size: tuple[int, int]) -> float:
    """Width of an outline in pixels: 2 to 3 on a picture of 640 to 1000, in proportion above."""
    return max(2.0, max(size) / 320)


def draw_mask(pixels: Pixels, mask: Mask, colour: Colour, width: float, fill: float = _FILL) -> None:
    """Draws a mask's outline, its dark halo and a light fill into `[H, W, 3]` pixels, in place.

    The outline straddles the mask's border, `width` pixels wide.
    """
    if not mask.any():
        return
    pad = math.ceil(width * 2) + 3
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom = max(0, rows[0] - pad), min(mask.shape[0], rows[-1] + 1 + pad)
    left, right = max(0, columns[0] - pad), min(mask.shape[1], columns[-1] + 1 + pad)
    distance = _border_distance(mask[top:bottom, left:right], width)
    area = pixels[top:bottom, left:right]
    near = np.abs(distance)
    _blend(area, INK, _HALO * np.clip(width / 2 + 1.5 - near, 0, 1))
    _blend(area, colour, fill * np.clip(distance + 0.5, 0, 1))
    _blend(area, colour, np.clip(width / 2 + 0.5 - near, 0, 1))


def _border_distance(mask: Mask, width: float) -> Pixels:
    """Distance of each pixel's centre from the mask's border, inside positive, exact only near it.

    Blurring a straight edge gives the normal distribution of that distance; inverting it gives
    an edge without steps, which thresholding a dilated mask does not.
    """
    pad = math.ceil(width * 2)
    sigma = max(0.8, width / 2)
    picture = Image.fromarray(np.pad(mask, pad).astype(np.uint8) * 255)
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32)[pad:-pad, pad:-pad]
    share = np.clip(blurred / 255, 0.001, 0.999)
    return (sigma / _LOGISTIC * np.log(share / (1 - share))).astype(np.float32)


def _blend(area: Pixels, colour: Colour, alpha: Pixels) -> None:
    area += alpha[..., None] * (np.asarray(colour, dtype=np.float32) - area)


def to_pixels(picture: Image.Image) -> Pixels:
    """`[H, W, 3]` numbers from 0 to 255 that may be drawn into."""
    return np.array(picture.convert("RGB"), dtype=np.float32)


def to_picture(pixels: Pixels) -> Image.Image:
    """The picture of `to_pixels`."""
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


class Overlay:
    """A transparent layer of badges and arrows, drawn larger and shrunk so that edges are smooth."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._scale = 3 if max(size) <= 1400 else 2 if max(size) <= 2800 else 1
        self._layer = Image.new("RGBA", (size[0] * self._scale, size[1] * self._scale), (*PAPER, 0))
        self._draw = ImageDraw.Draw(self._layer)

    def onto(self, picture: Image.Image) -> Image.Image:
        """A copy of the picture with the layer on it."""
        layer = self._layer.resize(self.size, Image.Resampling.BOX)
        return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")

    def text_size(self, text: str, height: float) -> tuple[float, float]:
        """Width and height in picture pixels of a pill around one line of text."""
        return max(height, self._font(height).getlength(text) / self._scale + height * 0.6), height

    def pill(self, center: Point, text: str, height: float, fill: Colour, ink: Colour, rim: Colour) -> None:
        """A line of text in a rounded field, a circle where the text is one digit."""
        width, _ = self.text_size(text, height)
        box = (center[0] - width / 2, center[1] - height / 2, center[0] + width / 2, center[1] + height / 2)
        line = max(1.0, height / 11)
        self._draw.rounded_rectangle(
            self._scaled(box), radius=height * self._scale / 2, fill=(*fill, 255),
            outline=(*rim, 255), width=round(line * self._scale),
        )  # fmt: skip
        middle = (center[0] * self._scale, center[1] * self._scale)
        self._draw.text(middle, text, fill=(*ink, 255), font=self._font(height), anchor="mm")

    def arrow(self, start: Point, end: Point, trim: tuple[float, float], width: float) -> None:
        """A bent arrow from `start` to `end`, shortened by `trim` at its two ends."""
        curve = _curve(start, end, trim)
        if len(curve) < 3:
            return
        head = min(width * 3.6, math.dist(curve[0], curve[-1]) * 0.55)
        shaft = [point for point in curve if math.dist(point, curve[-1]) > head * 0.8] or curve[:1]
        for colour, extra in ((PAPER, width * 0.7), (INK, 0.0)):
            self._line(shaft, width + 2 * extra, colour)
            self._head(shaft[-1], curve[-1], head, extra, colour)

    def _line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        # a stamped disc at every point has round ends and no cracks at the bends
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            steps = max(1, math.ceil(math.dist((ax, ay), (bx, by)) * self._scale / 2))
            for step in range(steps + 1):
                x, y = ax + (bx - ax) * step / steps, ay + (by - ay) * step / steps
                disc = (x - width / 2, y - width / 2, x + width / 2, y + width / 2)
                self._draw.ellipse(self._scaled(disc), fill=(*colour, 255))

    def _head(self, back: Point, tip: Point, length: float, extra: float, colour: Colour) -> None:
        reach = math.dist(back, tip) or 1.0
        ux, uy = (tip[0] - back[0]) / reach, (tip[1] - back[1]) / reach
        base = (tip[0] - ux * (length + extra), tip[1] - uy * (length + extra))
        half = length * 0.52 + extra * 1.5
        tip = (tip[0] + ux * extra * 1.8, tip[1] + uy * extra * 1.8)
        corners = (tip, (base[0] - uy * half, base[1] + ux * half), (base[0] + uy * half, base[1] - ux * half))
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in corners], fill=(*colour, 255))

    def _font(self, height: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=max(6.0, height * 0.62 * self._scale))

    def _scaled(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = (value * self._scale for value in box)
        return x0, y0, x1, y1


def _curve(start: Point, end: Point, trim: tuple[float, float]) -> list[Point]:
    """Points of a quadratic curve bent to the left of its way, without its trimmed ends."""
    reach = math.dist(start, end)
    bend = min(0.16 * reach, 40 + 0.04 * reach)
    if not reach:
        return []
    across = ((start[1] - end[1]) / reach, (end[0] - start[0]) / reach)
    middle = ((start[0] + end[0]) / 2 - across[0] * bend, (start[1] + end[1]) / 2 - across[1] * bend)
    points: list[Point] = []
    for step in range(97):
        t = step / 96
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        point = (a * start[0] + b * middle[0] + c * end[0], a * start[1] + b * middle[1] + c * end[1])
        if math.dist(point, start) >= trim[0] and math.dist(point, end) >= trim[1]:
            points.append(point)
    return points
