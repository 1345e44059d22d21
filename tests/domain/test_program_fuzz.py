"""JSON that nobody wrote through the reader of programs, and what it lets through into both executors.

Whatever comes: a ProgramError of one sentence, or a program that survives the way to JSON and back, and whose running
ends in a finite number or in none. For a long search raise `max_examples` and drop `derandomize`.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopchain_assets.domain.codec import LONGEST_TEXT
from hopchain_assets.domain.interpreter import Plan, evaluate
from hopchain_assets.domain.program import MAX_NODES, OPS, Program, ProgramError
from hopchain_assets.domain.world import World
from hopchain_assets.warehouse.program_sql import compile_program
from tests.builders import picture
from tests.strategies import facts, programs

FEW = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FACTS = picture(
    ("cup", 10, 10, 60, 60, {"color": "red", "number": "9" * 15}),
    ("cup", 100, 10, 150, 60, {"number": "-0.000000000000001"}),
    ("die", 100, 100, 120, 120, {"dots": "6", "number": "nan"}),
)
DEEP: Any = []
for _ in range(5000):
    DEEP = [DEEP]

WORDS = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "middle", "cup", "die", "number", "red", "", "é", "\ud800", "\n", "a" * 200]),
    st.sampled_from(["left", "right", "above", "value", "position", "attribute", "is", "more", "largest", *OPS]),
    st.text(max_size=6),
)
NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.integers(),
    st.floats(),
    st.sampled_from([10**6, -(10**6), 10**6 + 1, 1e-320, -0.0, math.inf, -math.inf, math.nan, 10**4000, 2**63]),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=10
)
FIELDS = ("of", "anchor", "category", "attribute", "value", "predicate", "side", "axis", "rank", "by", "relation",
          "left", "right", "condition", "yes", "no", "terms", "plus", "id", "op", "extra")  # fmt: skip
NODES = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)


def survives(value: object) -> None:
    """The claim of this file, for one value."""
    try:
        program = Program.from_json(value)
    except ProgramError as error:
        told = str(error)
        assert told.isprintable() and len(told) < 400
        return
    written = json.loads(json.dumps(program.to_json(), allow_nan=False))
    again = Program.from_json(written)
    assert again == program and again.to_json() == written
    assert again.canonical() == program.canonical() and len(program.canonical()) < 200
    assert again.shape() == program.shape()
    world = World.of(FACTS)
    values = Plan(program).run(world)
    assert len(values) == len(program.nodes) <= MAX_NODES
    answer = evaluate(program, FACTS)
    assert answer is None or math.isfinite(answer)
    assert compile_program(program, FACTS.image_id, FACTS.width, FACTS.height).encode()


@FEW
@given(JSON | st.binary(max_size=40) | st.text(max_size=40))
def test_any_json(value: object) -> None:
    """JSON values, texts and bytes of any kind, depth and length."""
    survives(value)


def one_node(**fields: Any) -> dict[str, Any]:
    return {"version": 1, "nodes": [{"id": "a", "op": "objects"} | fields], "answer": "a"}


BROKE: Mapping[str, object] = {
    "a byte": b"\xff",
    "a nest of lists": "[" * 100_000,
    "a nest of objects": '{"version":' * 100_000,
    "a number of 5,000 digits as text": "9" * 5000,
    "a long text": " " * (LONGEST_TEXT + 1),
    "a key that is no text": {1: 2},
    "a key of a million letters": {"x" * 10**6: 1},
    "a deep version": {"version": DEEP},
    "a version of 5,000 digits": {"version": 10**5000},
    "a deep node": {"version": 1, "nodes": [DEEP], "answer": "a"},
    "a deep id": one_node(id=DEEP),
    "an id of 5,000 digits": one_node(id=10**5000),
    "a deep operation": one_node(op=DEEP),
    "a deep category": one_node(category=DEEP),
    "a long category": one_node(category="x" * 10**6),
    "a field of a million letters": one_node(**{"x" * 10**6: 1}),
    "a constant of 5,000 digits": one_node(op="pick", condition="a", yes=10**5000, no=1),
    "a deep term": one_node(op="arith", terms=[DEEP]),
    "a million nodes": {"version": 1, "nodes": [{"id": "a"}] * 1_000_000, "answer": "a"},
}


@pytest.mark.parametrize("value", BROKE.values(), ids=BROKE.keys())
def test_what_broke_the_reader_once_is_a_sentence(value: object) -> None:
    """Values too deep to be shown, too long to be told, or with more digits than Python writes."""
    with pytest.raises(ProgramError):
        Program.from_json(value)
    survives(value)


@FEW
@given(st.lists(NODES, max_size=6), JSON | st.just("a"))
def test_anything_in_the_form_of_a_program(nodes: list[Any], answer: object) -> None:
    """The right words with anything in them."""
    survives({"version": 1, "nodes": nodes, "answer": answer})


@settings(FEW, max_examples=600)
@given(st.data())
def test_a_good_program_with_things_changed(data: st.DataObject) -> None:
    """Some values of a valid program, at any depth, become anything, vanish, come twice, or change places."""
    content = data.draw(programs(of=FACTS)).to_json()
    survives(content)
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        change(content, data)
    survives(content)
    survives(json.dumps(content))


def change(content: Any, data: st.DataObject) -> None:
    while True:
        places = list(content) if isinstance(content, dict) else list(range(len(content)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        inner = content[place]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 5)):
            content = inner
            continue
        kind = data.draw(st.sampled_from(("anything", "leaf", "leaf", "vanish", "twice", "swap")))
        if kind == "vanish":
            del content[place]
        elif kind == "twice" and isinstance(content, list):
            content.append(copy.deepcopy(inner))
        elif kind == "swap":
            other = data.draw(st.sampled_from(places))
            content[place], content[other] = content[other], content[place]
        else:
            # deep copies, so that a later change has a value of its own
            content[place] = copy.deepcopy(data.draw(JSON if kind == "anything" else LEAVES))
        return


@settings(FEW, max_examples=100)
@given(st.data())
def test_a_good_program_survives_on_any_picture(data: st.DataObject) -> None:
    """Valid programs, on pictures that they were not made for."""
    program = data.draw(programs(of=FACTS))
    answer = evaluate(program, data.draw(facts()))
    assert answer is None or math.isfinite(answer)


def test_sums_of_sums_end_in_no_number_not_in_infinity() -> None:
    """Forty-six times a million, of fifteen digits: floats overflow, and no answer is given."""
    nodes: list[Any] = [
        {"id": "a", "op": "objects", "category": "cup"},
        {"id": "b", "op": "extreme", "of": "a", "axis": "left", "rank": 1},
        {"id": "n0", "op": "read", "of": "b", "attribute": "number"},
    ]
    for k in range(MAX_NODES - 3):
        nodes.append({"id": f"n{k + 1}", "op": "arith", "terms": [[f"n{k}", 1_000_000]] * 6, "plus": -1_000_000})
    program = Program.from_json({"version": 1, "nodes": nodes, "answer": nodes[-1]["id"]})
    assert evaluate(program, FACTS) is None
    # the difference of two infinities is no number either, and compares with nothing
    nodes[-1] = {"id": "z", "op": "arith", "terms": [[nodes[-2]["id"], 1], [nodes[-2]["id"], -1]], "plus": 0}
    program = Program.from_json({"version": 1, "nodes": nodes, "answer": "z"})
    assert evaluate(program, FACTS) in (None, 0)


@pytest.mark.parametrize("letter", ["\u202e", "\x1b", "\n", "\ud800", "\x00"])
def test_no_field_carries_what_cannot_be_printed(letter: str) -> None:
    """Such a letter would turn a sentence round, steer a terminal, or not be stored."""
    node = {"id": "a", "op": "objects", "category": f"cup{letter}"}
    with pytest.raises(ProgramError, match="printable"):
        Program.from_json({"version": 1, "nodes": [node, {"id": "b", "op": "count", "of": "a"}], "answer": "b"})
