"""Books, pencils and toy ducks."""

from __future__ import annotations

import numpy as np

from hopchain_assets.sources.scenes.colors import INK, PALETTE, Rgb, mix, tint, volume
from hopchain_assets.sources.scenes.geometry import box, ellipse, round_box, smooth
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Linear, Pen, Radial, across, down, glow


def book(pen: Pen, item: SceneObject) -> None:
    """A closed book from above."""
    name = item.attributes["color"]
    color = PALETTE[name]
    pen.shadow(round_box(-0.72, -0.94, 0.74, 0.98, 0.05), (0.05, 0.07), 0.06, 0.5)
    back = tint(color, -0.4) if name != "white" else (178, 176, 172)
    pen.fill(round_box(-0.74, -0.94, 0.76, 0.98, 0.05), back)
    pen.fill(box(-0.7, -0.9, 0.73, 0.95), (238, 230, 210))
    for shift in (0.93, 0.905):
        pen.stroke(np.array([(-0.66, shift), (0.72, shift)]), 0.008, (176, 166, 146), 0.8)
    cover = round_box(-0.75, -0.98, 0.7, 0.88, 0.05)
    pen.fill(cover, Linear((-0.75, -0.9), (0.7, 0.9), (tint(color, 0.2), color, tint(color, -0.14))))
    pen.fill(cover, (0, 0, 0), 0.18, clip=box(-0.76, -1.0, -0.6, 0.9))
    pen.stroke(np.array([(-0.57, -0.95), (-0.57, 0.85)]), 0.02, (255, 255, 255), 0.25)
    frame = round_box(-0.44, -0.8, 0.56, 0.7, 0.04)
    line: Rgb = (250, 232, 180) if name != "white" else (150, 140, 120)
    pen.stroke(np.concatenate([frame, frame[:1]]), 0.022, line if name != "yellow" else (150, 110, 20), 0.75)


def pencil(pen: Pen, item: SceneObject) -> None:
    """A sharpened pencil, its point up in the local frame."""
    color = PALETTE[item.attributes["color"]]
    paint = across(0.115, tint(color, 0.4), tint(color, 0.12), color, tint(color, -0.3))
    pen.shadow(box(-0.11, -0.8, 0.11, 0.96), (0.03, 0.05), 0.035, 0.5)
    wood = np.array([(0.0, -1.0), (0.115, -0.7), (-0.115, -0.7)])
    pen.fill(wood, across(0.11, (244, 218, 172), (228, 190, 138), (186, 146, 98)))
    pen.fill(np.array([(0.0, -1.0), (0.042, -0.89), (-0.042, -0.89)]), (48, 46, 50))
    pen.fill(box(-0.115, -0.71, 0.115, 0.74), paint)
    for x in (-0.04, 0.045):
        pen.stroke(np.array([(x, -0.69), (x, 0.72)]), 0.008, tint(color, -0.4), 0.45)
    pen.fill(box(-0.12, 0.73, 0.12, 0.86), across(0.12, (236, 238, 242), (180, 184, 192), (120, 124, 132)))
    rubber = across(0.11, (246, 176, 176), (226, 138, 142), (180, 98, 106))
    pen.fill(round_box(-0.11, 0.855, 0.11, 0.99, 0.05), rubber)


def duck(pen: Pen, item: SceneObject) -> None:
    """A toy duck from the side, in the local frame facing right."""
    yellow = mix((255, 214, 46), (252, 200, 40), item.variant)
    pen.shadow(ellipse(-0.06, 0.84, 0.7, 0.12), (0.05, 0.03), 0.09, 0.6)
    back = [(-0.98, -0.06), (-0.72, 0.12), (-0.36, 0.02), (0.0, 0.04), (0.4, -0.06)]
    belly = [(0.64, 0.2), (0.6, 0.6), (0.34, 0.86), (-0.3, 0.9), (-0.68, 0.72), (-0.9, 0.36)]
    body = smooth([*back, *belly])
    pen.fill(body, Radial((-0.1, 0.12), (1.0, 1.05), volume(yellow)))
    pen.fill(smooth([(0.66, -0.52), (0.98, -0.46), (0.96, -0.32), (0.66, -0.24)]), (240, 106, 28))
    pen.stroke(np.array([(0.72, -0.38), (0.94, -0.39)]), 0.025, (180, 66, 14))
    pen.fill(ellipse(0.3, -0.44, 0.46, 0.46), Radial((0.12, -0.62), (0.8, 0.8), volume(yellow)))
    pen.fill(ellipse(0.46, -0.54, 0.1, 0.12), (255, 255, 255))
    pen.fill(ellipse(0.49, -0.53, 0.065, 0.085), INK)
    wing = smooth([(-0.62, 0.3), (-0.3, 0.2), (0.1, 0.3), (0.16, 0.48), (-0.14, 0.62), (-0.44, 0.56)])
    pen.fill(wing, down(0.2, 0.64, tint(yellow, 0.1), tint(yellow, -0.08), tint(yellow, -0.22)))
    pen.fill(ellipse(0.16, -0.64, 0.16, 0.12), glow(0.16, -0.64, 0.16, 0.12, alpha=150))
