"""What may stand in a scene: each category's extent, size and what a person can read off it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hopchain_assets.sources.scenes import desk, garden, party, street, tabletop
from hopchain_assets.sources.scenes.model import SceneObject
from hopchain_assets.sources.scenes.pen import Pen

Rect = tuple[float, float, float, float]
WHOLE: Rect = (-9.0, -9.0, 9.0, 9.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One category.

    Lengths are in the object's own units: `half` is its half width and height before turning,
    `area` its mask, `guard` the part that nothing may hide (`WHOLE`: all of it). `unit` is the
    usual length of one such unit as a share of the picture's mean side. `spin` is the greatest
    turn in degrees, `layer` 0 for things that lie flat under others. `colors` and `numbers` are
    the values to draw from. `air` is the room around it that must lie in the picture too.
    """

    draw: Callable[[Pen, SceneObject], None]
    half: tuple[float, float]
    area: float
    unit: float
    spin: float = 0.0
    layer: int = 1
    guard: Rect | None = None
    colors: tuple[str, ...] = ()
    numbers: int = 0
    dots: int = 0
    faces: bool = False
    air: float = 0.0

    def attributes(self) -> tuple[str, ...]:
        """The keys that an object of this kind can carry."""
        has = {"color": self.colors, "number": self.numbers, "dots": self.dots, "facing": self.faces}
        return tuple(key for key, carried in has.items() if carried)


_TOYS = ("red", "orange", "yellow", "green", "blue", "purple")

KINDS: Mapping[str, Kind] = {
    # no green beetles: they would melt into the leaves
    "beetle": Kind(
        garden.beetle, (0.88, 1.09), 1.93, 0.094, 180, guard=WHOLE,
        colors=("red", "orange", "yellow", "blue", "purple", "white", "black"), dots=7,
    ),
    "leaf": Kind(garden.leaf, (0.47, 1.02), 1.2, 0.155, 180, layer=0),
    "flower": Kind(
        garden.flower, (1.0, 1.0), 2.5, 0.075, 20,
        colors=("red", "orange", "yellow", "blue", "purple", "white"),
    ),
    "mushroom": Kind(garden.mushroom, (0.86, 0.9), 1.71, 0.085, 8),
    "snail": Kind(garden.snail, (1.05, 0.72), 1.81, 0.095, 4, guard=WHOLE, faces=True),
    "car": Kind(
        street.car, (1.0, 0.52), 1.36, 0.125, guard=(-0.5, -0.55, 1.1, 0.6),
        colors=("red", "orange", "yellow", "green", "blue", "white", "black"), faces=True, air=0.2,
    ),
    "cone": Kind(street.cone, (0.7, 0.91), 1.06, 0.082),
    "sign": Kind(street.sign, (0.66, 1.0), 1.75, 0.092, guard=(-0.66, -1.0, 0.66, 0.3), numbers=20),
    "tree": Kind(street.tree, (0.77, 0.99), 1.92, 0.11),
    "die": Kind(
        tabletop.die, (0.92, 0.95), 3.35, 0.062, 40, guard=WHOLE,
        colors=("red", "yellow", "green", "blue", "white", "black"), dots=6,
    ),
    "card": Kind(tabletop.card, (0.73, 0.99), 2.85, 0.085, 14, layer=0, guard=(-0.6, -0.6, 0.6, 0.6), numbers=20),
    "mug": Kind(
        tabletop.mug, (0.96, 0.84), 2.19, 0.085,
        colors=("red", "orange", "yellow", "green", "blue", "purple", "white", "black"),
    ),
    "apple": Kind(tabletop.apple, (0.87, 0.9), 2.13, 0.07, 16),
    "banana": Kind(tabletop.banana, (0.99, 0.5), 0.74, 0.11, 40),
    "pear": Kind(tabletop.pear, (0.7, 1.0), 1.57, 0.078, 20),
    "lemon": Kind(tabletop.lemon, (1.0, 0.62), 1.65, 0.072, 60),
    "balloon": Kind(party.balloon, (0.79, 1.2), 2.06, 0.1, 9, layer=0, guard=WHOLE, colors=_TOYS, numbers=20),
    "present": Kind(party.present, (0.8, 0.94), 2.37, 0.085, 4, colors=_TOYS),
    "cupcake": Kind(party.cupcake, (0.74, 0.93), 1.78, 0.082),
    "candle": Kind(party.candle, (0.37, 0.99), 1.07, 0.1, colors=("red", "green", "blue", "purple", "white")),
    "book": Kind(desk.book, (0.76, 0.99), 2.98, 0.1, 35, layer=0, colors=(*_TOYS, "white", "black")),
    "pencil": Kind(desk.pencil, (0.12, 1.0), 0.44, 0.17, 90, colors=_TOYS),
    "duck": Kind(desk.duck, (1.01, 0.91), 1.93, 0.082, guard=WHOLE, faces=True),
}  # fmt: skip

CATEGORIES: Mapping[str, tuple[str, ...]] = {name: kind.attributes() for name, kind in KINDS.items()}

# theme -> grounds to stand on, the categories that make it, and those that may join
THEMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "garden": (("soil", "sand", "slate"), ("beetle", "leaf"), ("flower", "mushroom", "snail")),
    "car park": (("asphalt", "concrete"), ("car",), ("cone", "sign", "tree")),
    "table": (("wood", "linen", "marble"), ("die", "card"), ("mug", "apple", "banana", "pear", "lemon")),
    "party": (("rose", "sky", "mint"), ("balloon", "present"), ("cupcake", "candle", "card")),
    "desk": (("wood", "felt", "marble"), ("book", "mug"), ("pencil", "duck", "die", "card", "apple")),
}
