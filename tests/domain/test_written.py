"""A writer's words are tidied but not cleaned, and what is to be perceived has to stand in them."""

from __future__ import annotations

import pytest

from hopchain_assets.domain.certify.words import leakage
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Finding
from hopchain_assets.domain.written import bare, looked_at, spoken
from tests.builders import picture, program, squares

SCENE = picture(*squares("person", (40, 150), (150, 60)), *squares("chair", (110, 150)))


def perceiving(*predicates: str) -> Program:
    """Counts the persons of whom all predicates hold."""
    kept = [
        {"id": f"s{k}", "op": "perceive", "of": f"s{k - 1}" if k else "p", "predicate": predicate, "value": "yes"}
        for k, predicate in enumerate(predicates)
    ]
    last = kept[-1]["id"]
    return program(
        "n", {"id": "p", "op": "objects", "category": "person"}, *kept, {"id": "n", "op": "count", "of": last}
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  How many\n\tpeople\u00a0 are there?\r\n", "How many people are there?"),
        ("\uff28ow many \uff11\uff12", "How many 12"),
        ("Plain words.", "Plain words."),
        ("", ""),
    ],
)
def test_a_question_is_tidied(text: str, shown: str) -> None:
    """Compatible signs become plain ones, white space single spaces; twice is as once."""
    assert spoken(text) == spoken(spoken(text)) == shown


@pytest.mark.parametrize("sign", ["\u200b", "\u00ad", "\u2060", "\ufeff", "\x1f", "\x85", "\x00", "\u202e"])
def test_signs_that_cannot_be_seen_are_kept_for_leakage(sign: str) -> None:
    """Wherever they stand."""
    for text in (f"Its b{sign}ox.", f"{sign} Count.", f"Count. {sign}"):
        assert sign in spoken(text)
        assert [finding.rule for finding in leakage(spoken(text), ())] == ["leakage"]


@pytest.mark.parametrize("said", ["is standing", "who are  Standing", "that is standing", "being standing", "standing"])
def test_fillers_are_no_part_of_a_predicate(said: str) -> None:
    """Case and spacing neither."""
    assert bare(said) == "standing"


@pytest.mark.parametrize(
    ("predicate", "question"),
    [
        ("standing", "How many people are standing?"),
        (" Standing ", "Count people; standing ones."),
        ("holding a  cup", "How many people are holding\na cup?"),
        ("warm-coloured", "How many warm-coloured people are there?"),
        ("asleep (or drunk)", "How many are asleep (or drunk)?"),
    ],
)
def test_a_predicate_that_is_said_is_asked_of_each(predicate: str, question: str) -> None:
    """As whole words, whatever their case and spacing."""
    people = [item.instance_id for item in SCENE.instances if item.category == "person"]
    assert looked_at(perceiving(predicate), SCENE, question) == [(name, predicate) for name in people]


@pytest.mark.parametrize(
    ("predicate", "question"),
    [
        ("red", "How many colored people are there?"),
        ("red", "How many redder people are there?"),
        ("coloured", "How many warm-coloured people are there?"),
        ("warm", "How many warm-coloured people are there?"),
        (" ", "How many people are there?"),
        ("sta.ding", "How many people are standing?"),
    ],
)
def test_a_predicate_that_is_not_said_is_refused(predicate: str, question: str) -> None:
    """A part of a word says nothing, nor does nothing."""
    found = looked_at(perceiving(predicate), SCENE, question)
    assert isinstance(found, Finding) and found.rule == "bound"


def test_the_same_predicate_in_two_forms_is_refused() -> None:
    """Two looks at one thing could disagree."""
    found = looked_at(perceiving("standing", "is standing"), SCENE, "How many who are standing, is standing fine?")
    assert found == Finding("bound", "'is standing' and 'standing' say the same: one of them is enough")
    assert isinstance(looked_at(perceiving("standing", "tall"), SCENE, "How many tall ones are standing?"), list)
