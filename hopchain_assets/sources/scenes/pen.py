"""A pen that lays smooth shapes on a picture and remembers which pixels they covered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from hopchain_assets.sources.scenes.colors import Rgb, Rgba, clear
from hopchain_assets.sources.scenes.geometry import Outline

# each pixel is sampled 4 by 4 times: 17 shades at an edge
SAMPLES = 4
Box = tuple[int, int, int, int]
Field = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Linear:
    """Colour that changes from `start` to `end` (local units) through evenly spaced stops."""

    start: tuple[float, float]
    end: tuple[float, float]
    stops: tuple[Rgb | Rgba, ...]

    def share(self, x: Field, y: Field) -> Field:
        """0 at the first stop, 1 at the last."""
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        return ((x - self.start[0]) * dx + (y - self.start[1]) * dy) / (dx * dx + dy * dy)


@dataclass(frozen=True, slots=True)
class Radial:
    """Colour that changes from `center` outwards through evenly spaced stops."""

    center: tuple[float, float]
    radius: tuple[float, float]
    stops: tuple[Rgb | Rgba, ...]

    def share(self, x: Field, y: Field) -> Field:
        """0 at the centre, 1 at the radius and beyond."""
        return np.sqrt(((x - self.center[0]) / self.radius[0]) ** 2 + ((y - self.center[1]) / self.radius[1]) ** 2)


Paint = Rgb | Linear | Radial


def across(half: float, *stops: Rgb | Rgba, x: float = 0.0) -> Linear:
    """From left to right, `half` to each side of `x`."""
    return Linear((x - half, 0.0), (x + half, 0.0), stops)


def down(top: float, bottom: float, *stops: Rgb | Rgba) -> Linear:
    """From top to bottom."""
    return Linear((0.0, top), (0.0, bottom), stops)


def glow(x: float, y: float, rx: float, ry: float, color: Rgb = (255, 255, 255), alpha: int = 110) -> Radial:
    """A soft spot of light that fades to nothing."""
    return Radial((x, y), (rx, ry), (clear(color, alpha), clear(color, 0)))


class Pen:
    """Draws one object in its own units on `canvas`, and its coverage on `cover`.

    `canvas` is RGB, `cover` is L of the same size and starts black. Local (0, 0) lies at `x`, `y`
    of the picture, one unit is `size` pixels, `rotation` is clockwise degrees, and `mirror` turns
    the object from facing right to facing left. Shadows go to the canvas only.
    """

    def __init__(
        self,
        canvas: Image.Image,
        cover: Image.Image,
        x: float,
        y: float,
        size: float,
        rotation: float = 0.0,
        mirror: bool = False,
    ) -> None:
        """Places the pen; nothing is drawn yet."""
        self.canvas = canvas
        self.cover = cover
        self.size = size
        self.rotation = rotation
        cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
        flip = -1.0 if mirror else 1.0
        self._matrix = np.array([[cos * flip, -sin], [sin * flip, cos]]) * size
        self._inverse = np.linalg.inv(self._matrix)
        self._origin = np.array([x, y])
        self.touched: Box = (canvas.width, canvas.height, 0, 0)

    def toward(self, dx: float, dy: float) -> tuple[float, float]:
        """The local offset that goes `dx`, `dy` units in the picture, so that light has one source."""
        x, y = self._inverse @ np.array([dx, dy]) * self.size
        return float(x), float(y)

    def fill(self, outline: Outline, paint: Paint, opacity: float = 1.0, clip: Outline | None = None) -> None:
        """Fills a closed outline, only inside `clip` where one is given."""
        points = self._place(outline)
        area = self._box(points, 1.0)
        if area is None:
            return
        mask = _filled(points, area)
        if clip is not None:
            mask = ImageChops.multiply(mask, _filled(self._place(clip), area))
        self._lay(mask, area, paint, opacity)

    def stroke(
        self, line: Outline, width: float, paint: Paint, opacity: float = 1.0, clip: Outline | None = None
    ) -> None:
        """Draws an open line with round ends; `width` in local units, at least a pixel."""
        points = self._place(line)
        wide = max(width * self.size, 1.0)
        area = self._box(points, wide / 2 + 1.0)
        if area is None:
            return
        mask = _lined(points, area, wide)
        if clip is not None:
            mask = ImageChops.multiply(mask, _filled(self._place(clip), area))
        self._lay(mask, area, paint, opacity)

    def shadow(
        self,
        outline: Outline,
        shift: tuple[float, float] = (0.06, 0.09),
        blur: float = 0.07,
        strength: float = 0.42,
    ) -> None:
        """Casts the outline's soft shadow, `shift` being in picture directions."""
        points = self._place(outline) + np.array(shift) * self.size
        radius = max(blur * self.size, 1.0)
        area = self._box(points, 2.5 * radius + 2)
        if area is None:
            return
        # a blurred thing needs no more than a quarter of the resolution
        width, height = (area[2] - area[0] + 3) // 4 + 1, (area[3] - area[1] + 3) // 4 + 1
        small = Image.new("L", (width * 2, height * 2))
        ImageDraw.Draw(small).polygon(_flat((points - area[:2]) / 2), fill=255)
        soft = small.reduce(2).filter(ImageFilter.GaussianBlur(radius / 4))
        mask = soft.resize((width * 4, height * 4), Image.Resampling.BILINEAR)
        mask = mask.crop((0, 0, area[2] - area[0], area[3] - area[1]))
        self.canvas.paste((22, 20, 30), area, _faded(mask, strength))

    def number(self, text: str, x: float, y: float, height: float, color: Rgb) -> None:
        """Prints bold digits of the given height, centred on local x, y."""
        pixels = max(8, round(height * self.size * SAMPLES / 0.71))
        font, bold = _font(pixels), max(1, round(pixels * 0.028))
        left, top, right, bottom = font.getbbox(text, stroke_width=bold)
        tile = Image.new("L", (int(right - left) + 8 * bold, int(bottom - top) + 8 * bold))
        ImageDraw.Draw(tile).text((4 * bold - left, 4 * bold - top), text, fill=255, font=font, stroke_width=bold)
        # the font's own box has side bearings; the ink decides what looks centred
        tile = tile.crop(tile.getbbox())
        tile = tile.rotate(-self.rotation, Image.Resampling.BILINEAR, expand=True)
        center = self._matrix @ np.array([x, y]) + self._origin
        corner = center - np.array(tile.size) / SAMPLES / 2
        x0, y0 = math.floor(corner[0]), math.floor(corner[1])
        w, h = math.ceil(tile.width / SAMPLES) + 1, math.ceil(tile.height / SAMPLES) + 1
        sheet = Image.new("L", (w * SAMPLES, h * SAMPLES))
        sheet.paste(tile, (round((corner[0] - x0) * SAMPLES), round((corner[1] - y0) * SAMPLES)))
        self._lay(sheet.reduce(SAMPLES), (x0, y0, x0 + w, y0 + h), color, 1.0)

    def _place(self, outline: Outline) -> Outline:
        return outline @ self._matrix.T + self._origin

    def _box(self, points: Outline, air: float) -> Box | None:
        low, high = points.min(axis=0) - air, points.max(axis=0) + air
        x0, y0 = max(0, math.floor(low[0])), max(0, math.floor(low[1]))
        x1, y1 = min(self.canvas.width, math.ceil(high[0])), min(self.canvas.height, math.ceil(high[1]))
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _lay(self, mask: Image.Image, area: Box, paint: Paint, opacity: float) -> None:
        if isinstance(paint, tuple):
            color: Image.Image | Rgb = paint
        else:
            color, alpha = self._shaded(paint, area)
            if alpha is not None:
                mask = ImageChops.multiply(mask, alpha)
        if opacity < 1.0:
            mask = _faded(mask, opacity)
        self.canvas.paste(color, area, mask)
        self.cover.paste(255, area, mask)
        x0, y0, x1, y1 = self.touched
        self.touched = (min(x0, area[0]), min(y0, area[1]), max(x1, area[2]), max(y1, area[3]))

    def _shaded(self, paint: Linear | Radial, area: Box) -> tuple[Image.Image, Image.Image | None]:
        dx = (np.arange(area[0], area[2], dtype=np.float32) + np.float32(0.5 - self._origin[0]))[None, :]
        dy = (np.arange(area[1], area[3], dtype=np.float32) + np.float32(0.5 - self._origin[1]))[:, None]
        inverse = self._inverse.astype(np.float32)
        share = paint.share(inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy)
        index = (np.clip(share, 0.0, 1.0) * 255).astype(np.uint8)
        table = _stops(paint.stops)
        color = Image.fromarray(table[index, :3])
        if all(len(stop) == 3 for stop in paint.stops):
            return color, None
        return color, Image.fromarray(table[index, 3])


@lru_cache(maxsize=512)
def _stops(stops: tuple[Rgb | Rgba, ...]) -> NDArray[np.uint8]:
    full = np.array([stop if len(stop) == 4 else (*stop, 255) for stop in stops], dtype=float)
    at, where = np.linspace(0.0, 1.0, 256), np.linspace(0.0, 1.0, len(stops))
    return np.stack([np.interp(at, where, full[:, band]) for band in range(4)], axis=1).round().astype(np.uint8)


@lru_cache(maxsize=128)
def _font(pixels: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow has no FreeType, which the numbers in scenes need: install Pillow's own wheel")
    return font


def _flat(points: Outline) -> list[float]:
    return points.ravel().tolist()


def _filled(points: Outline, area: Box) -> Image.Image:
    sheet = Image.new("L", ((area[2] - area[0]) * SAMPLES, (area[3] - area[1]) * SAMPLES))
    ImageDraw.Draw(sheet).polygon(_flat((points - area[:2]) * SAMPLES - 0.5), fill=255)
    return sheet.reduce(SAMPLES)


def _lined(points: Outline, area: Box, width: float) -> Image.Image:
    sheet = Image.new("L", ((area[2] - area[0]) * SAMPLES, (area[3] - area[1]) * SAMPLES))
    draw = ImageDraw.Draw(sheet)
    line, wide = _flat((points - area[:2]) * SAMPLES - 0.5), width * SAMPLES
    draw.line(line, fill=255, width=max(1, round(wide)), joint="curve")
    for x, y in (line[:2], line[-2:]):
        draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=255)
    return sheet.reduce(SAMPLES)


def _faded(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point(_fade_table(opacity))


@lru_cache(maxsize=128)
def _fade_table(opacity: float) -> list[int]:
    return [int(value * opacity) for value in range(256)]
