"""Which printed texts become numbers of instances, on rectangles that one can check by eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from hopchain_assets.domain.masks import Shape
from hopchain_assets.domain.printed import Judged, Printed, PrintedSettings, Text, may_be_number, printed

WIDTH, HEIGHT = 400, 300
BUS = (50, 50, 350, 250)
# far from each border of the bus, and 40 pixels high
PLACE = (100.0, 100.0, 150.0, 140.0)
ELSEWHERE = (200.0, 100.0, 250.0, 140.0)

Rectangle = tuple[int, int, int, int]


def shape(x0: int, y0: int, x1: int, y1: int) -> Shape:
    return Shape(np.ones((y1 - y0, x1 - x0), bool), x0, y0)


def text(said: str, box: tuple[float, float, float, float] = PLACE, confidence: float = 1.0) -> Text:
    return Text(said, box, confidence)


def judge(
    *texts: Text,
    things: Mapping[str, Rectangle] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    settings: PrintedSettings | None = None,
) -> Printed:
    """Texts over rectangles, `{"bus": BUS}` unless given; `bus 1` and `bus 2` are both of the category `bus`."""
    boxes = {"bus": BUS} if things is None else things
    shapes = {name: shape(*box) for name, box in boxes.items()}
    categories = {name: name.split()[0] for name in boxes}
    return printed(shapes, categories, texts, *size, settings or PrintedSettings())


def only(found: Printed) -> Judged:
    (judged,) = found.texts
    return judged


@pytest.mark.parametrize("said", ["42", "7", "0", "10", "1234", "18", "80", "25"])
def test_a_clear_number_on_one_instance_is_its_number(said: str) -> None:
    """Plain digits, large and alone on a bus: the bus carries them."""
    found = judge(text(said))
    assert found.numbers == {"bus": said}
    assert only(found) == Judged(text(said), ("bus",))
    assert only(found).decisive


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("STOP", "it has no digit"),
        ("", "it has no digit"),
        ("O", "it has no digit"),
        ("4O", "it has more than digits"),
        ("l2", "it has more than digits"),
        ("B8", "it has more than digits"),
        ("-7", "it has more than digits"),
        ("+7", "it has more than digits"),
        ("2.5", "it has more than digits"),
        ("2,5", "it has more than digits"),
        ("12:30", "it has more than digits"),
        ("$5", "it has more than digits"),
        ("5%", "it has more than digits"),
        ("No. 7", "it has more than digits"),
        ("4 2", "it has more than digits"),
        (" 42", "it has more than digits"),
        ("\uff14\uff12", "it has more than digits"),
        ("\u0664\u0662", "it has more than digits"),
        ("4\u00b2", "it has more than digits"),
        ("\u4e00", "it has more than digits"),
        ("007", "it begins with a zero"),
        ("00", "it begins with a zero"),
        ("12345", "it has 5 digits, more than 4"),
        ("6", "upside down it is another number"),
        ("86", "upside down it is another number"),
        ("9", "upside down it is another number"),
    ],
)
def test_what_is_no_plain_number_is_no_fact(said: str, reason: str) -> None:
    """Words, signs, decimals, times, prices, digits of other scripts, and what may be another number."""
    found = judge(text(said))
    assert not found.numbers
    assert only(found).reason == reason
    assert only(found).instance_ids == ("bus",)


@pytest.mark.parametrize("said", ["88", "8", "16", "19", "61", "926"])
def test_a_number_that_shows_which_way_up_it_is_counts(said: str) -> None:
    """8 and 88 are the same upside down, and digits beside 0, 6, 8 and 9 tell where up is."""
    assert judge(text(said)).numbers == {"bus": said}


@pytest.mark.parametrize(
    ("said", "confidence", "reason"),
    [
        ("42", 0.95, ""),
        ("42", 0.949, "it was read with a confidence of 0.94, less than 0.95"),
        ("7", 0.99, ""),
        ("7", 0.97, "it was read with a confidence of 0.97, less than 0.99"),
    ],
)
def test_a_doubtful_reading_is_no_fact(said: str, confidence: float, reason: str) -> None:
    """One digit alone has to be surer than several."""
    assert only(judge(text(said, confidence=confidence))).reason == reason


def test_a_small_number_is_no_fact() -> None:
    """18 pixels high is enough, 17 are not."""
    assert judge(text("42", (100, 100, 120, 118))).numbers == {"bus": "42"}
    small = only(judge(text("42", (100, 100, 120, 117))))
    assert small.reason == "it is 17 pixels high at the training resolution, less than 18"


def test_smallness_is_told_at_the_training_resolution() -> None:
    """40 pixels of a picture with 16 times the training pixels are 10; a small picture is not scaled up."""
    settings = PrintedSettings(training_pixels=WIDTH * HEIGHT / 16)
    assert only(judge(text("42"), settings=settings)).reason.startswith("it is 10 pixels high")
    assert judge(text("42"), settings=PrintedSettings(training_pixels=10**9)).numbers == {"bus": "42"}


def test_digits_one_above_the_other_are_no_fact() -> None:
    """Two digits in a box twice as high as wide; a single digit may be as slender as it likes."""
    tall = (100.0, 100.0, 120.0, 140.0)
    assert only(judge(text("42", tall))).reason.startswith("it is much higher than wide")
    assert judge(text("1", tall)).numbers == {"bus": "1"}


def test_a_number_on_nothing_is_no_fact() -> None:
    """It hangs in the air left of the bus."""
    away = only(judge(text("42", (5, 5, 35, 30))))
    assert away == Judged(away.text, (), "it lies on no instance")


def test_a_number_across_a_border_is_no_fact() -> None:
    """Half on the bus, half beside it: whose is it, and is all of it seen?"""
    across = only(judge(text("42", (30, 100, 70, 140))))
    assert across == Judged(across.text, (), "it lies partly on an instance, or close to its border")


def test_a_number_needs_room_before_the_border() -> None:
    """What ends where the mask ends may go on behind what is in front of it."""
    assert not judge(text("42", (303, 100, 352, 140))).numbers
    assert judge(text("42", (297, 100, 346, 140))).numbers == {"bus": "42"}
    close = replace(PrintedSettings(), room=0.0)
    assert judge(text("42", (303, 100, 352, 140)), settings=close).numbers == {"bus": "42"}


def test_what_the_pictures_edge_cuts_off_is_no_fact() -> None:
    """A bus that leaves the picture, with its number half in it: 42 may be the end of 142."""
    everywhere = {"bus": (0, 0, 400, 300)}
    for box in ((0, 100, 50, 140), (348, 100, 398, 140), (100, 3, 150, 43), (100, 257, 150, 297)):
        cut = only(judge(text("42", box), things=everywhere))
        assert cut.reason == "it is at the edge of the picture"
    assert judge(text("42", (4, 4, 54, 44)), things=everywhere).numbers == {"bus": "42"}


def test_a_box_without_pixels_lies_nowhere() -> None:
    """A reader that gives such a box is not believed, and divides nothing by zero."""
    settings = PrintedSettings(least_height=0)
    assert only(judge(text("7", (100, 100, 100, 100)), settings=settings)).reason == "it lies on no instance"


@pytest.mark.parametrize(
    ("said", "confidence"),
    [("42", 1.0), ("17", 0.6), ("5%", 1.0), ("12:30", 1.0), ("\u4e8c", 1.0), ("O", 1.0), ("Il", 0.9), ("shirt", 0.4)],
)
def test_a_second_text_that_may_be_a_number_takes_the_fact(said: str, confidence: float) -> None:
    """Any digit, a letter like one, or what was hardly read: then nobody knows which is the number."""
    found = judge(text("42"), text(said, ELSEWHERE, confidence))
    assert not found.numbers
    assert found.texts[0].reason == "another text that may be a number lies there too"


@pytest.mark.parametrize("said", ["CITY", "BUS", "STOP", "SOLD OUT"])
def test_words_beside_it_leave_the_number_alone(said: str) -> None:
    """A name above the number, as on most shirts."""
    found = judge(text(said, ELSEWHERE), text("42"))
    assert found.numbers == {"bus": "42"}
    assert [judged.decisive for judged in found.texts] == [False, True]


def test_a_second_number_across_the_border_takes_the_fact() -> None:
    """Part of it is on the bus; whose it is nobody knows."""
    found = judge(text("42"), text("17", (330, 100, 370, 140)))
    assert not found.numbers


def test_a_number_behind_the_border_does_not() -> None:
    """A loose box that reaches 3 of its 40 pixels over the bus is beside it."""
    found = judge(text("42"), text("17", (347, 100, 387, 140)))
    assert found.numbers == {"bus": "42"}
    assert found.texts[1].reason == "it lies on no instance"


def test_a_shirt_and_its_wearer_both_carry_the_number() -> None:
    """The number on the shirt is the number on the person, too."""
    found = judge(text("42"), things={"person": BUS, "shirt": (80, 80, 300, 200)})
    assert found.numbers == {"person": "42", "shirt": "42"}
    assert only(found).instance_ids == ("person", "shirt")


def test_a_number_on_the_trousers_leaves_the_shirt_its_own() -> None:
    """The person has two then, and so none; the shirt has one."""
    things = {"person": BUS, "shirt": (80, 80, 300, 160), "trousers": (80, 170, 300, 240)}
    found = judge(text("42"), text("17", (100, 185, 150, 225)), things=things)
    assert found.numbers == {"shirt": "42", "trousers": "17"}
    assert all(judged.decisive for judged in found.texts)


def test_two_of_one_category_cannot_share_a_number() -> None:
    """A child on its mother's lap: one of them wears it."""
    found = judge(text("42"), things={"person 1": BUS, "person 2": (80, 80, 300, 200)})
    assert not found.numbers
    assert only(found).reason == "it lies on two of the category person"


def test_a_number_where_two_things_only_overlap_is_no_fact() -> None:
    """A person before a bus whose mask takes in half of the person."""
    found = judge(text("42"), things={"bus": BUS, "person": (80, 80, 180, 299)})
    assert not found.numbers
    assert only(found).reason == "it lies on a bus and a person, and neither lies in the other"


def test_a_number_partly_on_another_thing_is_no_fact_for_either() -> None:
    """A hand holds a card with a number, and covers a third of it on the card's mask."""
    found = judge(text("42"), things={"card": BUS, "person": (135, 80, 160, 160)})
    assert not found.numbers
    assert only(found) == Judged(text("42"), ("card",), "it lies partly on an instance, or close to its border")


def test_each_of_two_instances_has_its_own_number() -> None:
    """Numbers of one instance say nothing of another."""
    things = {"person 1": (50, 50, 190, 250), "person 2": (195, 50, 350, 250)}
    found = judge(text("42"), text("17", (230, 100, 280, 140)), things=things)
    assert found.numbers == {"person 1": "42", "person 2": "17"}


def test_a_hole_in_the_mask_under_the_number_is_seen() -> None:
    """The mask's pixels decide, not its box."""
    crop = np.ones((200, 300), bool)
    crop[50:90, 50:100] = False
    found = printed({"bus": Shape(crop, 50, 50)}, {"bus": "bus"}, [text("42")], WIDTH, HEIGHT, PrintedSettings())
    assert not found.numbers


def test_no_text_and_no_instance_give_nothing() -> None:
    """Most pictures."""
    assert judge() == Printed((), {})
    assert judge(text("42"), things={}).numbers == {}


def test_texts_keep_their_order() -> None:
    """So that a caller can pair them with what it asked for."""
    given = [text("b", ELSEWHERE), text("42"), text("a", (0, 0, 9, 9))]
    assert [judged.text for judged in judge(*given).texts] == given


@pytest.mark.parametrize(
    ("said", "confidence", "expected"),
    [
        ("SOLID", 1.0, False),
        ("TAXI", 1.0, False),
        ("IO", 1.0, True),
        ("I O", 1.0, True),
        ("kite", 0.49, True),
        ("kite", 0.5, False),
        ("\u2167", 1.0, True),
        ("7 UP", 1.0, True),
    ],
)
def test_what_may_be_a_number(said: str, confidence: float, expected: bool) -> None:
    """Look-alikes alone, in a text no longer than a number, or a reading that may say anything."""
    assert may_be_number(text(said, confidence=confidence), PrintedSettings()) is expected
