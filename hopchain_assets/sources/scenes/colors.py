"""Named colours that nobody mixes up, and how to shade them."""

from __future__ import annotations

from collections.abc import Mapping

Rgb = tuple[int, int, int]
Rgba = tuple[int, int, int, int]

PALETTE: Mapping[str, Rgb] = {
    "red": (206, 40, 44),
    "orange": (244, 130, 24),
    "yellow": (250, 208, 44),
    "green": (46, 152, 78),
    "blue": (38, 104, 206),
    "purple": (128, 62, 176),
    "white": (244, 243, 240),
    "black": (42, 43, 50),
}
INK: Rgb = (30, 30, 36)
CREAM: Rgb = (252, 248, 238)
# names whose paint is so dark that a dark mark on it would be missed
DARK_NAMES = frozenset({"red", "green", "blue", "purple", "black"})


def tint(color: Rgb, share: float) -> Rgb:
    """The colour moved towards white (share above 0) or towards black (below 0)."""
    goal = 255 if share > 0 else 0
    red, green, blue = (round(value + (goal - value) * abs(share)) for value in color)
    return red, green, blue


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` at share 0, `other` at share 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def clear(color: Rgb, alpha: int) -> Rgba:
    """The colour with an opacity from 0 to 255."""
    return (*color, alpha)


def volume(color: Rgb, depth: float = 1.0) -> tuple[Rgb, ...]:
    """Stops from the lit side of a round thing to its shaded rim."""
    bright = sum(color) / 765
    lift = 0.42 * depth if bright < 0.85 else 0.8 * depth
    fall = 0.34 * depth if bright < 0.85 else 0.2 * depth
    return tint(color, lift), tint(color, lift * 0.35), color, tint(color, -fall * 0.5), tint(color, -fall)


def mark_on(name: str) -> Rgb:
    """The ink for a mark that must stand out on the named colour."""
    return CREAM if name in DARK_NAMES else INK
