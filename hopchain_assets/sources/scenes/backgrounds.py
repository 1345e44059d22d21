"""Quiet grounds for things to stand on: graded, grained, and without anything to count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hopchain_assets.sources.scenes.colors import Rgb

Tone = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Ground:
    """A colour with clouds (broad), streaks (wood grain) and grain (fine), in grey levels."""

    color: Rgb
    clouds: float
    streaks: float
    grain: float
    cells: int = 6


GROUNDS: Mapping[str, Ground] = {
    "soil": Ground((150, 122, 92), 12, 0, 9, 9),
    "sand": Ground((216, 196, 158), 10, 0, 7, 7),
    "slate": Ground((136, 146, 150), 9, 0, 5, 8),
    "asphalt": Ground((112, 115, 120), 7, 0, 10, 5),
    "concrete": Ground((160, 160, 156), 9, 0, 6, 7),
    "wood": Ground((186, 142, 98), 7, 13, 3, 5),
    "linen": Ground((202, 208, 206), 5, 0, 5, 5),
    "marble": Ground((186, 190, 198), 8, 0, 2, 6),
    "rose": Ground((226, 192, 196), 8, 0, 2, 4),
    "sky": Ground((176, 204, 222), 8, 0, 2, 4),
    "mint": Ground((190, 214, 196), 8, 0, 2, 4),
    "felt": Ground((98, 122, 112), 7, 0, 6, 6),
}


def background(name: str, width: int, height: int, seed: int) -> Image.Image:
    """An RGB picture of the named ground, lit from the upper left."""
    ground = GROUNDS[name]
    rng = np.random.default_rng(seed)
    # light and clouds are so soft that a quarter of the resolution holds all of them
    columns, rows = width // 4, height // 4
    across = np.linspace(-1.0, 1.0, columns, dtype=np.float32)[None, :]
    down = np.linspace(-1.0, 1.0, rows, dtype=np.float32)[:, None]
    soft = -9.0 * across - 11.0 * down - 6.0 * (across**2 + down**2)
    soft += ground.clouds * _noise(rng, ground.cells, ground.cells, columns, rows)
    soft += ground.clouds * 0.5 * _noise(rng, ground.cells * 4, ground.cells * 4, columns, rows)
    light = _stretched(soft, width, height)
    if ground.streaks:
        fibres = _stretched(_noise(rng, 5, height // 7, columns, height), width, height)
        light = light + ground.streaks * fibres
        light += ground.streaks * 0.5 * _stretched(_noise(rng, 9, height // 2, columns, height), width, height)
    # one small patch repeated: the eye sees no seam in grain this fine
    patch = rng.standard_normal((160, 160), dtype=np.float32) * ground.grain * 0.6
    light = light + np.tile(patch, (height // 160 + 1, width // 160 + 1))[:height, :width]
    return Image.merge("RGB", [_band(value, light) for value in ground.color])


def _noise(rng: np.random.Generator, columns: int, rows: int, width: int, height: int) -> Tone:
    return _stretched(rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32), width, height)


def _stretched(tone: Tone, width: int, height: int) -> Tone:
    return np.asarray(Image.fromarray(tone).resize((width, height), Image.Resampling.BICUBIC))


def _band(value: int, light: Tone) -> Image.Image:
    # darker colours take the light less, as paint does
    band = light * np.float32(0.55 + value / 400) + np.float32(value)
    return Image.fromarray(np.clip(band, 0, 255, out=band).astype(np.uint8))
