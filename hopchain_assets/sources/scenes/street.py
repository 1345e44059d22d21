"""Cars, traffic cones, number signs and trees, seen from the side."""

from __future__ import annotations

import numpy as np

from hopchain_assets.sources.scenes.colors import PALETTE, Rgb, mix, tint, volume
from hopchain_assets.sources.scenes.geometry import Outline, box, ellipse, round_box, smooth
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Pen, Radial, across, down, glow

GLASS = ((190, 218, 234), (110, 146, 172), (70, 98, 122))
TYRE: Rgb = (36, 36, 40)


def car(pen: Pen, item: SceneObject) -> None:
    """A hatchback, in the local frame driving to the right: bonnet, headlight and windscreen lead."""
    name = item.attributes["color"]
    color = PALETTE[name]
    pen.shadow(ellipse(0.0, 0.42, 1.0, 0.1), (0.02, 0.02), 0.06, 0.75)
    cabin = [(-0.97, 0.3), (-0.98, 0.04), (-0.93, -0.14), (-0.8, -0.4), (-0.62, -0.48), (-0.2, -0.5), (0.02, -0.46)]
    bonnet = [(0.36, -0.12), (0.7, -0.06), (0.92, 0.02), (0.98, 0.14), (0.98, 0.3)]
    body = smooth([*cabin, *bonnet, (0.9, 0.34), (0.0, 0.35), (-0.9, 0.34)], steps=6)
    side = tint(color, 0.3) if name != "black" else (96, 98, 108)
    shade = tint(color, -0.36) if name != "white" else (170, 170, 172)
    pen.fill(body, down(-0.5, 0.36, side, color, color, shade))
    glass = down(-0.44, -0.06, *GLASS)
    pen.fill(smooth([(-0.66, -0.1), (-0.66, -0.34), (-0.56, -0.4), (-0.3, -0.41), (-0.29, -0.1)], steps=3), glass)
    pen.fill(_quad((-0.24, -0.1), (-0.24, -0.41), (-0.03, -0.39), (0.2, -0.1)), glass)
    # the windscreen, seen edge on, is brighter than the side windows
    pen.fill(_quad((0.025, -0.425), (0.06, -0.4), (0.35, -0.1), (0.28, -0.1)), (224, 240, 248))
    pen.fill(_quad((-0.86, -0.2), (-0.78, -0.37), (-0.74, -0.35), (-0.78, -0.18)), (90, 116, 138))
    seam = tint(color, -0.45) if name != "black" else (12, 12, 16)
    for x in (-0.27, 0.27):
        pen.stroke(np.array([(x, -0.08), (x - 0.02, 0.3)]), 0.014, seam, 0.8)
    pen.stroke(np.array([(-0.93, 0.02), (0.86, 0.04)]), 0.012, seam, 0.45)
    pen.stroke(np.array([(-0.22, 0.02), (-0.1, 0.02)]), 0.028, seam, 0.9)
    pen.fill(ellipse(0.24, -0.11, 0.055, 0.04), seam)
    pen.fill(round_box(-0.99, 0.22, -0.8, 0.34, 0.04), (66, 66, 70))
    pen.fill(round_box(0.8, 0.22, 0.99, 0.34, 0.04), (66, 66, 70))
    pen.fill(smooth([(0.78, 0.02), (0.94, 0.03), (0.975, 0.15), (0.86, 0.14)]), (150, 120, 40))
    pen.fill(smooth([(0.8, 0.035), (0.93, 0.045), (0.96, 0.135), (0.865, 0.125)]), (255, 246, 190))
    pen.fill(round_box(-0.985, -0.02, -0.92, 0.16, 0.02), (120, 10, 18))
    pen.fill(round_box(-0.975, 0.0, -0.93, 0.14, 0.015), (236, 44, 50))
    for x in (-0.58, 0.58):
        pen.fill(ellipse(x, 0.3, 0.225, 0.21), tint(seam, -0.5))
        pen.fill(ellipse(x, 0.3, 0.185, 0.185), TYRE)
        pen.fill(ellipse(x, 0.3, 0.105, 0.105), Radial((x - 0.04, 0.26), (0.18, 0.18), volume((188, 190, 196))))
        pen.fill(ellipse(x, 0.3, 0.035, 0.035, points=16), (90, 92, 98))


def cone(pen: Pen, item: SceneObject) -> None:
    """An orange traffic cone with two white bands."""
    orange: Rgb = (246, 104, 24)
    paint = (tint(orange, 0.3), orange, tint(orange, -0.32))
    pale = ((255, 255, 255), (238, 238, 238), (176, 176, 180))
    pen.shadow(ellipse(0.06, 0.84, 0.6, 0.1), (0.05, 0.03), 0.07, 0.6)
    base = smooth([(-0.62, 0.78), (-0.5, 0.68), (0.5, 0.68), (0.62, 0.78), (0.6, 0.89), (-0.6, 0.89)], steps=4)
    pen.fill(base, across(0.6, *(tint(stop, -0.12) for stop in paint)))
    tip, foot, top, bottom = 0.08, 0.42, -0.9, 0.74
    trunk = np.concatenate([[(-tip, top + 0.03)], ellipse(0.0, top + 0.02, tip, 0.03)[22:], [(foot, bottom - 0.03)]])
    trunk = np.concatenate([trunk, ellipse(0.0, bottom - 0.03, foot, 0.07)[:23]])
    pen.fill(trunk, across(0.42, *paint))
    for y0, y1 in ((-0.5, -0.2), (0.06, 0.36)):
        wide = [tip + (foot - tip) * (y - top) / (bottom - top) for y in (y0, y1)]
        band = np.concatenate([ellipse(0.0, y0, wide[0], 0.03)[:23], ellipse(0.0, y1, wide[1], 0.05)[:23][::-1]])
        pen.fill(band, across(wide[1], *pale))


def sign(pen: Pen, item: SceneObject) -> None:
    """A blue board with a white number, on a grey pole."""
    pen.shadow(ellipse(0.06, 0.95, 0.3, 0.06), (0.05, 0.02), 0.06, 0.6)
    pen.fill(box(-0.06, 0.1, 0.06, 0.97), across(0.06, (214, 216, 220), (150, 154, 160), (94, 98, 104)))
    pen.fill(ellipse(0.0, 0.95, 0.2, 0.05), (110, 112, 116))
    pen.fill(round_box(-0.66, -0.97, 0.66, 0.27, 0.14), (246, 247, 248))
    pen.fill(round_box(-0.6, -0.91, 0.6, 0.21, 0.1), down(-0.9, 0.2, (44, 108, 190), (22, 78, 156)))
    number = item.attributes["number"]
    pen.number(number, 0.0, -0.35, 0.7 if len(number) == 1 else 0.6, (255, 255, 255))


def tree(pen: Pen, item: SceneObject) -> None:
    """A small round tree."""
    green = mix((92, 150, 62), (44, 112, 70), item.variant)
    pen.shadow(ellipse(0.08, 0.92, 0.5, 0.08), (0.08, 0.02), 0.08, 0.6)
    trunk = smooth([(-0.1, 0.2), (-0.09, 0.7), (-0.17, 0.95), (0.17, 0.95), (0.09, 0.7), (0.1, 0.2)])
    pen.fill(trunk, across(0.15, (158, 116, 78), (122, 84, 54), (82, 54, 36)))
    low = ((-0.4, 0.1, 0.36), (0.4, 0.12, 0.36), (0.0, 0.22, 0.36))
    high = ((-0.36, -0.28, 0.4), (0.36, -0.26, 0.4), (0.0, -0.58, 0.4), (0.0, -0.14, 0.5))
    stops = (tint(green, 0.24), green, green, tint(green, -0.3))
    for x, y, radius in (*low, *high):
        reach = radius * 1.6
        pen.fill(ellipse(x, y, radius, radius), Radial((x - radius * 0.4, y - radius * 0.5), (reach, reach), stops))
    pen.fill(ellipse(-0.22, -0.45, 0.3, 0.26), glow(-0.22, -0.45, 0.3, 0.26, (255, 255, 220), 70))


def bay(pen: Pen) -> None:
    """The painted bay that a car stands in; it belongs to the ground."""
    lines = (((-1.2, 0.68), (1.06, 0.68)), ((-1.2, 0.68), (-1.06, 0.2)), ((1.06, 0.68), (1.2, 0.2)))
    for start, end in lines:
        pen.stroke(np.array([start, end]), 0.035, (226, 226, 220), 0.75)


def _quad(*corners: tuple[float, float]) -> Outline:
    return np.array(corners, dtype=float)
