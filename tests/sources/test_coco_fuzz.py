"""Documents that nobody wrote through the COCO importer and the measuring of masks.

Whatever comes: a SourceError, or members whose annotations are plain JSON and whose masks lie in the picture. For a
long search raise `max_examples` and drop `derandomize`.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from hopchain_assets.domain.masks import MaskError, Shape, decode, run_lengths
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.strips import Strips
from hopchain_assets.sources.coco import Imported, SourceError, rasterise, read_coco
from hopchain_assets.stages.instance_masks import _drawn, _Picture
from tests.builders import rle
from tests.sources.test_coco_hostile import HEIGHT, WIDTH, document, mark, picture

FEW = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=400)

NUMBERS = st.one_of(
    st.integers(-2, 70),
    st.integers(),
    st.floats(),
    st.floats(-10, 80),
    st.sampled_from([2**31, 2**53, 2**64, 1e308, -1e308, math.inf, math.nan, 10**400, 0.5, -0.0]),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["a.png", "b.png", "../a.png", "/etc/passwd", "", ".", "a\0b", "cup", "cup\n", "\ud800", "0", "x" * 300]
    ),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["images", "annotations", "categories", "licenses", "info", "id", "file_name", "width", "height", "image_id",
     "name", "category_id", "iscrowd", "segmentation", "counts", "size", "attributes", "color", "license", "url",
     "exhaustive"]
)  # fmt: skip
COUNTS = st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40)
RUNS = st.fixed_dictionaries(
    {"counts": COUNTS | st.lists(st.integers(0, 3100), max_size=8) | JSON, "size": st.just([HEIGHT, WIDTH]) | JSON}
)
POLYGONS = st.lists(st.lists(NUMBERS, min_size=4, max_size=10) | JSON, max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("coco") / "images"
    images.mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(images / "a.png")
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(images / "b.png")
    return images


def holds(imported: Imported) -> None:
    """What was accepted can be stored and measured; each reason is a sentence that can be printed."""
    for _, reason in imported.left_out:
        assert reason and len(reason) < 2000
    for member in imported.members:
        said = json.loads(member.annotations, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        member.annotations.encode()
        assert (said["width"] > 0) and (said["height"] > 0)
        made = _drawn(_Picture("picture", WIDTH, HEIGHT, said, None, ()))
        instances, bad = made.instances, made.bad_annotations
        pairs = 0 if made.pairs is None else made.pairs.height
        assert pairs == len(instances) * (len(instances) - 1)
        crowds = sum(each["crowd"] for each in said["marks"])
        assert len(instances) + len(bad) + crowds == len(said["marks"])
        for row in instances:
            inside(row["mask_rle"], HEIGHT, WIDTH)
            assert 0 <= row["x0"] < row["x1"] <= WIDTH and 0 <= row["y0"] < row["y1"] <= HEIGHT
            assert row["category"].isprintable() and row["category"] in member.categories
        for row in bad:
            assert row["reason"] and row["category"].isprintable() and row["annotation_id"].isprintable()
            json.dumps(row).encode()
        assert len({row["annotation_id"] for row in bad}) == len(bad)


def inside(counts: str, height: int, width: int) -> None:
    """The run lengths fill the picture, no more; they are written in the only way."""
    runs = run_lengths(counts)
    assert int(runs.sum()) == height * width and (runs[1:] > 0).all()
    assert rasterise({"counts": counts, "size": [height, width]}, height, width) == counts


def read(folder: Path, content: bytes, exhaustive: bool = True) -> None:
    path = folder.parent / "fuzz.json"
    path.write_bytes(content)
    try:
        holds(read_coco(folder, path, exhaustive))
    except SourceError as error:
        assert str(error)


@FEW
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'\xef\xbb\xbf{"images": []}')
@example(b'{"images": [{"id": 1, "file_name": "\xed\xa0\x80"}]}')
def test_any_bytes(folder: Path, content: bytes) -> None:
    """Bytes are JSON, or a sentence."""
    read(folder, content)


@FEW
@given(st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4), max_size=6))
@example({"images": [{"id": [1]}, {"id": None, "file_name": "a.png"}], "categories": [{"id": {}}]})
def test_any_document(folder: Path, content: dict[str, Any]) -> None:
    """Any object with COCO's words in it."""
    read(folder, json.dumps(content).encode())


@MANY
@given(st.data())
def test_a_good_document_with_things_changed(folder: Path, data: st.DataObject) -> None:
    """Some values of a good file, at any depth, become anything, vanish, or come twice."""
    content = good()
    for _ in range(data.draw(st.integers(1, 3))):
        change(content, data)
    read(folder, json.dumps(content).encode())


def good() -> dict[str, Any]:
    """Two pictures, four marks: a polygon, both kinds of run lengths, a crowd."""
    shape = np.zeros((HEIGHT, WIDTH), bool)
    shape[3:20, 30:50] = True
    counts = rle(shape)
    sized = {"size": [HEIGHT, WIDTH]}
    marks = [
        mark(1, attributes={"color": "red", "number": 7}),
        mark(2, segmentation=sized | {"counts": counts}),
        mark(3, category_id=2, segmentation=sized | {"counts": run_lengths(shifted(counts)).tolist()}),
        mark(4, image_id=2, iscrowd=1, segmentation=sized | {"counts": [WIDTH * HEIGHT]}),
    ]
    return copy.deepcopy(
        document(
            info={"exhaustive": True, "source": "a file"},
            licenses=[{"id": 1, "name": "CC0", "url": "https://e.org"}],
            images=[picture(license=1, author="A", flickr_url="https://e.org/a"), picture(2, "b.png", license=1)],
            annotations=marks,
            categories=[{"id": 1, "name": "cup"}, {"id": 2, "name": "die"}],
        )
    )


def shifted(counts: str) -> str:
    """The mask of these run lengths, one column to the right."""
    runs = run_lengths(counts).copy()
    runs[0] += HEIGHT
    runs[-1] -= HEIGHT
    shape = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(WIDTH, HEIGHT).T
    return rle(shape)


def change(content: Any, data: st.DataObject) -> None:
    """Walks down to a place and does something to it."""
    while True:
        places = list(content) if isinstance(content, dict) else list(range(len(content)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        inner = content[place]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 4)):
            content = inner
            continue
        kind = data.draw(st.sampled_from(("anything", "anything", "shape", "vanish", "twice")))
        if kind == "anything":
            # deep copies, so that a later change has a value of its own
            content[place] = copy.deepcopy(data.draw(JSON))
        elif kind == "shape":
            content[place] = copy.deepcopy(data.draw(RUNS | POLYGONS))
        elif kind == "vanish":
            del content[place]
        elif isinstance(content, list):
            content.append(copy.deepcopy(inner))
        return


@MANY
@given(RUNS | POLYGONS | JSON, st.integers(-1, 70), st.integers(-1, 70))
@example({"counts": [0, 5, 0, 5], "size": [2, 5]}, 2, 5)
@example([[0, 0, 1e300, 5, 3, 3]], 48, 64)
@example([[10**400, 0, 1, 1, 2, 2]], 48, 64)
@example({"counts": "o3o3", "size": [48.0, 64.0]}, 48, 64)
@example({"counts": [True, 9], "size": [2, 5]}, 2, 5)
def test_any_segmentation(segmentation: object, height: int, width: int) -> None:
    """A mask of the picture, or a SourceError."""
    try:
        counts = rasterise(segmentation, height, width)
    except SourceError as error:
        assert str(error).isprintable()
        return
    inside(counts, height, width)
    shape = decode(counts, height, width)
    assert shape is None or (shape.x >= 0 and shape.x + shape.crop.shape[1] <= width)


@FEW
@given(st.lists(st.floats(-60, 120), min_size=3, max_size=9), st.lists(st.floats(-40, 90), min_size=3, max_size=9))
def test_any_polygon_near_the_picture(xs: list[float], ys: list[float]) -> None:
    """Corners around the picture give a mask within it."""
    points = [value for pair in zip(xs, ys, strict=False) for value in pair]
    try:
        inside(rasterise([points], HEIGHT, WIDTH), HEIGHT, WIDTH)
    except SourceError as error:
        assert "far out" in str(error)


@MANY
@given(COUNTS | st.text(max_size=20), st.integers(0, 70), st.integers(0, 70))
@example("0" * 4, 0, 0)
@example("oooooo1" * 3, 4, 4)
@example(("o" * 6 + "O") * 64, 4, 4)
def test_any_text_as_run_lengths(counts: str, height: int, width: int) -> None:
    """A mask within the picture, none, or a MaskError."""
    try:
        shape = decode(counts, height, width)
    except MaskError as error:
        assert str(error)
        return
    if shape is not None:
        assert shape.crop.any() and shape.x >= 0 and shape.x + shape.crop.shape[1] <= width
        assert shape.y >= 0 and shape.y + shape.crop.shape[0] <= height


def test_two_chessboards_are_measured_in_the_memory_of_a_picture() -> None:
    """All pairs of their strips would take 40 GB. Side by side they touch, apart they are 9 pixels away."""
    board = np.indices((480, 640)).sum(axis=0) % 2 == 0

    def gap(*shapes: Shape) -> float:
        return pair_table("ab", Strips.of_shapes(shapes))["a", "b"].edge_gap

    assert gap(Shape(board, 0, 0), Shape(~board, 0, 0)) == 0
    assert gap(Shape(board[:, :300], 0, 0), Shape(board[:, 309:], 309, 0)) == 9
