"""Hostile picture files through `raw_images`: each bad one has its reason, and the others come in all the same."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hopchain_assets.export.drawing import open_picture
from hopchain_assets.export.marks import instance_mask
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.engine import run_stage
from hopchain_assets.stages.facts import read_facts
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.raw_images import NEAR_DUPLICATE_BITS, RawImages
from hopchain_assets.warehouse.landing import Landed, batches, land
from hopchain_assets.warehouse.pictures import PictureStore
from tests.stages.conftest import new_line

ORIENTATION = 0x0112
RED, BLUE, GREY = (220, 20, 20), (20, 20, 220), (128, 128, 128)


@pytest.fixture
def empty_line(home: Path) -> Line:
    return new_line(home)


def raw_images(line: Line) -> RawImages:
    stage = line.stages()["raw_images"]
    assert isinstance(stage, RawImages)
    return stage


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def noise(seed: int) -> Image.Image:
    """A picture like no other."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (30, 40, 3), np.uint8))


def bomb(side: int) -> bytes:
    """A PNG of side x side pixels, as its header says, in some thousand bytes."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(1_000_000)),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def landed(path: Path, data: bytes, annotations: str | None = None) -> Landed:
    """The file, written; a sha256 of its bytes."""
    path.write_bytes(data)
    return Landed(path.as_uri(), hashlib.sha256(data).hexdigest(), annotations)


def plain_files() -> dict[str, bytes]:
    """Sound pictures with odd names, by name, and one whose extension lies."""
    names = ("it's \"a\" photo.jpg", "line\nbreak.jpg", "\u5199\u771f \U0001f408.jpg", "100%20.jpg", "a#b?.jpg",
             "*.jpg", "a::b.jpg", "zip!x.jpg", "n" * 251 + ".jpg", os.fsdecode(b"caf\xe9.jpg"))  # fmt: skip
    files = {name: encoded(noise(number), "JPEG") for number, name in enumerate(names)}
    return files | {
        "png in truth.jpg": encoded(noise(30), "PNG"),
        "one pixel.png": encoded(Image.new("RGB", (1, 1), RED), "PNG"),
    }


def odd_files() -> dict[str, bytes]:
    """Pictures that come in another form, by name."""
    other = noise(51)
    return {
        "16 bit.png": encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "PNG"),
        "cmyk.jpg": encoded(noise(31).convert("CMYK"), "JPEG"),
        "palette.png": encoded(noise(32).quantize(16), "PNG", transparency=2),
        "animated.gif": encoded(noise(50), "GIF", save_all=True, append_images=[other]),
        "animated.png": encoded(noise(33), "PNG", save_all=True, append_images=[other]),
        "animated.webp": encoded(noise(34), "WEBP", save_all=True, append_images=[other]),
        "scan.tiff": encoded(noise(35), "TIFF"),
    }


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Files that do not, each with its reason."""
    whole = encoded(noise(60), "JPEG")
    return {
        "truncated.jpg": (whole[: len(whole) // 2], "no picture"),
        "truncated.png": (encoded(noise(61), "PNG")[:500], "no picture"),
        "empty.jpg": (b"", "no picture"),
        "text.jpg": (b"this is no picture", "no picture"),
        "drawing.jpg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        "program.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
        "bomb.png": (bomb(50_000), "too large"),
        "over the limit.png": (bomb(11_000), "too large"),
    }


def test_every_bad_file_has_its_reason_and_the_others_come_in(empty_line: Line, tmp_path: Path) -> None:
    """One batch of all of them; what was landed and can no longer be read is among them."""
    good = plain_files() | odd_files() | {"100 megapixels.png": encoded(Image.new("1", (10_000, 10_000)), "PNG")}
    members = [landed(tmp_path / name, data) for name, data in good.items()]
    bad = bad_files()
    members += [landed(tmp_path / name, data) for name, (data, _) in bad.items()]
    reasons = {(tmp_path / name).as_uri(): reason for name, (_, reason) in bad.items()}
    later: dict[str, tuple[str, Callable[[Path], object]]] = {
        "gone.jpg": ("cannot be read", lambda path: None),
        "a.jpg": ("cannot be read", Path.mkdir),
        "pipe.jpg": ("cannot be read", os.mkfifo),
        "loop.jpg": ("cannot be read", lambda path: path.symlink_to(path)),
        "another.jpg": ("changed since it landed", lambda path: path.write_bytes(b"not what it was")),
    }
    for number, (name, (reason, spoil)) in enumerate(later.items()):
        path = tmp_path / name
        members.append(landed(path, encoded(noise(70 + number), "JPEG")))
        path.unlink()
        spoil(path)
        reasons[path.as_uri()] = reason
    sizes = landed(tmp_path / "sizes.jpg", encoded(noise(80), "JPEG"), json.dumps({"width": 41, "height": 30}))
    odd = landed(tmp_path / "odd.jpg", encoded(noise(81), "JPEG"), json.dumps([1, 2]))
    reasons |= {sizes.source_uri: "size differs", odd.source_uri: "failed"}
    land(empty_line.lake, [*members, sizes, odd], 64)
    (batch,) = batches(empty_line.lake)
    report = run_stage(empty_line.lake, raw_images(empty_line), batch)
    quarantine = empty_line.lake.query("SELECT source_uri, reason, detail FROM quarantine")
    assert dict(quarantine.select("source_uri", "reason").iter_rows()) == reasons
    assert all("; " in detail and len(detail) < 500 and " 0x" not in detail for detail in quarantine["detail"])
    came_in = empty_line.lake.query("SELECT source_uri FROM images")["source_uri"].to_list()
    assert sorted(came_in) == sorted((tmp_path / name).as_uri() for name in good)
    assert dict(report.outcomes) == {"done": len(came_in), "quarantined": len(reasons)}
    assert report.pending_after == 0


def test_all_that_is_in_the_store_is_plain(empty_line: Line, tmp_path: Path) -> None:
    """One 8-bit frame of the size that its row states; the very file, wherever there was nothing to mend."""
    members = [landed(tmp_path / name, data) for name, data in (plain_files() | odd_files()).items()]
    land(empty_line.lake, members, 64)
    (batch,) = batches(empty_line.lake)
    run_stage(empty_line.lake, raw_images(empty_line), batch)
    untouched = {hashlib.sha256(data).hexdigest() for data in plain_files().values()}
    images = empty_line.lake.query("SELECT image_id, width, height, format, byte_size FROM images")
    for image_id, width, height, _, size in images.iter_rows():
        data = empty_line.pictures.get(image_id)
        picture = Image.open(io.BytesIO(data))
        assert (picture.width, picture.height, len(data)) == (width, height, size)
        assert picture.format in ("JPEG", "PNG", "WEBP")
        assert picture.mode in ("RGB", "L")
        assert getattr(picture, "n_frames", 1) == 1
        assert (hashlib.sha256(data).hexdigest() == image_id) is (image_id in untouched)
    assert set(images["format"]) == {"jpeg", "png", "gif", "webp", "tiff"}


def photograph(folder: Path, orientation: int) -> tuple[Path, Image.Image]:
    """A file held sideways: grey, upright 60x40 with a red block at the left and a blue one at the bottom right."""
    pixels = np.full((40, 60, 3), GREY, np.uint8)
    pixels[4:16, 2:14], pixels[28:40, 40:60] = RED, BLUE
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 5: Image.Transpose.TRANSPOSE}[orientation]
    stored = Image.fromarray(pixels).transpose(back)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    folder.mkdir(parents=True)
    stored.save(folder / "held sideways.jpg", quality=95, subsampling=0, exif=exif)
    return folder / "held sideways.jpg", stored


def coco_of(path: Path, shown: Image.Image) -> Path:
    """Marks made on the picture as `shown`: a box around all that is red, and one around all that is blue."""
    rgb = np.asarray(shown, int)
    found = {"red": rgb[..., 0] - rgb[..., 2] > 100, "blue": rgb[..., 2] - rgb[..., 0] > 100}
    marks: list[dict[str, Any]] = []
    for number, mask in enumerate(found.values(), start=1):
        (y0, *_, y1), (x0, *_, x1) = np.flatnonzero(mask.any(1)).tolist(), np.flatnonzero(mask.any(0)).tolist()
        polygon = [x0, y0, x1 + 1, y0, x1 + 1, y1 + 1, x0, y1 + 1]
        marks.append({"id": number, "image_id": 1, "category_id": number, "segmentation": [polygon]})
    document = {
        "images": [{"id": 1, "file_name": path.name, "width": shown.width, "height": shown.height}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(found, start=1)],
        "annotations": marks,
    }
    file = path.with_suffix(".json")
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize("orientation", [5, 6, 8])
@pytest.mark.parametrize("marked", ["as it looks", "as it is stored"])
def test_marks_lie_on_their_objects_in_a_turned_picture(
    empty_line: Line, tmp_path: Path, orientation: int, marked: str
) -> None:
    """Under each mask lies the colour that it was made on, whichever way up the marker saw the picture."""
    path, stored = photograph(tmp_path / "photos", orientation)
    with Image.open(path) as picture:
        upright = picture.transpose({6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90,
                                     5: Image.Transpose.TRANSPOSE}[orientation])  # fmt: skip
    shown = upright if marked == "as it looks" else stored
    members = read_coco(path.parent, coco_of(path, shown), exhaustive=False).members
    land(empty_line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], 64)
    (batch,) = batches(empty_line.lake)
    for stage in ("raw_images", "image_ratings", "categories", "instance_masks"):
        empty_line.run(stage, [batch])
    with empty_line.lake.open() as connection:
        (facts,) = read_facts(connection, batch, empty_line.chains.limits).values()
    assert (facts.width, facts.height) == shown.size
    kept = Image.open(io.BytesIO(empty_line.pictures.get(facts.image_id)))
    assert kept.getexif().get(ORIENTATION) is None
    pixels = np.asarray(open_picture(empty_line.pictures.get(facts.image_id), facts), int)
    assert pixels.shape == (facts.height, facts.width, 3)
    colours = {"red": RED, "blue": BLUE}
    assert sorted(item.category for item in facts.instances) == sorted(colours)
    for item in facts.instances:
        under = pixels[instance_mask(item, (facts.width, facts.height))]
        assert np.abs(np.median(under, axis=0) - colours[item.category]).max() < 12, item.category


def test_a_picture_keeps_up_with_its_marks(empty_line: Line, tmp_path: Path) -> None:
    """Other marks, made on the picture the other way up, put it in the store that way, also with as many bytes."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encoded(Image.new("RGB", (64, 32), GREY), "PNG", exif=exif)
    for size in ((32, 64), (64, 32), (32, 64)):
        said = json.dumps({"width": size[0], "height": size[1]})
        land(empty_line.lake, [landed(tmp_path / "flat.png", data, said)], 64)
        run_stage(empty_line.lake, raw_images(empty_line), batches(empty_line.lake)[0])
        row = empty_line.lake.query("SELECT width, height, image_id FROM images").row(0)
        assert row[:2] == size
        assert Image.open(io.BytesIO(empty_line.pictures.get(row[2]))).size == size


def test_words_that_cannot_be_written_down_do_no_harm(empty_line: Line, tmp_path: Path) -> None:
    """Half a character in a licence, numbers and nulls where text belongs, in one batch with an ordinary picture."""
    said = ('{"license": "\\ud800 CC", "author": null, "source_page": 7, "width": null, "height": null}', None, "{}")
    members = [landed(tmp_path / f"{n}.png", encoded(noise(n), "PNG"), text) for n, text in enumerate(said)]
    land(empty_line.lake, members, 64)
    run_stage(empty_line.lake, raw_images(empty_line), batches(empty_line.lake)[0])
    rows = empty_line.lake.query("SELECT license, author, source_page FROM images ORDER BY license").rows()
    assert rows == [("", "", ""), ("", "", ""), ("? CC", "", "7")]


def test_bytes_that_landed_without_a_file_are_read_from_the_store(empty_line: Line, tmp_path: Path) -> None:
    """Of Parquet rows and downloads nothing lies at their address."""
    data = encoded(noise(1), "JPEG")
    content = hashlib.sha256(data).hexdigest()
    empty_line.pictures.originals.put(content, data)
    address = (tmp_path / "rows.parquet").as_uri() + "#row=3"
    land(empty_line.lake, [Landed(address, content, None)], 64)
    report = run_stage(empty_line.lake, raw_images(empty_line), batches(empty_line.lake)[0])
    assert dict(report.outcomes) == {"done": 1}
    assert empty_line.pictures.get(content) == data


def test_pictures_whose_folder_was_cleared_stay(empty_line: Line, tmp_path: Path) -> None:
    """New marks for a picture whose file is gone: the store has the very file. Of a mended one it has not."""
    plain, odd = encoded(noise(1), "JPEG"), encoded(noise(2), "TIFF")
    for said in (None, '{"author": "me"}'):
        members = [landed(tmp_path / "plain.jpg", plain, said), landed(tmp_path / "odd.tiff", odd, said)]
        land(empty_line.lake, members, 64)
        if said:
            for name in ("plain.jpg", "odd.tiff"):
                (tmp_path / name).unlink()
        run_stage(empty_line.lake, raw_images(empty_line), batches(empty_line.lake)[0])
    assert empty_line.lake.query("SELECT format, author FROM images").rows() == [("jpeg", "me")]
    assert empty_line.lake.query("SELECT reason FROM quarantine").rows() == [("cannot be read",)]


def test_a_store_that_cannot_be_written_to_is_not_the_pictures_fault(empty_line: Line, tmp_path: Path) -> None:
    """A full disk ends the run: nothing is recorded, and nobody's picture is set aside."""
    land(empty_line.lake, [landed(tmp_path / f"{n}.png", encoded(noise(n), "PNG")) for n in range(9)], 64)
    (tmp_path / "file").write_bytes(b"")
    stage = replace(raw_images(empty_line), pictures=PictureStore(str(tmp_path / "file" / "store")))
    with pytest.raises(OSError, match="file"):
        run_stage(empty_line.lake, stage, batches(empty_line.lake)[0])
    assert empty_line.lake.query("SELECT count(*) FROM stage_done").item() == 0


def test_ctrl_c_ends_the_work_and_records_nothing(empty_line: Line, tmp_path: Path) -> None:
    """What `progress` raises gets through, though every error of a picture is caught; no thread stays behind."""

    class Stopped(BaseException):
        pass

    def progress(done: int, of: int) -> None:
        assert (done, of) == (1, 40)
        raise Stopped

    land(empty_line.lake, [landed(tmp_path / f"{n}.png", encoded(noise(n), "PNG")) for n in range(40)], 64)
    with pytest.raises(Stopped):
        run_stage(empty_line.lake, raw_images(empty_line), batches(empty_line.lake)[0], progress)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("picture", "large"))]
    assert empty_line.lake.query("SELECT count(*) FROM stage_done").item() == 0


def test_progress_is_told_picture_by_picture(empty_line: Line, tmp_path: Path) -> None:
    """In order, in the thread that asked, bad ones too."""
    files = {f"{n}.png": encoded(noise(n), "PNG") if n % 3 else b"bad %d" % n for n in range(10)}
    land(empty_line.lake, [landed(tmp_path / name, data) for name, data in files.items()], 64)
    told: list[tuple[int, int, str]] = []
    run_stage(
        empty_line.lake,
        raw_images(empty_line),
        batches(empty_line.lake)[0],
        lambda done, of: told.append((done, of, threading.current_thread().name)),
    )
    assert told == [(n, 10, threading.current_thread().name) for n in range(1, 11)]


def hashed(bits: int) -> bytes:
    """A 9x8 picture with this perceptual hash: where a bit is set, the next pixel to the right is darker."""
    rows = np.array([[int(bit) for bit in f"{bits:064b}"[8 * y : 8 * y + 8]] for y in range(8)])
    levels = 128 - np.concatenate([np.zeros((8, 1), int), np.cumsum(np.where(rows == 1, 1, -1), axis=1)], axis=1)
    return encoded(Image.fromarray(levels.astype(np.uint8)), "PNG")


def test_near_duplicates_share_the_group_of_the_first_that_is_near(empty_line: Line, tmp_path: Path) -> None:
    """As a plain walk over all pictures in reading order says, within a batch and over batches."""
    chance = np.random.default_rng(4)
    centers = [int(chance.integers(0, 2**63)) for _ in range(5)]
    values = {c ^ sum(1 << int(b) for b in chance.integers(0, 64, n % 6)) for n in range(12) for c in centers}
    members = [landed(tmp_path / f"{value}.png", hashed(value)) for value in sorted(values)]
    land(empty_line.lake, members, 20)
    value_of = {member.content_sha256: value for member, value in zip(members, sorted(values), strict=True)}
    expected: dict[str, str] = {}
    for batch in batches(empty_line.lake):
        run_stage(empty_line.lake, raw_images(empty_line), batch)
        for name in empty_line.lake.query(
            "SELECT content_sha256 FROM batch_members WHERE batch = ? ORDER BY ALL", [batch]
        )["content_sha256"]:
            near = (n for n in expected if (value_of[n] ^ value_of[name]).bit_count() <= NEAR_DUPLICATE_BITS)
            first = next(near, None)
            expected[name] = expected[first] if first else name
    images = empty_line.lake.query("SELECT image_id, perceptual_hash, split_group FROM images")
    assert {name: int(text, 16) for name, text, _ in images.iter_rows()} == value_of
    assert dict(images.select("image_id", "split_group").iter_rows()) == expected
    assert 5 <= len(set(expected.values())) < len(values)
