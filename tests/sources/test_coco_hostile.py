"""COCO files that lie, are broken, or were written to break us: each bad part has its reason, the rest is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hopchain_assets.domain.masks import MaskError, run_lengths
from hopchain_assets.sources.coco import MOST_MARKS, Imported, SourceError, rasterise, read_coco
from hopchain_assets.sources.segmentation import refused
from hopchain_assets.stages.instance_masks import _drawn, _Picture
from tests.builders import rle

WIDTH, HEIGHT = 64, 48
SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two pictures."""
    images = tmp_path / "images"
    images.mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        Image.new("RGB", (WIDTH, HEIGHT), (200, 30 * number, 30)).save(images / name)
    return images


def picture(number: object = 1, name: object = "a.png", **changes: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT} | changes


def mark(number: object = 1, **changes: Any) -> dict[str, Any]:
    """An annotation of picture 1: a square cup."""
    return {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [SQUARE]} | changes


def document(**changes: Any) -> dict[str, Any]:
    """A small COCO file: picture 1 with a cup, picture 2 without."""
    return {
        "images": [picture(), picture(2, "b.png")],
        "annotations": [mark()],
        "categories": [{"id": 1, "name": "cup"}],
    } | changes


def read(folder: Path, content: object, exhaustive: bool = False) -> Imported:
    path = folder.parent / "instances.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_coco(folder, path, exhaustive)


Bad = list[tuple[str, str, str]]


def measured(imported: Imported, name: str = "a.png") -> tuple[list[str], Bad]:
    """Categories of the instances of a picture, and (annotation, category, reason) of its bad annotations."""
    said = next(json.loads(m.annotations) for m in imported.members if m.source_uri.endswith(f"/{name}"))
    made = _drawn(_Picture("picture", WIDTH, HEIGHT, said, None, ()))
    instances, bad = made.instances, made.bad_annotations
    for row in instances:
        assert 0 <= row["x0"] < row["x1"] <= WIDTH and 0 <= row["y0"] < row["y1"] <= HEIGHT
    return [row["category"] for row in instances], [(r["annotation_id"], r["category"], r["reason"]) for r in bad]


NO_FILE: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "is not JSON"),
    "half of it": (b'{"images": [', "is not JSON"),
    "a list": (b"[]", "is not a COCO file"),
    "no pictures": (b'{"annotations": []}', "is not a COCO file"),
    "pictures that are an object": (b'{"images": {}}', "is not a COCO file"),
    "annotations that are null": (b'{"images": [], "annotations": null}', "its annotations are no list"),
    "categories that are a text": (b'{"images": [], "categories": "cup"}', "its categories are no list"),
    "Latin-1": ('{"images": [], "info": "Köln"}'.encode("latin-1"), "is not UTF-8 text"),
    "zero bytes": (b"\0" * 100, "is not JSON"),
    "a nest of lists": (b"[" * 200_000, "is not JSON"),
    "a nest of objects": (b'{"images":' * 200_000, "is not JSON"),
    "a number of 5,000 digits": (b'{"images": [' + b"9" * 5000 + b"]}", "is not JSON"),
}


@pytest.mark.parametrize(("content", "reason"), NO_FILE.values(), ids=NO_FILE.keys())
def test_what_is_no_coco_file_is_refused_in_a_sentence(folder: Path, content: bytes, reason: str) -> None:
    """Only a file that is none at all is refused as a whole."""
    with pytest.raises(SourceError, match=reason):
        read(folder, content)


def test_a_device_is_not_read_to_its_end(folder: Path) -> None:
    """/dev/zero never ends."""
    with pytest.raises(SourceError, match="not JSON"):
        read_coco(folder, Path("/dev/zero"), False)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(folder: Path) -> None:
    """Some editors put one there."""
    imported = read(folder, b"\xef\xbb\xbf" + json.dumps(document()).encode())
    assert len(imported.members) == 2 and measured(imported) == (["cup"], [])


PICTURES: Mapping[str, tuple[object, str]] = {
    "not there": (picture(name="no.png"), "No such file"),
    "a number for a picture": (7, "not an object"),
    "a null for a picture": (None, "not an object"),
    "no name": ({"id": 1}, "no file_name"),
    "a null for a name": (picture(name=None), "no file_name"),
    "an empty name": (picture(name=""), "no file_name"),
    "a list for a name": (picture(name=["a.png"]), "no file_name"),
    "a name that climbs": (picture(name="../instances.json"), "out of the folder"),
    "a whole path": (picture(name="/etc/passwd"), "out of the folder"),
    "the folder itself": (picture(name="."), "it is a folder"),
    "a folder called a picture": (picture(name="folder.jpg"), "it is a folder"),
    "a pipe called a picture": (picture(name="pipe.jpg"), "it is no file"),
    "a link that leads out": (picture(name="out.jpg"), "out of the folder"),
    "a link to itself": (picture(name="loop.jpg"), "cannot"),
    "a name with a zero byte": (picture(name="a\0.png"), "cannot be followed"),
    "half a letter in the name": (picture(name="a\ud800.png"), "not UTF-8"),
    "a name of 300 letters": (picture(name="a" * 300), "File name too long"),
    "a name of a million letters": (picture(name="a/" * 500_000), "1000000 letters long"),
    "no id": (picture(number=None), "no id"),
    "true for an id": (picture(number=True), "no id"),
    "half an id": (picture(number=1.5), "no id"),
    "a list for an id": (picture(number=[1]), "could name: a list"),
    "no width": (picture(width=None), "its width is None"),
    "a width of 0": (picture(width=0), "its width is 0"),
    "a height below 0": (picture(height=-48), "its height is -48"),
    "a width as text": (picture(width="64"), "its width is '64'"),
    "a width of true": (picture(width=True), "its width is True"),
    "an endless width": (picture(width=float("inf")), "its width is inf"),
    "a height that is no number": (picture(height=float("nan")), "its height is nan"),
    "a width of half a pixel": (picture(width=0.5), "its width is 0.5"),
    "a width of 1e308": (picture(width=1e308), "its width is 1e"),
    "a height of 4,000 digits": (picture(height=10**3999), "its height is 1000"),
}


@pytest.mark.parametrize(("row", "reason"), PICTURES.values(), ids=PICTURES.keys())
def test_a_bad_picture_is_left_out_with_its_reason(folder: Path, row: object, reason: str) -> None:
    """One entry of `images` is wrong; the other picture comes in with its mark."""
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "out.jpg").symlink_to(folder.parent / "instances.json")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    imported = read(folder, document(images=[row, picture(2, "b.png")], annotations=[mark(image_id=2)]))
    ((_, told),) = imported.left_out
    assert reason in told and "\n" not in told and len(told) < 600
    assert measured(imported, "b.png") == (["cup"], []) and len(imported.members) == 1


@pytest.mark.parametrize("name", ['it\'s "a".png', "two\nlines.png", "ümläut 100%.png", "?#;.png", "a" * 251 + ".png"])
def test_a_name_may_hold_what_the_disk_allows(folder: Path, name: str) -> None:
    """Quotes, line breaks, percent signs and 255 bytes are no fault of the picture."""
    (folder / "a.png").rename(folder / name)
    imported = read(folder, document(images=[picture(name=name)]))
    assert imported.left_out == () and len(imported.members) == 1
    assert imported.members[0].source_uri.startswith("file://") and "\n" not in imported.members[0].source_uri


def test_pictures_that_cannot_be_told_apart_are_left_out(folder: Path) -> None:
    """Two pictures with one id, or two entries for one file: whose are the marks? A third picture stays."""
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "c.png")
    same_id = read(folder, document(images=[picture(), picture(1, "b.png"), picture(3, "c.png")]))
    assert [reason for _, reason in same_id.left_out] == [
        "its id 1 is that of another picture too: give each its own"
    ] * 2
    same_file = read(folder, document(images=[picture(), picture(2, "./a.png"), picture(3, "c.png")]))
    assert [reason for _, reason in same_file.left_out] == [
        "another entry names the same file: put the two together"
    ] * 2
    assert len(same_id.members) == len(same_file.members) == 1


def test_the_same_entry_twice_is_taken_once(folder: Path) -> None:
    """Files put together by hand repeat themselves; nothing is in doubt."""
    imported = read(folder, document(images=[picture(), picture()]))
    assert measured(imported) == (["cup"], []) and "taken once" in imported.left_out[0][1]


def test_ids_that_went_through_floats_are_still_ids(folder: Path) -> None:
    """A table that knows floats only writes 1.0 for 1; True is no 1."""
    rows = [mark(image_id=1.0, category_id=1.0), mark(2, image_id=True)]
    imported = read(folder, document(images=[picture(1.0)], annotations=rows))
    assert measured(imported) == (["cup"], [])
    assert imported.remarks and "1 annotation belongs to no picture" in imported.remarks[0]


def test_annotations_of_no_picture_are_told(folder: Path) -> None:
    """They can be reported with no picture, and are not passed over in silence."""
    rows = [mark(), mark(2, image_id=99), mark(3, image_id=None), None, "cup", mark(4, image_id=[1])]
    imported = read(folder, document(annotations=rows))
    assert measured(imported) == (["cup"], [])
    assert imported.remarks[0].startswith("5 annotations belong to no picture") and "entry 2" in imported.remarks[0]


ANNOTATIONS: Mapping[str, tuple[dict[str, Any], str]] = {
    "an unknown category": ({"category_id": 9}, "its category_id is 9, which is not among"),
    "no category": ({"category_id": None}, "its category_id is None"),
    "a list for a category": ({"category_id": [1]}, "its category_id is a list"),
    "true for a category": ({"category_id": True}, "its category_id is True"),
    "a category that cannot be printed": ({"category_id": "\x1f"}, "its category_id is '\\x1f'"),
    "half a letter for a category": ({"category_id": "\ud800"}, "its category_id is '\\ud800'"),
    "a category of a million letters": ({"category_id": "x" * 10**6}, "its category_id is 'xxx"),
    "a crowd in words": ({"iscrowd": "0"}, "its iscrowd is '0'"),
    "a crowd of two": ({"iscrowd": 2}, "its iscrowd is 2"),
    "no segmentation": ({"segmentation": None}, "no segmentation"),
    "an empty one": ({"segmentation": []}, "no segmentation"),
    "a text": ({"segmentation": "a circle"}, "no segmentation"),
    "a number": ({"segmentation": 7}, "no segmentation"),
    "a null for a polygon": ({"segmentation": [None]}, "not one flat list"),
    "an empty polygon": ({"segmentation": [[]]}, "has 0 numbers"),
    "two points": ({"segmentation": [[1, 1, 20, 20]]}, "has 4 numbers"),
    "two points beside a good one": ({"segmentation": [SQUARE, [1, 1, 20, 20]]}, "has 4 numbers"),
    "half a point": ({"segmentation": [[*SQUARE, 7]]}, "has 9 numbers"),
    "points in pairs": ({"segmentation": [[[10, 10], [30, 10], [30, 30]]]}, "not one flat list"),
    "flat points": ({"segmentation": SQUARE}, "not one flat list"),
    "numbers as text": ({"segmentation": [[str(n) for n in SQUARE]]}, "not one flat list"),
    "booleans": ({"segmentation": [[True, False] * 4]}, "not one flat list"),
    "a null in a polygon": ({"segmentation": [[*SQUARE[:-1], None]]}, "not one flat list"),
    "no number": ({"segmentation": [[*SQUARE[:-1], float("nan")]]}, "not finite"),
    "infinity": ({"segmentation": [[*SQUARE[:-1], float("inf")]]}, "not finite"),
    "1e308": ({"segmentation": [[*SQUARE[:-1], 1e308]]}, "far out of the picture"),
    "a number of 400 digits": ({"segmentation": [[*SQUARE[:-1], 10**400]]}, "too large"),
    "a corner ten pictures away": ({"segmentation": [[*SQUARE[:-2], 10 * WIDTH, 10]]}, "far out of the picture"),
    "all of it outside": ({"segmentation": [[n - 40 for n in SQUARE]]}, "fewer than 16 pixels"),
    "a line": ({"segmentation": [[1, 1, 40, 40, 1, 1]]}, "fewer than 16 pixels"),
    "an outline without end": ({"segmentation": [[0, 0, WIDTH, HEIGHT] * 500]}, "outline is"),
    "an object of nothing": ({"segmentation": {}}, "lack their size"),
    "run lengths without a size": ({"segmentation": {"counts": [WIDTH * HEIGHT]}}, "lack their size"),
    "a size in words": ({"segmentation": {"counts": "", "size": ["48", "64"]}}, "lack their size"),
    "an endless size": ({"segmentation": {"counts": "", "size": [48, float("inf")]}}, "not finite"),
    "another size": ({"segmentation": {"counts": [64], "size": [8, 8]}}, "is of size [8, 8]"),
    "sides the wrong way round": ({"segmentation": {"counts": [3072], "size": [64, 48]}}, "is of size [64, 48]"),
    "no counts": ({"segmentation": {"counts": None, "size": [48, 64]}}, "neither text nor"),
    "negative counts": ({"segmentation": {"counts": [-8, 3080], "size": [48, 64]}}, "neither text nor"),
    "counts that are true": ({"segmentation": {"counts": [True, 3071], "size": [48, 64]}}, "neither text nor"),
    "counts with a fraction": ({"segmentation": {"counts": [72.0, 3000.0], "size": [48, 64]}}, "neither text nor"),
    "too few": ({"segmentation": {"counts": [100, 100], "size": [48, 64]}}, "cover 200 pixels, not 3072"),
    "too many": ({"segmentation": {"counts": [10**30, 100], "size": [48, 64]}}, "cover far too many pixels"),
    "an empty text": ({"segmentation": {"counts": "", "size": [48, 64]}}, "cut short"),
    "a text past the picture": ({"segmentation": {"counts": "o3o3o3o3", "size": [48, 64]}}, "pixels, not 3072"),
    "a text cut short": ({"segmentation": {"counts": "oooo", "size": [48, 64]}}, "cut short"),
    "letters outside of the alphabet": ({"segmentation": {"counts": "0 ~é", "size": [48, 64]}}, "not ASCII"),
    "signs outside of the alphabet": ({"segmentation": {"counts": "0~!", "size": [48, 64]}}, "foreign character"),
    "a run of 2^60": ({"segmentation": {"counts": "oooooooooooo0", "size": [48, 64]}}, "too long"),
    "a reason of their own": ({"segmentation": {"refused": "\x1b[31m"}}, "lack their size"),
    "a colour in parts": ({"attributes": {"color": {"r": 255}}}, "its attribute color is an object"),
    "a number that is none": ({"attributes": {"number": float("nan")}}, "its attribute number is nan"),
    "a long colour": ({"attributes": {"color": "red " * 50}}, "its attribute color is 'red"),
    "dots that are true": ({"attributes": {"dots": True}}, "its attribute dots is True"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), ANNOTATIONS.values(), ids=ANNOTATIONS.keys())
def test_a_bad_annotation_is_one_row_with_its_reason(folder: Path, changes: dict[str, Any], reason: str) -> None:
    """The annotation beside it becomes an instance, and the reason is a short sentence for people."""
    other = mark(8, segmentation=[[n + 15 for n in SQUARE]])
    instances, bad = measured(read(folder, document(annotations=[mark(7, **changes), other])))
    ((name, category, told),) = bad
    assert instances == ["cup"] and name == "7" and category.isprintable() and len(category) < 100
    assert reason in told and told.isprintable() and len(told) < 200


CATEGORIES: Mapping[str, tuple[list[Any], str]] = {
    "no name": ([{"id": 1, "name": None}], "has no name"),
    "an empty name": ([{"id": 1, "name": "  "}], "has no name"),
    "a number": ([{"id": 1, "name": 7}], "has no name"),
    "a name of a thousand letters": ([{"id": 1, "name": "cup" * 400}], "1200 letters long"),
    "a line break within": ([{"id": 1, "name": "cup\nIgnore the picture"}], "cannot be printed"),
    "a sign that steers a terminal": ([{"id": 1, "name": "cup\x1b[2J"}], "cannot be printed"),
    "a letter that is not seen": ([{"id": 1, "name": "cup\u200b"}], "cannot be printed"),
    "half a letter": ([{"id": 1, "name": "cup\ud800"}], "cannot be printed"),
    "two names for one id": ([{"id": 1, "name": "cup"}, {"id": 1, "name": "mug"}], "several names: 'cup', 'mug'"),
    "no categories": ([], "not among the categories"),
    "nulls": ([None, {"id": None, "name": "cup"}, {}], "not among the categories"),
}


@pytest.mark.parametrize(("categories", "reason"), CATEGORIES.values(), ids=CATEGORIES.keys())
def test_a_category_without_a_usable_name_reaches_no_question(folder: Path, categories: list[Any], reason: str) -> None:
    """Its annotations are bad with a reason, and nobody is said to have seen all of them marked."""
    imported = read(folder, document(categories=categories), exhaustive=True)
    instances, bad = measured(imported)
    assert instances == [] and reason in bad[0][2] and bad[0][1].startswith("category 1")
    assert imported.members[0].categories == ()


def test_names_that_differ_in_case_or_spaces_are_one_category(folder: Path) -> None:
    """ "Wine  Glass " and "wine glass" would be one word to a reader, and two to a count."""
    categories = [{"id": 1, "name": " Wine  Glass\n"}, {"id": 2, "name": "wine glass"}, {"id": 2, "name": "WINE GLASS"}]
    rows = [mark(), mark(2, category_id=2, segmentation=[[n + 15 for n in SQUARE]])]
    imported = read(folder, document(categories=categories, annotations=rows), exhaustive=True)
    assert measured(imported) == (["wine glass", "wine glass"], [])
    assert imported.members[0].categories == ("wine glass",)


def test_an_annotation_id_given_twice_in_a_picture_is_refused(folder: Path) -> None:
    """It may be the same object marked again; in another picture it surely is not. Rows can be told apart."""
    moved = [[n + 15 for n in SQUARE]]
    rows = [mark(5), mark(5, segmentation=moved), mark(None, segmentation=None), mark(5, image_id=2)]
    imported = read(folder, document(annotations=rows))
    instances, bad = measured(imported)
    assert instances == ["cup"] and [name for name, *_ in bad] == ["5, entry 2", "entry 3"]
    assert "another annotation" in bad[0][2] and measured(imported, "b.png") == (["cup"], [])


def test_one_mask_written_in_two_ways_is_one_object(folder: Path) -> None:
    """Runs of no length say nothing, so they hide no object that is marked twice."""
    runs = [480, 48, WIDTH * HEIGHT - 528]
    split = [480, 20, 0, 28, WIDTH * HEIGHT - 528, 0, 0]
    rows = [mark(k, segmentation={"counts": c, "size": [HEIGHT, WIDTH]}) for k, c in enumerate((runs, split))]
    instances, bad = measured(read(folder, document(annotations=rows)))
    assert instances == ["cup"] and "the same pixels" in bad[0][2]


def test_both_kinds_of_run_lengths_and_polygons_give_the_same_mask() -> None:
    """A square, three times."""
    square = np.zeros((HEIGHT, WIDTH), bool)
    square[10:30, 10:30] = True
    text = rle(square)
    counts = run_lengths(text).tolist()
    sized = {"size": [HEIGHT, WIDTH]}
    assert rasterise(sized | {"counts": counts}, HEIGHT, WIDTH) == text
    assert rasterise(sized | {"counts": text}, HEIGHT, WIDTH) == rasterise([SQUARE], HEIGHT, WIDTH) == text


def test_a_crowd_is_no_instance_and_needs_no_mask_that_can_be_drawn(folder: Path) -> None:
    """Its category is not counted, whatever its region is."""
    imported = read(folder, document(annotations=[mark(iscrowd=1), mark(2, iscrowd=True)]))
    assert measured(imported) == ([], [])
    said = json.loads(imported.members[0].annotations)
    assert [each["crowd"] for each in said["marks"]] == [True, True]


def test_too_many_annotations_of_a_picture_leave_it_out(folder: Path) -> None:
    """All pairs of them would be measured."""
    rows = [mark(k) for k in range(MOST_MARKS + 1)]
    imported = read(folder, document(annotations=rows))
    assert f"it has {MOST_MARKS + 1} annotations" in imported.left_out[0][1] and len(imported.members) == 1


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, -1), (10**9, 10**9), (1, 2**28), (2**20, 2**20)])
def test_no_mask_is_drawn_for_a_picture_that_nobody_has(height: int, width: int) -> None:
    """Nothing of that size is ever taken from memory."""
    for segmentation in ([SQUARE], {"counts": [height * width], "size": [height, width]}):
        with pytest.raises(SourceError, match="no mask is drawn"):
            rasterise(segmentation, height, width)


def test_ten_thousand_pieces_of_a_mask_are_merged(folder: Path) -> None:
    """In groups: one by one they would take minutes."""
    pieces = [[x, y, x + 1, y, x + 1, y + 1] for x in range(100) for y in range(100)]
    assert run_lengths(rasterise(pieces, 200, 200)).sum() == 200 * 200


def test_what_is_said_of_a_picture_is_text_of_one_line(folder: Path) -> None:
    """Licence and author reach shards and pages; an address that is none is dropped."""
    licenses = [{"id": 3, "name": "CC\x1b[2J BY\n", "url": "javascript:alert(1)"}]
    row = picture(license=3.0, author=["a", "list"], flickr_url="https://e.org/ a", coco_url="http://e.org/a")
    said = json.loads(read(folder, document(images=[row], licenses=licenses)).members[0].annotations)
    words = {key: said[key] for key in ("license", "license_url", "author", "source_page")}
    assert words == {"license": "CC [2J BY", "license_url": "", "author": "", "source_page": "http://e.org/a"}


def test_a_licence_that_is_two_leaves_its_pictures_out(folder: Path) -> None:
    """Nobody can say under which one they stand."""
    licenses = [{"id": 3, "name": "CC BY"}, {"id": 3, "name": "all rights reserved"}]
    imported = read(folder, document(images=[picture(license=3), picture(2, "b.png")], licenses=licenses))
    assert "several licences" in imported.left_out[0][1] and len(imported.members) == 1


def test_the_reason_of_a_refused_mark_is_told_when_it_is_drawn() -> None:
    """What was judged at import is reported with the picture."""
    with pytest.raises(SourceError, match=r"^because$"):
        rasterise(refused("because"), 10, 10)


@pytest.mark.parametrize("text", ["", "\x7f", "o", "o" * 7 + "0", "é", "000o", " "])
def test_run_lengths_that_are_none_are_told(text: str) -> None:
    """Each is a MaskError, whatever the bytes."""
    with pytest.raises(MaskError):
        run_lengths(text)


def test_long_runs_do_not_wrap_round_to_the_size_of_the_picture() -> None:
    """2^63 pixels and a few more were few once, to a 64-bit sum."""
    most = "o" * 6 + "O"
    with pytest.raises(MaskError):
        run_lengths(most * 4096)
