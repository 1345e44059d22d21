"""Where everything goes, before anything is drawn. A scene depends on its seed and index alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from hopchain_assets.sources.scenes.catalogue import KINDS, THEMES, Kind, Rect
from hopchain_assets.sources.scenes.model import Scene, SceneObject

SIZES = ((960, 720), (960, 720), (960, 720), (800, 800), (720, 960))
COUNTS = {3: 1, 4: 2, 5: 4, 6: 7, 7: 15, 8: 20, 9: 20, 10: 16, 11: 10, 12: 5}
CANDIDATES = 90
BORDER = 0.012
GAP = 0.014
# a centre difference below this share of the side is no longer "clearly left of"
CLEAR = 0.035
# estimated share of an object that those in front may hide; the promise is 0.3
MOST_HIDDEN = 0.2
# with that much hidden, 0.6% of the picture is still in view
LEAST_AREA = 0.008
# boxes that cross do so by this share of the smaller half at least
DEEP = 0.5


@dataclass(frozen=True, slots=True)
class _Spot:
    """An object under way, with its box (x0, y0, x1, y1) in pixels."""

    item: SceneObject
    kind: Kind
    half: tuple[float, float]

    @property
    def box(self) -> Rect:
        x, y, (w, h) = self.item.x, self.item.y, self.half
        return x - w, y - h, x + w, y + h

    @property
    def area(self) -> float:
        return self.kind.area * self.item.size**2

    @property
    def depth(self) -> tuple[int, float]:
        return self.kind.layer, self.box[3]

    def guarded(self) -> Rect | None:
        """The box of what must stay in view, in pixels."""
        guard = self.kind.guard
        if guard is None:
            return None
        x0, y0, x1, y1 = guard
        if self.item.attributes.get("facing") == "left":
            x0, x1 = -x1, -x0
        if x0 < -2:
            return self.box
        turn, size = math.radians(self.item.rotation), self.item.size
        cos, sin = math.cos(turn), math.sin(turn)
        corners = [(x * cos - y * sin, x * sin + y * cos) for x in (x0, x1) for y in (y0, y1)]
        xs, ys = [self.item.x + x * size for x, _ in corners], [self.item.y + y * size for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)


def plan_scene(seed: int, index: int) -> Scene:
    """Plans scene `index` of the series `seed`: 3 to 12 objects of 2 to 4 categories."""
    rng = random.Random(f"scene {seed} {index}")
    theme = rng.choice(sorted(THEMES))
    width, height = rng.choice(SIZES)
    ground = rng.choice(THEMES[theme][0])
    categories = _cast(rng, theme)
    looks = _Looks(rng)
    spots: list[_Spot] = []
    # few things in a picture are drawn larger
    scale = (9 / max(5, len(categories))) ** 0.3
    drafts = [_draft(rng, name, looks, scale, width, height) for name in categories]
    # the large first: the small find a place between them
    drafts.sort(key=lambda spot: -spot.area)
    for draft in drafts:
        placed = _place(rng, draft, spots, width, height)
        if placed is not None:
            spots.append(placed)
    spots.sort(key=lambda spot: spot.depth)
    objects = tuple(spot.item for spot in spots)
    return Scene(seed, index, theme, ground, rng.randrange(2**32), width, height, objects)


def _cast(rng: random.Random, theme: str) -> list[str]:
    """The category of each object: two or more of most, so that every one has a rival."""
    _, makers, guests = THEMES[theme]
    total = rng.choices(list(COUNTS), weights=list(COUNTS.values()))[0]
    most = min(4, len(makers) + len(guests), max(2, total // 2))
    chosen = [*makers, *rng.sample(guests, len(guests))][: min(most, rng.choice((2, 3, 3, 4, 4, 4)))]
    if len(makers) > 1 and len(chosen) > 2 and rng.random() < 0.4:
        del chosen[rng.randrange(len(makers))]
    weights = {name: rng.uniform(0.7, 1.6) for name in chosen}
    counts = {name: 1 if total < 2 * len(chosen) else 2 for name in chosen}
    while sum(counts.values()) < total:
        name = rng.choices(chosen, weights=[weights[name] / counts[name] for name in chosen])[0]
        if counts[name] < 5 or all(count >= 5 for count in counts.values()):
            counts[name] += 1
    return [name for name in chosen for _ in range(counts[name])]


class _Looks:
    """Draws attributes for one scene: numbers do not repeat, colours do."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = rng.sample(range(1, 21), 20)
        self._plain = rng.random() < 0.35
        self._colors: dict[str, Sequence[str]] = {}
        self._used: dict[str, list[str]] = {}

    def of(self, name: str, kind: Kind) -> dict[str, str]:
        """The attributes of the next object of this kind."""
        rng, look = self._rng, {}
        if kind.colors:
            # few colours in a scene: "the red ones" should be more than one
            few = self._colors.setdefault(name, rng.sample(kind.colors, min(4, len(kind.colors))))
            used = self._used.setdefault(name, [])
            # the second never looks like the first: a colour must be able to tell two apart
            look["color"] = rng.choice([color for color in few if used != [color]])
            used.append(look["color"])
        if kind.numbers and not (name == "balloon" and self._plain):
            look["number"] = str(self._numbers.pop())
        if kind.dots:
            look["dots"] = str(rng.randint(1, kind.dots))
        if kind.faces:
            look["facing"] = rng.choice(("left", "right"))
        return look


def _draft(rng: random.Random, name: str, looks: _Looks, scale: float, width: int, height: int) -> _Spot:
    kind = KINDS[name]
    mean = math.sqrt(width * height)
    factor = rng.uniform(*rng.choice(((0.72, 0.95), (0.9, 1.2), (1.15, 1.55))))
    size = kind.unit * scale * mean * factor
    size = max(size, mean * math.sqrt(LEAST_AREA / kind.area))
    spin = rng.uniform(-kind.spin, kind.spin)
    item = SceneObject(name, 0.0, 0.0, size, spin, rng.random(), looks.of(name, kind))
    return _Spot(item, kind, _extent(kind, size, spin))


def _extent(kind: Kind, size: float, rotation: float) -> tuple[float, float]:
    """Half the width and height in pixels of the turned object's box."""
    cos, sin = abs(math.cos(math.radians(rotation))), abs(math.sin(math.radians(rotation)))
    w, h = kind.half
    return (w * cos + h * sin) * size + 1.0, (w * sin + h * cos) * size + 1.0


def _place(rng: random.Random, draft: _Spot, spots: list[_Spot], width: int, height: int) -> _Spot | None:
    """The best of many drawn places, or a smaller object, or None where the picture is full."""
    overlap_wanted = rng.random() < 0.35
    for shrink in (1.0, 0.85, 0.72):
        size = max(draft.item.size * shrink, math.sqrt(width * height * LEAST_AREA / draft.kind.area))
        best: tuple[float, _Spot] | None = None
        for _ in range(CANDIDATES):
            spot = _candidate(rng, draft, size, spots if overlap_wanted else [], width, height)
            if spot is None:
                continue
            score = _score(spot, spots, width, height, overlap_wanted)
            if score is not None and (best is None or score > best[0]):
                best = (score, spot)
        if best is not None:
            return best[1]
    return None


def _candidate(
    rng: random.Random, draft: _Spot, size: float, hosts: list[_Spot], width: int, height: int
) -> _Spot | None:
    half = _extent(draft.kind, size, draft.item.rotation)
    edge = BORDER * math.sqrt(width * height) + draft.kind.air * size
    low_x, high_x, low_y, high_y = half[0] + edge, width - half[0] - edge, half[1] + edge, height - half[1] - edge
    if low_x >= high_x or low_y >= high_y:
        return None
    if hosts and rng.random() < 0.7:
        host = rng.choice(hosts)
        x = host.item.x + rng.uniform(-1.0, 1.0) * (host.half[0] + half[0])
        y = host.item.y + rng.uniform(-1.0, 1.0) * (host.half[1] + half[1])
        if not (low_x <= x <= high_x and low_y <= y <= high_y):
            return None
    else:
        x, y = rng.uniform(low_x, high_x), rng.uniform(low_y, high_y)
    old = draft.item
    item = SceneObject(old.category, x, y, size, old.rotation, old.variant, old.attributes)
    return _Spot(item, draft.kind, half)


def _score(spot: _Spot, spots: list[_Spot], width: int, height: int, overlap_wanted: bool) -> float | None:
    """None where the place is not allowed, else higher for free, clearly told apart places."""
    gap = GAP * math.sqrt(width * height)
    score, overlaps = 0.0, 0
    nearest = 1.0
    for other in spots:
        dx, dy = abs(spot.item.x - other.item.x) / width, abs(spot.item.y - other.item.y) / height
        score -= 0.12 * ((dx < CLEAR) + (dy < CLEAR))
        reach_x = spot.half[0] + other.half[0] - abs(spot.item.x - other.item.x)
        reach_y = spot.half[1] + other.half[1] - abs(spot.item.y - other.item.y)
        if reach_x <= -gap or reach_y <= -gap:
            nearest = min(nearest, math.hypot(dx, dy))
            continue
        # one overlap each: two in front of one could hide too much of it together
        crowded = any(_cross(third.box, other.box) for third in spots if third is not other)
        if crowded or not _may_overlap(spot, other, reach_x, reach_y):
            return None
        overlaps += 1
    if overlaps > 1:
        return None
    return score + min(nearest, 0.3) + (1.0 if overlaps and overlap_wanted else 0.0)


def _may_overlap(spot: _Spot, other: _Spot, reach_x: float, reach_y: float) -> bool:
    """Overlap of another category only, plainly, with little hidden and nothing that must be read."""
    back, front = sorted((spot, other), key=lambda one: one.depth)
    if spot.item.category == other.item.category or (front.depth[1] - back.depth[1] < 6 and front.kind.layer):
        return False
    across, down = min(reach_x, 2 * front.half[0]), min(reach_y, 2 * front.half[1])
    # boxes that cross at a corner may leave their shapes almost touching, which nobody can judge
    if across < DEEP * min(spot.half[0], other.half[0]) or down < DEEP * min(spot.half[1], other.half[1]):
        return False
    # of the crossing of the boxes, at most this much is filled by the front's own shape
    filled = across * down * min(1.0, 1.1 * front.area / (4 * front.half[0] * front.half[1]))
    if filled > MOST_HIDDEN * back.area:
        return False
    guard = back.guarded()
    return guard is None or not _cross(guard, front.box)


def _cross(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
