"""What a scene is before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object of a scene.

    `x`, `y` is the middle of its extent in pixels, `size` the pixels of one local unit (see
    `catalogue.Kind`), `rotation` clockwise degrees, `variant` a number from 0 to 1 for looks
    that no question is about (the shade of a leaf). `attributes` are what a person can read off.
    """

    category: str
    x: float
    y: float
    size: float
    rotation: float
    variant: float
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """A planned picture of `width` by `height` pixels; `objects` go from the back to the front.

    `ground` names the background, `grain_seed` seeds its texture.
    """

    seed: int
    index: int
    theme: str
    ground: str
    grain_seed: int
    width: int
    height: int
    objects: tuple[SceneObject, ...]
