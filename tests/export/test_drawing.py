"""Marks lie where the masks are, hide nothing, and pictures fit where they must travel."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from hopchain_assets.domain.records import Instance
from hopchain_assets.export.drawing import (
    contact_strip,
    draw_chain,
    open_picture,
    outline_instances,
    thumbnail_data_uri,
)
from hopchain_assets.export.words import Entry, counted_members, found_instances, position_words, result_words

PHOTOS = Path(__file__).parents[2].parent / "shared" / "photos"
GREY = (128, 128, 128)


def as_text(counts: str | bytes) -> str:
    """Run lengths as text; pycocotools gives bytes, and its types say str."""
    return counts if isinstance(counts, str) else counts.decode()


def square(category: str = "cup", box: tuple[int, int, int, int] = (8, 8, 16, 16), side: int = 24) -> Instance:
    x0, y0, x1, y1 = box
    mask = np.zeros((side, side), dtype=np.uint8, order="F")
    mask[y0:y1, x0:x1] = 1
    counts = as_text(coco_mask.encode(mask)["counts"])
    return Instance(f"{category}{box}", category, box, (x0 + x1) / 2, (y0 + y1) / 2, float(mask.sum()), counts)


def change(drawn: Image.Image) -> np.ndarray:
    """How far each pixel is from the grey that it was."""
    return np.abs(np.asarray(drawn, dtype=int) - GREY[0]).max(axis=2)


def test_an_outline_lies_on_the_masks_border() -> None:
    """The pixels on both sides of the border change most, the middle a little, and far ones not at all."""
    changed = change(outline_instances(Image.new("RGB", (24, 24), GREY), [square()]))
    inner_ring = [changed[8, 9:15], changed[15, 9:15], changed[9:15, 8], changed[9:15, 15]]
    outer_ring = [changed[7, 9:15], changed[16, 9:15], changed[9:15, 7], changed[9:15, 16]]
    assert min(ring.min() for ring in inner_ring + outer_ring) > 80
    assert 0 < changed[11:13, 11:13].max() < 30
    assert changed[:4].max() == changed[20:].max() == changed[:, :4].max() == changed[:, 20:].max() == 0


def test_an_object_at_the_pictures_edge_is_outlined() -> None:
    """A mask that fills the picture still shows an outline along the edge."""
    changed = change(outline_instances(Image.new("RGB", (24, 24), GREY), [square(box=(0, 0, 24, 24))]))
    assert changed[0].min() > 60
    assert changed[:, 23].min() > 60


def test_categories_have_different_colours_in_any_order() -> None:
    """A category's colour does not depend on the order of the instances."""
    cup, person = square("cup", (1, 1, 8, 8)), square("person", (14, 14, 22, 22))
    picture = Image.new("RGB", (24, 24), GREY)
    drawn, again = outline_instances(picture, [cup, person]), outline_instances(picture, [person, cup])
    assert drawn.tobytes() == again.tobytes()
    assert drawn.getpixel((4, 1)) != drawn.getpixel((18, 14))


def test_a_label_does_not_hide_the_object() -> None:
    """With room beside it, the label leaves the object's own pixels as they are without a label."""
    picture, cup = Image.new("RGB", (200, 200), GREY), square(box=(90, 90, 130, 130), side=200)
    bare, labelled = outline_instances(picture, [cup]), outline_instances(picture, [cup], {cup.instance_id: "cup"})
    different = np.any(np.asarray(bare) != np.asarray(labelled), axis=2)
    assert different.any()
    assert not different[91:129, 91:129].any()


@pytest.mark.parametrize("side", [8, 30])
def test_a_mask_of_another_size_is_refused(side: int) -> None:
    """Run lengths that are too long or too short for the picture are an error, never noise on it."""
    with pytest.raises(ValueError, match="not one of a 24x24 picture"):
        outline_instances(Image.new("RGB", (24, 24)), [square(box=(1, 1, 5, 5), side=side)])


def test_an_instance_without_a_mask_is_outlined_by_its_box() -> None:
    """A box alone gives the same outline as a mask that fills it."""
    picture, full = Image.new("RGB", (24, 24), GREY), square()
    boxed = Instance(full.instance_id, full.category, full.box, full.cx, full.cy, full.area)
    assert outline_instances(picture, [full]).tobytes() == outline_instances(picture, [boxed]).tobytes()


def test_a_chain_is_lit_and_the_rest_dimmed(make_entry: Callable[..., Entry]) -> None:
    """Chain objects keep their light, the rest is darker, and badges and arrows are drawn."""
    entry = make_entry()
    picture = open_picture(entry.picture, entry.facts)
    drawn = draw_chain(picture, entry.facts, entry.chain)
    assert drawn.size == picture.size
    assert np.asarray(drawn)[155, 232].sum() < 0.8 * np.asarray(picture)[155, 232].sum()
    assert np.asarray(drawn)[130, 20].sum() > 0.9 * np.asarray(picture)[130, 20].sum()
    light = (np.asarray(drawn).min(axis=2) > 240).sum()
    assert light > 100, "white rims of badges and arrows"


def test_found_and_counted_instances_are_told_apart(make_entry: Callable[..., Entry]) -> None:
    """Badges follow the program: the hop that found an instance, the hop that counted it."""
    entry = make_entry()
    assert found_instances(entry.chain, entry.facts) == ((1, "i1"), (2, "i2"))
    assert counted_members(entry.chain, entry.facts) == {"i3": (3,), "i4": (3,)}


def test_results_are_told_in_words(make_entry: Callable[..., Entry]) -> None:
    """An id becomes a category and a place; numbers and yes or no stay."""
    facts = make_entry().facts
    assert result_words("i1", facts) == "the person (left)"
    assert result_words("[i3, i4]", facts) == "2 found: the cup (top), the cup (bottom right)"
    assert [result_words(value, facts) for value in ("yes", "2.5", "")] == ["yes", "2.5", ""]
    assert position_words(50, 50, 100, 100) == "centre"
    assert position_words(100, 0, 100, 100) == "top right"


def test_a_noisy_big_picture_fits_the_limit() -> None:
    """The worst picture for JPEG still becomes a data URI under the limit, and a real picture."""
    noise = np.random.default_rng(7).integers(0, 256, (1500, 2200, 3), dtype=np.uint8)
    for limit in (90_000, 4_000):
        uri = thumbnail_data_uri(Image.fromarray(noise), limit)
        assert len(uri) <= limit
        head, data = uri.split(",", 1)
        assert head == "data:image/jpeg;base64"
        shown = Image.open(io.BytesIO(base64.b64decode(data)))
        assert abs(shown.width / shown.height - 2200 / 1500) < 0.05


def test_an_impossible_limit_is_an_error() -> None:
    """Rather an error than a picture of nothing."""
    with pytest.raises(ValueError, match="no legible picture"):
        thumbnail_data_uri(Image.new("RGB", (640, 480), "red"), 100)


def test_a_strip_shows_every_image_whole() -> None:
    """Three images in two columns make two rows as wide as asked."""
    strip = contact_strip([Image.new("RGB", (40, 20), colour) for colour in ("red", "lime", "blue")], 2, 200)
    colours = {colour for _, colour in strip.getcolors() or []}
    assert strip.width == 200
    assert {(255, 0, 0), (0, 255, 0), (0, 0, 255)} <= colours
    with pytest.raises(ValueError, match="make no strip"):
        contact_strip([], 2, 200)


def test_a_picture_is_opened_as_its_facts_say(make_entry: Callable[..., Entry]) -> None:
    """A turned photograph is turned as its facts measured it; another size is an error."""
    facts = make_entry().facts
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, wrong = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (facts.height, facts.width)).save(turned, "JPEG", exif=exif)
    Image.new("RGB", (50, 50)).save(wrong, "PNG")
    assert open_picture(turned.getvalue(), facts).size == (facts.width, facts.height)
    with pytest.raises(ValueError, match="p1 is 50x50, but its facts say 240x160"):
        open_picture(wrong.getvalue(), facts)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the folder of real photographs is not beside the project")
def test_real_annotations_are_outlined() -> None:
    """Every mark of a crowded real photograph is drawn, with a label, and the sky stays as it was."""
    data = json.loads((PHOTOS / "instances.json").read_text())
    image = next(item for item in data["images"] if item["file_name"] == "000000116740.jpg")
    size = image["height"], image["width"]
    instances: list[Instance] = []
    for mark in data["annotations"]:
        if mark["image_id"] == image["id"] and not mark["iscrowd"]:
            rle = coco_mask.merge(coco_mask.frPyObjects(mark["segmentation"], *size))
            x, y, width, height = mark["bbox"]
            box = (x, y, x + width, y + height)
            counts = as_text(rle["counts"])
            instances.append(Instance(str(mark["id"]), str(mark["category_id"]), box, x, y, mark["area"], counts))
    picture = Image.open(PHOTOS / "images" / image["file_name"]).convert("RGB")
    drawn = outline_instances(picture, instances, {one.instance_id: one.category for one in instances})
    different = np.any(np.asarray(drawn) != np.asarray(picture), axis=2)
    assert len(instances) == 18
    assert different[450:].any()
    assert not different[:200].any()
