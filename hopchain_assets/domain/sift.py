"""Which of a segmenter's finds are instances: thresholds, sizes, and no object twice.

SAM3 looks for each name by itself, so that one object may come twice under one name, as a whole and as its part, or
under two names. What is left out is kept with its reason; where it may be there after all, it is a doubt, and every
chain has to hold with it too (`certify/robust.py`). The thresholds are ours: the paper's are unpublished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SCORE = "less sure than is kept"
TOO_SMALL = "too small"
TWICE = "found twice"
OVERLAPS = "overlaps another of its kind"
OTHER_NAME = "is there under another name"


@dataclass(frozen=True, slots=True)
class SiftSettings:
    """What is left out.

    Finds below `least_score`; masks of fewer than `smallest_pixels`; and of two that overlap the less sure one: with
    an intersection over union of `same` or more they are one object. Of one kind they may be one or two from `perhaps`
    on, or where the smaller lies in the larger by `part` of its pixels. An object under two names may be either where
    their scores are within `rival`.
    """

    least_score: float = 0.2
    smallest_pixels: int = 16
    same: float = 0.7
    perhaps: float = 0.3
    part: float = 0.8
    rival: float = 0.2


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a find: kept where `reason` is empty.

    `rival` is the position of the one that was kept instead, -1 for none. `doubtful` says that it may be there after
    all, in the place of its rival where that is of another category.
    """

    reason: str = ""
    rival: int = -1
    doubtful: bool = False


def sift(
    categories: Sequence[str],
    scores: Sequence[float],
    areas: NDArray[np.float64],
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    shared: NDArray[np.float64],
    settings: SiftSettings,
) -> list[Fate]:
    """The fate of each find of a picture, the surest judged first.

    Args:
        categories, scores, areas: of each find; areas in pixels.
        first, second, shared: positions of the pairs that overlap, each once, and the pixels that both have.
    """
    beside: dict[int, list[tuple[int, float]]] = {}
    for a, b, pixels in zip(first.tolist(), second.tolist(), shared.tolist(), strict=True):
        beside.setdefault(a, []).append((b, pixels))
        beside.setdefault(b, []).append((a, pixels))
    fates: dict[int, Fate] = {}
    for find in sorted(range(len(scores)), key=lambda k: (-scores[k], -areas[k], k)):
        if scores[find] < settings.least_score:
            fates[find] = Fate(LEAST_SCORE)
        elif areas[find] < settings.smallest_pixels:
            fates[find] = Fate(TOO_SMALL, doubtful=areas[find] > 0)
        else:
            kept = [(k, pixels) for k, pixels in beside.get(find, ()) if k in fates and not fates[k].reason]
            # of its own kind first: what is there twice is no rival under another name
            kept.sort(key=lambda other: (categories[other[0]] != categories[find], other[0]))
            told = [_beside(find, k, pixels, categories, scores, areas, settings) for k, pixels in kept]
            # found twice says more than an overlap with a third one
            fates[find] = min(filter(None, told), key=lambda fate: fate.reason != TWICE, default=Fate())
    return [fates[find] for find in range(len(scores))]


def _beside(
    find: int,
    kept: int,
    pixels: float,
    categories: Sequence[str],
    scores: Sequence[float],
    areas: NDArray[np.float64],
    settings: SiftSettings,
) -> Fate | None:
    """What a surer one that overlaps it means for a find; None for nothing."""
    union = areas[find] + areas[kept] - pixels
    same = pixels >= settings.same * union
    if categories[find] != categories[kept]:
        return Fate(OTHER_NAME, kept, scores[find] >= scores[kept] - settings.rival) if same else None
    if same:
        return Fate(TWICE, kept)
    within = pixels >= settings.part * min(areas[find], areas[kept])
    return Fate(OVERLAPS, kept, True) if within or pixels >= settings.perhaps * union else None
