"""The words that a question may be made of."""

from __future__ import annotations

import pytest

from hopchain_assets.domain.certify.lexicon import unaccounted
from hopchain_assets.domain.composer import ComposerSettings, compose
from tests.domain.test_certify import SCENE

NAMES = ["person", "chair", "wine glass"]


@pytest.mark.parametrize(
    ("question", "loose"),
    [
        ("Find the leftmost chair. How many people are to its right?", []),
        ("Which wine glasses are nearer to the top than the 3rd-largest chair?", ["rd-largest"]),
        ("Take the person who stands further left than P; u is 3, and 4u + 2 is your answer.", []),
        ("Take the person who stands on one leg.", ["stands", "leg"]),
        ("Count the people sitting on the wooden chairs.", ["sitting", "wooden"]),
        ("Count the persons' chairs in the upper half of the photograph.", []),
        ("Call the chair\u2019s right-hand neighbour Q.", ["neighbour"]),
    ],
)
def test_words_lead_or_are_tested(question: str, loose: list[str]) -> None:
    """What narrows a reference and is tested by nothing is told; numbers, letters and names are not."""
    assert unaccounted(question, NAMES, []) == loose


def test_what_is_tested_may_be_said() -> None:
    """A value, and the words of a predicate."""
    assert unaccounted("the red chair with a person sitting on it", NAMES, ["red", "sitting on it"]) == []


def test_the_composers_words_lead() -> None:
    """Nothing in its English is a word without a step."""
    questions = [chain.question for chain in compose(SCENE, ComposerSettings())]
    assert len(questions) > 20
    assert {word for q in questions for word in unaccounted(q, ["person", "chair", "bottle"], [])} == set()
