"""Room for badges and labels where they hide neither objects nor each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hopchain_assets.export.marks import Mask, Point

Size = tuple[float, float]
_ROOMY = 9
_MARGIN = 2.0
_LATER = 0.02
# up first: that is where a reader expects a name
_DIRECTIONS = (-90, -60, -120, -30, -150, 0, 180, 90, 60, 120, 30, 150)


class Places:
    """Remembers what is taken in a picture of (width, height) with the given masks."""

    def __init__(self, masks: Iterable[Mask], size: tuple[int, int]) -> None:
        self._width, self._height = size
        self._objects = np.zeros((size[1], size[0]), dtype=bool)
        for mask in masks:
            self._objects |= mask
        self._taken = np.zeros_like(self._objects)

    def beside(self, mask: Mask, size: Size, links: Sequence[Point] = ()) -> Point:
        """Centre for a field of `size` that touches the mask, inside the picture; taken from then on.

        `links` are points to which lines will be drawn from there: they should not cross the mask.
        """
        rows, columns = np.nonzero(mask)
        if not rows.size:
            return self._take(self._inside((0.0, 0.0), size), size)
        x, y = columns + 0.5, rows + 0.5
        best, lowest = (0.0, 0.0), math.inf
        for place, degrees in enumerate(_DIRECTIONS):
            ux, uy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            edge = int(np.argmax(x * ux + y * uy))
            away = (abs(ux) * size[0] + abs(uy) * size[1]) / 2 + _MARGIN
            point = self._inside((float(x[edge] + ux * away), float(y[edge] + uy * away)), size)
            hidden = sum(_crossing(mask, point, link) for link in links) * size[1] / 4 / rows.size
            cost = self._cost(point, size) + min(1.0, hidden) / 2 + _LATER * place
            if cost < lowest:
                best, lowest = point, cost
        return self._take(best, size)

    def on_or_beside(self, mask: Mask, size: Size, links: Sequence[Point] = ()) -> Point:
        """Centre for a badge: on the object where it is large enough to stay recognisable, else beside it."""
        if mask.sum() >= _ROOMY * size[0] * size[1]:
            center = self._inside(middle_of(mask), size)
            if not self._window(self._taken, center, size).any():
                return self._take(center, size)
        return self.beside(mask, size, links)

    def _inside(self, point: Point, size: Size) -> Point:
        width, height = size[0] / 2 + _MARGIN, size[1] / 2 + _MARGIN
        x = min(max(point[0], width), max(width, self._width - width))
        y = min(max(point[1], height), max(height, self._height - height))
        return x, y

    def _cost(self, point: Point, size: Size) -> float:
        objects, taken = self._window(self._objects, point, size), self._window(self._taken, point, size)
        return float(objects.mean() + 4 * taken.mean()) if objects.size else 9.0

    def _take(self, point: Point, size: Size) -> Point:
        self._window(self._taken, point, size)[...] = True
        return point

    def _window(self, mask: Mask, point: Point, size: Size) -> Mask:
        x0, y0 = max(0, int(point[0] - size[0] / 2)), max(0, int(point[1] - size[1] / 2))
        return mask[y0 : int(point[1] + size[1] / 2) + 1, x0 : int(point[0] + size[0] / 2) + 1]


def middle_of(mask: Mask) -> Point:
    """The mask's pixel centre closest to its centre, which in a bent object lies outside it."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return 0.0, 0.0
    best = int(np.argmin((columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2))
    return float(columns[best]) + 0.5, float(rows[best]) + 0.5


def _crossing(mask: Mask, start: Point, end: Point) -> float:
    """Length in pixels of the part of a straight line, between two points of the picture, that lies on the mask."""
    length = math.dist(start, end)
    steps = max(2, round(length))
    columns = np.clip(np.linspace(start[0], end[0], steps).astype(int), 0, mask.shape[1] - 1)
    rows = np.clip(np.linspace(start[1], end[1], steps).astype(int), 0, mask.shape[0] - 1)
    return float(mask[rows, columns].mean() * length)
