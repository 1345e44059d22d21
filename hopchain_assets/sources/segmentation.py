"""Masks as a COCO file writes them: polygons, run lengths as numbers, run lengths as text.

All of it is judged before pycocotools sees it: that is C code without checks, which draws along an edge as far as it
leads and takes as much memory as it is told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from hopchain_assets.domain.masks import MaskError, run_lengths

MOST_PIXELS = 2**28
LONGEST_SIDE = 2**20
# an outline this often as long as the picture's sides is noise; a hostile one would cost gigabytes
LONGEST_OUTLINE = 100
MERGED_AT_ONCE = 8

NUMBERS = frozenset({int, float})
REFUSED = "refused"


class SourceError(ValueError):
    """The file or a part of it cannot be used; the message says which and what to do."""


def refused(reason: str) -> dict[str, str]:
    """What stands in the place of a segmentation that must not be used: `rasterise` raises the reason."""
    return {REFUSED: reason}


def checked(segmentation: object) -> list[list[float]] | dict[str, Any]:
    """A segmentation as JSON that is safe to keep: flat lists of finite numbers, or run lengths with their size.

    Raises:
        SourceError: when it is nothing of the kind, whatever the picture's size.
    """
    if isinstance(segmentation, dict):
        return _checked_runs(segmentation)
    if not isinstance(segmentation, list) or not segmentation:
        raise SourceError("it has no segmentation")
    for polygon in segmentation:
        # by exact type: a bool is an int to Python, and numpy would read numbers off texts
        if not isinstance(polygon, list) or not NUMBERS.issuperset(map(type, polygon)):
            raise SourceError("a polygon of it is not one flat list of numbers")
        if len(polygon) < 6 or len(polygon) % 2:
            raise SourceError(f"a polygon of it has {len(polygon)} numbers: it needs x and y of three points or more")
        if not np.isfinite(_points(polygon)).all():
            raise SourceError("a polygon of it holds a number that is not finite")
    return segmentation


def rasterise(segmentation: object, height: int, width: int) -> str:
    """COCO's compressed run lengths of a polygon list or of run lengths of either kind.

    Equal masks give equal texts, however they were written.

    Raises:
        SourceError: when it describes no mask of this picture.
    """
    if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE and height * width <= MOST_PIXELS):
        raise SourceError(f"no mask is drawn for a picture of {width}x{height} pixels")
    if isinstance(segmentation, dict) and REFUSED in segmentation:
        raise SourceError(str(segmentation[REFUSED]))
    known = checked(segmentation)
    if isinstance(known, list):
        return _drawn(known, height, width)
    if known["size"] != [height, width]:
        raise SourceError(f"its mask is of size {known['size']}, the picture of [{height}, {width}]")
    return _encoded(_runs(known["counts"], height * width), height, width)


def _checked_runs(segmentation: Mapping[str, Any]) -> dict[str, Any]:
    counts, size = segmentation.get("counts"), segmentation.get("size")
    if not isinstance(size, list) or len(size) != 2 or not NUMBERS.issuperset(map(type, size)):
        raise SourceError("its run lengths lack their size, [height, width]")
    if not np.isfinite(_points(size)).all():
        raise SourceError("the size of its run lengths is not finite")
    if isinstance(counts, str):
        if not counts.isascii():
            raise SourceError("its run lengths hold a character that is not ASCII")
    elif not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
        raise SourceError("its run lengths are neither text nor a list of whole numbers")
    return {"counts": counts, "size": size}


def _points(numbers: list[float]) -> NDArray[np.float64]:
    try:
        return np.asarray(numbers, np.float64)
    except OverflowError as error:
        raise SourceError("a coordinate of it is too large to be one") from error


def _runs(counts: str | list[int], pixels: int) -> NDArray[np.int64]:
    """Alternating runs of background and mask that fill the picture."""
    if isinstance(counts, str):
        try:
            runs = run_lengths(counts)
        except MaskError as error:
            raise SourceError(f"its segmentation cannot be read: {error}") from error
        total = int(runs.sum())
    else:
        # as Python's numbers first, because they do not overflow
        total = sum(counts)
        runs = np.asarray(counts if total == pixels else [], np.int64)
    if total != pixels:
        raise SourceError(f"its run lengths cover {total if total < 1e18 else 'far too many'} pixels, not {pixels}")
    return runs


def _encoded(runs: NDArray[np.int64], height: int, width: int) -> str:
    # runs of no length split others in two, so that one mask could be written in many ways and pass for several
    inked = np.arange(runs.size) % 2
    some = runs > 0
    runs, inked = runs[some], inked[some]
    starts = np.flatnonzero(np.diff(inked, prepend=-1))
    merged = np.add.reduceat(runs, starts).tolist()
    counts: Any = {"size": [height, width], "counts": [0, *merged] if inked[0] else merged}
    return _text(coco_mask.frPyObjects(counts, height, width))


def _drawn(polygons: list[list[float]], height: int, width: int) -> str:
    length = 0.0
    for polygon in polygons:
        points = _points(polygon).reshape(-1, 2)
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        if left < -width or top < -height or right > 2 * width or bottom > 2 * height:
            raise SourceError("a polygon of it leads far out of the picture")
        # there and back to its start
        length += float(np.abs(points[1:] - points[:-1]).max(axis=1).sum() + np.abs(points[0] - points[-1]).max())
    if length > LONGEST_OUTLINE * (height + width):
        raise SourceError(f"its outline is {length:.0f} pixels long, which no object in a picture of this size has")
    outlines: Any = polygons
    shapes: Any = coco_mask.frPyObjects(outlines, height, width)
    # in small groups: one after the other, ten thousand pieces would each be merged with all before
    while len(shapes) > 1:
        groups = [shapes[start : start + MERGED_AT_ONCE] for start in range(0, len(shapes), MERGED_AT_ONCE)]
        shapes = [coco_mask.merge(group) for group in groups]
    return _text(shapes[0])


def _text(runs: Any) -> str:
    counts = runs["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts
