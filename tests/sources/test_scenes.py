"""Rendered scenes: what the annotations say is what a person sees."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from hopchain_assets.sources.scenes import CATEGORIES, Scene, SceneObject, plan_scene, render, render_scenes
from hopchain_assets.sources.scenes.catalogue import KINDS, THEMES, WHOLE
from hopchain_assets.sources.scenes.garden import DOTS
from hopchain_assets.sources.scenes.pen import Pen
from hopchain_assets.sources.scenes.tabletop import PIPS

SEED = 7


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of 8 scenes."""
    return render_scenes(tmp_path_factory.mktemp("scenes"), 8, SEED)


@lru_cache
def _plans(count: int = 120) -> tuple[Scene, ...]:
    return tuple(plan_scene(SEED, index) for index in range(count))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _blobs(mask: np.ndarray, least: int) -> int:
    """Connected groups (4 neighbours) of at least `least` pixels."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    found = 0
    while left:
        stack, size = [left.pop()], 0
        while stack:
            y, x = stack.pop()
            size += 1
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in left:
                    left.remove(near)
                    stack.append(near)
        found += size >= least
    return found


def _alone(item: SceneObject, size: tuple[int, int] = (240, 240)) -> tuple[np.ndarray, np.ndarray]:
    """[H, W, 3] of one object on a plain ground, and its [H, W] mask."""
    picture, cover = Image.new("RGB", size, (150, 160, 150)), Image.new("L", size)
    mirror = item.attributes.get("facing") == "left"
    KINDS[item.category].draw(Pen(picture, cover, item.x, item.y, item.size, item.rotation, mirror), item)
    return np.asarray(picture), np.asarray(cover) >= 128


def test_the_same_scenes_are_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    """A series rendered again elsewhere has byte-identical pictures and annotations."""
    render_scenes(tmp_path, 8, SEED)
    assert _files(tmp_path) == _files(rendered.parent)


def test_a_bigger_count_extends_the_series(rendered: Path, tmp_path: Path) -> None:
    """The first scenes of a longer series are those of the shorter one, and their files are left alone."""
    render_scenes(tmp_path, 3, SEED)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "images").iterdir()}
    told: list[int] = []
    render_scenes(tmp_path, 8, SEED, told.append)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert _files(tmp_path) == _files(rendered.parent)
    assert told == list(range(1, 9))


def test_a_spoiled_picture_is_rendered_again(tmp_path: Path) -> None:
    """A picture cut short by a crash does not stay in the series."""
    render_scenes(tmp_path, 2, SEED)
    whole = _files(tmp_path)
    victim = next((tmp_path / "images").iterdir())
    victim.write_bytes(victim.read_bytes()[:100])
    render_scenes(tmp_path, 2, SEED)
    assert _files(tmp_path) == whole


def test_another_seed_needs_another_folder(tmp_path: Path) -> None:
    """Two series never mix in one annotation file."""
    render_scenes(tmp_path, 1, SEED)
    with pytest.raises(ValueError, match="holds scenes of seed 7"):
        render_scenes(tmp_path, 1, SEED + 1)
    (tmp_path / "instances.json").write_text("{")
    with pytest.raises(ValueError, match="no file of rendered scenes"):
        render_scenes(tmp_path, 1, SEED)
    with pytest.raises(ValueError, match="ask for one or more"):
        render_scenes(tmp_path, 0, SEED)


def test_annotations_are_coco_and_match_their_masks(rendered: Path) -> None:
    """Boxes and areas are those of the masks, masks are disjoint, sizes fit, and ids are unique."""
    data: dict[str, Any] = json.loads(rendered.read_text())
    assert data["info"]["exhaustive"] is True
    assert data["info"]["seed"] == SEED
    names = {row["id"]: row["name"] for row in data["categories"]}
    assert set(names.values()) == set(CATEGORIES)
    assert len({row["id"] for row in data["annotations"]}) == len(data["annotations"])
    for image in data["images"]:
        with Image.open(rendered.parent / "images" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        rows = [row for row in data["annotations"] if row["image_id"] == image["id"]]
        masks = [coco_mask.decode(row["segmentation"]).astype(bool) for row in rows]
        assert np.sum(masks, axis=0).max() == 1
        for row, mask in zip(rows, masks, strict=True):
            ys, xs = np.nonzero(mask)
            x, y, w, h = row["bbox"]
            assert (x, y, x + w, y + h) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert row["area"] == mask.sum() >= 0.006 * mask.size
            assert x > 0 and y > 0 and x + w < image["width"] and y + h < image["height"]
            assert set(row["attributes"]) <= set(CATEGORIES[names[row["category_id"]]])
            assert all(isinstance(value, str) for value in row["attributes"].values())


def test_masks_are_those_of_the_plan() -> None:
    """`render` gives a mask for each planned object, and its middle lies near the planned place."""
    scene = plan_scene(SEED, 0)
    picture, masks = render(scene)
    assert picture.size == (scene.width, scene.height)
    for item, mask in zip(scene.objects, masks, strict=True):
        ys, xs = np.nonzero(mask)
        assert abs(xs.mean() - item.x) < 0.4 * item.size
        assert abs(ys.mean() - item.y) < 0.4 * item.size


def test_most_of_each_object_stays_in_view() -> None:
    """At least 70% of each object is visible, and what must be read whole is never hidden at all."""
    for scene in _plans(15):
        _, masks = render(scene)
        for item, mask in zip(scene.objects, masks, strict=True):
            whole = _alone(item, (scene.width, scene.height))[1].sum()
            least = 1.0 if KINDS[item.category].guard == WHOLE else 0.7
            assert mask.sum() >= least * whole, (scene.index, item)


def test_plans_hold_three_to_twelve_objects_with_rivals() -> None:
    """Counts stay in 3..12, categories in 2..4, and most scenes have two categories with two or more."""
    scenes = _plans()
    assert {scene.theme for scene in scenes} == set(THEMES)
    rivals = 0
    for scene in scenes:
        counts = Counter(item.category for item in scene.objects)
        assert 3 <= len(scene.objects) <= 12
        assert 2 <= len(counts) <= 4
        assert max(counts.values()) <= 10
        rivals += sum(count >= 2 for count in counts.values()) >= 2
    assert rivals >= 0.9 * len(scenes)
    assert {item.category for scene in scenes for item in scene.objects} == set(CATEGORIES)


def test_centres_are_told_apart() -> None:
    """Few pairs of objects are level or in line within 3% of the side, so sides are nearly always clear."""
    level = pairs = 0
    for scene in _plans():
        for one, other in itertools.combinations(scene.objects, 2):
            pairs += 2
            level += abs(one.x - other.x) < 0.03 * scene.width
            level += abs(one.y - other.y) < 0.03 * scene.height
    assert level < 0.06 * pairs


def test_sizes_differ_markedly_within_a_category() -> None:
    """In most scenes the largest of a category is at least 15% larger by area than the next."""
    clear = groups = 0
    for scene in _plans():
        for name in {item.category for item in scene.objects}:
            areas = sorted(item.size**2 for item in scene.objects if item.category == name)
            if len(areas) > 1:
                groups += 1
                clear += areas[-1] >= 1.15 * areas[-2]
    assert clear > 0.6 * groups


def test_every_object_carries_what_its_kind_promises() -> None:
    """Dots, numbers, colours and directions are present and in range; numbers of a scene do not repeat."""
    for scene in _plans():
        numbers = [item.attributes["number"] for item in scene.objects if "number" in item.attributes]
        assert len(numbers) == len(set(numbers))
        for item in scene.objects:
            missing = set(CATEGORIES[item.category]) - set(item.attributes)
            assert missing <= ({"number"} if item.category == "balloon" else set())
            if "dots" in item.attributes:
                assert 1 <= int(item.attributes["dots"]) <= (7 if item.category == "beetle" else 6)
            if "number" in item.attributes:
                assert 1 <= int(item.attributes["number"]) <= 20
            assert item.attributes.get("facing", "left") in ("left", "right")


@pytest.mark.parametrize("dots", sorted(DOTS))
@pytest.mark.parametrize("size", [55.0, 90.0])
def test_dots_on_a_beetle_are_seen_in_the_pixels(dots: int, size: float) -> None:
    """A red beetle shows exactly as many separate pale round spots as it says."""
    item = SceneObject("beetle", 120.0, 120.0, size, 33.0, 0.0, {"color": "red", "dots": str(dots)})
    assert _blobs(_alone(item)[0].min(axis=2) > 225, least=round(0.5 * 3.14 * (0.125 * size) ** 2)) == dots


@pytest.mark.parametrize("pips", sorted(PIPS))
def test_pips_on_a_die_are_seen_in_the_pixels(pips: int) -> None:
    """A red die shows exactly as many pale pips as it says."""
    item = SceneObject("die", 120.0, 120.0, 50.0, -27.0, 0.0, {"color": "red", "dots": str(pips)})
    assert _blobs(_alone(item)[0].min(axis=2) > 225, least=60) == pips


def test_a_car_shows_its_headlight_where_it_faces() -> None:
    """The pale yellow headlight lies in the half that the car faces, the red light in the other."""
    for facing, ahead in (("right", 1), ("left", -1)):
        car = SceneObject("car", 300.0, 300.0, 120.0, 0.0, 0.0, {"color": "blue", "facing": facing})
        picture, masks = render(Scene(0, 0, "car park", "asphalt", 0, 600, 600, (car,)))
        pixels = np.asarray(picture).astype(int)
        for color, side in (((255, 246, 190), ahead), ((236, 44, 50), -ahead)):
            _, xs = np.nonzero(masks[0] & (np.abs(pixels - color).max(axis=2) < 8))
            assert len(xs) > 20
            assert ((xs - 300.0) * side > 60).all()
