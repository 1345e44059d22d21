"""Which printed texts are facts: the `number` of the instance that they lie on, only where nothing speaks against it.

A text is judged by itself (plain digits, read with confidence, large enough), by where it lies (wholly on masks, with
room around it), and by what else is there: an instance has a number only where no other text on it may be one.

What is not covered: digits that the reader misses beside one that it reads, or that something hides without a trace (a
fold, an arm of the same person), and a number that a camera or an editor wrote over the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from hopchain_assets.domain.masks import Shape, pixels_in_box, shared_pixels

# the attribute that a decisive text becomes
NUMBER = "number"
DIGITS = frozenset("0123456789")
# 86 is 98 upside down; a 1, with its flag, shows which way up it is
SAME_OR_TURNED, TURNED = frozenset("0689"), frozenset("69")
# the narrow 19 of a scoreboard is 1.15 times as high as it is wide
MOST_UPRIGHT = 1.4
# letters and signs that digits are taken for
LOOK_ALIKE = frozenset("OoQDIil|!ZzSsBGgqb")

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Text:
    """A line of printed text: its upright box (xyxy, picture pixels) and the confidence of its reading, in 0..1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class PrintedSettings:
    """When a text is decisive.

    - It is read with `least_confidence`, or `least_confidence_of_one` where it is a single digit, which no other digit
      confirms. Of 1,000 numbers drawn on photographs, in many faces, tilted by up to 18 degrees, blurred and
      compressed, two were read wrong with 0.9 or more, none with these; a hook was read as a 2 with 0.97.
    - It has no more than `most_digits`, and its box keeps `least_height` pixels at `training_pixels` a picture.
      RapidOCR's boxes are half as high again as the digits: that makes 12.
    - Its box, wider on all sides by `room` times its shorter side, lies in the picture, and on a mask with
      `least_share` of its pixels: what something in front or the picture's edge cuts off has no room before it.
    - Masks that share it are nested: the smaller lies in the larger with `least_nested` of its pixels.
    - Nothing else there may be a number: a text read with less than `least_legible` may say anything.
    """

    least_confidence: float = 0.95
    least_confidence_of_one: float = 0.99
    least_height: float = 18.0
    training_pixels: float = 1_000_000
    most_digits: int = 4
    room: float = 0.1
    least_share: float = 0.9
    least_nested: float = 0.9
    least_legible: float = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """A text, the ids of the instances on which it lies wholly, and why it is the number of none of them."""

    text: Text
    instance_ids: tuple[str, ...]
    reason: str = ""

    @property
    def decisive(self) -> bool:
        """Whether it is the number of one of these instances at least."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Printed:
    """All texts of a picture, judged, in the order in which they came, and by instance id the number that it carries.

    A number is plain ASCII digits without leading zeros, as a program's `read` wants it.
    """

    texts: tuple[Judged, ...]
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Place:
    """On which instances a text lies wholly, and on which it lies at all."""

    wholly: tuple[str, ...]
    touched: frozenset[str]


def printed(
    shapes: Mapping[str, Shape],
    categories: Mapping[str, str],
    texts: Sequence[Text],
    width: int,
    height: int,
    settings: PrintedSettings,
) -> Printed:
    """Judges the texts of a picture of that many pixels; `shapes` and `categories` are given by instance id."""
    places = [_place(text.box, shapes, settings) for text in texts]
    perhaps = [index for index, text in enumerate(texts) if may_be_number(text, settings)]
    scale = min(1.0, math.sqrt(settings.training_pixels / (width * height)))
    judged: list[Judged] = []
    numbers: dict[str, str] = {}
    for index, (text, place) in enumerate(zip(texts, places, strict=True)):
        reason = (
            _of_itself(text, scale, settings)
            or _of_edge(text, width, height, settings)
            or _of_place(place, shapes, categories, settings)
        )
        if not reason:
            alone = [
                name
                for name in place.wholly
                if not any(name in places[other].touched for other in perhaps if other != index)
            ]
            numbers |= dict.fromkeys(alone, text.text)
            reason = "" if alone else "another text that may be a number lies there too"
        judged.append(Judged(text, place.wholly, reason))
    return Printed(tuple(judged), numbers)


def may_be_number(text: Text, settings: PrintedSettings) -> bool:
    """Whether somebody who looks may find a number in it: it has a sign for one in any script, or it is misread."""
    if text.confidence < settings.least_legible or any(sign.isnumeric() for sign in text.text):
        return True
    signs = text.text.replace(" ", "")
    return len(signs) <= settings.most_digits and LOOK_ALIKE.issuperset(signs)


def _of_itself(text: Text, scale: float, settings: PrintedSettings) -> str:
    """Why a text is no number that can be read for sure, wherever it lies; empty where it is one."""
    said = text.text
    if not any(sign.isnumeric() for sign in said):
        return "it has no digit"
    if not DIGITS.issuperset(said):
        return "it has more than digits"
    if said.startswith("0") and said != "0":
        return "it begins with a zero"
    if len(said) > settings.most_digits:
        return f"it has {len(said)} digits, more than {settings.most_digits}"
    if SAME_OR_TURNED.issuperset(said) and TURNED.intersection(said):
        return "upside down it is another number"
    least = settings.least_confidence if len(said) > 1 else settings.least_confidence_of_one
    if not text.confidence >= least:
        # rounded down: 0.949 is less than 0.95
        return f"it was read with a confidence of {math.floor(text.confidence * 100) / 100:.2f}, less than {least:g}"
    x0, y0, x1, y1 = text.box
    high = (y1 - y0) * scale
    if high < settings.least_height:
        return f"it is {high:.0f} pixels high at the training resolution, less than {settings.least_height:g}"
    if len(said) > 1 and y1 - y0 > MOST_UPRIGHT * (x1 - x0):
        return "it is much higher than wide: its digits stand one above the other, or lie on their sides"
    return ""


def _of_edge(text: Text, width: int, height: int, settings: PrintedSettings) -> str:
    """Why a text may go on outside the picture; empty where it does not."""
    x0, y0, x1, y1 = _widened(text.box, settings)
    return "" if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height else "it is at the edge of the picture"


def _of_place(
    place: _Place, shapes: Mapping[str, Shape], categories: Mapping[str, str], settings: PrintedSettings
) -> str:
    """Why nobody can tell which instances a text belongs to; empty where that is clear."""
    if place.touched.difference(place.wholly):
        return "it lies partly on an instance, or close to its border"
    if not place.wholly:
        return "it lies on no instance"
    for one, other in combinations(place.wholly, 2):
        if categories[one] == categories[other]:
            return f"it lies on two of the category {categories[one]}"
        a, b = shapes[one], shapes[other]
        if shared_pixels(a, b) < settings.least_nested * min(a.area, b.area):
            return f"it lies on a {categories[one]} and a {categories[other]}, and neither lies in the other"
    return ""


def _place(box: Box, shapes: Mapping[str, Shape], settings: PrintedSettings) -> _Place:
    wide = _widened(box, settings)
    wholly = tuple(name for name, shape in shapes.items() if _share(wide, shape) >= settings.least_share)
    touched = (name for name, shape in shapes.items() if _share(box, shape) > 1 - settings.least_share)
    return _Place(wholly, frozenset(touched).union(wholly))


def _widened(box: Box, settings: PrintedSettings) -> Box:
    x0, y0, x1, y1 = box
    room = settings.room * min(x1 - x0, y1 - y0)
    return x0 - room, y0 - room, x1 + room, y1 + room


def _share(box: Box, shape: Shape) -> float:
    """The share of the box's pixels that the mask holds."""
    x0, y0, x1, y1 = (round(side) for side in box)
    pixels = max(x1 - x0, 0) * max(y1 - y0, 0)
    return pixels_in_box(shape, (x0, y0, x1, y1)) / pixels if pixels else 0.0
