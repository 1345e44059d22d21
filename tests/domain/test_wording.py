"""The writer of the composer's English: what it says by hand, and that it says nothing that it cannot mean."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopchain_assets.domain.english.nouns import plural, singular
from hopchain_assets.domain.english.reading import read_question
from hopchain_assets.domain.english.wording import Unspeakable, Wording, write
from hopchain_assets.domain.program import (
    MIDDLE,
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Overlapping,
    Perceive,
    Pick,
    Program,
    Read,
    SideOf,
)
from hopchain_assets.domain.records import Facts
from tests.strategies import facts, programs

SEEDS = range(60)
PEOPLE = Objects("people", "person")
CHAIRS = Objects("chairs", "chair")
DOGS = Objects("dogs", "dog")
PERSON = Extreme("p", "people", "left", 1)
CHAIR = Nearest("c", "chairs", "p")
COUNT = Count("n", "chairs")
ROOT = (PEOPLE, CHAIRS, DOGS, PERSON, CHAIR, COUNT)


def program(*nodes: Node, answer: Node | None = None) -> Program:
    """The nodes over a found person, a found chair and a counted number."""
    last = answer or Pick("z", "t", "n", 3)
    return Program.checked([*ROOT, *nodes, last], last.id)


def said(chain: Program) -> set[str]:
    """Every sentence that some seed makes of the program, each question read back on the way."""
    sentences: set[str] = set()
    categories = {node.category for node in chain.nodes if isinstance(node, Objects)}
    for seed in SEEDS:
        question = write(chain, seed).question
        assert read_question(question, categories).canonical() == chain.canonical(), question
        sentences.update(f"{part}." for part in question.removesuffix("?").split(". "))
    return sentences


def unspeakable(chain: Program) -> str:
    with pytest.raises(Unspeakable) as error:
        write(chain, 0)
    return str(error.value)


NEAR = Compare("t", "position", "left", "c", MIDDLE)


# -- what is said ------------------------------------------------------------------------------


def test_a_whole_question():
    """The example of the method, in the words of one seed."""
    chain = program(
        SideOf("s", "people", "c", "right"),
        Count("m", "s"),
        Nearest("d", "dogs", "c"),
        Compare("t", "position", "left", "d", MIDDLE),
        Arith("yes", (("m", 3),), 1),
        Arith("no", (("m", 5),), 2),
        answer=Pick("z", "t", "yes", "no"),
    )
    assert write(chain, 4).question == (
        "Find the person who is furthest to the left in the picture. "
        "Among the chairs, pick the one closest to that person. "
        "Count the people who are to the right of that chair; call the number N. "
        "If the dog closest to that chair is in the left half of the picture, the answer is 3 times N plus 1; "
        "otherwise, it is 5 times N plus 2. What is the answer?"
    )


@pytest.mark.parametrize(
    ("axis", "rank", "place"),
    [
        ("left", 1, "that is furthest to the left in the picture"),
        ("top", 1, "that is highest in the picture"),
        ("bottom", 1, "that is lowest in the picture"),
        ("right", 5, "that is fifth from the right"),
        ("largest", 1, "that takes up the largest area in the picture"),
        ("smallest", 2, "that takes up the second-smallest area in the picture"),
    ],
)
def test_places(axis: Any, rank: int, place: str):
    """A place stands behind a plain noun; a group with words behind its noun stands behind "among"."""
    last = (Compare("t", "position", "above", "d", "c"),)
    assert f"Find the dog {place}." in said(program(Extreme("d", "dogs", axis, rank), *last))
    red = (Filter("r", "dogs", "color", "red"), Extreme("d", "r", axis, rank))
    assert f"Look for the red dog {place}." in said(program(*red, *last))
    beside = (SideOf("r", "dogs", "c", "above"), Extreme("d", "r", axis, rank))
    assert f"Among the dogs above that chair, take the one {place}." in said(program(*beside, *last))


def test_start_with_only_starts():
    """A second root does not start anything."""
    sentences = said(program(Extreme("d", "dogs", "left", 1), Compare("t", "area", "larger", "d", "c")))
    assert any(text.startswith("Start with the person") for text in sentences)
    assert not any(text.startswith("Start with the dog") for text in sentences)


def test_a_group_of_one_is_an_anchor_anywhere():
    """Where the picture has one dog, "the dog" needs no finding; the first sentence may lean on it."""
    nodes = [PEOPLE, DOGS, Nearest("p", "people", "dogs"), SideOf("s", "people", "dogs", "left"), Count("n", "s")]
    nodes += [Compare("t", "position", "left", "p", "dogs"), Pick("z", "t", "n", 3)]
    sentences = said(Program.checked(nodes, "z"))
    for verb in ("Find", "Look for", "Locate", "Start with"):
        assert f"{verb} the person closest to the dog." in sentences
    assert not any(text.startswith(("Now", "Next", "Then")) for text in sentences)
    assert "Count the people who are to the left of the dog; call the number N." in sentences
    assert "If that person is further to the left than the dog, the answer is N; otherwise, it is 3." in sentences


def test_counts_stand_in_clauses():
    """A counted group says its relations in one clause, joined by "and"."""
    chain = program(
        Nearest("d", "dogs", "c"),
        SideOf("s1", "chairs", "d", "left"),
        Overlapping("s2", "s1", "p"),
        Count("m", "s2"),
        Compare("t", "value", "more", "m", 3),
    )
    expected = "chairs that are to the left of that dog and touching or overlapping that person"
    assert f"If the number of {expected} is greater than 3, the answer is N; otherwise, it is 3." in said(chain)
    chain = program(Filter("r", "chairs", "color", "red"), SideOf("s", "r", "p", "above"), Count("m", "s"), NEAR,
                    answer=Pick("z", "t", "n", "m"))  # fmt: skip
    assert "Count the red chairs that are above that person; call the number M." in said(chain)


def test_equal_counts_are_one_count():
    """What two nodes ask in the same way is asked once, and both have its words."""
    chain = program(Count("m", "chairs"), Arith("a", (("n", 1), ("m", 2))), NEAR, answer=Pick("z", "t", "n", "m"))
    wording = write(chain, 0)
    assert wording.question.count("chairs") == len([w for w in wording.question.split() if w.startswith("chairs")])
    assert wording.texts["n"] == wording.texts["m"]


def test_terms_of_one_number_are_one_term():
    """A sum names a number once."""
    chain = program(Count("m", "chairs"), answer=Arith("z", (("n", 1), ("m", 2)), 1))
    assert "The answer is 3 times N plus 1." in said(chain)


def test_pronouns():
    """A pronoun stands for the only anchor of its sentence that fits; a group of people is never told from "them"."""
    last = Compare("t", "area", "larger", "q", "c")
    beside = program(SideOf("s", "dogs", "p", "right"), Nearest("q", "s", "p"), last)
    assert "Among the dogs to the right of that person, take the one closest to them." in said(beside)
    both = program(SideOf("s", "dogs", "p", "right"), SideOf("u", "s", "c", "above"), Nearest("q", "u", "c"), last)
    assert "Among the dogs to the right of that person and above that chair, pick the one closest to it." in said(both)
    two = program(
        Nearest("d", "dogs", "c"),
        SideOf("s", "dogs", "d", "right"),
        SideOf("u", "s", "c", "above"),
        Nearest("q", "u", "c"),
        last,
    )
    assert not any(" it;" in text or " it." in text for text in said(two) if text.startswith("Among"))
    people = program(SideOf("s", "people", "p", "right"), Nearest("q", "s", "p"), last)
    assert not any(text.endswith("closest to them; call them person B.") for text in said(people))


@pytest.mark.parametrize("category", ["man", "woman", "child", "boy", "girl", "baby"])
def test_human_beings(category: str):
    """`who` and `them` are not only for the category person."""
    nodes = [Objects("o", category), Extreme("p", "o", "left", 1), Farthest("q", "o", "p")]
    nodes += [Compare("t", "area", "larger", "p", "q"), COUNT, Pick("z", "t", "n", 3)]
    sentences = said(Program.checked([CHAIRS, *nodes], "z"))
    assert f"Find the {category} who is furthest to the left in the picture; call them {category} A." in sentences


def test_other():
    """`other` is said of a plain plural whose only member found so far is the anchor, and never in the singular."""
    sentences = said(
        program(
            Nearest("q", "people", "p"),
            Farthest("r", "people", "q"),
            Compare("t", "area", "larger", "q", "r"),
        )
    )
    assert "Among the other people, take the one closest to person A; call them person B." in sentences
    assert "Now find the person closest to person A; call them person B." in sentences
    assert "Among the people, take the one farthest from person B; call them person C." in sentences
    assert not any("other person" in text for text in sentences)


def test_texts_cover_every_look():
    """Each look and each pick has its words; a count inside one condition has none of its own."""
    chain = program(
        SideOf("s", "dogs", "c", "left"),
        Count("m", "s"),
        Compare("t1", "value", "more", "m", 2),
        Pick("k", "t1", 4, 9),
        Nearest("d", "dogs", "c"),
        Read("r", "d", "number"),
        Compare("t", "position", "left", "d", "c"),
        Arith("sum", (("k", 1), ("r", 2))),
        answer=Pick("z", "t", "sum", "n"),
    )
    for seed in SEEDS:
        wording = write(chain, seed)
        assert set(wording.texts) == {"p", "c", "n", "t1", "k", "d", "r", "t", "z"}
        assert all(text.removeprefix("whether ") in wording.question for text in wording.texts.values())


# -- nouns -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "one", "many"),
    [
        ("person", "person", "people"), ("tv", "TV", "TVs"), ("wine glass", "wine glass", "wine glasses"),
        ("scissors", "pair of scissors", "pairs of scissors"), ("jeans", "pair of jeans", "pairs of jeans"),
        ("ski pants", "pair of ski pants", "pairs of ski pants"), ("glasses", "pair of glasses", "pairs of glasses"),
        ("wolf", "wolf", "wolves"), ("calf", "calf", "calves"), ("snowman", "snowman", "snowmen"),
        ("policeman", "policeman", "policemen"), ("woman", "woman", "women"), ("ottoman", "ottoman", "ottomans"),
        ("deer", "deer", "deer"), ("reindeer", "reindeer", "reindeer"), ("bison", "bison", "bison"),
        ("shrimp", "shrimp", "shrimp"), ("ox", "ox", "oxen"), ("fox", "fox", "foxes"), ("box", "box", "boxes"),
        ("goldfish", "goldfish", "goldfish"), ("hoodie", "hoodie", "hoodies"), ("mongoose", "mongoose", "mongooses"),
        ("computer mouse", "computer mouse", "computer mice"), ("berry", "berry", "berries"), ("toy", "toy", "toys"),
    ],
)  # fmt: skip
def test_nouns(category: str, one: str, many: str):
    """Plurals are English, and the reader finds the category in both forms."""
    assert (singular(category), plural(category)) == (one, many)
    nodes = [Objects("a", category), Extreme("e", "a", "top", 1), SideOf("s", "a", "e", "below"), Count("n", "s")]
    said(Program.checked([*nodes, Arith("z", (("n", 2),), 1)], "z"))


# -- what is not said --------------------------------------------------------------------------

SIX = tuple(Extreme(f"e{k}", "dogs", "left", k) for k in range(1, 6))
SILENT: dict[str, Program] = {
    "a count as the answer": program(answer=Count("z", "dogs")),
    "a number read as the answer": program(answer=Read("z", "c", "number")),
    "a rank beyond the fifth": program(Extreme("d", "dogs", "left", 6), Compare("t", "area", "larger", "d", "c")),
    "more than six names": program(
        *SIX,
        *(Extreme(f"f{k}", "dogs", "right", k) for k in (1, 2)),
        *(Compare(f"g{k}", "area", "larger", f"e{k}", f"e{k + 1}") for k in range(1, 5)),
        *(Compare(f"h{k}", "area", "larger", f"e{k}", f"f{k}") for k in (1, 2)),
        *(Pick(f"i{k}", f"g{k}", "n", k) for k in range(1, 5)),
        *(Pick(f"j{k}", f"h{k}", "n", k) for k in (1, 2)),
        answer=Arith("z", tuple((name, 1) for name in ("i1", "i2", "i3", "i4", "j1", "j2"))),
    ),
    "a factor of zero": program(answer=Arith("z", (("n", 0),), 3)),
    "a sum that starts with minus": program(answer=Arith("z", (("n", -2),), 3)),
    "a branch that reckons nothing": program(NEAR, Arith("a", (("n", 1),)), answer=Pick("z", "t", "a", 3)),
    "a constant of seven decimals": program(answer=Arith("z", (("n", 1.0000001),))),
    "a constant beyond a million": program(answer=Arith("z", (("n", 1),), 1e7)),
    "a constant that is no number": program(answer=Arith("z", (("n", float("nan")),), 1)),
    "a colour after a relation": program(
        SideOf("s", "dogs", "c", "left"), Filter("f", "s", "color", "red"), answer=Count("m", "f")
    ),
    "inside": program(Inside("s", "dogs", "c"), Count("m", "s"), answer=Arith("z", (("m", 2),))),
    "perceive": program(Perceive("s", "dogs", "open", "yes"), Count("m", "s"), answer=Arith("z", (("m", 2),))),
    "a colour that is none": program(
        Filter("s", "dogs", "color", "plaid"), Count("m", "s"), answer=Arith("z", (("m", 2),))
    ),
    "an attribute without words": program(Read("m", "c", "price"), answer=Arith("z", (("m", 2),))),
    "a noun that is a phrase": program(
        Objects("o", "slice of pizza"), Count("m", "o"), answer=Arith("z", (("m", 2),))
    ),
    "a plural that is another's": program(
        Objects("o", "ax"), Count("m", "o"), Objects("q", "axe"), Count("k", "q"),
        answer=Arith("z", (("m", 2), ("k", 1))),
    ),
    "a coloured noun that is another category": program(
        Objects("o", "red dog"), Count("m", "o"), Count("k", "dogs"), answer=Arith("z", (("m", 2), ("k", 1)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", SILENT)
def test_unspeakable(fault: str):
    """What the words cannot carry is not said."""
    assert unspeakable(SILENT[fault])


ORDERS: dict[str, tuple[Node, ...]] = {
    "a colour after a relation": (SideOf("s", "dogs", "c", "left"), Filter("f", "s", "color", "red")),
    "a colour after facing": (Filter("s", "dogs", "facing", "left"), Filter("f", "s", "color", "red")),
    "facing after a relation": (SideOf("s", "dogs", "c", "left"), Filter("f", "s", "facing", "left")),
    "two colours": (Filter("s", "dogs", "color", "red"), Filter("f", "s", "color", "blue")),
    "a relation behind a bare noun": (SideOf("s", "dogs", "chairs", "left"), SideOf("f", "s", "p", "above")),
    "a bare anchor with a relation": (SideOf("s", "chairs", "p", "left"), SideOf("f", "dogs", "s", "above")),
    "a bare anchor that faces": (Filter("s", "chairs", "facing", "left"), SideOf("f", "dogs", "s", "above")),
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders_without_words(order: str):
    """A group is narrowed only in the order of its words."""
    assert unspeakable(program(*ORDERS[order], Count("m", "f"), answer=Arith("z", (("m", 2), ("n", 1)))))


# -- at random ---------------------------------------------------------------------------------

NOUNS = ("person", "cup", "die", "orange", "jeans", "tv", "teddy bear")
COLORS = ("red", "orange", "blue")


@st.composite
def wild(draw: st.DrawFn) -> Program:
    """Any program at all, its categories made nouns and most of what never has words replaced by what may have."""
    chain = draw(programs(draw(facts()), max_nodes=draw(st.sampled_from((9, 12, 16)))))
    nouns = draw(st.permutations(NOUNS))
    known = sorted({node.category for node in chain.nodes if isinstance(node, Objects)})
    nodes = [_tamed(draw, node, dict(zip(known, nouns, strict=False))) for node in chain.nodes]
    answer = chain.answer
    if draw(st.integers(0, 3)) and not isinstance(chain.by_id()[answer], Arith):
        nodes.append(Arith("z", ((answer, draw(st.sampled_from((1, 2, -1)))),), draw(st.sampled_from((0, 1, 2.5)))))
        answer = "z"
    return Program.checked(nodes, answer)


def _tamed(draw: st.DrawFn, node: Node, nouns: dict[str, str]) -> Node:
    if isinstance(node, Objects):
        return Objects(node.id, nouns[node.category])
    if not draw(st.integers(0, 9)):
        return node
    if isinstance(node, Perceive) or (isinstance(node, Filter) and node.attribute == "number"):
        return Filter(node.id, node.of, "color", draw(st.sampled_from(COLORS)))
    if isinstance(node, Inside):
        return Overlapping(node.id, node.of, node.anchor)
    if isinstance(node, Read):
        return Read(node.id, node.of, draw(st.sampled_from(("number", "dots"))))
    if isinstance(node, Compare) and node.attribute == "number":
        return Compare(node.id, "attribute", "is", node.left, draw(st.sampled_from(COLORS)), "color")
    if isinstance(node, Extreme):
        return dataclasses.replace(node, rank=draw(st.sampled_from((1, 1, 2, 5, 6, 10))))
    if isinstance(node, Arith):
        return dataclasses.replace(node, terms=tuple((name, abs(times)) for name, times in node.terms))
    return node


def _written(chain: Program, seed: int) -> Wording | None:
    try:
        return write(chain, seed)
    except Unspeakable as error:
        assert str(error)
        return None


@settings(max_examples=500, deadline=None)
@given(wild(), st.integers(0, 50))
def test_words_carry_their_meaning_or_are_not_said(chain: Program, seed: int):
    """Of any program the words are either Unspeakable or read back as the same program."""
    wording = _written(chain, seed)
    if wording is not None:
        assert read_question(wording.question, NOUNS).canonical() == chain.canonical(), wording.question


@st.composite
def _pictures(draw: st.DrawFn) -> tuple[Facts, Program]:
    picture = draw(facts())
    return picture, draw(programs(picture))


@settings(max_examples=200, deadline=None)
@given(_pictures(), st.integers(0, 50))
def test_untamed_programs_too(drawn: tuple[Facts, Program], seed: int):
    """The same holds of programs and categories that nobody chose for their words."""
    picture, chain = drawn
    wording = _written(chain, seed)
    if wording is not None:
        categories = {item.category for item in picture.instances} | {"cup", "die", 'o\'neill "mug"'}
        assert read_question(wording.question, categories).canonical() == chain.canonical(), wording.question
