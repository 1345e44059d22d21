"""One small picture with a true chain, made by hand."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Chain, Facts, Hop, Instance
from hopchain_assets.export.words import Entry

Block = tuple[int, int, int, int]


def block(instance_id: str, category: str, box: Block, size: tuple[int, int]) -> Instance:
    """An instance that fills its box in a picture of (width, height)."""
    x0, y0, x1, y1 = box
    mask = np.zeros((size[1], size[0]), dtype=np.uint8, order="F")
    mask[y0:y1, x0:x1] = 1
    # pycocotools gives bytes, and its types say str
    counts: str | bytes = coco_mask.encode(mask)["counts"]
    rle = counts if isinstance(counts, str) else counts.decode()
    return Instance(instance_id, category, box, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * (y1 - y0), rle)


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """Builds an entry: a person on the left, the chair next to them, two cups to the right of it."""

    def make(question: str = "How many cups?", category: str = "person", **changes: str) -> Entry:
        size = (240, 160)
        instances = (
            block("i1", category, (10, 20, 70, 140), size),
            block("i2", "chair", (90, 80, 130, 140), size),
            block("i3", "cup", (150, 20, 162, 34), size),
            block("i4", "cup", (200, 120, 214, 140), size),
        )
        nodes = [
            {"id": "a", "op": "objects", "category": category},
            {"id": "b", "op": "extreme", "of": "a", "axis": "left", "rank": 1},
            {"id": "c", "op": "objects", "category": "chair"},
            {"id": "d", "op": "nearest", "of": "c", "anchor": "b"},
            {"id": "e", "op": "objects", "category": "cup"},
            {"id": "f", "op": "side", "of": "e", "side": "right", "anchor": "d"},
            {"id": "g", "op": "count", "of": "f"},
            {"id": "h", "op": "arith", "terms": [["g", 2]], "plus": 3},
        ]
        hops = (
            Hop(1, "root", "L2", (), ("b",), changes.get("hop_text", "Find the first."), "i1"),
            Hop(2, "instance_chain", "L2", (1,), ("d",), "Find the chair closest to it.", "i2"),
            Hop(3, "perception_level", "L2", (2,), ("f", "g"), "Count the cups to its right.", "2"),
        )
        program = Program.from_json({"version": 1, "answer": "h", "nodes": nodes})
        chain = Chain("p1", question, program, hops, "7", ("i1", "i2", "i3", "i4"), "C", "walk", "test")
        picture = io.BytesIO()
        Image.new("RGB", size, (120, 130, 140)).save(picture, "PNG")
        fields = {key: value for key, value in changes.items() if key != "hop_text"}
        return Entry(picture.getvalue(), Facts("p1", *size, instances), chain, "waiting", **fields)

    return make
