"""The reader of the composer's English: every sentence by hand, then against the renderer at random."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hopchain_assets.domain.english.reading import Unreadable, read_question
from hopchain_assets.domain.english.wording import Unspeakable, write
from hopchain_assets.domain.program import (
    MIDDLE,
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Nearest,
    Node,
    Objects,
    Overlapping,
    Pick,
    Program,
    Read,
    SideOf,
)

CATEGORIES = (
    "person", "chair", "wine glass", "tv", "dining table", "die", "scissors", "knife", "bus", "sheep",
    "berry", "orange", "cup", "car", "card", "beetle", "teddy bear", "mouse",
)  # fmt: skip
COLORS = ("red", "orange", "dark blue", "white")
ROOT = (
    Objects("people", "person"),
    Extreme("p", "people", "left", 1),
    Objects("chairs", "chair"),
    Nearest("c", "chairs", "p"),
    Objects("cups", "cup"),
    Count("n", "cups"),
)
FIND_PERSON = "Find the person who is furthest to the left in the picture."
FIND_CHAIR = "Now find the chair closest to that person."
COUNT_CUPS = "Count the cups; call the number N."
BEGINNING = f"{FIND_PERSON} {FIND_CHAIR} {COUNT_CUPS}"
END = "What is the answer?"


def read(text: str, categories: tuple[str, ...] = CATEGORIES) -> str:
    return read_question(text, categories).canonical()


def meant(*nodes: Node, answer: str = "") -> str:
    return Program.checked([*ROOT, *nodes], answer or nodes[-1].id).canonical()


def refused(text: str, categories: tuple[str, ...] = CATEGORIES) -> str:
    with pytest.raises(Unreadable) as error:
        read_question(text, categories)
    return str(error.value)


# -- every sentence by hand --------------------------------------------------------------------


def test_example_of_the_method():
    """A whole question gives the program a person would write down for it."""
    text = (
        "Find the person who is furthest to the left in the picture. Among the chairs to the right of that person, "
        "take the one closest to them. Count the people to the right of that chair; call the number N. If the wine "
        "glass closest to that chair is in the left half of the picture, the answer is 3 times N plus 1; otherwise, "
        "it is 5 times N plus 2. What is the answer?"
    )
    nodes = [
        Objects("a", "person"),
        Extreme("b", "a", "left", 1),
        Objects("c", "chair"),
        SideOf("d", "c", "b", "right"),
        Nearest("e", "d", "b"),
        SideOf("f", "a", "e", "right"),
        Count("g", "f"),
        Objects("h", "wine glass"),
        Nearest("i", "h", "e"),
        Compare("j", "position", "left", "i", MIDDLE),
        Arith("k", (("g", 3),), 1),
        Arith("l", (("g", 5),), 2),
        Pick("m", "j", "k", "l"),
    ]
    assert read(text) == Program.checked(nodes, "m").canonical()


@pytest.mark.parametrize(
    ("place", "axis", "rank"),
    [
        ("is furthest to the left in the picture", "left", 1),
        ("is furthest to the right in the picture", "right", 1),
        ("is highest in the picture", "top", 1),
        ("is lowest in the picture", "bottom", 1),
        ("is second from the left", "left", 2),
        ("is third from the right", "right", 3),
        ("is fourth from the top", "top", 4),
        ("is fifth from the bottom", "bottom", 5),
        ("takes up the largest area in the picture", "largest", 1),
        ("takes up the second-smallest area in the picture", "smallest", 2),
    ],
)
@pytest.mark.parametrize("verb", ["Find", "Look for", "Start with", "Locate"])
def test_extremes(verb: str, place: str, axis: Any, rank: int):
    """Every place and rank of a root is understood after every verb."""
    nodes = (Objects("d", "die"), Extreme("e", "d", axis, rank), Read("r", "e", "dots"), Arith("z", (("r", 1),), 4))
    text = f"{verb} the die that {place}. Count the pips on that die; call the number N. The answer is N plus 4. {END}"
    assert read(text) == Program.checked(nodes, "z").canonical()


OF_BUS: dict[str, tuple[Node, ...]] = {
    "Now find the bus closest to that chair.": (Nearest("b", "buses", "c"),),
    "Next, go to the bus farthest from that person.": (Farthest("b", "buses", "p"),),
    "Then find the white bus closest to that chair; call it bus A.": (
        Filter("w", "buses", "color", "white"),
        Nearest("b", "w", "c"),
    ),
    "Among the buses, take the one farthest from that chair.": (Farthest("b", "buses", "c"),),
    "Among the buses facing left, pick the one closest to that chair.": (
        Filter("w", "buses", "facing", "left"),
        Nearest("b", "w", "c"),
    ),
    "Among the buses to the left of that chair, take the one closest to it.": (
        SideOf("w", "buses", "c", "left"),
        Nearest("b", "w", "c"),
    ),
    "Among the buses above that person, take the one farthest from them; call it bus F.": (
        SideOf("w", "buses", "p", "above"),
        Farthest("b", "w", "p"),
    ),
    "Among the buses below that chair, take the one closest to that person.": (
        SideOf("w", "buses", "c", "below"),
        Nearest("b", "w", "p"),
    ),
    "Among the buses that are above that person and to the left of that chair, take the one closest to it.": (
        SideOf("v", "buses", "p", "above"),
        SideOf("w", "v", "c", "left"),
        Nearest("b", "w", "c"),
    ),
    "Among the buses touching or overlapping that chair, take the one closest to that person.": (
        Overlapping("w", "buses", "c"),
        Nearest("b", "w", "p"),
    ),
    "Among the red buses facing right that are touching or overlapping the tv, pick the one closest to it.": (
        Filter("u", "buses", "color", "red"),
        Filter("v", "u", "facing", "right"),
        Objects("tvs", "tv"),
        Overlapping("w", "v", "tvs"),
        Nearest("b", "w", "tvs"),
    ),
    "Among the buses to the right of that chair, take the one that is highest in the picture.": (
        SideOf("w", "buses", "c", "right"),
        Extreme("b", "w", "top", 1),
    ),
    "Among the buses facing left, pick the one that is second from the right; call it bus A.": (
        Filter("w", "buses", "facing", "left"),
        Extreme("b", "w", "right", 2),
    ),
    "Find the red bus that takes up the third-largest area in the picture.": (
        Filter("w", "buses", "color", "red"),
        Extreme("b", "w", "largest", 3),
    ),
    "Now find the bus closest to the red cup.": (
        Filter("w", "cups", "color", "red"),
        Nearest("b", "buses", "w"),
    ),
    "Find the bus farthest from the tv.": (
        Objects("tvs", "tv"),
        Farthest("b", "buses", "tvs"),
    ),
    "Among the buses above that person and to the left of the tv, take the one closest to it.": (
        Objects("tvs", "tv"),
        SideOf("v", "buses", "p", "above"),
        SideOf("w", "v", "tvs", "left"),
        Nearest("b", "w", "tvs"),
    ),
}
# what else the answer needs: the chair and the person are found for a reason
WHY = "If that chair is further to the left than that person, let K be 1; otherwise, let it be 2."
WHY_NODES = (Compare("why", "position", "left", "c", "p"), Pick("k", "why", 1, 2))


@pytest.mark.parametrize("sentence", OF_BUS)
def test_steps(sentence: str):
    """Every way to go from a found instance to the next."""
    bus = "bus " + sentence[-2] if "; call" in sentence else "that bus"
    last = f"Read the number on {bus}; call it M. The answer is N plus 2 times M plus K."
    text = f"{BEGINNING} {WHY} {sentence} {last} {END}"
    total = Arith("z", (("n", 1), ("m", 2), ("k", 1)))
    assert read(text) == meant(*WHY_NODES, Objects("buses", "bus"), *OF_BUS[sentence], Read("m", "b", "number"), total)


def test_first_sentence_may_lean_on_a_group_of_one():
    """A question can begin at something of which the picture has only one."""
    nodes = [*ROOT[4:], Objects("a", "person"), Objects("t", "tv"), Nearest("b", "a", "t")]
    half = Compare("c", "position", "above", "b", "t")
    nodes += [half, Arith("d", (("n", 1),), 1), Pick("z", "c", "n", "d")]
    last = (
        f"{COUNT_CUPS} If that person is higher in the picture than the tv, the answer is N; otherwise, it is N plus 1."
    )
    for verb in ("Find", "Look for", "Start with", "Locate"):
        text = f"{verb} the person closest to the tv. {last} {END}"
        assert read(text) == Program.checked(nodes, "z").canonical()


def test_other_stresses_that_the_anchor_is_not_taken():
    """The word adds nothing: an anchor is never its own nearest."""
    nodes = (Nearest("q", "people", "p"), Compare("t", "area", "larger", "p", "q"), Pick("z", "t", 1, "n"))
    text = (
        f"{FIND_PERSON[:-1]}; call them person A. Among the other people, take the one closest to person A; "
        f"call them person B. {COUNT_CUPS} "
        f"If person A takes up more of the picture than person B, the answer is 1; otherwise, it is N. {END}"
    )
    assert read(text) == meant(*nodes)
    assert read(text.replace("other ", "")) == meant(*nodes)
    refused(text.replace("Among the other people, take the one", "Now find the other person"))
    third = "Among the other people, take the one farthest from person B; call them person C. Count the cups"
    refused(text.replace("Count the cups", third).replace("If person A", "If person C"))


CONDITIONS: dict[str, tuple[Node, ...]] = {
    "that chair is in the left half of the picture": (Compare("t", "position", "left", "c", MIDDLE),),
    "that chair is in the right half of the picture": (Compare("t", "position", "right", "c", MIDDLE),),
    "that person is in the upper half of the picture": (Compare("t", "position", "above", "p", MIDDLE),),
    "that person is in the lower half of the picture": (Compare("t", "position", "below", "p", MIDDLE),),
    "that chair is further to the left than that person": (Compare("t", "position", "left", "c", "p"),),
    "that person is further to the right than that chair": (Compare("t", "position", "right", "p", "c"),),
    "that chair is higher in the picture than that person": (Compare("t", "position", "above", "c", "p"),),
    "that chair is lower in the picture than that person": (Compare("t", "position", "below", "c", "p"),),
    "that chair takes up more of the picture than that person": (Compare("t", "area", "larger", "c", "p"),),
    "that chair takes up less of the picture than that person": (Compare("t", "area", "smaller", "c", "p"),),
    "that chair is orange": (Compare("t", "attribute", "is", "c", "orange", "color"),),
    "that person faces left": (Compare("t", "attribute", "is", "p", "left", "facing"),),
    "that person is facing right": (Compare("t", "attribute", "is", "p", "right", "facing"),),
    "N is greater than 3": (Compare("t", "value", "more", "n", 3),),
    "N is less than 2.5": (Compare("t", "value", "fewer", "n", 2.5),),
    "N is equal to 0": (Compare("t", "value", "equal", "n", 0),),
    "the number of people to the right of that chair is greater than 3": (
        SideOf("s", "people", "c", "right"),
        Count("u", "s"),
        Compare("t", "value", "more", "u", 3),
    ),
    "the number of people is less than N": (Count("u", "people"), Compare("t", "value", "fewer", "u", "n")),
    "the number of dice is exactly 2": (
        Objects("d", "die"),
        Count("u", "d"),
        Compare("t", "value", "equal", "u", 2),
    ),
    "there are more people above that chair than chairs": (
        SideOf("s", "people", "c", "above"),
        Count("u", "s"),
        Count("v", "chairs"),
        Compare("t", "value", "more", "u", "v"),
    ),
    "the number of people who are below that chair and to the left of the tv is exactly N": (
        Objects("r", "tv"),
        SideOf("s", "people", "c", "below"),
        SideOf("v", "s", "r", "left"),
        Count("u", "v"),
        Compare("t", "value", "equal", "u", "n"),
    ),
    "that person is further to the left than the tv": (
        Objects("r", "tv"),
        Compare("t", "position", "left", "p", "r"),
    ),
    "the tv takes up less of the picture than the red cup touching or overlapping that chair": (
        Objects("r", "tv"),
        Filter("s", "cups", "color", "red"),
        Overlapping("v", "s", "c"),
        Compare("t", "area", "smaller", "r", "v"),
    ),
    "there are fewer chairs than red cups": (
        Filter("s", "cups", "color", "red"),
        Count("u", "chairs"),
        Count("v", "s"),
        Compare("t", "value", "fewer", "u", "v"),
    ),
    "the cup closest to that chair is further to the left than the red cup farthest from that person": (
        Filter("s", "cups", "color", "red"),
        Nearest("u", "cups", "c"),
        Farthest("v", "s", "p"),
        Compare("t", "position", "left", "u", "v"),
    ),
    "the cup above that chair and touching or overlapping that person is red": (
        SideOf("r", "cups", "c", "above"),
        Overlapping("s", "r", "p"),
        Compare("t", "attribute", "is", "s", "red", "color"),
    ),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(condition: str):
    """Every kind of condition, and no two of them mean the same."""
    text = f"{BEGINNING} {WHY} If {condition}, the answer is K; otherwise, it is K plus N minus 2. {END}"
    nodes = (*CONDITIONS[condition], Arith("no", (("n", 1), ("k", 1)), -2), Pick("z", "t", "k", "no"))
    assert read(text) == meant(*WHY_NODES, *nodes)


def test_conditions_all_differ():
    """No two conditions are read as the same program."""
    texts = [f"{BEGINNING} {WHY} If {words}, the answer is K; otherwise, it is N. {END}" for words in CONDITIONS]
    assert len({read(text) for text in texts}) == len(CONDITIONS)


def test_two_conditions_make_letters():
    """A branch that is kept gets a letter, and the closing sum uses it."""
    text = (
        f"{BEGINNING} Let M be the number of chairs. If that chair faces left, let T be -3; otherwise, let it be M. "
        f"If N is equal to M, let K be 2 times N plus M minus 0.5; otherwise, let it be T. "
        f"The answer is T minus 3 times K plus 4. What number do you get?"
    )
    nodes = (
        Count("m", "chairs"),
        Compare("c1", "attribute", "is", "c", "left", "facing"),
        Pick("t", "c1", -3, "m"),
        Compare("c2", "value", "equal", "n", "m"),
        Arith("s", (("n", 2), ("m", 1)), -0.5),
        Pick("k", "c2", "s", "t"),
        Arith("z", (("t", 1), ("k", -3)), 4),
    )
    assert read(text) == meant(*nodes)


@pytest.mark.parametrize("closing", ["What is the answer?", "What number do you get?", "What is the result?"])
def test_closings(closing: str):
    """Each closing question ends a question; nothing may follow it or stand in its place."""
    text = f"{COUNT_CUPS} The answer is 2 times N. {closing}"
    assert read(text) == Program.checked([*ROOT[4:], Arith("z", (("n", 2),))], "z").canonical()
    refused(text + " Please.")
    refused(text.removesuffix(closing).strip())


@pytest.mark.parametrize(
    ("plural", "category"),
    [
        ("people", "person"), ("wine glasses", "wine glass"), ("TVs", "tv"), ("dining tables", "dining table"),
        ("dice", "die"), ("pairs of scissors", "scissors"), ("knives", "knife"), ("buses", "bus"), ("sheep", "sheep"),
        ("berries", "berry"), ("oranges", "orange"), ("teddy bears", "teddy bear"), ("mice", "mouse"),
        ("snowmen", "snowman"), ("wolves", "wolf"), ("calves", "calf"), ("oxen", "ox"), ("reindeer", "reindeer"),
        ("red pairs of sunglasses", "sunglasses"), ("glasses", "glass"), ("pairs of glasses", "glasses"),
    ],
)  # fmt: skip
def test_plurals(plural: str, category: str):
    """English plurals find their category."""
    known = (*CATEGORIES, "snowman", "wolf", "calf", "ox", "reindeer", "sunglasses", "glass", "glasses")
    group: list[Node] = [Objects("a", category)]
    if plural.startswith("red "):
        group.append(Filter("b", "a", "color", "red"))
    nodes = [*group, Count("n", group[-1].id), Arith("z", (("n", 1),), 1)]
    expected = Program.checked(nodes, "z").canonical()
    assert read(f"Count the {plural}; call the number N. The answer is N plus 1. {END}", known) == expected


@pytest.mark.parametrize("words", ["scissors", "pair of scissors", "pairs of sheep", "scissor"])
def test_halved_things_are_counted_in_pairs(words: str):
    """`the scissors` could be one or many, and only things with two halves come in pairs."""
    refused(f"Count the {words}; call the number N. The answer is N plus 1. {END}")


# -- what is not understood --------------------------------------------------------------------

LAST = "If that chair is in the left half of the picture, the answer is 7; otherwise, it is N minus 2."
ACCEPTED = f"{BEGINNING} {LAST} {END}"
REFUSED = {
    "leftover words": (COUNT_CUPS, "Count the cups quickly; call the number N."),
    "an unknown noun": ("Count the cups", "Count the wombats"),
    "a singular where a plural belongs": ("Count the cups", "Count the cup"),
    "a plural where a singular belongs": ("find the chair closest", "find the chairs closest"),
    "a letter before it is defined": ("is N minus 2", "is M minus 2"),
    "a letter given twice": (COUNT_CUPS, f"{COUNT_CUPS} Let N be the number of chairs."),
    "that cup when none was found": ("If that chair", "If that cup"),
    "that chair when two were found": (COUNT_CUPS, f"Now find the chair farthest from that chair. {COUNT_CUPS}"),
    "a name that nothing has": ("If that chair", "If chair A"),
    "a name of another noun": (FIND_CHAIR, "Now find the chair closest to that person; call it person A."),
    "a thing that is called them": (FIND_CHAIR, "Now find the chair closest to that person; call them chair A."),
    "it without an anchor": ("closest to that person", "closest to it"),
    "other ones than those of another noun": (FIND_CHAIR, "Now find the other chair closest to that person."),
    "other ones to be counted": ("Count the cups", "Count the other cups"),
    "a person that is a thing": ("person who", "person that"),
    "a half that is none": ("left half", "top half"),
    "a colour that is none": ("is in the left half of the picture", "is loud"),
    "no answer": (f" {LAST}", ""),
    "an answer before the last sentence": (END, f"The answer is N. {END}"),
    "a constant as the answer": ("If that chair is in the left half of the picture, the answer", "The answer"),
    "a branch without its other": ("; otherwise, it is N minus 2", ""),
    "branches of two kinds": ("it is N minus 2", "let it be N minus 2"),
    "a number beyond a million": ("minus 2", "minus 1000001"),
    "words for a number": ("answer is 7", "answer is seven"),
    "a small letter": ("is N minus 2", "is n minus 2"),
    "a group with words behind its noun, then closest to": (
        "find the chair closest to that person",
        "find the chair above that person closest to that person",
    ),
    "facing behind a relation": ("the cups;", "the cups above that chair facing left;"),
    "relations without and": ("the cups;", "the cups above that chair below that person;"),
    "a relation that could belong to two nouns": ("the cups;", "the cups above the red tv and below that chair;"),
    "an anchor with words behind its noun": ("the cups;", "the cups above the tv facing left;"),
    "touching alone": ("the cups;", "the cups touching that chair;"),
    "inside": ("the cups;", "the cups inside the outline of that chair;"),
    "things who are": ("the cups;", "the cups who are above that chair;"),
    "a place that could belong to two nouns": (
        FIND_CHAIR,
        "Find the chair to the left of the tv that is highest in the picture.",
    ),
    "closest to a group with words behind its noun": (
        FIND_CHAIR,
        "Now find the chair closest to the tv above that person.",
    ),
    "something found that the answer does not use": (COUNT_CUPS, f"Find the tv closest to that chair. {COUNT_CUPS}"),
    "something counted that the answer does not use": ("it is N minus 2", "it is 2"),
    "something picked that the answer does not use": (
        "If that chair",
        "If that person is red, let K be 1; otherwise, let it be 2. If that chair",
    ),
    "zero times a number": ("it is N minus 2", "it is 0 times N plus 2"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(fault: str):
    """Words outside the grammar are refused, and the same question without them is read."""
    good, bad = REFUSED[fault]
    assert ACCEPTED.count(good) >= 1
    read(ACCEPTED)
    refused(ACCEPTED.replace(good, bad, 1))


def test_refused_pronoun():
    """`it` with two anchors that it could stand for is not guessed; `them` for a thing is wrong."""
    two = f"{BEGINNING} Now find the tv closest to that chair. Among the dice above that chair and below that tv, take"
    assert "could stand for 2" in refused(f"{two} the one closest to it. {END}")
    step = f"{BEGINNING} Among the dice above that chair, take the one closest to"
    assert "could stand for 0" in refused(f"{step} them. {END}")
    step = f"{BEGINNING} Among the people above that person, take the one closest to"
    assert "the group of its sentence" in refused(f"{step} them. {END}")


def test_error_quotes_the_words():
    """The message quotes the words that were not understood."""
    assert '"wombats; call the number N"' in refused(ACCEPTED.replace("the cups", "the wombats"))


def test_nouns_that_could_be_two_categories():
    """A noun that fits two categories is refused, one that is part of a longer category is not."""
    nodes = [Objects("a", "wine glass"), Count("n", "a"), Arith("z", (("n", 1),), 1)]
    text = f"Count the {{}}; call the number N. The answer is N plus 1. {END}"
    assert read(text.format("wine glasses"), ("glass", "wine glass")) == Program.checked(nodes, "z").canonical()
    assert "ax or axe" in refused(text.format("axes"), ("axe", "ax"))
    assert "could be 'orange cup', or 'cup' in orange" in refused(text.format("orange cups"), ("orange cup", "cup"))
    refused(text.format("orange cups"), ("orange",))
    assert read(text.format("orange oranges")) != read(text.format("oranges"))


def test_no_categories():
    """Without categories no noun is known."""
    refused(ACCEPTED, ())


# -- against the renderer ----------------------------------------------------------------------


class _Composer:
    """Draws a program as a composer would grow it: a root, steps, numbers, conditions, an answer.

    It keeps to what English can say in one way: a colour stands before facing, facing before relations, a
    group delimited by "the NOUN" is not narrowed further, and no node is made twice.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.made: dict[tuple[Any, ...], str] = {}
        self.found: list[str] = []
        self.numbers: list[str] = []
        some = st.lists(st.sampled_from(CATEGORIES), min_size=2, max_size=4, unique=True)
        self.categories = draw(some)

    def one(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def maybe(self, of: int = 2) -> bool:
        return self.draw(st.integers(1, of)) == 1

    def add(self, kind: Callable[..., Node], *fields: Any) -> str:
        name = self.made.setdefault((kind, *fields), f"x{len(self.nodes)}")
        if name == f"x{len(self.nodes)}":
            self.nodes.append(kind(name, *fields))
        return name

    def keep(self, number: str) -> None:
        if number not in self.numbers:
            self.numbers.append(number)

    def plain(self) -> str:
        group = self.add(Objects, self.one(self.categories))
        return self.add(Filter, group, "color", self.one(COLORS)) if self.maybe(4) else group

    def anchor(self) -> tuple[str, bool]:
        """A found instance, or rarely a group with one member."""
        loose = self.maybe(8)
        return (self.plain() if loose else self.one(self.found)), loose

    def related(self, group: str, anchor: str) -> str:
        kind = self.one((SideOf, SideOf, SideOf, Overlapping))
        side = (self.one(("left", "right", "above", "below")),) if kind is SideOf else ()
        return self.add(kind, group, anchor, *side)

    def group(self) -> str:
        group = self.plain()
        if self.maybe(5):
            group = self.add(Filter, group, "facing", self.one(("left", "right")))
        if self.found and self.maybe():
            anchor, loose = self.anchor()
            group = self.related(group, anchor)
            others = [name for name in self.found if name != anchor]
            if others and not loose and self.maybe(3):
                group = self.related(group, self.one(others))
        return group

    def root(self) -> None:
        axes = ("left", "right", "top", "bottom", "largest", "smallest")
        self.found.append(self.add(Extreme, self.group(), self.one(axes), self.one((1, 1, 2, 3, 4, 5))))

    def step(self) -> None:
        self.found.append(self.add(self.one((Nearest, Farthest)), self.group(), self.anchor()[0]))

    def number(self) -> None:
        if self.maybe(4):
            instance = self.one(self.found) if self.maybe() else self.group()
            self.keep(self.add(Read, instance, self.one(("number", "dots"))))
        else:
            self.keep(self.add(Count, self.group()))

    def instance(self) -> str:
        if self.maybe():
            return self.one(self.found)
        return self.add(self.one((Nearest, Farthest)), self.plain(), self.anchor()[0]) if self.maybe() else self.group()

    def condition(self) -> str:
        kind = self.one(("value", "count", "counts", "position", "position", "middle", "area", "color", "facing"))
        if kind == "value":
            relation, right = self.one(("more", "fewer", "equal")), self.one((0, 2, 3, 2.5, *self.numbers))
            return self.add(Compare, "value", relation, self.one(self.numbers), right)
        if kind == "count":
            left, right = self.add(Count, self.group()), self.one((1, 4, *self.numbers))
            return self.add(Compare, "value", self.one(("more", "fewer", "equal")), left, right)
        if kind == "counts":
            left, right = self.add(Count, self.group()), self.add(Count, self.group())
            return self.add(Compare, "value", self.one(("more", "fewer")), left, right)
        left = self.instance()
        if kind == "middle":
            return self.add(Compare, "position", self.one(("left", "right", "above", "below")), left, MIDDLE)
        if kind == "position":
            relation = self.one(("left", "right", "above", "below"))
            return self.add(Compare, "position", relation, left, self.instance())
        if kind == "area":
            return self.add(Compare, "area", self.one(("larger", "smaller")), left, self.instance())
        values = COLORS if kind == "color" else ("left", "right")
        return self.add(Compare, "attribute", "is", left, self.one(values), kind)

    def sum(self) -> str:
        """A sum that names every number, so that each keeps its letter."""
        times = [(name, self.one((1, 2, 3, 0.5) if k == 0 else (1, -1, 2, -3))) for k, name in enumerate(self.numbers)]
        return self.add(Arith, tuple(times), self.one((1, 2, -4, 2.5, 1000)))

    def branch(self) -> Any:
        return self.one((self.sum(), self.one(self.numbers), 0, 5, -3, 12))

    def program(self) -> Program:
        # a question may begin beside something of which there is only one
        self.found.append(self.add(Nearest, self.plain(), self.plain())) if self.maybe(4) else self.root()
        for act in self.draw(st.lists(st.sampled_from((self.step, self.step, self.root)), max_size=3)):
            act()
        for _ in range(self.one((1, 1, 2))):
            self.number()
        for _ in range(self.one((0, 1, 1, 2))):
            self.keep(self.add(Pick, self.condition(), self.branch(), self.branch()))
        answer = self.sum() if self.maybe() else self.add(Pick, self.condition(), self.sum(), self.sum())
        return Program.checked(self.nodes, answer)


@st.composite
def composed(draw: st.DrawFn) -> Program:
    program = _Composer(draw).program()
    try:
        write(program, 0)
    except Unspeakable as error:
        # a count that two conditions share takes a fifth letter: there are none left
        assume("kept in mind" not in str(error))
        raise
    return program


@settings(max_examples=400, deadline=None)
@given(composed(), st.integers(0, 50))
def test_reading_inverts_wording(program: Program, seed: int):
    """What the renderer says is read back as the same program, whatever the seed chose."""
    question = write(program, seed).question
    assert read_question(question, CATEGORIES).canonical() == program.canonical(), question


def mutants(program: Program) -> Iterator[Program]:
    """Every program that differs in one choice of one node."""
    for at, node in enumerate(program.nodes):
        for change in _changes(node):
            yield dataclasses.replace(program, nodes=(*program.nodes[:at], change, *program.nodes[at + 1 :]))


def _changes(node: Node) -> Iterator[Node]:
    opposite = {
        "left": "right", "right": "left", "above": "below", "below": "above", "top": "bottom", "bottom": "top",
        "largest": "smallest", "smallest": "largest", "more": "fewer", "fewer": "more", "larger": "smaller",
        "smaller": "larger", "equal": "more",
    }  # fmt: skip
    match node:
        case Objects():
            yield dataclasses.replace(node, category=CATEGORIES[CATEGORIES.index(node.category) - 1])
        case Filter(attribute="color"):
            yield dataclasses.replace(node, value=COLORS[COLORS.index(node.value) - 1])
        case Filter():
            yield dataclasses.replace(node, value=opposite[node.value])
        case SideOf():
            yield dataclasses.replace(node, side=opposite[node.side])
            yield Overlapping(node.id, node.of, node.anchor)
        case Extreme():
            yield dataclasses.replace(node, axis=opposite[node.axis])
            yield dataclasses.replace(node, rank=node.rank % 5 + 1)
        case Nearest():
            yield Farthest(node.id, node.of, node.anchor)
        case Read():
            yield dataclasses.replace(node, attribute="dots" if node.attribute == "number" else "number")
        case Compare(by="attribute"):
            values = COLORS if node.attribute == "color" else ("left", "right")
            yield dataclasses.replace(node, right=values[values.index(str(node.right)) - 1])
        case Compare():
            yield dataclasses.replace(node, relation=opposite[node.relation])
            if not isinstance(node.right, str):
                yield dataclasses.replace(node, right=node.right + 1)
        case Pick():
            yield dataclasses.replace(node, yes=node.no, no=node.yes)
        case Arith():
            yield dataclasses.replace(node, plus=node.plus + 1)
            (name, times), *others = node.terms
            yield dataclasses.replace(node, terms=((name, times + 1), *others))
        case _:
            return


@settings(max_examples=60, deadline=None)
@given(composed(), st.integers(0, 50))
def test_mutants_read_as_themselves(program: Program, seed: int):
    """The words of a program with one choice changed are never read as the program before the change."""
    before = program.canonical()
    for mutant in mutants(program):
        after = mutant.canonical()
        if after == before:
            continue
        try:
            question = write(mutant, seed).question
        except Unspeakable:
            continue
        assert read(question) == after, question


@settings(max_examples=150, deadline=None)
@given(composed(), st.integers(0, 50), st.data())
def test_spoilt_words_never_crash(program: Program, seed: int, data: st.DataObject):
    """Deleted, doubled and swapped words give Unreadable or a valid program, never another error."""
    words = write(program, seed).question.split()
    for _ in range(data.draw(st.integers(1, 3))):
        at, other = (data.draw(st.integers(0, len(words) - 1)) for _ in range(2))
        act = data.draw(st.sampled_from(("delete", "double", "swap", "foreign")))
        if act == "delete" and len(words) > 1:
            del words[at]
        elif act == "double":
            words.insert(at, words[at])
        elif act == "swap":
            words[at], words[other] = words[other], words[at]
        else:
            words[at] = data.draw(st.text(max_size=6))
    try:
        spoilt = read_question(" ".join(words), CATEGORIES)
    except Unreadable as error:
        assert str(error)
    else:
        assert Program.from_json(spoilt.to_json()).canonical() == spoilt.canonical()


@settings(max_examples=100, deadline=None)
@given(composed(), st.integers(0, 50), st.data())
def test_truncations_are_refused(program: Program, seed: int, data: st.DataObject):
    """A question that was cut anywhere is not read."""
    question = write(program, seed).question
    refused(question[: data.draw(st.integers(0, len(question) - 1))])


@settings(max_examples=200, deadline=None)
@given(st.text(), st.lists(st.text(max_size=12), max_size=4))
def test_garbage_is_refused(text: str, categories: list[str]):
    """No text, whatever the categories, raises anything but Unreadable."""
    assume("answer" not in text)
    refused(text, tuple(categories))
