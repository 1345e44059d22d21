"""From a plan to a picture and the exact visible mask of each object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hopchain_assets.sources.scenes.backgrounds import background
from hopchain_assets.sources.scenes.catalogue import KINDS
from hopchain_assets.sources.scenes.model import Scene, SceneObject
from hopchain_assets.sources.scenes.pen import Pen
from hopchain_assets.sources.scenes.street import bay

Mask = NDArray[np.bool_]


def render(scene: Scene) -> tuple[Image.Image, list[Mask]]:
    """Draws the scene.

    Returns:
        The RGB picture, and for each of `scene.objects` the [H, W] bool mask of its visible pixels: those that it
        covers by at least half and that nothing in front covers so. Masks never share a pixel; shadows belong to none.
    """
    picture, owner = draw(scene)
    return picture, [owner == number for number in range(1, len(scene.objects) + 1)]


def draw(scene: Scene) -> tuple[Image.Image, NDArray[np.uint8]]:
    """The picture, and for each pixel [H, W] the number of the object seen there (from 1; 0 is the ground)."""
    picture = background(scene.ground, scene.width, scene.height, scene.grain_seed)
    owner = np.zeros((scene.height, scene.width), dtype=np.uint8)
    for item in scene.objects:
        if item.category == "car":
            bay(_pen(item, picture, Image.new("L", picture.size)))
    for number, item in enumerate(scene.objects, start=1):
        cover = Image.new("L", picture.size)
        pen = _pen(item, picture, cover)
        KINDS[item.category].draw(pen, item)
        x0, y0, x1, y1 = pen.touched
        owner[y0:y1, x0:x1][np.asarray(cover.crop(pen.touched)) >= 128] = number
    return picture, owner


def _pen(item: SceneObject, picture: Image.Image, cover: Image.Image) -> Pen:
    mirror = item.attributes.get("facing") == "left"
    return Pen(picture, cover, item.x, item.y, item.size, item.rotation, mirror)
