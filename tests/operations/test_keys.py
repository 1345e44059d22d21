"""What makes two calls the same call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.operations.keys import call_key
from hopchain_assets.ports.vlm import Ask, Picture, Sampling
from tests.operations.answering import question

texts = st.text(max_size=6)
pictures = st.builds(Picture, st.binary(max_size=4), st.sampled_from(["image/jpeg", "image/png"]))
samplings = st.builds(Sampling, st.floats(0, 2), st.floats(0, 1), st.integers(1, 99))
schemas = st.dictionaries(texts, st.integers() | texts | st.lists(st.integers(), max_size=2), max_size=3)
values: dict[str, st.SearchStrategy[Any]] = {
    "system": texts,
    "prompt": texts,
    "pictures": st.lists(pictures, max_size=3).map(tuple),
    "schema_name": texts,
    "schema": schemas,
    "sampling": samplings,
    "sample_index": st.integers(0, 99),
    "repair_round": st.integers(0, 99),
}
asks = st.fixed_dictionaries(values).map(lambda given: question(**given))


def test_a_key_stays_the_same_in_every_release() -> None:
    """What was paid for under this digest is found under it for ever: who changes it pays for everything again."""
    ask = question(7, sampling=Sampling(0.6, 0.95, 16_384), sample_index=2, repair_round=1)
    assert call_key("m", "r1", ask) == "26ed8857c24f2830e4d246f388c8aa272a14fd435a768f11664ac31337b0a30c"


@given(asks, st.sampled_from(sorted(values)), st.data())
def test_each_field_that_is_sent_is_in_the_key(ask: Ask[Any], name: str, data: st.DataObject) -> None:
    """Two questions that differ in one field have different keys."""
    other = replace(ask, **{name: data.draw(values[name].filter(lambda value: value != getattr(ask, name)))})
    assert call_key("m", "", ask) != call_key("m", "", other)


@given(asks, asks, texts, texts, texts, texts)
def test_equal_keys_are_equal_questions(
    one: Ask[Any], other: Ask[Any], model: str, revision: str, model2: str, revision2: str
) -> None:
    """A key is shared exactly when model, revision and all that is sent are."""
    same = (model, revision, *map(one.__getattribute__, values)) == (
        model2, revision2, *map(other.__getattribute__, values),
    )  # fmt: skip
    assert (call_key(model, revision, one) == call_key(model2, revision2, other)) == same


def test_neighbouring_fields_do_not_run_together() -> None:
    """The end of one text is not taken for the beginning of the next."""
    assert call_key("ab", "c", question()) != call_key("a", "bc", question())
    assert call_key("m", "r", question(system="ab", prompt="c")) != call_key(
        "m", "r", question(system="a", prompt="bc")
    )


def test_who_asks_and_what_for_is_not_in_the_key() -> None:
    """The same question is paid for once, whichever stage asks it."""
    changed: dict[str, Callable[[], Any]] = {
        "purpose": lambda: "other",
        "stage": lambda: "other",
        "input_id": lambda: "other",
        "read": lambda: len,
    }
    assert changed.keys() | values.keys() == {field.name for field in fields(Ask)}
    for name, value in changed.items():
        assert call_key("m", "r", question()) == call_key("m", "r", replace(question(), **{name: value()}))


def test_the_way_a_schema_or_a_number_is_written_does_not_matter() -> None:
    """Order of fields, and 1 for 1.0."""
    one = question(schema={"a": 1, "b": {"c": 2, "d": 3}}, sampling=Sampling(1.0, 1.0, 8))
    other = question(schema={"b": {"d": 3, "c": 2}, "a": 1}, sampling=Sampling(1, 1, 8))
    assert call_key("m", "r", one) == call_key("m", "r", other)
