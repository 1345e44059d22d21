"""Small pictures of counts as SVG: a funnel, a distribution, shares.

They stand in Dagster's metadata and on the report, so each has a ground of its own that is readable on a white and on
a dark page, no script and nothing from outside. Widths are for a phone: `WIDTH` user units, letters of 10 to 15.
"""

from __future__ import annotations

import base64
import html
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from hopchain_assets.export.markdown import escape_markdown
from hopchain_assets.export.words import clean_text

Row = tuple[str, int]

WIDTH = 460
_EDGE, _HEAD = 18, 32
_BAR_LEFT, _BAR_RIGHT, _COUNT_RIGHT, _SHARE_RIGHT = 164, 324, 392, WIDTH - _EDGE
_ROW, _BAR = 29, 17
_PLOT_LEFT, _PLOT_HEIGHT = 52, 150
_LABEL_ROOM, _TICK_ROOM, _ROOM = 142, 52, WIDTH - 2 * _EDGE
_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
_OTHER = "other"
_STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:12px;"
    "fill:#16202e;font-variant-numeric:tabular-nums}"
    ".title{font-size:15px;font-weight:650}.soft{fill:#5b6675}.small{font-size:10.5px}"
    ".unit{fill:#5b6675;font-size:10.5px;font-weight:600;letter-spacing:.05em}.end{text-anchor:end}"
    ".middle{text-anchor:middle}.ground{fill:#fff;stroke:#e1e5ea}.line{stroke:#e1e5ea}"
    ".a{fill:#3b6fd8}.b{fill:#12866b}.rest{fill:#98a3b1}.fade{opacity:.2}"
    "@media(prefers-color-scheme:dark){text{fill:#e8edf4}.soft,.unit{fill:#9aa6b6}"
    ".ground{fill:#171d26;stroke:#28313d}.line{stroke:#28313d}.a{fill:#6d9bff}.b{fill:#3fbf9b}.rest{fill:#6b7787}}"
)


def funnel_svg(steps: Sequence[Row], title: str) -> str:
    """A bar for each step of one unit, with its count and the share kept from the step before."""
    return funnels_svg([("", steps)], title)


def funnels_svg(units: Sequence[tuple[str, Sequence[Row]]], title: str) -> str:
    """Funnels one above the other, each with its own scale: (what is counted, its steps).

    A step that is larger than the one before says how many times over (`x2.5`), not a share.
    """
    parts: list[str] = []
    told: list[str] = []
    top = _HEAD + 14
    for number, (unit, steps) in enumerate(units):
        if unit:
            parts += [_words(_EDGE, top + 8, unit.upper(), "unit")]
            parts += [_words(_SHARE_RIGHT, top + 8, "kept", "small soft end")] if len(steps) > 1 else []
            top += 20
        parts.append(_funnel(steps, top, "ab"[number % 2]))
        told.append(f"{unit}: " * bool(unit) + _told(steps))
        top += _ROW * len(steps) + 12
    return _svg(title, "; ".join(told), top + 2, parts)


def bars_svg(rows: Iterable[Row], title: str, most: int = 25, note: str = "") -> str:
    """A distribution: columns in the order of their numbers, then other words, with an axis of shares.

    Of more than `most` values the rarest are one column, `other`. `note` is a line below the title.
    """
    counts: Counter[str] = Counter()
    for name, count in rows:
        counts[clean_text(name)] += max(0, count)
    shown = sorted(_most_frequent(counts, most), key=_place)
    total = sum(counts.values())
    columns = shown + ([(_OTHER, total - sum(count for _, count in shown))] if len(shown) < len(counts) else [])
    top = _HEAD + 14 + (16 if note else 0)
    parts = [_words(_EDGE, _HEAD + 15, _fitting(note, _ROOM), "soft")] if note else []
    if not total:
        return _svg(title, "nothing to count", top + 30, [*parts, _words(_EDGE, top + 14, "nothing yet", "soft")])
    body, height = _columns(columns, total, top + 10, with_rest=len(shown) < len(counts))
    return _svg(title, _told(columns), top + 10 + height, parts + body)


def shares_svg(rows: Iterable[Row], title: str, most: int = 14, note: str = "") -> str:
    """A bar for each part of a whole, the largest first, with its count and its share.

    Of more than `most` parts the smallest are one bar, `other`. `note` is a line below the title.
    """
    counts = Counter({clean_text(name): max(0, count) for name, count in rows})
    total = sum(counts.values())
    shown = _most_frequent(counts, most)
    bars = shown + ([(_OTHER, total - sum(count for _, count in shown))] if len(shown) < len(counts) else [])
    parts = [_words(_EDGE, _HEAD + 15, _fitting(note, _ROOM), "soft")] if note else []
    top = _HEAD + 14 + (16 if note else 0)
    if not total:
        return _svg(title, "nothing to count", top + 30, [*parts, _words(_EDGE, top + 14, "nothing yet", "soft")])
    largest = max(count for _, count in bars)
    for number, (name, count) in enumerate(bars):
        colour = "rest" if name == _OTHER and len(shown) < len(counts) else "a"
        parts.append(_bar(top + _ROW * number, name, count, largest, percent(count / total), colour))
    return _svg(title, _told(bars), top + _ROW * len(bars) + 8, parts)


def svg_data_uri(svg: str) -> str:
    """The picture as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def as_markdown_image(svg: str, alt: str) -> str:
    """The picture inside a Markdown text."""
    return f"![{escape_markdown(alt)}]({svg_data_uri(svg)})"


def percent(share: float) -> str:
    """A share with the digits that matter: nothing is told as none or as all that is not."""
    text = f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.1f}"
    if share < 0.001:
        return "<0.1%" if share else "0%"
    return ">99%" if text == "100" and share < 1 else f"{text}%"


def _funnel(steps: Sequence[Row], top: float, colour: str) -> str:
    largest = max((count for _, count in steps), default=0)
    parts: list[str] = []
    for number, (name, count) in enumerate(steps):
        y = top + _ROW * number
        kept = ""
        if number:
            before = steps[number - 1][1]
            kept = _kept(before, count)
            parts.append(_link(y, _length(before, largest), _length(count, largest), colour))
        parts.append(_bar(y, name, count, largest, kept, colour))
    return "".join(parts)


def _kept(before: int, count: int) -> str:
    if not before:
        return "\u2013"
    return percent(count / before) if count <= before else f"\u00d7{count / before:.3g}"


def _length(count: int, largest: int) -> float:
    """Length of a bar; whatever is there at all can be seen."""
    return max(1.5, (_BAR_RIGHT - _BAR_LEFT) * count / largest) if count > 0 and largest else 0.0


def _link(y: float, before: float, now: float, colour: str) -> str:
    above = y - (_ROW - _BAR)
    x = _BAR_LEFT
    points = f"{x},{above:g} {x + before:.1f},{above:g} {x + now:.1f},{y:g} {x},{y:g}"
    return f'<polygon class="{colour} fade" points="{points}"/>'


def _bar(y: float, name: str, count: int, largest: int, share: str, colour: str) -> str:
    length, line = _length(count, largest), y + 13
    return (
        _words(_EDGE, line, _fitting(name, _LABEL_ROOM))
        + f'<rect class="{colour}" x="{_BAR_LEFT}" y="{y:g}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
        + _words(_COUNT_RIGHT, line, f"{count:,}", "end")
        + _words(_SHARE_RIGHT, line, share, "soft end")
    )


def _columns(rows: Sequence[Row], total: int, top: float, with_rest: bool) -> tuple[list[str], float]:
    """The columns with axis and labels, and their height. The column of the rest may be cut: it says its share."""
    highest = max(count for _, count in (rows[:-1] if with_rest else rows)) / total
    tick = next((step for step in _TICKS if highest / step <= 4), _TICKS[-1])
    levels = max(1, math.ceil(highest / tick - 1e-9))
    foot, scale = top + _PLOT_HEIGHT, _PLOT_HEIGHT / (tick * levels)
    parts = [_level(foot - scale * tick * k, tick * k) for k in range(levels + 1)]
    slot = (_SHARE_RIGHT - _PLOT_LEFT) / len(rows)
    labels = [_fitting(name, _TICK_ROOM, 10.5) for name, _ in rows]
    longest = max(_width(label, 10.5) for label in labels)
    upright = longest <= slot - 2
    for number, (label, (_, count)) in enumerate(zip(labels, rows, strict=True)):
        x, rest = _PLOT_LEFT + slot * (number + 0.5), with_rest and number == len(rows) - 1
        parts.append(_column(x, foot, scale * count / total, min(34.0, slot * 0.76), "rest" if rest else "a"))
        turn = "" if upright else f' transform="rotate(-90 {x + 3.5:.1f} {foot + 7:g})"'
        at = (x, foot + 15) if upright else (x + 3.5, foot + 7)
        parts.append(_words(*at, label, "small " + ("middle" if upright else "end"), turn))
    if with_rest:
        share = percent(rows[-1][1] / total)
        parts.append(_words(_SHARE_RIGHT, max(top, foot - scale * rows[-1][1] / total) - 5, share, "small soft end"))
    return parts, _PLOT_HEIGHT + (28 if upright else 20 + longest)


def _column(x: float, foot: float, height: float, wide: float, colour: str) -> str:
    height = min(max(1.0, height), _PLOT_HEIGHT) if height else 0
    return (
        f'<rect class="{colour}" x="{x - wide / 2:.1f}" y="{foot - height:.1f}" width="{wide:.1f}" '
        f'height="{height:.1f}" rx="1.5"/>'
    )


def _level(y: float, share: float) -> str:
    label = f"{100 * share:.1f}".removesuffix(".0") + "%"
    return f'<line class="line" x1="{_PLOT_LEFT}" x2="{_SHARE_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>' + _words(
        _PLOT_LEFT - 7, y + 4, label, "small soft end"
    )


def _most_frequent(counts: Counter[str], most: int) -> list[Row]:
    """The rows that are shown by name, the largest first: one place is kept for the rest where there is one."""
    ordered = sorted(counts.items(), key=lambda row: (-row[1], _place(row)))
    return ordered if len(ordered) <= most else ordered[: max(1, most - 1)]


def _place(row: Row) -> tuple[bool, float, str]:
    """Numbers by their value, then words."""
    try:
        value = float(row[0])
    except ValueError:
        value = math.nan
    return (False, value, row[0]) if math.isfinite(value) else (True, 0.0, row[0])


def _told(rows: Iterable[Row]) -> str:
    """The figures for those who hear the picture."""
    return ", ".join(f"{_fitting(name, _ROOM)} {count:,}" for name, count in rows)


def _fitting(text: str, room: float, size: float = 12) -> str:
    """The text, shortened to what surely fits into `room` at a letter size."""
    text = clean_text(text)
    if _width(text, size) <= room:
        return text
    while text and _width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def _width(text: str, size: float) -> float:
    """About how wide a text is: fonts differ, so rather too much."""
    return size * sum(1.05 if unicodedata.east_asian_width(char) in "WF" else _wide(char) for char in text)


def _wide(char: str) -> float:
    return 0.3 if char in " .,:;'|!iljtf" else 0.85 if char in "mwMW@%" else 0.68 if char.isupper() else 0.6


def _words(x: float, y: float, text: str, kind: str = "", more: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{kind}{more}>{_text(text)}</text>' if text else ""


def _text(text: str) -> str:
    return html.escape(clean_text(text), quote=True)


def _svg(title: str, told: str, height: float, parts: Sequence[str]) -> str:
    high = math.ceil(height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}" '
        f'role="img" aria-labelledby="t d">'
        f'<title id="t">{_text(_fitting(title, 4 * _ROOM))}</title><desc id="d">{_text(told)}</desc>'
        f"<style>{_STYLE}</style>"
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{high - 1}" rx="12"/>'
        + _words(_EDGE, _HEAD - 3, _fitting(title, _ROOM, 15), "title")
        + "".join(parts)
        + "</svg>"
    )
