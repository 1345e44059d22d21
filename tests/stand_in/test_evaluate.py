"""The stand-in's own evaluator says what the line's executors say, and knows nothing of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from hopchain_assets.domain.composer import ComposerSettings, compose
from hopchain_assets.domain.interpreter import evaluate
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Facts, canonical_number
from hopchain_assets.stand_in.evaluate import Evaluator
from hopchain_assets.stand_in.looks import Looks, idle_look, involved, is_tight
from hopchain_assets.stand_in.truth import Known, Thing
from tests.strategies import facts, programs


@st.composite
def cases(draw: st.DrawFn) -> tuple[Facts, Program]:
    picture = replace(draw(facts()), perceptions={})
    return picture, draw(programs(picture))


def known_of(picture: Facts) -> Known:
    place = {item.instance_id: k for k, item in enumerate(picture.instances)}
    things = tuple(Thing(i.category, i.box, i.cx, i.cy, i.area, i.attributes) for i in picture.instances)
    pairs = {(place[a], place[b]): pair for (a, b), pair in picture.pairs.items()}
    return Known(picture.image_id, picture.width, picture.height, things, {}, pairs)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_random_programs_give_the_same_number(case: tuple[Facts, Program]) -> None:
    """On random pictures with many ties it gives what the interpreter gives, undefined included."""
    picture, program = case
    found = Evaluator(known_of(picture)).answer(program.to_json())
    target(float(found is not None))
    assert found == evaluate(program, picture)


def test_a_proposal_is_true_on_the_measured_masks(pictures: list[Known]) -> None:
    """Masks measured by the stand-in give the composer's answers, looks and involved instances."""
    seen = 0
    for known in pictures[:6]:
        evaluator = Evaluator(known)
        for chain in compose(known.facts(), ComposerSettings(attempts=120)):
            program = chain.program.to_json()
            values = evaluator.run(program)
            answer = values[program["answer"]]
            assert canonical_number(answer) == chain.answer
            looks = Looks.of(program)
            assert sorted(str(k) for k in involved(looks, values)) == sorted(chain.instance_ids)
            assert len(looks.order) == len(chain.hops)
            seen += 1
    assert seen > 150


def thing(x: float, category: str = "cup", **attributes: str) -> Thing:
    return Thing(category, (x - 5, 10, x + 5, 20), x, 15, 100, attributes)


def test_a_look_without_a_rival_is_idle() -> None:
    """The only cup is found whatever it is looked for by, so looking for it is no look."""
    nodes = [
        {"id": "a", "op": "objects", "category": "cup"},
        {"id": "b", "op": "extreme", "of": "a", "axis": "left", "rank": 1},
        {"id": "c", "op": "compare", "by": "position", "relation": "left", "left": "b", "right": "middle"},
        {"id": "d", "op": "pick", "condition": "c", "yes": 3, "no": 14},
    ]
    program = {"version": 1, "nodes": nodes, "answer": "d"}
    alone = Known("p", 100, 50, (thing(10), thing(90, "die")), {}, {})
    two = Known("p", 100, 50, (thing(10), thing(90)), {}, {})
    assert idle_look(program, Evaluator(alone)) == "b"
    assert idle_look(program, Evaluator(two)) is None
    assert is_tight(program, Evaluator(two))


def test_a_choice_between_equals_is_idle() -> None:
    """A condition on which nothing depends is found out, though each object still matters elsewhere."""
    nodes = [
        {"id": "a", "op": "objects", "category": "cup"},
        {"id": "b", "op": "extreme", "of": "a", "axis": "left", "rank": 1},
        {"id": "n", "op": "read", "of": "b", "attribute": "number"},
        {"id": "c", "op": "compare", "by": "position", "relation": "left", "left": "b", "right": "middle"},
        {"id": "d", "op": "pick", "condition": "c", "yes": "n", "no": "n"},
    ]
    cups = (thing(10, number="4"), thing(90, number="7"))
    assert idle_look({"version": 1, "nodes": nodes, "answer": "d"}, Evaluator(Known("p", 100, 50, cups, {}, {}))) == "c"
