"""The curve of `benchmarks.model_masks` as a small SVG: what a threshold costs and what it buys.

It has a ground of its own that is readable on a white and on a dark page, as the pictures of `export/plots.py` have.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 400
LEFT, RIGHT, TOP, FOOT = 62, 478, 74, 330
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:12px;"
    "fill:#16202e}.title{font-size:15px;font-weight:650}.soft{fill:#5b6675}.small{font-size:10.5px}.end{text-anchor:end}"
    ".middle{text-anchor:middle}.ground{fill:#fff;stroke:#e1e5ea}.grid{stroke:#e1e5ea}"
    ".curve{fill:none;stroke-width:2}.dot{stroke:none}.ring{fill:none;stroke-width:1.5;stroke:#16202e}"
    ".c0{stroke:#12866b;fill:#12866b}.c1{stroke:#3b6fd8;fill:#3b6fd8}.c2{stroke:#b4532a;fill:#b4532a}"
    "@media(prefers-color-scheme:dark){text{fill:#e8edf4}.soft{fill:#9aa6b6}.ground{fill:#171d26;stroke:#28313d}"
    ".grid{stroke:#28313d}.ring{stroke:#e8edf4}.c0{stroke:#3fbf9b;fill:#3fbf9b}.c1{stroke:#6d9bff;fill:#6d9bff}"
    ".c2{stroke:#f0915f;fill:#f0915f}}"
)


@dataclass(frozen=True, slots=True)
class Curve:
    """What comes of a rate of faults: by threshold its name, chains a picture, and the share of them that is wrong."""

    name: str
    points: Sequence[tuple[str, float, float]]


def trade_svg(curves: Sequence[Curve], chosen: str) -> str:
    """Chains a picture to the right, share wrong upwards, a line for each rate; the chosen threshold is ringed.

    Thresholds are named along the first line that has them, from below; up to three lines have a colour of their own.
    """
    most = max(yielded for curve in curves for _, yielded, _ in curve.points)
    worst = max(share for curve in curves for *_, share in curve.points)
    across, up = _steps(most, 7), _steps(worst, 5)
    parts: list[str] = []
    for value in up:
        y = _place(value, up[-1], FOOT, TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_words(LEFT - 8, y + 4, f"{value:.0%}", "small soft end"))
    for value in across:
        parts.append(_words(_place(value, across[-1], LEFT, RIGHT), FOOT + 17, f"{value:g}", "small soft middle"))
    for number, curve in enumerate(curves):
        spots = [
            (name, _place(yielded, across[-1], LEFT, RIGHT), _place(share, up[-1], FOOT, TOP))
            for name, yielded, share in curve.points
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in spots)
        parts.append(f'<polyline class="curve c{number}" style="fill:none" points="{line}"/>')
        for name, x, y in spots:
            parts.append(f'<circle class="dot c{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>')
            if name == chosen:
                parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="7"/>')
            if number == len(curves) - 1:
                parts.append(_words(x - 3, y - 11, name, "small end"))
        last = max(spots, key=lambda spot: spot[1])
        parts.append(_words(last[1] + 10, last[2] + 4, f"{curve.name} faulty"))
    parts.append(_words(LEFT, TOP - 14, "share of accepted chains that are wrong", "small soft"))
    parts.append(_words(RIGHT, FOOT + 36, "chains accepted a picture", "small soft end"))
    parts.append(
        _words(
            18,
            HEIGHT - 14,
            "line: share of masks with a fault; dot: weak_score, none: without any guard; ring: the default",
            "small soft",
        )
    )
    told = "; ".join(
        f"{curve.name} faults: " + ", ".join(f"{n}: {y:.2f} a picture, {s:.1%} wrong" for n, y, s in curve.points)
        for curve in curves
    )
    title = "Wrong chains over a segmenter's masks"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-labelledby="t d"><title id="t">{title}</title><desc id="d">{html.escape(told)}</desc>'
        f"<style>{STYLE}</style>"
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="12"/>'
        + _words(18, 31, title, "title")
        + "".join(parts)
        + "</svg>\n"
    )


def _steps(most: float, parts: int) -> list[float]:
    """Round numbers from 0 to just above `most`, about so many."""
    raw = max(most, 1e-6) / parts
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    return [round(step * k, 10) for k in range(math.ceil(most / step - 1e-9) + 1)]


def _place(value: float, most: float, start: float, end: float) -> float:
    return start + (end - start) * value / most


def _words(x: float, y: float, text: str, kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{html.escape(text)}</text>'
