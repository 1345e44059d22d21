"""One picture file: read as it lies, decoded, and put into the one form in which pictures are kept.

That form is upright, 8-bit, RGB or grey, one frame, JPEG, PNG or WebP, without an orientation tag. Trainers and
servers differ in what they make of anything else: verl and vLLM leave a picture's EXIF rotation alone, Hugging Face's
`datasets` applies it.

What is not covered: damage inside a JPEG that its decoder patches over in silence, and colour management. CMYK becomes
RGB by formula; an RGB picture's own profile stays with it.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import fsspec
from PIL import ExifTags, Image, UnidentifiedImageError

MOST_PIXELS = 120_000_000
MOST_BYTES = 512 * 2**20
MOST_SCANS = 100
# decoders of these alone are let near a file: others run programs (EPS) or take any bytes for a picture (TGA)
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI")
_KEPT_FORMATS = ("JPEG", "PNG", "WEBP")
_KEPT_MODES = ("RGB", "L")
_LONGEST_DETAIL = 300
_SCAN = b"\xff\xda"
_CONVERT = "convert it to JPEG or PNG and import that"
_SMALLER = f"scale it down below {MOST_PIXELS // 1_000_000} megapixels and {MOST_BYTES >> 20} MB and import that"
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
# where an ICC profile says which colours it is for
_COLOURS_OF_PROFILE = slice(16, 20)
_PROFILES = {"RGB": b"RGB ", "L": b"GRAY"}

Marked = tuple[object, object]


class UnusablePicture(ValueError):
    """A file that cannot become a picture: a short `reason`; the message says what is wrong and what to do."""

    def __init__(self, reason: str, wrong: str, remedy: str) -> None:
        # file names and decoders' words are not always text that can be written down
        plain = wrong.encode("utf-8", "replace").decode("utf-8")
        super().__init__(f"{plain[:_LONGEST_DETAIL]}; {remedy}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Normal:
    """A picture in the form in which it is kept: its file's bytes, its pixels, and the format that it came in."""

    data: bytes
    pixels: Image.Image
    format: str


def fetch(uri: str) -> bytes:
    """The bytes of a file: `file://` as `Path.as_uri` writes it, or any other address that fsspec knows.

    Raises:
        UnusablePicture: when it cannot be read, or holds more than `MOST_BYTES`.
    """
    try:
        return _local(uri) if uri.startswith("file://") else _remote(uri)
    except UnusablePicture:
        raise
    except Exception as error:  # each of fsspec's file systems raises its own kinds
        remedy = "put the file back and `hopchain retry`"
        raise UnusablePicture("cannot be read", str(error) or type(error).__name__, remedy) from error


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height as the file's header states them, before EXIF's rotation. Nothing is decoded.

    Raises:
        UnusablePicture: when the bytes are no picture of `FORMATS`, or one of more than `MOST_PIXELS`.
    """
    with _told():
        return _opened(data).size


def normalise(data: bytes, marked: Marked = (None, None)) -> Normal:
    """The picture in the form in which it is kept; a file that has that form already is kept byte for byte.

    Marks are made on the upright picture or, by programs that do not know EXIF, on the pixels as they are stored;
    `marked`, the (width, height) that the marks' source states, tells which, and the picture is kept the way the
    marks fit. A square picture and one turned by 180 degrees or mirrored have the same size both ways: it is taken
    for upright. None fits any size. A TIFF is always upright. Of an animation the first frame is kept; what is
    transparent becomes white; 16-bit grey keeps its upper 8 bits.

    Raises:
        UnusablePicture: when it is too large (see `size_of`) or cannot be decoded, or `marked` fits neither way.
    """
    with _told():
        picture = _opened(data)
        picture.load()
        orientation = _orientation(picture)
        turn = _turn(picture, orientation, marked)
        form, profile = picture.format or "", picture.info.get("icc_profile")
        if orientation == 1 and _is_plain(picture, data):
            return Normal(data, picture, form.lower())
        # bound to the same name, so that what was decoded first is given back
        picture = _eight_bit(picture)
        if turn is not None:
            picture = picture.transpose(turn)
        # what the original's header said, such as its transparent colour, is no longer true
        picture.info = {}
        return Normal(_encoded(picture, form in ("JPEG", "MPO"), profile), picture, form.lower())


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise UnusablePicture("no picture", "the file is empty (0 bytes)", "copy it here again and import it")
    # Pillow brings AVIF only since 11.3
    Image.init()
    try:
        picture = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        # its own words name an address in memory, other ones each time
        wrong = "the file's content is not that of a picture in any format known here"
        raise UnusablePicture("no picture", wrong, _CONVERT) from error
    if picture.width * picture.height > MOST_PIXELS:
        raise UnusablePicture("too large", f"{picture.width}x{picture.height} pixels", _SMALLER)
    # each scan of a progressive JPEG goes over the whole picture again: a megabyte of them took more than an hour.
    # By chance a scan's mark stands once in 65,536 bytes, as in the film that a telephone appends.
    scans = data.count(_SCAN)
    if "progressive" in picture.info and scans > MOST_SCANS + len(data) // 2**14:
        raise UnusablePicture("too large", f"a progressive JPEG of {scans} scans", _CONVERT)
    return picture


def _turn(picture: Image.Image, orientation: int | None, marked: Marked) -> Image.Transpose | None:
    """How to turn the pixels so that the marks fit."""
    width, height = picture.size
    upright = (height, width) if orientation in _SIDEWAYS else picture.size
    if _fits(marked, upright):
        return _TURNS.get(orientation or 1)
    if _fits(marked, picture.size):
        return None
    wrong = f"the annotations say {list(marked)}, the file has {list(upright)}"
    raise UnusablePicture("size differs", wrong, "mend either and import again")


def _fits(marked: Marked, size: tuple[int, int]) -> bool:
    return all(said is None or said == side for said, side in zip(marked, size, strict=True))


def _orientation(picture: Image.Image) -> int | None:
    """EXIF's orientation, 1 where none is given; None when the EXIF data is broken."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a parser of its own, with errors of every kind; the pixels may be sound all the same
        return None


@contextmanager
def _told() -> Iterator[None]:
    """What a decoder says of a broken file, as a reason and a remedy."""
    try:
        yield
    except UnusablePicture:
        raise
    except Image.DecompressionBombError as error:
        # Pillow's limit is above ours, and it keeps the size to itself
        wrong = f"its header announces more than {MOST_PIXELS // 1_000_000} megapixels"
        raise UnusablePicture("too large", wrong, _SMALLER) from error
    except MemoryError as error:
        remedy = "scale it down and import that, or find more memory and `hopchain retry`"
        raise UnusablePicture("failed", "there is not memory enough to decode it", remedy) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise UnusablePicture("no picture", str(error) or type(error).__name__, _CONVERT) from error


def _local(uri: str) -> bytes:
    # not by fsspec: `*`, `?`, `#`, `::` and `!` mean something to it, and it would look for a file named `%20`
    path = Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
    if not stat.S_ISREG(path.stat().st_mode):
        # opening a pipe would wait for ever
        raise OSError(f"{str(path)!r} is a folder or a device, not a file")
    _check_bytes(path.stat().st_size)
    return path.read_bytes()


def _remote(uri: str) -> bytes:
    file: Any
    with fsspec.open(uri, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    _check_bytes(len(data))
    return data


def _check_bytes(size: int) -> None:
    if size > MOST_BYTES:
        raise UnusablePicture("too large", f"the file has {size >> 20} MB", _SMALLER)


def _is_plain(picture: Image.Image, data: bytes) -> bool:
    if picture.format not in _KEPT_FORMATS or picture.mode not in _KEPT_MODES:
        return False
    if picture.has_transparency_data or getattr(picture, "is_animated", False):
        return False
    # Pillow reads 16-bit colour as 8-bit, and says so nowhere; the depth has its place in the PNG's first chunk
    return picture.format != "PNG" or (data[12:16] == b"IHDR" and data[24] == 8)


def _eight_bit(picture: Image.Image) -> Image.Image:
    """RGB or grey of 8 bits; the picture itself where it is that already."""
    if picture.mode == "F" or (picture.mode == "I" and not _is_16_bit(picture)):
        raise UnusablePicture("no picture", "its pixels are numbers of 32 bits, of which none is white", _CONVERT)
    if picture.mode.startswith("I"):
        whole = picture if picture.mode in ("I", "I;16") else picture.convert("I")
        return whole.point(lambda level: level * (1 / 256)).convert("L")
    if picture.has_transparency_data:
        opaque = Image.new("RGB", picture.size, "white")
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        opaque.paste(layer, mask=layer)
        return opaque
    if picture.mode in _KEPT_MODES:
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _is_16_bit(picture: Image.Image) -> bool:
    levels: Any = picture.getextrema()
    return 0 <= levels[0] <= levels[1] < 2**16


def _encoded(picture: Image.Image, as_jpeg: bool, profile: object) -> bytes:
    fits = isinstance(profile, bytes) and profile[_COLOURS_OF_PROFILE] == _PROFILES[picture.mode]
    extra: dict[str, Any] = {"icc_profile": profile} if fits else {}
    buffer = io.BytesIO()
    if as_jpeg:
        picture.save(buffer, "JPEG", quality=95, subsampling="4:4:4", **extra)
    else:
        picture.save(buffer, "PNG", **extra)
    return buffer.getvalue()
