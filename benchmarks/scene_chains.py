"""Facts and certified chains of rendered scenes, for the benchmarks."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

from hopchain_assets.domain.countable import CountLimits, uncountable
from hopchain_assets.domain.masks import decode
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.records import Facts, Instance, digest
from hopchain_assets.domain.strips import Strips
from hopchain_assets.sources.scenes import render_scenes


def scene_facts(count: int, seed: int) -> list[Facts]:
    """Renders scenes and measures their masks, as the line does."""
    with tempfile.TemporaryDirectory() as folder:
        document = json.loads(render_scenes(Path(folder), count, seed).read_text())
    names = {row["id"]: row["name"] for row in document["categories"]}
    marks = defaultdict(list)
    for row in document["annotations"]:
        marks[row["image_id"]].append(row)
    return [_facts(image, marks[image["id"]], names) for image in document["images"]]


def _facts(image: dict, marks: list[dict], names: dict[int, str]) -> Facts:
    height, width = image["height"], image["width"]
    items: list[Instance] = []
    for mark in marks:
        counts = mark["segmentation"]["counts"]
        shape = decode(counts, height, width)
        assert shape is not None
        category, (cx, cy) = names[mark["category_id"]], shape.center
        name = digest(image["sha256"], category, counts)
        items.append(Instance(name, category, shape.box, cx, cy, shape.area, counts, mark["attributes"]))
    strips = Strips.decode([item.mask_rle for item in items], height, width)
    pairs = pair_table([item.instance_id for item in items], strips)
    reasons = uncountable(items, (), width, height, CountLimits())
    return Facts(image["sha256"], width, height, tuple(items), pairs, {}, reasons)
