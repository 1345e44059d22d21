"""One picture file: whatever it is, it becomes a plain picture, or says why it cannot."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hopchain_assets.sources.picture_file import (
    MOST_BYTES,
    Normal,
    UnusablePicture,
    fetch,
    normalise,
    size_of,
)

# Pillow's warnings of odd files are no news here
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")
ORIENTATION = 0x0112
WIDTH, HEIGHT = 48, 32
RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 200, 20), (20, 20, 220), (255, 255, 255)


def corners() -> Image.Image:
    """48x32: red at the top left, green at the top right, blue below."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = BLUE
    pixels[: HEIGHT // 2, : WIDTH // 2], pixels[: HEIGHT // 2, WIDTH // 2 :] = RED, GREEN
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def turned(orientation: int, form: str = "JPEG") -> bytes:
    """`corners` stored so that it looks as it should only where `orientation` is applied."""
    back = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    stored = corners().transpose(back[orientation]) if orientation in back else corners()
    return encoded(stored, form, exif=exif, **options)


def kept(normal: Normal) -> Image.Image:
    """The kept bytes opened again, and seen to be plain."""
    picture = Image.open(io.BytesIO(normal.data))
    picture.load()
    assert picture.format in ("JPEG", "PNG", "WEBP")
    assert picture.mode in ("RGB", "L")
    assert not picture.has_transparency_data
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.getexif().get(ORIENTATION, 1) == 1
    assert picture.size == normal.pixels.size
    return picture


def assert_corners(picture: Image.Image, tolerance: int = 30) -> None:
    """The colours of `corners` where they belong."""
    rgb = np.asarray(picture.convert("RGB"), int)
    for (y, x), colour in {(5, 5): RED, (5, WIDTH - 6): GREEN, (HEIGHT - 6, 20): BLUE}.items():
        assert np.abs(rgb[y, x] - colour).max() <= tolerance, (y, x, rgb[y, x])


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file written by hand; `extra` are whole chunks before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def reason_of(data: bytes) -> str:
    with pytest.raises(UnusablePicture) as caught:
        normalise(data)
    assert "; " in str(caught.value), "says what to do"
    return caught.value.reason


PLAIN = {
    "jpeg": encoded(corners(), "JPEG"),
    "jpeg, progressive": encoded(corners(), "JPEG", progressive=True),
    "jpeg, grey": encoded(corners().convert("L"), "JPEG"),
    "jpeg, tagged as upright": turned(1),
    "png": encoded(corners(), "PNG"),
    "png, grey": encoded(corners().convert("L"), "PNG"),
    "webp": encoded(corners(), "WEBP"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_picture_is_kept_byte_for_byte(name: str) -> None:
    """Nothing is encoded a second time without need."""
    normal = normalise(PLAIN[name])
    assert normal.data is PLAIN[name]
    assert normal.format == name.split(",")[0]
    kept(normal)


def sixteen_bit_colour() -> bytes:
    pixels = np.asarray(corners(), np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(WIDTH, HEIGHT, 16, 2, rows)


def odd_files() -> dict[str, tuple[bytes, str]]:
    """Files that all show `corners`, and the format in which each is kept."""
    colours = corners()
    other = colours.transpose(Image.Transpose.ROTATE_180)
    clear = colours.convert("RGBA")
    clear.putpixel((0, 0), (*RED, 0))
    return {
        "palette": (encoded(colours.quantize(16), "PNG"), "PNG"),
        "16 bits a colour": (sixteen_bit_colour(), "PNG"),
        "cmyk": (encoded(colours.convert("CMYK"), "JPEG"), "JPEG"),
        "alpha": (encoded(clear, "PNG"), "PNG"),
        "alpha webp": (encoded(clear, "WEBP", lossless=True, exact=True), "PNG"),
        "gif": (encoded(colours, "GIF"), "PNG"),
        "animated gif": (encoded(colours, "GIF", save_all=True, append_images=[other]), "PNG"),
        "animated png": (encoded(colours, "PNG", save_all=True, append_images=[other]), "PNG"),
        "animated webp": (
            encoded(colours, "WEBP", save_all=True, append_images=[other], lossless=True), "PNG",
        ),
        "two pictures in a jpeg": (encoded(colours, "MPO", save_all=True, append_images=[other]), "JPEG"),
        "bmp": (encoded(colours, "BMP"), "PNG"),
        "tiff": (encoded(colours, "TIFF", compression="tiff_lzw"), "PNG"),
        "cmyk tiff": (encoded(colours.convert("CMYK"), "TIFF"), "PNG"),
        "jpeg 2000": (encoded(colours, "JPEG2000"), "PNG"),
        "ppm": (encoded(colours, "PPM"), "PNG"),
    }  # fmt: skip


@pytest.mark.parametrize("name", odd_files())
def test_an_odd_picture_becomes_a_plain_one(name: str) -> None:
    """The first frame, in RGB, with the colours where they were."""
    data, form = odd_files()[name]
    picture = kept(normalise(data))
    assert picture.format == form
    assert picture.mode == "RGB"
    assert_corners(picture)


def test_16_bit_grey_keeps_its_upper_8_bits() -> None:
    """Every level, and not the lowest 255 of them with white for all above; also in TIFF's two byte orders."""
    levels = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    for data in (
        encoded(Image.fromarray(levels), "PNG"),
        encoded(Image.fromarray(levels), "TIFF"),
        encoded(Image.fromarray(levels.astype(np.int32)), "TIFF"),
        b"P5 256 256 65535 " + levels.astype(">u2").tobytes(),
    ):
        assert np.array_equal(np.asarray(kept(normalise(data))), levels >> 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    """Not black, nor what colour lies hidden there; with an alpha channel, a palette entry or one colour named so."""
    picture = Image.new("RGBA", (20, 10), (10, 10, 10, 255))
    picture.paste((200, 0, 0, 0), (0, 0, 10, 10))
    if mode in ("RGBA", "LA"):
        data = encoded(picture.convert(mode), "PNG")
    elif mode == "P":
        data = encoded(picture.convert("RGB").quantize(4), "PNG", transparency=0)
    else:
        flat = picture.convert("RGB").convert(mode)
        data = encoded(flat, "PNG", transparency=flat.getpixel((2, 5)))
    rgb = kept(normalise(data)).convert("RGB")
    if mode == "P":
        assert {rgb.getpixel((2, 5)), rgb.getpixel((15, 5))} in ({WHITE, (10, 10, 10)}, {WHITE, (200, 0, 0)})
    else:
        assert (rgb.getpixel((2, 5)), rgb.getpixel((15, 5))) == (WHITE, (10, 10, 10))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_kept_upright(orientation: int, form: str) -> None:
    """All seven orientations, once and not twice, and the tag is gone."""
    picture = kept(normalise(turned(orientation, form), (WIDTH, HEIGHT)))
    assert picture.size == (WIDTH, HEIGHT)
    assert_corners(picture, 60)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_marks_on_the_stored_pixels_keep_the_picture_as_it_is_stored(orientation: int) -> None:
    """Where the annotations state the size before the rotation, only the tag is dropped."""
    data = turned(orientation)
    stored = Image.open(io.BytesIO(data))
    picture = kept(normalise(data, (HEIGHT, WIDTH)))
    assert picture.size == (HEIGHT, WIDTH)
    assert np.abs(np.asarray(picture, int) - np.asarray(stored, int)).mean() < 3


def test_a_size_that_fits_neither_way_is_told() -> None:
    """With both sizes; one that is not stated fits."""
    with pytest.raises(UnusablePicture, match=r"annotations say \[31, 48\], the file has \[48, 32\]; mend") as caught:
        normalise(turned(6), (31, 48))
    assert caught.value.reason == "size differs"
    assert normalise(turned(6), (None, None)).pixels.size == (WIDTH, HEIGHT)
    assert normalise(turned(6), (WIDTH, None)).pixels.size == (WIDTH, HEIGHT)
    assert normalise(turned(6), (None, WIDTH)).pixels.size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"])
def test_broken_exif_data_do_not_cost_the_picture(exif: bytes) -> None:
    """They are dropped: a trainer that looks for the orientation would fail on them."""
    assert_corners(kept(normalise(encoded(corners(), "JPEG", exif=exif))))


def test_a_colour_profile_stays_only_with_colours_it_is_for() -> None:
    """A profile for CMYK on RGB pixels would make viewers show other colours."""
    for colours, stays in ((b"RGB ", True), (b"CMYK", False), (b"", False)):
        profile = b"\0" * 16 + colours + b"\0" * 200
        data = encoded(corners().convert("RGBA"), "PNG", icc_profile=profile)
        assert ("icc_profile" in kept(normalise(data)).info) is stays


def test_one_pixel_is_a_picture() -> None:
    """Small is not broken."""
    assert kept(normalise(encoded(Image.new("RGB", (1, 1), RED), "PNG"))).getpixel((0, 0)) == RED


def test_100_megapixels_come_in_and_121_do_not() -> None:
    """The limit is ours, and holds before anything is decoded: the second file has no pixels at all."""
    row = b"\0" + b"\xff" * 1250
    assert normalise(png(10_000, 10_000, 1, 0, row * 10_000)).pixels.size == (10_000, 10_000)
    for side in (11_000, 14_000, 100_000, 2_000_000_000):
        assert reason_of(png(side, side, 8, 2, b"")) == "too large"
    with pytest.raises(UnusablePicture, match="11000x11000 pixels; scale it down below 120 megapixels"):
        size_of(png(11_000, 11_000, 8, 2, b""))


def test_text_that_inflates_is_refused() -> None:
    """100 MB of text in 100 KB; the pixels beside it are small."""
    bomb = zlib.compress(b"a" * 100_000_000, 9)
    rows = b"\0\xff\0\0" * 4
    for extra in (chunk(b"zTXt", b"note\0\0" + bomb), chunk(b"iCCP", b"icc\0\0" + bomb)):
        assert reason_of(png(1, 4, 8, 2, rows, extra)) == "no picture"
    assert normalise(png(1, 4, 8, 2, rows)).pixels.size == (1, 4)


def test_a_jpeg_of_countless_scans_is_refused() -> None:
    """Each scan takes as long as the picture is large: 84 KB of them kept the decoder busy for minutes."""
    data = encoded(corners(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert reason_of(data[:last] + data[last:-2] * 200 + b"\xff\xd9") == "too large"


@pytest.mark.parametrize("name", [*PLAIN, *odd_files()])
def test_half_a_picture_is_no_picture(name: str) -> None:
    """Nobody asks questions about a grey half; BMP and the like too."""
    data = PLAIN[name] if name in PLAIN else odd_files()[name][0]
    end = data.rindex(b"fcTL") if name == "animated png" else len(data)
    if name in ("two pictures in a jpeg", "animated gif"):
        end //= 2
    assert reason_of(data[: end // 2]) == "no picture"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"hello", b"\xff\xd8\xff", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a\0\0\0\0\0\0\0",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", b"\0" * 1000, b"P5 3 3 255 a",
        encoded(Image.new("RGB", (9, 9)), "TGA"), encoded(Image.new("F", (9, 9)), "TIFF"),
        encoded(Image.new("I", (9, 9), -5), "TIFF"),
    ],
)  # fmt: skip
def test_what_is_no_picture_says_so(data: bytes) -> None:
    """Text, PostScript (which would be run), numbers without a white, and formats that take any bytes."""
    assert reason_of(data) == "no picture"


def test_the_same_file_is_refused_in_the_same_words() -> None:
    """The words are stored, and a hash of what is stored tells later stages whether anything changed."""
    texts = set[str]()
    for _ in range(3):
        with pytest.raises(UnusablePicture) as caught:
            normalise(b"no picture at all")
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert "0x" not in texts.pop()


def test_damaged_files_give_a_plain_picture_or_a_reason() -> None:
    """600 files with bytes changed at random, mostly in their headers: never another kind of error."""
    files = [*PLAIN.values(), *(data for data, _ in odd_files().values())]
    chance = random.Random(5)
    refused = 0
    for _ in range(600):
        data = bytearray(chance.choice(files))
        for _ in range(chance.choice([1, 2, 8])):
            data[chance.randrange(min(len(data), chance.choice([30, 100, 10_000])))] = chance.randrange(256)
        try:
            if np.prod(size_of(bytes(data))) < 1_000_000:
                kept(normalise(bytes(data)))
        except UnusablePicture as error:
            refused += 1
            assert error.reason in ("no picture", "too large"), error
    assert 100 < refused < 600


NAMES = (
    "plain.jpg", "with space.jpg", "100%20.jpg", "%2e%2e.jpg", "a#b.jpg", "what?.jpg", "*.jpg", "[x].jpg", "a::b.jpg",
    "zip!a.jpg", "it's \"quoted\".jpg", "line\nbreak.jpg", "tab\t.jpg", "\u00fcn\u00efc\u00f6d\u00e9-\U0001f408.jpg",
    "\u5199\u771f.jpg", "e\u0301 decomposed.jpg", "~.jpg", "-rf.jpg", "back\\slash.jpg", "x" * 251 + ".jpg", ".jpg",
    "a;b&c=d.jpg", "{a,b}.jpg",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_the_one_that_is_read(tmp_path: Path, name: str) -> None:
    """Beside it lie the files that a careless reading of its address would open."""
    for trap in ("a.jpg", "100 .jpg", "a", "what", "b.jpg", "xx.jpg", "x.jpg"):
        (tmp_path / trap).write_bytes(b"another one")
    path = tmp_path / name
    path.write_bytes(b"this one")
    assert fetch(path.as_uri()) == b"this one"
    (tmp_path / "deeper").mkdir()
    assert fetch((tmp_path / "deeper" / ".." / name).as_uri()) == b"this one"


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    """File names are bytes, and on old disks not UTF-8."""
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(b"this one")
    assert fetch(path.as_uri()) == b"this one"
    path.unlink()
    with pytest.raises(UnusablePicture) as caught:
        fetch(path.as_uri())
    str(caught.value).encode()


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    """Gone, a folder, a pipe, a loop of links, an unknown protocol, a file system that is not there."""
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    names = ("gone.jpg", "folder.jpg", "pipe.jpg", "loop.jpg", "gone/\0.jpg")
    addresses = [tmp_path.as_uri() + "/" + name for name in names]
    for address in (*addresses, "nowhere://a/b.jpg", str(tmp_path / "gone.jpg"), ""):
        with pytest.raises(UnusablePicture, match="put the file back and `hopchain retry`") as caught:
            fetch(address)
        assert caught.value.reason == "cannot be read"


def test_a_file_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    """Before it is read: a gigabyte of nothing takes no room on the disk."""
    path = tmp_path / "endless.jpg"
    with path.open("wb") as file:
        file.truncate(2 * MOST_BYTES)
    with pytest.raises(UnusablePicture, match="the file has 1024 MB") as caught:
        fetch(path.as_uri())
    assert caught.value.reason == "too large"
