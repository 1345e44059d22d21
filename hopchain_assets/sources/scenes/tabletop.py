"""Dice, number cards, mugs and fruit."""

from __future__ import annotations

import numpy as np

from hopchain_assets.sources.scenes.colors import PALETTE, Rgb, mark_on, mix, tint, volume
from hopchain_assets.sources.scenes.geometry import arc, ellipse, mirrored, round_box, smooth
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Linear, Pen, Radial, across, down, glow

PIP_RADIUS = 0.135
_FAR = 0.42
PIPS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.0, 0.0),),
    2: ((-_FAR, -_FAR), (_FAR, _FAR)),
    3: ((-_FAR, -_FAR), (0.0, 0.0), (_FAR, _FAR)),
    4: ((-_FAR, -_FAR), (_FAR, -_FAR), (-_FAR, _FAR), (_FAR, _FAR)),
    5: ((-_FAR, -_FAR), (_FAR, -_FAR), (0.0, 0.0), (-_FAR, _FAR), (_FAR, _FAR)),
    6: ((-_FAR, -_FAR), (_FAR, -_FAR), (-_FAR, 0.0), (_FAR, 0.0), (-_FAR, _FAR), (_FAR, _FAR)),
}


def die(pen: Pen, item: SceneObject) -> None:
    """A die from above: only its top face shows pips."""
    name = item.attributes["color"]
    color = PALETTE[name]
    # the flanks look down and right in the picture, however the die is turned
    drop = np.array(pen.toward(0.05, 0.11))
    face = round_box(-0.88, -0.88, 0.88, 0.88, 0.22) - drop / 2
    pen.shadow(face + drop, (0.06, 0.09), 0.09, 0.5)
    dark = tint(color, -0.4) if name != "white" else (176, 172, 168)
    for step in (1.0, 0.5):
        pen.fill(face + drop * step, tint(dark, -0.1 * step))
    light = pen.toward(-0.9, -1.0)
    lit = tint(color, 0.24) if name != "black" else (98, 98, 108)
    low = tint(color, -0.14) if name != "white" else (226, 224, 220)
    pen.fill(face, Linear(light, (-light[0], -light[1]), (lit, color, low)))
    for x, y in PIPS[int(item.attributes["dots"])]:
        pen.fill(ellipse(x, y, PIP_RADIUS, PIP_RADIUS, points=28) - drop / 2, mark_on(name))


def card(pen: Pen, item: SceneObject) -> None:
    """A white card with one large number."""
    sheet = round_box(-0.72, -0.98, 0.72, 0.98, 0.12)
    pen.shadow(sheet, (0.04, 0.06), 0.06, 0.45)
    light = pen.toward(-0.6, -0.9)
    pen.fill(sheet, Linear(light, (-light[0], -light[1]), ((255, 254, 250), (250, 248, 242), (232, 228, 220))))
    frame = round_box(-0.61, -0.87, 0.61, 0.87, 0.08)
    pen.stroke(np.concatenate([frame, frame[:1]]), 0.03, (64, 92, 128), 0.75)
    number = item.attributes["number"]
    pen.number(number, 0.0, 0.0, 0.82 if len(number) == 1 else 0.64, (36, 40, 60))


def mug(pen: Pen, item: SceneObject) -> None:
    """A mug from a little above, its handle on one side."""
    name = item.attributes["color"]
    color = PALETTE[name]
    side = 1.0 if item.variant < 0.5 else -1.0
    mid = -0.19 * side
    pen.shadow(ellipse(mid, 0.74, 0.6, 0.16), (0.1, 0.04), 0.09, 0.6)
    grip = tint(color, -0.18) if name != "black" else (58, 58, 66)
    ring = smooth([(0.55, -0.3), (0.9, -0.34), (1.06, -0.02), (0.92, 0.32), (0.5, 0.42)], closed=False) * (side, 1)
    ring[:, 0] += mid
    pen.stroke(ring, 0.17, tint(color, -0.38) if name != "white" else (176, 174, 172))
    pen.stroke(ring - np.array([0.012, 0.015]), 0.12, grip)
    rim = ellipse(mid, -0.62, 0.66, 0.2)
    wall = np.concatenate([rim[:23], [(mid - 0.62, 0.3)], arc(mid, 0.62, 0.56, 0.22, 180, 0, 24), [(mid + 0.62, 0.3)]])
    bright = tint(color, 0.3) if name != "black" else (112, 112, 122)
    rims = tint(color, -0.4) if name != "white" else (178, 176, 174)
    stops = (tint(rims, 0.12), color, bright, color, mix(color, rims, 0.6), rims)
    pen.fill(wall, across(0.66, *stops, x=mid))
    pen.fill(rim, tint(color, 0.3) if name != "black" else (92, 92, 102))
    pen.fill(ellipse(mid, -0.61, 0.58, 0.155), rims)
    coffee = down(-0.67, -0.45, (62, 36, 22), (112, 70, 42))
    pen.fill(ellipse(mid, -0.56, 0.52, 0.11), coffee, clip=ellipse(mid, -0.61, 0.58, 0.155))


def apple(pen: Pen, item: SceneObject) -> None:
    """A red apple with its stalk."""
    red = mix((206, 36, 40), (178, 26, 48), item.variant)
    side = [(0.0, -0.52), (0.34, -0.66), (0.72, -0.5), (0.86, -0.08), (0.72, 0.46), (0.38, 0.8), (0.0, 0.74)]
    outline = mirrored(side)
    pen.shadow(ellipse(0.04, 0.72, 0.62, 0.14), (0.08, 0.04), 0.09, 0.6)
    pen.fill(outline, Radial((-0.32, -0.28), (1.3, 1.3), volume(red)))
    pen.fill(outline, glow(0.05, -0.5, 0.42, 0.24, (100, 30, 22), 170))
    pen.stroke(smooth([(0.02, -0.48), (0.05, -0.68), (0.16, -0.86)], closed=False), 0.08, (92, 60, 34))
    pen.fill(outline, glow(-0.4, -0.28, 0.26, 0.3, alpha=120))


def banana(pen: Pen, item: SceneObject) -> None:
    """A yellow banana."""
    yellow = mix((252, 218, 70), (246, 200, 48), item.variant)
    inner = [(-0.96, -0.34), (-0.84, -0.4), (-0.62, -0.06), (-0.2, 0.12), (0.26, 0.1), (0.68, -0.14), (0.88, -0.42)]
    outline = smooth([*inner, (0.98, -0.34), (0.92, 0.0), (0.62, 0.34), (0.2, 0.48), (-0.28, 0.46), (-0.72, 0.18)])
    pen.shadow(outline, (0.05, 0.09), 0.07, 0.45)
    pen.fill(outline, down(-0.3, 0.5, tint(yellow, 0.2), yellow, yellow, tint(yellow, -0.28)))
    ridge = [(-0.84, -0.22), (-0.58, 0.12), (-0.18, 0.3), (0.26, 0.28), (0.7, 0.04), (0.92, -0.28)]
    pen.stroke(smooth(ridge, closed=False), 0.03, tint(yellow, -0.22), 0.7)
    pen.fill(outline, (96, 72, 34), 0.9, clip=ellipse(-0.95, -0.4, 0.12, 0.12))
    pen.fill(outline, (96, 72, 34), 0.9, clip=ellipse(0.97, -0.42, 0.1, 0.1))


def pear(pen: Pen, item: SceneObject) -> None:
    """A yellow-green pear."""
    green = mix((192, 200, 70), (160, 186, 72), item.variant)
    side = [(0.0, -0.74), (0.24, -0.62), (0.32, -0.28), (0.58, 0.08), (0.68, 0.48), (0.46, 0.82), (0.0, 0.9)]
    outline = mirrored(side)
    pen.shadow(ellipse(0.04, 0.82, 0.52, 0.12), (0.08, 0.03), 0.09, 0.6)
    pen.stroke(smooth([(0.0, -0.7), (0.02, -0.84), (0.1, -0.96)], closed=False), 0.07, (98, 70, 40))
    pen.fill(outline, Radial((-0.24, 0.22), (1.1, 1.2), volume(green)))
    pen.fill(outline, glow(-0.28, 0.2, 0.24, 0.34, (255, 255, 235)))


def lemon(pen: Pen, item: SceneObject) -> None:
    """A lemon with a tip at each end."""
    yellow: Rgb = mix((253, 226, 60), (246, 214, 50), item.variant)
    top = [(-0.99, 0.0), (-0.86, -0.11), (-0.66, -0.36), (-0.3, -0.58), (0.2, -0.6), (0.62, -0.38), (0.82, -0.13)]
    tip = [(0.98, -0.06), (0.98, 0.07)]
    outline = smooth([*top, *tip, (0.82, 0.15), (0.62, 0.4), (0.2, 0.6), (-0.3, 0.58), (-0.66, 0.36), (-0.86, 0.11)])
    pen.shadow(outline, (0.06, 0.1), 0.08, 0.45)
    light = pen.toward(-0.25, -0.28)
    pen.fill(outline, Radial(light, (1.35, 1.0), volume(yellow)))
    spot = pen.toward(-0.22, -0.24)
    pen.fill(outline, glow(*spot, 0.3, 0.2, alpha=130))
