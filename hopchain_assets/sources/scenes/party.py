"""Balloons, presents, cupcakes and candles."""

from __future__ import annotations

import numpy as np

from hopchain_assets.sources.scenes.colors import PALETTE, Rgb, mark_on, mix, tint, volume
from hopchain_assets.sources.scenes.geometry import arc, box, ellipse, mirrored, round_box, smooth
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Linear, Pen, Radial, across


def balloon(pen: Pen, item: SceneObject) -> None:
    """A balloon on a short string; a number is printed on some."""
    name = item.attributes["color"]
    color = PALETTE[name]
    side = [(0.0, -1.18), (0.46, -1.06), (0.74, -0.68), (0.76, -0.28), (0.52, 0.18), (0.16, 0.5), (0.0, 0.55)]
    skin = mirrored(side)
    pen.shadow(skin, (0.12, 0.2), 0.16, 0.28)
    string = smooth([(0.0, 0.6), (0.06, 0.78), (-0.05, 0.98), (0.03, 1.18)], closed=False)
    pen.stroke(string, 0.03, (96, 90, 96))
    pen.fill(smooth([(0.0, 0.5), (0.11, 0.66), (-0.11, 0.66)], steps=4), tint(color, -0.25))
    pen.fill(skin, Radial((-0.28, -0.68), (1.25, 1.45), volume(color)))
    pen.stroke(arc(-0.02, -0.36, 0.6, 0.66, 196, 246, 16), 0.07, (255, 255, 255), 0.5)
    if "number" in item.attributes:
        pen.number(item.attributes["number"], 0.0, -0.32, 0.62, mark_on(name))


def present(pen: Pen, item: SceneObject) -> None:
    """A wrapped box with a ribbon and a bow."""
    name = item.attributes["color"]
    color = PALETTE[name]
    ribbon: Rgb = (250, 246, 236) if name in ("red", "blue", "green", "purple") else (250, 250, 250)
    pen.shadow(box(-0.72, 0.72, 0.74, 0.94), (0.05, 0.03), 0.09, 0.6)
    front = Linear((-0.72, 0.0), (0.72, 0.3), (tint(color, 0.12), color, tint(color, -0.22)))
    pen.fill(round_box(-0.72, -0.2, 0.72, 0.94, 0.05), front)
    pen.fill(box(-0.13, -0.2, 0.13, 0.94), across(0.13, ribbon, tint(ribbon, -0.12)))
    pen.fill(box(-0.72, 0.06, 0.72, 0.16), (0, 0, 0), 0.16)
    lid = round_box(-0.8, -0.36, 0.8, 0.08, 0.06)
    pen.fill(lid, Linear((-0.8, 0.0), (0.8, 0.2), (tint(color, 0.28), tint(color, 0.08), tint(color, -0.14))))
    pen.fill(box(-0.14, -0.36, 0.14, 0.08), ribbon)
    for side in (-1, 1):
        loop = smooth([(0.02, -0.36), (0.2, -0.74), (0.52, -0.88), (0.62, -0.62), (0.36, -0.42)]) * (side, 1)
        pen.fill(loop, Linear((0.0, 0.0), (side * 0.6, 0.0), (tint(ribbon, -0.3), ribbon, tint(ribbon, -0.06))))
        hole = smooth([(0.14, -0.44), (0.26, -0.62), (0.46, -0.72), (0.48, -0.6), (0.32, -0.48)]) * (side, 1)
        pen.fill(hole, tint(ribbon, -0.3))
    pen.fill(ellipse(0.0, -0.42, 0.12, 0.12), Radial((-0.04, -0.48), (0.2, 0.2), volume(tint(ribbon, -0.08))))


def cupcake(pen: Pen, item: SceneObject) -> None:
    """A cupcake with a swirl of icing."""
    icing = ((246, 178, 196), (250, 232, 206), (186, 224, 214))[min(2, int(item.variant * 3))]
    paper = ((150, 98, 66), (116, 128, 166), (190, 120, 130))[int(item.variant * 7) % 3]
    pen.shadow(ellipse(0.04, 0.84, 0.5, 0.1), (0.06, 0.03), 0.08, 0.6)
    cup = np.concatenate([[(-0.64, 0.1), (0.64, 0.1)], arc(0.0, 0.82, 0.46, 0.1, 0, 180, 16)])
    pen.fill(cup, across(0.6, tint(paper, 0.25), paper, tint(paper, -0.3)))
    for step in np.linspace(-0.86, 0.86, 9):
        pen.stroke(np.array([(0.62 * step, 0.12), (0.44 * step, 0.88)]), 0.022, tint(paper, -0.35), 0.6, clip=cup)
    for y, wide, high in ((0.06, 0.74, 0.24), (-0.26, 0.58, 0.24), (-0.54, 0.4, 0.21), (-0.76, 0.2, 0.16)):
        tier = ellipse(0.0, y, wide, high, -5.0)
        pen.fill(tier, Radial((-wide * 0.4, y - high * 0.6), (wide * 1.7, high * 2.2), volume(icing, 0.7)))


def candle(pen: Pen, item: SceneObject) -> None:
    """A thick burning candle."""
    color = PALETTE[item.attributes["color"]]
    pen.shadow(ellipse(0.04, 0.9, 0.36, 0.08), (0.06, 0.02), 0.07, 0.6)
    wax = np.concatenate([arc(0.0, -0.28, 0.36, 0.1, 180, 360, 20), arc(0.0, 0.88, 0.36, 0.1, 0, 180, 20)])
    pen.fill(wax, across(0.36, tint(color, 0.1), tint(color, 0.28), color, tint(color, -0.34)))
    pen.fill(ellipse(0.0, -0.28, 0.36, 0.1), tint(color, 0.32))
    pen.fill(ellipse(0.0, -0.26, 0.24, 0.06), mix(color, (255, 240, 170), 0.55))
    pen.stroke(np.array([(0.0, -0.27), (0.01, -0.45)]), 0.04, (50, 40, 36))
    flame = smooth([(0.0, -0.99), (0.11, -0.72), (0.14, -0.54), (0.0, -0.38), (-0.14, -0.54), (-0.1, -0.72)])
    pen.fill(flame, Radial((0.0, -0.52), (0.2, 0.5), ((255, 250, 214), (255, 214, 84), (250, 150, 36))))
    pen.fill(ellipse(0.0, -0.56, 0.05, 0.1), (255, 255, 240), 0.7)
