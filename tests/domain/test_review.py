"""What is typed is read as one number or refused, and votes make an answer true only when all say the same."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.domain.review import (
    LARGEST,
    Ballot,
    Outcome,
    is_gold_turn,
    is_sampled,
    outcome,
    understand,
)

ARABIC, DEVANAGARI, WIDE = ("".join(chr(zero + digit) for digit in range(10)) for zero in (0x660, 0x966, 0xFF10))
DASHES = "-\u2212\u2013\u2012\ufe63\uff0d"
# one of each that can stand in a typed number, and what only looks like it
TYPED = st.text(alphabet="0123456789+-.,/ e½²x", max_size=14)
WORDS = ("", "1", "2", "defect")


@given(st.floats(-LARGEST, LARGEST))
def test_what_is_kept_is_understood_as_itself(value: float) -> None:
    """The canonical form of any number in bounds, typed back, is that number."""
    kept = canonical_number(value)
    assert understand(kept).number == kept


@given(st.floats(-LARGEST, LARGEST), st.sampled_from([ARABIC, DEVANAGARI, WIDE]), st.sampled_from(DASHES))
def test_digits_of_any_script_and_any_dash_are_read(value: float, digits: str, dash: str) -> None:
    """A number in another script's digits, behind what a phone makes of a hyphen, is the same number."""
    kept = canonical_number(value)
    typed = kept.translate(dict(zip(map(ord, "0123456789"), digits, strict=True))).replace("-", dash)
    assert understand(f" {typed}\n").number == kept


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7", "7"), ("7.0", "7"), ("7.", "7"), (".5", "0.5"), ("+7", "7"), ("007", "7"), ("-0", "0"), ("-0.0", "0"),
        ("1,5", "1.5"), ("0,125", "0.125"), ("-0,125", "-0.125"), ("1,2345", "1.2345"), ("1,50", "1.5"),
        ("1/2", "0.5"), ("-3/2", "-1.5"), ("4 / 2", "2"), ("1\u20443", "0.333333"), ("1/3", "0.333333"), ("7/1", "7"),
        ("1,234,567", "1234567"), ("1,234.5", "1234.5"),
        ("\uff11\uff0c\uff15", "1.5"), ("\uff11\uff0e\uff15", "1.5"), ("\uff11\uff0f\uff12", "0.5"),
        ("1000000000", "1000000000"),
    ],
)  # fmt: skip
def test_ways_to_write_a_number(typed: str, number: str) -> None:
    """Points, decimal commas, fractions and unmistakable thousands are read."""
    assert understand(typed).number == number
    assert not understand(typed).why


@pytest.mark.parametrize(
    "typed",
    [
        "1½", "½", "5²", "²", "Ⅷ", "①", "seven", "7 cups", "7cm", "7%", "$7", "1e5", "1E5", "0x10", "1_000", "1 000",
        "1 1/2", "1/2/3", "1/-2", "/2", "1/", "--1", "+-1", "-", "+", ".", ",", "1..2", "1.2.3", "1.234,5", "1,,2",
        "nan", "inf", "-inf", "∞", "1\n2", "1\0", "\0", "\u200b7", "7\u200d", "\ud800", "1;2", "(7)", "=1+1", "1+1",
        "1/0", "0/0", "1000000001", "-1000000001", "9999999999/1", "1" * 41, "0." + "0" * 60, "9" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_reason(typed: str) -> None:
    """Words, units, superscripts, vulgar fractions, sums, and numbers larger than any answer."""
    read = understand(typed)
    assert not read.number
    assert read.why.endswith(".")


@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(["", "-", "+"]))
def test_a_comma_that_can_mean_both_is_refused(before: int, after: int, sign: str) -> None:
    """1,500 is 1500 to some and 1.5 to others; both ways to write it are told."""
    read = understand(f"{sign}{before},{after:03}")
    assert not read.number
    assert f"{sign}{before}{after:03} or {sign}{before}.{after:03}" in read.why


@pytest.mark.parametrize("typed", ["", " ", "\n\t", "\u3000"])
def test_nothing_is_neither_read_nor_complained_about(typed: str) -> None:
    """An empty field is not an error yet."""
    assert (understand(typed).number, understand(typed).why) == ("", "")


def _meant(typed: str) -> Fraction:
    """What an understood text says, read in another way."""
    plain = typed.strip()
    if "/" in plain:
        above, below = plain.split("/")
        return Fraction(int(above), int(below))
    if plain.count(",") > 1 or ("," in plain and "." in plain):
        plain = plain.replace(",", "")
    return Fraction(Decimal(plain.replace(",", ".")))


@given(TYPED)
def test_what_is_read_is_what_was_typed(typed: str) -> None:
    """Whatever is understood differs from the typed text by its rounding to six places only, and is canonical."""
    read = understand(typed)
    assert not (read.number and read.why)
    if read.number:
        assert abs(Fraction(Decimal(read.number)) - _meant(typed)) <= Fraction(1, 1_000_000)
        assert understand(read.number).number == read.number


@given(st.text(max_size=60))
def test_no_text_is_too_strange_to_be_answered(typed: str) -> None:
    """Any text gives a number, a reason, or neither when it is blank."""
    read = understand(typed)
    assert bool(read.number) + bool(read.why) == bool(typed.strip())


@pytest.mark.parametrize("shape", ["1", "1,", "1,000", " ", "-", "1/", "٣", "½", "1 "])
def test_long_texts_take_no_long_time(shape: str) -> None:
    """A million characters are answered in the time that it takes to read them a few times."""
    started = time.process_time()
    understand(shape * (1_000_000 // len(shape)))
    assert time.process_time() - started < 3


def _ballots(words: tuple[str, ...]) -> list[Ballot]:
    """One by each of several people: a number, "defect", or "" for who has not answered."""
    cast = [
        Ballot(f"p{number}", defect="ambiguous") if word == "defect" else Ballot(f"p{number}", word)
        for number, word in enumerate(words)
    ]
    return [ballot for ballot, word in zip(cast, words, strict=True) if word]


def test_unanimous_is_all_of_them_with_one_number_and_no_defect() -> None:
    """Of all votes of four people: verified exactly when all four gave one number, closed early or not."""
    for words, early in product(product(WORDS, repeat=4), (False, True)):
        same = words[0] in ("1", "2") and len(set(words)) == 1
        told = outcome(_ballots(words), 4, early)
        assert (told.state == "unanimous") == same
        assert told.answer == (words[0] if same else "")


def test_a_question_closes_early_exactly_when_it_cannot_become_unanimous() -> None:
    """It stays open as long as those who have not answered could make it unanimous, and no longer."""
    for words in product(WORDS, repeat=3):
        missing = words.count("")
        said = [word for word in words if word]
        whole = [(*said, *rest) for rest in product(("1", "2", "defect"), repeat=missing)]
        ends = {outcome(_ballots(one), 3, early=True).state for one in whole}
        told = outcome(_ballots(words), 3, early=True)
        assert (told.state in ("disagreed", "defect")) == ("unanimous" not in ends)
        if missing:
            assert outcome(_ballots(words), 3, early=False) == Outcome()


@given(st.lists(st.sampled_from(["1", "2", "defect"]), max_size=6), st.integers(1, 5), st.booleans(), st.data())
def test_the_order_of_votes_does_not_matter(words: list[str], people: int, early: bool, data: st.DataObject) -> None:
    """Any order of the same votes has the same outcome."""
    cast = _ballots(tuple(words))
    turned = data.draw(st.permutations(cast))
    assert outcome(cast, people, early) == outcome(turned, people, early)


def test_more_votes_than_needed_must_agree_too() -> None:
    """Five votes where four are needed: the fifth is not overheard."""
    assert outcome(_ballots(("1",) * 5), 4, early=True) == Outcome("unanimous", "1")
    assert outcome(_ballots(("1", "1", "1", "1", "2")), 4, early=False).state == "disagreed"


def test_a_person_with_two_votes_is_an_error() -> None:
    """The same person twice would make three people look like four."""
    with pytest.raises(ValueError, match="two votes"):
        outcome([Ballot("a", "1"), Ballot("a", "1")], 2, early=True)


def test_the_sample_is_the_share_that_was_asked_for() -> None:
    """About 5% of the questions, the same ones each time; none of 0, all of 1."""
    ids = [f"question{number}" for number in range(20_000)]
    taken = [name for name in ids if is_sampled(name, 0.05)]
    # five standard deviations of a fair draw
    assert abs(len(taken) - 1000) < 5 * (20_000 * 0.05 * 0.95) ** 0.5
    assert all(is_sampled(name, 0.5) for name in taken)
    assert not any(is_sampled(name, 0.0) for name in ids)
    assert all(is_sampled(name, 1.0) for name in ids)


def test_gold_comes_at_turns_that_are_one_s_own() -> None:
    """About the share that was asked for; others get theirs at other turns, and after another question."""
    turns = [[is_gold_turn(who, turn, f"q{turn}", 0.1) for turn in range(5_000)] for who in ("ada", "ben")]
    for mine in turns:
        assert abs(sum(mine) - 500) < 5 * (5_000 * 0.1 * 0.9) ** 0.5
    assert turns[0] != turns[1]
    assert turns[0] != [is_gold_turn("ada", turn, f"r{turn}", 0.1) for turn in range(5_000)]
    assert not any(is_gold_turn("ada", turn, "q", 0.0) for turn in range(100))
