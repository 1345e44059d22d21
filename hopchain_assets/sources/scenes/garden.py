"""Beetles, leaves, flowers, mushrooms and snails."""

from __future__ import annotations

import math

import numpy as np

from hopchain_assets.sources.scenes.colors import INK, PALETTE, Rgb, mark_on, mix, tint, volume
from hopchain_assets.sources.scenes.geometry import arc, ellipse, mirrored, smooth, turned
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Pen, Radial, across, down, glow

DOT_RADIUS = 0.125
DOTS: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.0, 0.12),),
    2: ((-0.3, 0.14), (0.3, 0.14)),
    3: ((0.0, -0.22), (-0.3, 0.3), (0.3, 0.3)),
    4: ((-0.29, -0.1), (0.29, -0.1), (-0.29, 0.4), (0.29, 0.4)),
    5: ((-0.29, -0.14), (0.29, -0.14), (0.0, 0.18), (-0.29, 0.48), (0.29, 0.48)),
    6: ((-0.27, -0.19), (0.27, -0.19), (-0.35, 0.18), (0.35, 0.18), (-0.22, 0.56), (0.22, 0.56)),
    7: ((-0.27, -0.2), (0.27, -0.2), (-0.38, 0.17), (0.0, 0.17), (0.38, 0.17), (-0.22, 0.55), (0.22, 0.55)),
}


def beetle(pen: Pen, item: SceneObject) -> None:
    """A beetle from above, head up, with `dots` on its wing-cases."""
    name = item.attributes["color"]
    color, mark = PALETTE[name], mark_on(name)
    dark: Rgb = (38, 34, 38) if name != "black" else (70, 66, 72)
    wings = ellipse(0.0, 0.14, 0.64, 0.76)
    pen.shadow(wings, strength=0.5)
    for side in (-1, 1):
        for hip, knee, foot in ((-0.3, -0.52, -0.46), (0.1, 0.06, 0.24), (0.5, 0.6, 0.84)):
            leg = smooth([(side * 0.45, hip), (side * 0.72, knee), (side * 0.84, foot)], closed=False)
            pen.stroke(leg, 0.062, dark)
        feeler = smooth([(side * 0.1, -0.84), (side * 0.2, -1.0), (side * 0.38, -1.06)], closed=False)
        pen.stroke(feeler, 0.04, dark)
    light = pen.toward(-0.2, -0.28)
    face = Radial((light[0] / 2, -0.78 + light[1] / 2), (0.4, 0.4), volume(dark))
    pen.fill(ellipse(0.0, -0.78, 0.24, 0.19), face)
    chest = Radial((light[0], -0.55 + light[1]), (0.7, 0.7), volume(dark))
    pen.fill(ellipse(0.0, -0.55, 0.42, 0.22), chest)
    pen.fill(wings, Radial((light[0], 0.14 + light[1]), (1.05, 1.05), volume(color)))
    pen.stroke(np.array([(0.0, -0.6), (0.0, 0.88)]), 0.028, tint(color, -0.6) if name != "black" else (110, 108, 112))
    for x, y in DOTS[int(item.attributes["dots"])]:
        pen.fill(ellipse(x, y, DOT_RADIUS, DOT_RADIUS, points=28), mark)


def leaf(pen: Pen, item: SceneObject) -> None:
    """A fallen green leaf with its veins."""
    green = mix((122, 176, 62), (38, 122, 66), item.variant)
    blade = mirrored([(0.0, -1.0), (0.24, -0.68), (0.43, -0.25), (0.46, 0.15), (0.33, 0.52), (0.0, 0.8)])
    pen.shadow(blade, (0.03, 0.05), 0.05, 0.45)
    stem = smooth([(0.0, 0.7), (0.01, 0.86), (0.06, 1.0)], closed=False)
    pen.stroke(stem, 0.045, tint(green, -0.25))
    pen.fill(blade, across(0.5, tint(green, 0.22), tint(green, 0.06), tint(green, -0.12), green))
    right = np.array([(0.0, -1.1), (0.6, -1.1), (0.6, 0.9), (0.0, 0.9)])
    pen.fill(blade, tint(green, -0.4), 0.22, clip=right)
    vein = tint(green, 0.42)
    for y in (-0.55, -0.27, 0.02, 0.3):
        for side in (-1, 1):
            rib = smooth([(0.0, y + 0.14), (side * 0.2, y), (side * 0.4, y - 0.2)], closed=False, steps=5)
            pen.stroke(rib, 0.014, vein, 0.7, clip=blade * 0.96)
    pen.stroke(np.array([(0.0, -0.94), (0.0, 0.76)]), 0.028, vein, 0.85)


def flower(pen: Pen, item: SceneObject) -> None:
    """A flower head from above; its colour is that of the petals."""
    name = item.attributes["color"]
    color = PALETTE[name]
    petals = 8 + int(item.variant * 4)
    turns = [index * 360 / petals + item.variant * 40 for index in range(petals)]
    pen.shadow(ellipse(0.0, 0.0, 0.86, 0.86), strength=0.4)
    shade = Radial((0.0, 0.0), (1.0, 1.0), (tint(color, -0.45), tint(color, -0.12), color, tint(color, 0.22)))
    if name == "white":
        shade = Radial((0.0, 0.0), (1.0, 1.0), ((206, 200, 196), (232, 230, 226), color, (255, 255, 255)))
    shape = smooth([(0.1, 0.0), (0.4, -0.17), (0.78, -0.23), (0.99, 0.0), (0.78, 0.23), (0.4, 0.17)], steps=5)
    edge = tint(color, -0.3) if name != "white" else (190, 186, 184)
    for turn in [*turns[::2], *turns[1::2]]:
        petal = turned(shape, turn)
        pen.fill(petal, shade)
        pen.stroke(np.concatenate([petal, petal[:1]]), 0.018, edge, 0.5)
    heart: Rgb = (112, 70, 34) if name in ("yellow", "orange") else (244, 190, 46)
    light = pen.toward(-0.1, -0.12)
    pen.fill(ellipse(0.0, 0.0, 0.29, 0.29), Radial(light, (0.42, 0.42), volume(heart)))


def mushroom(pen: Pen, item: SceneObject) -> None:
    """A brown mushroom from the side."""
    brown = mix((176, 112, 62), (140, 82, 46), item.variant)
    stem = smooth([(-0.2, -0.1), (-0.19, 0.4), (-0.3, 0.8), (0.0, 0.9), (0.3, 0.8), (0.19, 0.4), (0.2, -0.1)])
    cap = smooth([(-0.82, 0.02), (-0.7, -0.42), (-0.32, -0.8), (0.32, -0.8), (0.7, -0.42), (0.82, 0.02), (0.0, 0.16)])
    pen.shadow(ellipse(0.08, 0.84, 0.5, 0.12), (0.06, 0.02), 0.07, 0.55)
    pen.fill(stem, across(0.3, (250, 242, 224), (240, 228, 204), (196, 178, 150)))
    pen.fill(ellipse(0.0, 0.06, 0.7, 0.15), (206, 184, 152))
    pen.fill(ellipse(0.03, 0.15, 0.3, 0.07), (120, 98, 74), 0.4)
    pen.fill(cap, Radial((-0.28, -0.5), (1.25, 1.0), volume(brown)))
    pen.stroke(smooth([(-0.78, 0.05), (0.0, 0.17), (0.78, 0.05)], closed=False), 0.03, tint(brown, -0.35), 0.7)


def snail(pen: Pen, item: SceneObject) -> None:
    """A snail from the side, in the local frame facing right."""
    skin = mix((214, 182, 136), (186, 160, 128), item.variant)
    shell = mix((196, 116, 58), (150, 86, 62), item.variant)
    back = [(-0.98, 0.66), (-0.55, 0.42), (0.1, 0.4), (0.5, 0.3), (0.6, -0.08), (0.78, -0.22), (0.96, -0.06)]
    body = smooth([*back, (0.9, 0.26), (0.8, 0.56), (0.55, 0.7), (-0.4, 0.72)])
    pen.shadow(ellipse(0.0, 0.7, 0.9, 0.08), (0.04, 0.03), 0.07, 0.5)
    for root, tip in ((0.74, 0.68), (0.88, 0.98)):
        pen.stroke(np.array([(root, -0.12), (tip, -0.58)]), 0.055, tint(skin, -0.12))
        pen.fill(ellipse(tip, -0.6, 0.065, 0.065, points=20), INK)
    pen.fill(body, down(-0.2, 0.75, tint(skin, 0.3), skin, tint(skin, -0.3)))
    pen.stroke(arc(0.84, 0.02, 0.12, 0.12, 40, 110, 8), 0.03, tint(skin, -0.5))
    round_shell = ellipse(-0.16, -0.02, 0.6, 0.58)
    light = pen.toward(-0.2, -0.25)
    pen.fill(round_shell, Radial((-0.16 + light[0], light[1]), (0.95, 0.95), volume(shell)))
    angle = np.linspace(0.3, 5.4 * math.pi, 90)
    reach = 0.52 * (angle / angle[-1]) ** 0.9
    coil = np.stack([-0.14 + reach * np.cos(angle), 0.0 + reach * np.sin(angle)], axis=1)
    pen.stroke(coil, 0.05, tint(shell, -0.42), 0.85)
    pen.fill(round_shell, glow(-0.34, -0.24, 0.3, 0.3, alpha=90))
