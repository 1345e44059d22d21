"""How many instances a second are read, measured and compared on one core, and how much of that is new?

The annotated masks of real photographs, all of a picture at once (`domain/strips.py`, `domain/pairs.py`); and in the
same rounds the plain way: pycocotools unrolls every mask, numpy compares every two. Times are processor seconds.
Run: `OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.masks [--photos ../shared/photos] [--rounds 7]`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hopchain_assets.domain.pairs import all_pairs
from hopchain_assets.domain.strips import Strips
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.sources.coco import rasterise, read_coco

Picture = tuple[list[str], int, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    pictures = _pictures(options.photos)
    strips = [Strips.decode(*picture) for picture in pictures]
    whole = "read, measured and compared"
    jobs: dict[str, Callable[[], object]] = {
        whole: lambda: [_whole(picture) for picture in pictures],
        "- read from run lengths": lambda: [Strips.decode(*picture) for picture in pictures],
        "- measured: areas, boxes, centres": lambda: [_measured(replace(one)) for one in strips],
        "- compared, each two of a picture": lambda: [all_pairs(one) for one in strips],
        "written as run lengths": lambda: [one.encode() for one in strips],
        "the plain way: unrolled, shared pixels and shares of boxes alone": lambda: [_plainly(*p) for p in pictures],
    }
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            seconds[name].append(_timed(job))
    instances = sum(len(texts) for texts, _, _ in pictures)
    pairs = sum(len(texts) * (len(texts) - 1) // 2 for texts, _, _ in pictures)
    rows = [
        {
            "on one core": name,
            "instances a second": f"{instances / median(taken):,.0f}",
            "times the whole": f"{median(seconds[whole]) / median(taken):.2g}",
        }
        for name, taken in seconds.items()
    ]
    print(f"{len(pictures)} pictures, {instances} instances, {pairs} pairs; medians of {options.rounds} rounds\n")
    print(table_markdown(rows, list(rows[0])))


def _pictures(photos: Path) -> list[Picture]:
    found: list[Picture] = []
    for member in read_coco(photos / "images", photos / "instances.json", exhaustive=False).members:
        said: dict[str, Any] = json.loads(member.annotations)
        height, width = said["height"], said["width"]
        marks = [mark for mark in said["marks"] if not mark["crowd"]]
        found.append(([rasterise(mark["segmentation"], height, width) for mark in marks], height, width))
    return found


def _whole(picture: Picture) -> None:
    strips = Strips.decode(*picture)
    _measured(strips)
    all_pairs(strips)


def _measured(strips: Strips) -> None:
    """Once: what was measured is kept with the masks, so a copy is handed over to measure again."""
    assert strips.areas.size == strips.boxes.shape[0] == strips.centers.shape[0]


def _plainly(texts: Sequence[str], height: int, width: int) -> None:
    """Without gaps: the plain way has none that ends today."""
    codes: Any = [{"size": [height, width], "counts": text} for text in texts]
    masks = coco_mask.decode(codes).astype(bool)
    for a, b in combinations(range(len(texts)), 2):
        one, other = masks[..., a], masks[..., b]
        np.count_nonzero(one & other)
        for mine, its in ((one, other), (other, one)):
            rows, columns = np.flatnonzero(its.any(axis=1)), np.flatnonzero(its.any(axis=0))
            np.count_nonzero(mine[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _timed(job: Callable[[], object]) -> float:
    started = time.process_time()
    job()
    return time.process_time() - started


if __name__ == "__main__":
    main()
