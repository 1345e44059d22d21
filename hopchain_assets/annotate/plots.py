"""Plots on the lead's pages: SVG inside the page, coloured by its style sheet, so that it follows light and dark.

Widths are for a phone: `WIDTH` user units, letters of 11 to 12. Each plot says its figures in its description too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hopchain_assets.export.words import clean_text

WIDTH = 360
_EDGE, _ROW = 4, 38
_HEIGHT, _LEFT = 150, 34
# about how wide a letter is
_LETTER = 6.6


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with a name, a length of no unit and its figure in words; `low` and `high` are an interval around it."""

    name: str
    length: float
    told: str
    low: float = 0.0
    high: float = 0.0


def columns(key: str, title: str, counts: Sequence[tuple[str, int]]) -> Markup:
    """A column for each of some days (or other things in order), over an axis from 0."""
    step = _step(max((count for _, count in counts), default=0))
    levels = max(1, math.ceil(max((count for _, count in counts), default=0) / step))
    foot, scale = _HEIGHT + 10.0, _HEIGHT / (step * levels)
    parts = [_level(foot - scale * step * level, step * level) for level in range(levels + 1)]
    slot = (WIDTH - _EDGE - _LEFT) / max(1, len(counts))
    wide, every = min(28.0, slot * 0.8), max(1, math.ceil(len(counts) / 5))
    for number, (name, count) in enumerate(counts):
        x, high = _LEFT + slot * (number + 0.5), scale * count
        parts.append(_box("bar", x - wide / 2, foot - high, wide, high))
        # from the newest back, so that it always has its name
        if (len(counts) - 1 - number) % every == 0:
            parts.append(_words(min(x, WIDTH - _EDGE - 16.0), foot + 16, name, "soft middle"))
    return _svg(key, title, ", ".join(f"{name}: {count}" for name, count in counts), foot + 24, parts)


def bars(key: str, title: str, rows: Sequence[Bar]) -> Markup:
    """A bar for each row below its name, all by one scale."""
    longest = max((row.length for row in rows), default=0.0) or 1.0
    parts: list[Markup] = []
    for number, row in enumerate(rows):
        top = number * _ROW + 2.0
        parts += _head(top, row)
        parts.append(_box("bar", _EDGE, top + 19, max(1.5, (WIDTH - 2 * _EDGE) * row.length / longest), 11))
    return _svg(key, title, _told(rows), len(rows) * _ROW + 4.0, parts)


def intervals(key: str, title: str, rows: Sequence[Bar], floor: float) -> Markup:
    """A share for each row as a dot with its interval, on an axis from 0 to 1 with a line at `floor`."""
    parts: list[Markup] = []
    foot = len(rows) * _ROW + 6.0
    for share in (0.0, 0.5, 1.0):
        parts.append(_line("axis", _along(share), 4, _along(share), foot))
        parts.append(_words(_along(share), foot + 14, f"{share:.0%}", "soft " + _anchor(share)))
    parts.append(_line("floor", _along(floor), 4, _along(floor), foot + 18))
    # below the axis: its words stand clear of those of the axis
    parts.append(
        _words(_along(floor), foot + 30, f"at least {floor:.0%}", "soft middle" if floor < 0.8 else "soft end")
    )
    for number, row in enumerate(rows):
        top = number * _ROW + 2.0
        parts += _head(top, row)
        parts.append(_box("span", _along(row.low), top + 22, max(1.5, _along(row.high) - _along(row.low)), 5))
        dot = Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="5"/>')
        parts.append(dot.format(_along(row.length), top + 24.5))
    return _svg(key, title, _told(rows), foot + 36, parts)


def stacked(key: str, title: str, rows: Sequence[tuple[str, str, int]]) -> Markup:
    """One bar made of parts: (the class of its colour, a name, a count). What is there at all can be seen."""
    there = [row for row in rows if row[2]]
    total, x = sum(count for _, _, count in there) or 1, float(_EDGE)
    room = WIDTH - 2 * _EDGE - 2.0 * (len(there) - 1) - 3.0 * len(there)
    parts: list[Markup] = []
    for kind, _, count in there:
        wide = 3.0 + room * count / total
        parts.append(_box(kind, x, 2, wide, 18))
        x += wide + 2
    return _svg(key, title, ", ".join(f"{name}: {count}" for _, name, count in rows), 22, parts)


def _head(top: float, row: Bar) -> list[Markup]:
    told = _fitting(row.told, WIDTH / 2)
    name = _fitting(row.name, WIDTH - 2 * _EDGE - 12 - len(told) * _LETTER)
    return [_words(_EDGE, top + 12, name), _words(WIDTH - _EDGE, top + 12, told, "soft end")]


def _told(rows: Sequence[Bar]) -> str:
    return "; ".join(f"{clean_text(row.name)}: {row.told}" for row in rows)


def _along(share: float) -> float:
    """Where a share lies on the axis."""
    return _EDGE + 4 + (WIDTH - 2 * _EDGE - 8) * share


def _anchor(share: float) -> str:
    return "middle" if 0 < share < 1 else "end" if share else "start"


def _step(most: int) -> int:
    """A round distance of lines, so that there are at most four of them."""
    sizes = (factor * 10**power for power in range(12) for factor in (1, 2, 5))
    return next(size for size in sizes if size * 4 >= most)


def _level(y: float, count: int) -> Markup:
    return _line("axis", _LEFT, y, WIDTH - _EDGE, y) + _words(_LEFT - 6, y + 4, f"{count:,}", "soft end")


def _fitting(text: str, room: float) -> str:
    text, most = clean_text(text), max(1, int(room / _LETTER))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _words(x: float, y: float, text: str, kind: str = "") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>').format(x, y, kind, text)


def _box(kind: str, x: float, y: float, wide: float, high: float) -> Markup:
    box = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>')
    return box.format(kind, x, y, wide, high)


def _line(kind: str, x0: float, y0: float, x1: float, y1: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x0, y0, x1, y1)


def _svg(key: str, title: str, told: str, height: float, parts: Sequence[Markup]) -> Markup:
    begin = Markup(
        '<svg class="plot" viewBox="0 0 {wide} {high:.0f}" role="img" aria-labelledby="{key}-title {key}-told">'
        '<title id="{key}-title">{title}</title><desc id="{key}-told">{told}</desc>'
    )
    head = begin.format(wide=WIDTH, high=height, key=key, title=title, told=told or "nothing yet")
    return head + Markup("").join(parts) + Markup("</svg>")
