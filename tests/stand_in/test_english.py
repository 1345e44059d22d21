"""The stand-in's English carries a program there and back, and tells what it cannot carry."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings

from hopchain_assets.domain.composer import ComposerSettings, compose
from hopchain_assets.domain.english.reading import Unreadable, read_question
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Facts
from hopchain_assets.stand_in.english import Unsaid, put_into_words
from hopchain_assets.stand_in.evaluate import Evaluator
from hopchain_assets.stand_in.reading import Unread, read
from hopchain_assets.stand_in.slips import narrowed, unheard
from hopchain_assets.stand_in.truth import Known
from tests.stand_in.conftest import attributes_of
from tests.stand_in.test_evaluate import cases, known_of


def test_composed_programs_come_back(pictures: list[Known]) -> None:
    """Hundreds of programs, each said in another way, are read back as the same; every phrase has its node."""
    seen = 0
    for known in pictures[:6]:
        for seed, chain in enumerate(compose(known.facts(), ComposerSettings(attempts=200))):
            words = put_into_words(chain.program.to_json(), seed)
            reading = read(words.question, tuple(known.categories), attributes_of(known))
            assert Program.from_json(reading.program).canonical() == chain.program.canonical(), words.question
            names = {node["id"] for node in reading.program["nodes"]}
            assert all(phrase["node"] in names for phrase in reading.phrases)
            assert all(str(phrase["phrase"]) in words.question for phrase in reading.phrases)
            seen += 1
    assert seen > 300


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_random_programs_mean_the_same_when_read_back(case: tuple[Facts, Program]) -> None:
    """Whatever has words at all, sets as objects and sums of sums included, is read back with the same number."""
    picture, program = case
    try:
        words = put_into_words(program.to_json(), 5)
    except Unsaid:
        assume(False)
        return
    known = known_of(picture)
    reading = read(words.question, ("cup", "die"), {"color": ("red", "blue"), "facing": ("left", "right")})
    evaluator = Evaluator(known)
    assert evaluator.answer(reading.program) == evaluator.answer(program.to_json()), words.question


def test_it_is_not_the_composers_english(pictures: list[Known]) -> None:
    """The line's own grammar cannot read it, so that a binder has to."""
    known = pictures[0]
    for seed, chain in enumerate(compose(known.facts(), ComposerSettings(attempts=60))):
        words = put_into_words(chain.program.to_json(), seed)
        with pytest.raises(Unreadable):
            read_question(words.question, known.categories)


def test_the_seed_chooses_the_words(pictures: list[Known]) -> None:
    """One seed gives the same words each time, others give others."""
    program = next(compose(pictures[0].facts(), ComposerSettings())).program.to_json()
    assert put_into_words(program, 1) == put_into_words(program, 1)
    assert len({put_into_words(program, seed).question for seed in range(20)}) > 10


def test_an_adjective_that_nothing_tells_of_has_no_node(pictures: list[Known]) -> None:
    """An inserted "wooden" is read over by no reader: it is a phrase of its own without a node."""
    known = pictures[0]
    program = next(compose(known.facts(), ComposerSettings())).program.to_json()
    words = put_into_words(unheard(program, "wooden", Random(1)), 3)
    reading = read(words.question, tuple(known.categories), attributes_of(known))
    assert {"phrase": "wooden", "node": None} in reading.phrases
    assert Program.from_json(reading.program).canonical() == Program.from_json(program).canonical()


def test_a_colour_that_does_not_occur_has_no_node(pictures: list[Known]) -> None:
    """Only values that the binder is told of become filters."""
    known = pictures[0]
    program = next(compose(known.facts(), ComposerSettings())).program.to_json()
    first = next(node["id"] for node in program["nodes"] if node["op"] == "objects")
    words = put_into_words(narrowed(program, first, "color", "crimson"), 3)
    reading = read(words.question, tuple(known.categories), attributes_of(known))
    assert {"phrase": "crimson", "node": None} in reading.phrases


@pytest.mark.parametrize(
    "question", ["", "What is it?", "Give u.", "Let P be the leftmost.", "How many cups are there?"]
)
def test_other_words_are_not_read(question: str) -> None:
    """Words that are not this English are refused, never guessed at."""
    with pytest.raises(Unread):
        read(question, ("cup",), {})
