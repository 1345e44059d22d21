"""Outlines as `[N, 2]` arrays of x, y in an object's own units (y downwards)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, points: int = 44) -> Outline:
    """An ellipse, turned clockwise by `turn` degrees."""
    return turned(arc(0.0, 0.0, rx, ry, 0.0, 360.0, points), turn, x, y)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, points: int = 24) -> Outline:
    """An open arc from `start` to `end`, clockwise degrees from the x axis."""
    angle = np.radians(np.linspace(start, end, points))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def box(x0: float, y0: float, x1: float, y1: float) -> Outline:
    """A plain rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


def round_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> Outline:
    """A rectangle with round corners."""
    corners = (
        (x1 - radius, y0 + radius, -90.0),
        (x1 - radius, y1 - radius, 0.0),
        (x0 + radius, y1 - radius, 90.0),
        (x0 + radius, y0 + radius, 180.0),
    )
    return np.concatenate([arc(x, y, radius, radius, at, at + 90.0, 9) for x, y, at in corners])


def smooth(corners: Sequence[tuple[float, float]], closed: bool = True, steps: int = 8) -> Outline:
    """A Catmull-Rom curve through the points."""
    knots = np.array(corners, dtype=float)
    if closed:
        before, after, beyond = np.roll(knots, 1, 0), np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    else:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
        before, knots, after, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, knots, after, beyond))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, np.array(corners[-1:], dtype=float)])


def mirrored(half: Sequence[tuple[float, float]], steps: int = 8) -> Outline:
    """A smooth closed outline, the same on both sides: the points go down the right side from the middle."""
    back = [(-x, y) for x, y in reversed(half) if x]
    return smooth([*half, *back], steps=steps)


def turned(outline: Outline, degrees: float, x: float = 0.0, y: float = 0.0) -> Outline:
    """The outline turned clockwise about the origin, then moved."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return outline @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
