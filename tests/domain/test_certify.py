"""The certifier rejects each planted fault by its rule, and accepts the unspoiled twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hopchain_assets.domain.certify import RULES, Certifier, CertifierSettings
from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.certify.words import leakage
from hopchain_assets.domain.certify.worlds import WORLDS, mutants, telling_worlds
from hopchain_assets.domain.composer import ComposerSettings, compose
from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Chain, Facts
from tests.builders import Box, picture, program, squares, stated

PEOPLE = squares("person", (40, 150), (150, 60), (260, 230), (340, 120))
CHAIRS = squares("chair", (110, 150), (200, 250), (300, 40))
BOTTLES = squares("bottle", (90, 230), (230, 120))
SCENE = picture(*PEOPLE, *CHAIRS, *BOTTLES)

NODES: tuple[Mapping[str, Any], ...] = (
    {"id": "p", "op": "objects", "category": "person"},
    {"id": "a", "op": "extreme", "of": "p", "axis": "left", "rank": 1},
    {"id": "c", "op": "objects", "category": "chair"},
    {"id": "r", "op": "side", "of": "c", "side": "right", "anchor": "a"},
    {"id": "b", "op": "nearest", "of": "r", "anchor": "a"},
    {"id": "q", "op": "side", "of": "p", "side": "right", "anchor": "b"},
    {"id": "n", "op": "count", "of": "q"},
    {"id": "o", "op": "objects", "category": "bottle"},
    {"id": "d", "op": "nearest", "of": "o", "anchor": "b"},
    {"id": "h", "op": "compare", "by": "position", "relation": "left", "left": "d", "right": "middle"},
    {"id": "y", "op": "arith", "terms": [["n", 3]], "plus": 1},
    {"id": "x", "op": "arith", "terms": [["n", 5]], "plus": 22},
    {"id": "z", "op": "pick", "condition": "h", "yes": "y", "no": "x"},
)
WALK = program("z", *NODES)


def rule_of(facts: Facts, chain: Chain, settings: CertifierSettings | None = None) -> str:
    finding = Certifier(facts, settings).certify(chain)
    return finding.rule if finding else "certified"


def with_node(name: str, **changes: Any) -> Program:
    return program("z", *({**node, **changes} if node["id"] == name else node for node in NODES))


def test_the_unspoiled_chain_is_certified() -> None:
    """The issue's own example, on a picture where everything is plain to see."""
    chain = stated(WALK, SCENE)
    assert chain.answer == "10"
    assert list(Certifier(SCENE).findings(chain)) == []


def test_its_structure_is_read_off_the_program() -> None:
    """Five looks: person, chair, count, bottle, condition; the reckoning is done where its last look is."""
    structure = Structure.of(WALK)
    assert structure.looks == ["a", "b", "n", "d", "h"]
    assert structure.needs == {"a": set(), "b": {"a"}, "n": {"b"}, "d": {"b"}, "h": {"d"}}
    assert structure.hop_needs["h"] == {"d", "n"}
    assert structure.group["z"] == "h"
    assert [structure.level(look) for look in structure.looks] == ["L2", "L2", "L2", "L2", "L1"]
    kinds = [structure.kind(look) for look in structure.looks]
    assert kinds == ["root", "instance_chain", "instance_chain", "instance_chain", "perception_level"]


@pytest.mark.parametrize("answer", ["11", "10.0", "010", "+10", "1e1", "", "ten", "nan"])
def test_number(answer: str) -> None:
    """Only the canonical text of the computed number will do."""
    assert rule_of(SCENE, stated(WALK, SCENE, answer=answer)) == "number"


def test_number_is_never_truncated() -> None:
    """2.5 is not 2, and is a number all the same."""
    halved = program("z", *({**n, "terms": [["n", 0.5]], "plus": 1} if n["id"] == "y" else n for n in NODES))
    chain = stated(halved, SCENE)
    assert chain.answer == "2.5"
    assert rule_of(SCENE, replace(chain, answer="2")) == "number"


def test_number_of_a_hop() -> None:
    """A hop that states another result than the program gives."""
    chain = stated(WALK, SCENE)
    wrong = replace(chain.hops[2], result="2")
    assert rule_of(SCENE, replace(chain, hops=(*chain.hops[:2], wrong, *chain.hops[3:]))) == "number"


def test_kinds_needs_both_levels() -> None:
    """With the condition about one object taken away, all looks are about several."""
    only_l2 = program(
        "z",
        *NODES[:7],
        {"id": "l", "op": "side", "of": "c", "side": "above", "anchor": "b"},
        {"id": "m", "op": "count", "of": "l"},
        {"id": "z", "op": "arith", "terms": [["n", 2], ["m", 1]], "plus": 0},
    )
    assert rule_of(SCENE, stated(only_l2, SCENE)) == "kinds"


def test_chained_refuses_two_roots() -> None:
    """ "The people left of this plus the bottles left of that" can be done in parallel."""
    parallel = program(
        "z",
        *NODES[:7],
        {"id": "o", "op": "objects", "category": "bottle"},
        {"id": "d", "op": "extreme", "of": "o", "axis": "left", "rank": 1},
        *NODES[9:],
    )
    assert rule_of(SCENE, stated(parallel, SCENE)) == "chained"


def test_chained_refuses_an_early_exit() -> None:
    """When only one branch needs the count, the other ends the chain without it."""
    early = program("z", *NODES[:11], {"id": "z", "op": "pick", "condition": "h", "yes": "y", "no": 40})
    assert rule_of(SCENE, stated(early, SCENE)) == "chained"


def test_chained_refuses_a_hop_that_nothing_uses() -> None:
    """A count that the answer does not depend on."""
    idle = program("z", *NODES[:10], {"id": "z", "op": "pick", "condition": "h", "yes": 3, "no": 40})
    chain = stated(idle, SCENE, question="Find it. What is the answer?")
    assert rule_of(SCENE, chain) == "chained"


def test_chained_refuses_a_short_path() -> None:
    """Two conditions about one person are two hops deep."""
    flat = program(
        "z",
        *NODES[:2],
        {"id": "h", "op": "compare", "by": "position", "relation": "left", "left": "a", "right": "middle"},
        {"id": "q", "op": "side", "of": "p", "side": "right", "anchor": "a"},
        {"id": "n", "op": "count", "of": "q"},
        *NODES[10:],
    )
    assert rule_of(SCENE, stated(flat, SCENE)) == "chained"


def test_chained_refuses_hops_that_are_not_the_programs() -> None:
    """A hop listed with another dependency."""
    chain = stated(WALK, SCENE)
    wrong = replace(chain.hops[3], depends_on=(1,))
    assert rule_of(SCENE, replace(chain, hops=(*chain.hops[:3], wrong, chain.hops[4]))) == "chained"


def test_countable() -> None:
    """A category that may not be counted here, and one that is not here at all."""
    crowded = replace(SCENE, uncountable={"person": "a crowd of them is marked as one region"})
    assert rule_of(crowded, stated(WALK, SCENE)) == "countable"
    absent = with_node("o", category="cup")
    assert rule_of(SCENE, stated(absent, SCENE, question="?")) == "countable"


def test_unique_reference() -> None:
    """Two people equally far to the left are nobody in particular."""
    tied = picture(*PEOPLE, *squares("person", (40, 240)), *CHAIRS, *BOTTLES)
    assert rule_of(tied, stated(WALK, tied)) == "unique_reference"


def test_coverage() -> None:
    """More than six instances are involved when five people are counted."""
    many = picture(*PEOPLE, *squares("person", (200, 30), (300, 270), (370, 200)), *CHAIRS, *BOTTLES)
    assert rule_of(many, stated(WALK, many)) == "coverage"
    chain = stated(WALK, SCENE)
    assert rule_of(SCENE, replace(chain, instance_ids=chain.instance_ids[1:])) == "coverage"


def moved(boxes: list[Box], k: int, dx: int, dy: int) -> list[Box]:
    category, x0, y0, x1, y1 = boxes[k][:5]
    return [*boxes[:k], (category, x0 + dx, y0 + dy, x1 + dx, y1 + dy), *boxes[k + 1 :]]


@pytest.mark.parametrize(
    ("people", "chairs", "bottles", "what"),
    [
        (moved(PEOPLE, 1, -102, 0), CHAIRS, BOTTLES, "the second person is 8 pixels behind the first, 12 are needed"),
        (moved(PEOPLE, 1, -45, 0), CHAIRS, BOTTLES, "one person is hardly to the left of the chair"),
        (PEOPLE, moved(CHAIRS, 1, -95, -130), BOTTLES, "two chairs are about as close"),
        (PEOPLE, CHAIRS, moved(BOTTLES, 0, 112, 0), "the bottle stands about in the middle"),
    ],
)
def test_decisive(people: list[Box], chairs: list[Box], bottles: list[Box], what: str) -> None:
    """What is true by a hair is not taken."""
    facts = picture(*people, *chairs, *bottles)
    assert rule_of(facts, stated(WALK, facts)) == "decisive", what


def test_decisive_wants_both_readings_of_closest() -> None:
    """A long chair whose edge is near and whose centre is far is no clear case."""
    long = picture(*PEOPLE, *CHAIRS, ("chair", 55, 170, 395, 182), *BOTTLES)
    assert rule_of(long, stated(WALK, long)) == "decisive"


def test_decisive_wants_both_readings_of_a_place() -> None:
    """A mask whose pixels lie left and whose box reaches far right has two centres."""
    wide = SCENE.instances[0]
    lopsided = replace(wide, box=(30, 140, 320, 160))
    facts = replace(SCENE, instances=(lopsided, *SCENE.instances[1:]))
    assert rule_of(facts, stated(WALK, facts)) == "decisive"


def coloured(colours: list[str | None]) -> Facts:
    boxes: list[Box] = []
    for box, colour in zip(BOTTLES, colours, strict=True):
        boxes.append((*box[:5], {"color": colour}) if colour else box)  # type: ignore[misc]
    return picture(*PEOPLE, *CHAIRS, *boxes)


def test_decisive_wants_known_colours() -> None:
    """A condition on the colour of an object whose colour is not a fact is undefined."""
    asked = program(
        "z",
        *NODES[:9],
        {"id": "h", "op": "compare", "by": "attribute", "attribute": "color", "relation": "is", "left": "d"}
        | {"right": "red"},
        *NODES[10:],
    )
    known, unknown = coloured(["red", "blue"]), coloured([None, "blue"])
    assert rule_of(known, stated(asked, known)) == "certified"
    assert rule_of(unknown, stated(asked, unknown)) == "unique_reference"


def test_decisive_wants_a_colour_for_every_candidate() -> None:
    """ "The red bottle" when nobody knows the colour of the other one."""
    asked = program(
        "z",
        *NODES[:8],
        {"id": "f", "op": "filter", "of": "o", "attribute": "color", "value": "red"},
        {"id": "d", "op": "nearest", "of": "f", "anchor": "b"},
        *NODES[9:],
    )
    known, unknown = coloured(["red", "blue"]), coloured(["red", None])
    assert rule_of(known, stated(asked, known)) == "certified"
    assert rule_of(unknown, stated(asked, unknown)) == "decisive"


def test_necessary_instance_without_a_rival() -> None:
    """The only bottle need not be looked for."""
    alone = picture(*PEOPLE, *CHAIRS, *BOTTLES[:1])
    assert rule_of(alone, stated(WALK, alone)) == "necessary"


def test_necessary_instance_whose_runner_up_gives_the_same() -> None:
    """Both bottles lie in the left half, so it does not matter which is found."""
    same = picture(*PEOPLE, *CHAIRS, *squares("bottle", (90, 230), (90, 30)))
    assert rule_of(same, stated(WALK, same)) == "necessary"


def test_necessary_count_multiplied_by_nothing() -> None:
    """A factor of 0 makes the count idle."""
    idle = program("z", *({**n, "terms": [["n", 0]], "plus": 4} if n["id"] in "yx" else n for n in NODES))
    assert rule_of(SCENE, stated(idle, SCENE, question="?")) == "necessary"


def test_necessary_condition_whose_outcomes_agree() -> None:
    """3N + 1 and N + 7 are the same for N = 3."""
    same = with_node("x", terms=[["n", 1]], plus=7)
    assert rule_of(SCENE, stated(same, SCENE)) == "necessary"


def test_necessary_two_slips_do_not_cancel() -> None:
    """Two conditions that each add 4 or 9: wrong in both, and the sum is right again."""
    cancelling = program(
        "z",
        *NODES[:7],
        {"id": "g", "op": "compare", "by": "position", "relation": "above", "left": "b", "right": "a"},
        *NODES[7:10],
        {"id": "u", "op": "pick", "condition": "g", "yes": 4, "no": 9},
        {"id": "v", "op": "pick", "condition": "h", "yes": 4, "no": 9},
        {"id": "z", "op": "arith", "terms": [["n", 20], ["u", 1], ["v", 1]], "plus": 0},
    )
    lower = picture(*PEOPLE, *moved(CHAIRS, 0, 0, 40), *BOTTLES)
    findings = list(Certifier(lower).findings(stated(cancelling, lower, question="?")))
    assert [f.rule for f in findings] == ["necessary"]
    assert "outcomes" in findings[0].detail


def test_necessary_zero_is_not_multiplied() -> None:
    """Three times nobody teaches nothing about counting."""
    empty = picture(*squares("person", (40, 150), (60, 60)), *CHAIRS, *BOTTLES)
    findings = list(Certifier(empty).findings(stated(WALK, empty)))
    assert {f.rule for f in findings} == {"necessary"}
    assert any("multiplies a count of 0" in f.detail for f in findings)


def test_duplicate() -> None:
    """The same question again, and the same looks with other constants."""
    certifier = Certifier(SCENE)
    assert certifier.certify(stated(WALK, SCENE)) is None
    again = certifier.certify(stated(WALK, SCENE))
    assert again is not None
    assert again.rule == "duplicate"
    constants = certifier.certify(stated(with_node("x", terms=[["n", 4]], plus=31), SCENE))
    assert constants is not None
    assert constants.rule == "duplicate"


@pytest.mark.parametrize(
    ("left", "right"),
    [("b", "a"), ("a", "middle")],
)
def test_self_answered_condition(left: str, right: str) -> None:
    """Taken to the right of the leftmost person: where the chair is to them, and in which half they are, is told."""
    told = program(
        "z",
        *NODES[:7],
        {"id": "h", "op": "compare", "by": "position", "relation": "left", "left": left, "right": right},
        {"id": "e", "op": "compare", "by": "position", "relation": "above", "left": "b", "right": "middle"},
        {"id": "u", "op": "pick", "condition": "h", "yes": 4, "no": 9},
        {"id": "v", "op": "pick", "condition": "e", "yes": 40, "no": 70},
        {"id": "z", "op": "arith", "terms": [["n", 2], ["u", 1], ["v", 1]], "plus": 0},
    )
    facts = picture(*PEOPLE, *moved(CHAIRS, 0, 0, -30), *BOTTLES)
    findings = list(Certifier(facts).findings(stated(told, facts, question="?")))
    assert [f.rule for f in findings][:1] == ["self_answered"]


def test_self_answered_count() -> None:
    """Right of the second from the right there is one, in any picture."""
    told = program(
        "z",
        *NODES[:1],
        {"id": "a", "op": "extreme", "of": "p", "axis": "right", "rank": 2},
        {"id": "q", "op": "side", "of": "p", "side": "right", "anchor": "a"},
        {"id": "n", "op": "count", "of": "q"},
        NODES[7],
        {"id": "b", "op": "nearest", "of": "o", "anchor": "a"},
        {"id": "h", "op": "compare", "by": "position", "relation": "left", "left": "b", "right": "middle"},
        *NODES[10:],
    )
    findings = list(Certifier(SCENE).findings(stated(told, SCENE)))
    assert "self_answered" in {f.rule for f in findings}


@pytest.mark.parametrize(
    "words",
    [
        "Look at the bounding box of the chair.",
        "The person at (40, 150) is meant.",
        "Use the mask.",
        "See crop 3.",
        'Take the shop that says "OPEN".',
        "It is instance 4f3a9b01c2d3e4f5.",
        "The chair at 412, 380 is meant.",
        "The chair (412; 380) is meant.",
        "The chair at 412,380 is meant.",
        "The chair near 2.5, 3.25 is meant.",
        "Look where x: 412 is.",
        "Look where Y = 412 is.",
        "Look where y=3 is.",
        "See crop_2.",
        "See box_3.",
        "See mask4.",
        "Its bounding_box helps.",
        "It is i3.",
        "The chair at \uff11\uff12\uff0c \uff13\uff14 is meant.",
        "Its \uff42\uff4f\uff58 helps.",
        "Its b\u200box is 1\u00ad2, 3\u200b4.",
        "Take the\u2060 chair.",
        "Take the\ufe0f chair.",
        "Take the\x1f chair.",
    ],
)
def test_leakage(words: str) -> None:
    """What only the writer saw, or what has to be read from the picture."""
    chain = stated(WALK, SCENE)
    assert rule_of(SCENE, replace(chain, question=f"{words} {chain.question}")) == "leakage"


@pytest.mark.parametrize(
    "words",
    [
        "The answer is 3 times N plus 22.",
        "It is 19, and else 2.",
        "If P is higher up than Q, then u is 19, and else 2.",
        "Give 4u + 22 or 3u + 3.",
        "Is N between 12 and 15?",
        "If there are more than 12, give 3u + 12, and else 15.",
        "If so, u is 19; 22 if not.",
        "Give 12, 15 otherwise.",
        "Give 12, 15 * N or 12, 15u + 3.",
        "Are there more than 10,000 people?",
        "Let X = 12N + 3.",
        "Look at the caf\u00e9\u2019s door \u2014 then count.",
    ],
)
def test_plain_sums_are_no_leak(words: str) -> None:
    """Numbers of a sum or a choice are no place in the picture."""
    assert list(leakage(words, ())) == []


def test_the_composers_words_are_no_leak() -> None:
    """Some hundred proposals, each of other words."""
    facts = [replace(SCENE, image_id=f"{number:064x}") for number in range(12)]
    chains = [chain for one in facts for chain in compose(one, ComposerSettings())]
    assert len(chains) > 300
    assert [chain.question for chain in chains if list(leakage(chain.question, ("person", "chair", "bottle")))] == []


def test_leakage_lets_a_category_be_named() -> None:
    """A box is no leak where boxes are what is in the picture."""
    named = [("box", *box[1:5]) for box in BOTTLES]
    facts = picture(*PEOPLE, *CHAIRS, *named)  # type: ignore[arg-type]
    assert rule_of(facts, stated(with_node("o", category="box"), facts)) == "certified"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("r", {"side": "below"}),
        ("q", {"side": "left"}),
        ("a", {"axis": "right"}),
        ("a", {"rank": 2}),
        ("o", {"category": "chair"}),
        ("h", {"relation": "right"}),
        ("y", {"plus": 2}),
        ("x", {"terms": [["n", 4]]}),
        ("z", {"yes": "x", "no": "y"}),
    ],
)
def test_bound(name: str, changes: Mapping[str, Any]) -> None:
    """Words that say another program, by one operation each."""
    spoken = stated(with_node(name, **changes), SCENE).question
    assert rule_of(SCENE, replace(stated(WALK, SCENE), question=spoken)) == "bound"


def test_bound_refuses_words_that_nobody_can_read() -> None:
    """Words outside the reader's English are not taken on trust."""
    assert rule_of(SCENE, stated(WALK, SCENE, question="How many people would sit down, given the chance?")) == "bound"


def test_bound_accepts_another_way_to_compute_the_same() -> None:
    """A program that is not the same text but equal on every world is bound: 3N + 1 as N + 2N + 1."""
    other = program(
        "z",
        *NODES[:10],
        {"id": "w", "op": "arith", "terms": [["n", 2]], "plus": 0},
        {"id": "y", "op": "arith", "terms": [["n", 1], ["w", 1]], "plus": 1},
        *NODES[11:],
    )
    assert other.canonical() != WALK.canonical()
    chain = stated(other, SCENE, question=stated(WALK, SCENE).question)
    assert rule_of(SCENE, chain) == "certified"


def test_every_mutant_differs_on_a_world() -> None:
    """32 worlds tell the program from each of its one-operation mutants."""
    worlds, undecided = telling_worlds(WALK, SCENE, seed=1)
    assert undecided == []
    assert len(worlds) >= WORLDS
    plan = Plan(WALK)
    named = list(mutants(WALK, SCENE))
    assert len(named) > 30
    for name, mutant in named:
        rival = Plan(mutant)
        assert any(rival.answer(world) != plan.answer(world) for world in worlds), name


def test_robust() -> None:
    """With the margins taken away, a half missed by a hair falls with the first wrong mask."""
    facts = picture(*PEOPLE, *CHAIRS, *squares("bottle", (200, 218), (40, 40)))
    settings = CertifierSettings(margins=Margins(position=0.0, ratio=0.0, half=0.5, touching=0.0))
    assert rule_of(facts, stated(WALK, facts), settings) == "robust"


def test_every_rule_has_a_test() -> None:
    """No rule can be added without a planted fault here."""
    tested = {name.removeprefix("test_").split("_")[0] for name in globals() if name.startswith("test_")}
    aliases = {"unique": "unique_reference", "self": "self_answered"}
    assert set(RULES) <= {aliases.get(name, name) for name in tested}
