"""The real reader of printed text, on pictures drawn here and on photographs, where the package is installed."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hopchain_assets.domain.masks import Shape
from hopchain_assets.domain.printed import PrintedSettings, printed
from hopchain_assets.models import rapid_text
from hopchain_assets.models.rapid_text import RapidText
from hopchain_assets.ports.text_reader import Text, TextReaderUnavailable

pytest.importorskip("rapidocr", reason="rapidocr is not installed: pip install 'hopchain-assets[ocr]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'hopchain-assets[ocr]'")

PHOTOS = Path(__file__).parents[3] / "shared" / "photos" / "images"
PLATES = (("yellow", "black"), ("navy", "white"), ("darkgreen", "ivory"), ("white", "crimson"))
# no name is looked up and nobody is spoken to; one line of output, the texts
ALONE = """
import sys

def refuse(event, _):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"):
        raise RuntimeError(f"{event}: reading needs no network")

sys.addaudithook(refuse)
from hopchain_assets.models.rapid_text import RapidText
print([text.text for text in RapidText().read(open(sys.argv[1], "rb").read())])
"""

Box = tuple[float, float, float, float]


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def write(picture: Image.Image, said: str, at: tuple[int, int], height: int, ink: str) -> Box:
    """Draws a text whose letters are so high, left and top at that place; returns the box of its ink."""
    font = ImageFont.load_default(height / 0.7)
    x0, y0, x1, y1 = ImageDraw.Draw(picture).textbbox((0, 0), said, font=font)
    ImageDraw.Draw(picture).text((at[0] - x0, at[1] - y0), said, fill=ink, font=font)
    return at[0], at[1], at[0] + x1 - x0, at[1] + y1 - y0


def plate(said: str, height: int = 60, colors: tuple[str, str] = PLATES[0]) -> tuple[Image.Image, Box]:
    """A plate of 400x300 with a text in its middle, and the box of its ink."""
    picture = Image.new("RGB", (400, 300), colors[0])
    return picture, write(picture, said, (150, 120), height, colors[1])


def holds(box: Box, ink: Box) -> bool:
    """Whether a box is around the ink, give or take 2 pixels, and its middle on it; the reader's boxes are wide."""
    around = box[0] <= ink[0] + 2 and box[1] <= ink[1] + 2 and box[2] >= ink[2] - 2 and box[3] >= ink[3] - 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return around and ink[0] < x < ink[2] and ink[1] < y < ink[3]


def only(picture: Image.Image, form: str = "PNG") -> Text:
    (text,) = RapidText().read(encoded(picture, form))
    return text


@pytest.mark.parametrize("colors", PLATES)
@pytest.mark.parametrize("said", ["7", "42", "15", "308", "2750"])
def test_a_clear_number_is_read_with_confidence(said: str, colors: tuple[str, str]) -> None:
    """As decisive as the domain wants it, in a box around its ink."""
    picture, box = plate(said, colors=colors)
    found = only(picture)
    assert found.text == said
    assert PrintedSettings().least_confidence_of_one <= found.confidence <= 1
    assert holds(found.box, box)


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("WEBP", "RGB"), ("PNG", "L"), ("PNG", "P"), ("PNG", "RGBA")]
)
def test_every_form_in_which_pictures_are_kept_is_read(form: str, mode: str) -> None:
    """And grey ones, and those with a palette or transparency."""
    assert only(plate("42")[0].convert(mode), form).text == "42"


def test_a_number_is_read_at_the_least_height_that_is_a_fact() -> None:
    """Letters of 12 pixels."""
    assert only(plate("42", 12)[0]).text == "42"


def test_lines_of_a_sign_come_from_the_top_down() -> None:
    """Each line with its own box."""
    picture = Image.new("RGB", (500, 400), "darkgreen")
    boxes = [
        write(picture, said, (60, y), 40, "white") for said, y in (("EXIT", 40), ("TOWN HALL", 160), ("MUSEUM", 280))
    ]
    found = RapidText().read(encoded(picture))
    assert [text.text for text in found] == ["EXIT", "TOWN HALL", "MUSEUM"]
    for text, box in zip(found, boxes, strict=True):
        assert holds(text.box, box)


@pytest.mark.parametrize("degrees", [-15, -8, 8, 15])
def test_a_tilted_number_is_read(degrees: int) -> None:
    """Its upright box holds the middle of the plate."""
    found = only(plate("42")[0].rotate(degrees, fillcolor="yellow", resample=Image.Resampling.BICUBIC))
    assert found.text == "42"
    assert found.box[0] < 200 < found.box[2]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_number_that_is_turned_is_itself_or_none(degrees: int) -> None:
    """Never another one."""
    picture = plate("42")[0].rotate(degrees, expand=True)
    assert numbers(picture, {"bus": (0, 0, *picture.size)}) in ({}, {"bus": "42"})


@pytest.mark.parametrize("size", [(1, 1), (400, 300), (3, 2000), (2000, 3), (32, 32)])
def test_a_blank_picture_has_no_text(size: tuple[int, int]) -> None:
    """Of any shape; a strip does not become a picture that fills the memory."""
    assert list(RapidText().read(encoded(Image.new("RGB", size, "steelblue")))) == []


def test_boxes_are_in_pixels_of_a_large_picture_too() -> None:
    """It is read at a smaller size."""
    picture = Image.new("RGB", (3200, 2400), "navy")
    box = write(picture, "42", (2000, 1500), 400, "white")
    found = only(picture, "JPEG")
    assert found.text == "42"
    assert holds(found.box, box)


def test_boxes_are_clipped_to_the_picture() -> None:
    """A number that the edge cuts, in a strip that is padded to be read."""
    picture = Image.new("RGB", (600, 50), "white")
    write(picture, "4242", (5, 5), 42, "black")
    for text in RapidText().read(encoded(picture)):
        assert 0 <= text.box[0] < text.box[2] <= 600
        assert 0 <= text.box[1] < text.box[3] <= 50


def test_a_picture_that_is_turned_by_its_tag_is_read_upright() -> None:
    """Boxes are those of the picture as people see it."""
    picture, box = plate("42")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.rotate(90, expand=True).save(buffer, "JPEG", exif=exif, quality=95)
    (found,) = RapidText().read(buffer.getvalue())
    assert found.text == "42"
    assert holds(found.box, box)


@pytest.mark.parametrize("data", [b"", b"not a picture", encoded(Image.new("RGB", (40, 30)), "PNG")[:50], b"GIF89a"])
def test_broken_bytes_are_told_in_a_sentence(data: bytes) -> None:
    """Nothing of Python or of an address in memory."""
    with pytest.raises(ValueError, match=r"^the picture cannot be decoded: ") as told:
        RapidText().read(data)
    assert "0x" not in str(told.value)


def test_the_same_picture_gives_the_same_texts() -> None:
    """Also when several threads ask at once."""
    data, found = encoded(plate("308")[0]), list[object]()
    threads = [threading.Thread(target=lambda: found.append(RapidText().read(data))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one == found[0] for one in found)


def test_it_is_loaded_once() -> None:
    """Two readers share what was loaded."""
    RapidText().read(encoded(plate("1")[0]))
    loaded = dict(rapid_text._LOADED)
    RapidText().read(encoded(plate("2")[0]))
    assert loaded == rapid_text._LOADED


def test_it_reads_quietly_without_a_network(tmp_path: Path) -> None:
    """A fresh process that may speak to nobody says the texts, and nothing else."""
    path = tmp_path / "plate.png"
    path.write_bytes(encoded(plate("42")[0]))
    done = subprocess.run([sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("['42']\n", "")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at the start: a line that reads nothing needs no package."""
    monkeypatch.setattr(rapid_text, "_LOADED", {})
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(TextReaderUnavailable, match=r"pip install 'hopchain-assets\[ocr\]'"):
        RapidText().read(encoded(plate("42")[0]))


def test_without_its_weights_it_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release of the package may bring others."""
    monkeypatch.setattr(rapid_text, "_LOADED", {})
    monkeypatch.setattr(rapid_text, "DETECTOR", "PP-OCRv9_det")
    with pytest.raises(TextReaderUnavailable, match=r"comes without PP-OCRv9_det\.onnx"):
        RapidText().read(encoded(plate("42")[0]))


def test_name_and_version_tell_what_answers_depend_on() -> None:
    """The package's version and its weights."""
    assert RapidText().name == "rapidocr"
    assert RapidText().version.startswith("rapidocr 3.")
    assert rapid_text.RECOGNISER in RapidText().version


def numbers(picture: Image.Image, things: dict[str, tuple[int, int, int, int]]) -> dict[str, str]:
    """What the domain makes of the texts that are read, over rectangular masks."""
    shapes = {name: Shape(np.ones((y1 - y0, x1 - x0), bool), x0, y0) for name, (x0, y0, x1, y1) in things.items()}
    texts = RapidText().read(encoded(picture))
    return dict(printed(shapes, {name: name for name in things}, texts, *picture.size, PrintedSettings()).numbers)


def street() -> Image.Image:
    """A red bus with 42 on it."""
    picture = Image.new("RGB", (800, 600), "lightblue")
    ImageDraw.Draw(picture).rectangle((100, 150, 699, 499), fill="firebrick")
    write(picture, "42", (150, 200), 70, "white")
    return picture


def test_a_bus_carries_the_number_printed_on_it() -> None:
    """From pixels and a mask to a fact."""
    assert numbers(street(), {"bus": (100, 150, 700, 500)}) == {"bus": "42"}


def test_a_bus_with_two_numbers_carries_none() -> None:
    """A route and a fleet number."""
    picture = street()
    write(picture, "3071", (450, 400), 40, "white")
    assert numbers(picture, {"bus": (100, 150, 700, 500)}) == {}


def test_a_number_of_which_half_is_hidden_is_none() -> None:
    """Somebody stands before the 2."""
    picture = street()
    cover = (200, 100, 300, 599)
    ImageDraw.Draw(picture).rectangle(cover, fill="saddlebrown")
    assert numbers(picture, {"bus": (100, 150, 200, 500)}) == {}


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"the photographs are not there: {PHOTOS}")
def test_numbers_on_a_photographed_scoreboard_are_the_true_ones() -> None:
    """22 numbers of a baseball board: at least 10 are read with confidence, and each of them stands there."""
    data = (PHOTOS / "000000433998.jpg").read_bytes()
    truth = {"48", "28", "43", "2", "11", "6", "14", "23", "34", "19", "52", "36", "0", "15"}
    sure = [text for text in RapidText().read(data) if text.text.isdecimal() and text.confidence >= 0.95]
    assert len(sure) >= 10
    assert {text.text for text in sure} <= truth


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"the photographs are not there: {PHOTOS}")
def test_a_hook_like_a_two_is_no_fact() -> None:
    """The hook of a hanging flower pot is read as a 2 with 0.97; a single digit has to be surer."""
    picture = Image.open(PHOTOS / "000000360461.jpg")
    assert numbers(picture, {"shed": (0, 120, 130, 260)}) == {}
