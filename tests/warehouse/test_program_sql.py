"""The SQL of programs, by hand: worlds of a few instances, every operation and every undefined case.

The main world, x to the right and y downwards, in a picture of 100 x 80 pixels:

         x=10        x=30        x=50        x=70
    y=10 cup p red                           cup s (no colour)
    y=40             cup q blue  die d
    y=70             hat h
"""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl
import pytest

from hopchain_assets.domain.program import Arith, Count, Filter, Objects, Perceive, Program, ProgramError
from hopchain_assets.domain.records import Facts, Instance, Pair
from hopchain_assets.warehouse.execute import execute_programs
from hopchain_assets.warehouse.program_sql import compile_program
from tests.strategies import frames


def _thing(name: str, category: str, cx: float, cy: float, area: float, **attributes: str) -> Instance:
    return Instance(name, category, (cx - 5, cy - 5, cx + 5, cy + 5), cx, cy, area, attributes=attributes)


APART = Pair(0, 0, 20)
WORLD = Facts(
    "world",
    100,
    80,
    (
        _thing("p", "cup", 10, 10, 300, color="red", number="7"),
        _thing("q", "cup", 30, 40, 200, color="blue", number="2.5"),
        _thing("s", "cup", 70, 10, 200, number="six"),
        _thing("d", "die", 50, 40, 100, dots="4", color="red"),
        _thing("h", "hat", 30, 70, 900),
    ),
    {(a, b): APART for a in "pqsdh" for b in "pqsdh" if a != b}
    | {
        ("p", "d"): Pair(0, 0.0, 2),
        ("q", "d"): Pair(50, 0.9, 0),
        ("s", "d"): Pair(0, 0.89, 2.5),
        ("d", "q"): Pair(50, 0.1, 0),
    },
    {("p", "state"): "open", ("q", "state"): "shut"},
)
# the same ids would be a fault of the warehouse; the same everything else is not
ELSEWHERE = Facts("elsewhere", 100, 80, (_thing("z", "cup", 0, 0, 5000, color="red"),), {}, {("z", "state"): "open"})


def _answers(*programs: Program, world: Facts = WORLD) -> list[float | None]:
    listed = [(str(k), world.image_id, program, world.width, world.height) for k, program in enumerate(programs)]
    return list(execute_programs(*frames([world, ELSEWHERE]), listed).values())


def _program(*nodes: dict[str, Any], answer: str = "") -> Program:
    return Program.from_json({"version": 1, "nodes": list(nodes), "answer": answer or nodes[-1]["id"]})


def _objects(name: str, category: str) -> dict[str, Any]:
    return {"id": name, "op": "objects", "category": category}


BASE = (
    _objects("cups", "cup"),
    _objects("die", "die"),
    _objects("hat", "hat"),
    _objects("none", "fork"),
    {"id": "p", "op": "extreme", "of": "cups", "axis": "left", "rank": 1},
    {"id": "q", "op": "extreme", "of": "cups", "axis": "left", "rank": 2},
    {"id": "s", "op": "extreme", "of": "cups", "axis": "left", "rank": 3},
    {"id": "nobody", "op": "extreme", "of": "none", "axis": "left", "rank": 1},
    {"id": "seven", "op": "read", "of": "p", "attribute": "number"},
    {"id": "undefined", "op": "read", "of": "s", "attribute": "number"},
    {"id": "yes", "op": "compare", "by": "value", "relation": "more", "left": "seven", "right": 0},
    {"id": "no", "op": "compare", "by": "value", "relation": "fewer", "left": "seven", "right": 0},
    {"id": "unknown", "op": "compare", "by": "value", "relation": "more", "left": "undefined", "right": 0},
)


def _number(**node: Any) -> float | None:
    """The value of a number node on top of BASE."""
    return _answers(_program(*BASE, {"id": "x", **node}))[0]


def _count(**node: Any) -> float | None:
    """The size of a set node on top of BASE."""
    return _answers(_program(*BASE, {"id": "x", **node}, {"id": "n", "op": "count", "of": "x"}))[0]


def _who(**node: Any) -> str | None:
    """The instance that a node on top of BASE finds, told by its colour, number or dots; None if undefined."""
    tells = [("p", "color", "red"), ("q", "color", "blue"), ("s", "number", "six"), ("d", "dots", "4")]
    compare = {"id": "c", "op": "compare", "by": "attribute", "relation": "is", "left": "x"}
    programs = [
        _program(
            *BASE,
            {"id": "x", **node},
            {**compare, "attribute": key, "right": text},
            {"id": "n", "op": "pick", "condition": "c", "yes": 1, "no": 0},
        )
        for _, key, text in tells
    ]  # fmt: skip
    found = [name for (name, _, _), answer in zip(tells, _answers(*programs), strict=True) if answer == 1]
    # the die is red as well
    return found[-1] if found else None


def _holds(by: str, *asked: tuple[str, str, str | float]) -> list[bool | None]:
    """Whether each (left, relation, right) on top of BASE holds; None if undefined."""
    answers = _answers(
        *(
            _program(
                *BASE,
                {"id": "x", "op": "compare", "by": by.split()[0], "relation": relation, "left": left, "right": right}
                | ({"attribute": by.split()[1]} if " " in by else {}),
                {"id": "n", "op": "pick", "condition": "x", "yes": 1, "no": 0},
            )
            for left, relation, right in asked
        )
    )
    return [None if answer is None else answer == 1 for answer in answers]


def test_objects_are_those_of_the_category_in_this_picture() -> None:
    """A cup of another picture is not counted, and a category that is not there counts 0."""
    assert _number(op="count", of="cups") == 3
    assert _number(op="count", of="none") == 0


def test_filter_keeps_the_attribute_and_drops_who_lacks_it() -> None:
    """One red cup, one blue, and the cup without a colour is neither."""
    assert _count(op="filter", of="cups", attribute="color", value="red") == 1
    assert _count(op="filter", of="cups", attribute="color", value="green") == 0


def test_perceive_keeps_those_with_the_value() -> None:
    """Of three cups one is open; a cup that nobody looked at is not."""
    assert _count(op="perceive", of="cups", predicate="state", value="open") == 1
    assert _count(op="perceive", of="cups", predicate="mood", value="open") == 0


@pytest.mark.parametrize(("side", "expected"), [("left", 2), ("right", 1), ("above", 2), ("below", 0)])
def test_side_compares_centres_strictly(side: str, expected: int) -> None:
    """Cups beside the die; q is level with it, so it lies neither above nor below."""
    assert _count(op="side", of="cups", side=side, anchor="die") == expected


def test_overlapping_reaches_to_two_pixels_and_inside_to_nine_tenths() -> None:
    """p is 2 px from the die and q overlaps it, s is 2.5 px away; only q has 0.9 of itself in the die's box."""
    assert _count(op="overlapping", of="cups", anchor="die") == 2
    assert _count(op="inside", of="cups", anchor="die") == 1
    assert _count(op="inside", of="die", anchor="q") == 0


def test_no_set_and_no_instance_is_the_anchor_itself() -> None:
    """A cup does not overlap itself, is not inside itself and is not its own nearest."""
    assert _count(op="overlapping", of="cups", anchor="q") == 0
    assert _count(op="inside", of="cups", anchor="q") == 0
    assert _count(op="side", of="die", side="left", anchor="die") == 0
    assert _count(op="overlapping", of="die", anchor="die") == 0
    assert _who(op="nearest", of="die", anchor="die") is None
    assert _who(op="nearest", of="cups", anchor="q") == "p"


@pytest.mark.parametrize(
    ("axis", "rank", "expected"),
    [
        ("left", 1, "p"), ("left", 2, "q"), ("right", 1, "s"), ("right", 3, "p"),
        ("bottom", 1, "q"), ("bottom", 2, None), ("bottom", 3, None),
        ("top", 1, None), ("top", 2, None), ("top", 3, "q"),
        ("largest", 1, "p"), ("largest", 2, None), ("smallest", 1, None), ("smallest", 2, None), ("smallest", 3, "p"),
        ("left", 4, None),
    ],
)  # fmt: skip
def test_extreme_finds_the_rank_unless_it_is_tied_or_beyond(axis: str, rank: int, expected: str | None) -> None:
    """p and s are level at the top, q and s equally large; a tie elsewhere in the order does no harm."""
    assert _who(op="extreme", of="cups", axis=axis, rank=rank) == expected


def test_nearest_and_farthest_are_undefined_on_a_tie() -> None:
    """From the die q is nearest; p (40, 30) is farther than s (20, 30); from a point between two the nearest ties."""
    assert _who(op="nearest", of="cups", anchor="die") == "q"
    assert _who(op="farthest", of="cups", anchor="die") == "p"
    tied = Facts(
        "tied",
        100,
        80,
        (
            _thing("a", "die", 40, 40, 1),
            _thing("b", "cup", 40, 10, 1, number="1"),
            _thing("c", "cup", 70, 40, 1, number="2"),
            _thing("e", "cup", 40, 80, 1, number="3"),
        ),
    )

    def read_of(op: str) -> Program:
        return _program(
            _objects("a", "cup"),
            _objects("b", "die"),
            {"id": "c", "op": op, "of": "a", "anchor": "b"},
            {"id": "e", "op": "read", "of": "c", "attribute": "number"},
        )

    assert _answers(read_of("nearest"), read_of("farthest"), world=tied) == [None, 3]


def test_a_set_stands_for_an_instance_only_with_one_member() -> None:
    """The only die can be read; three cups cannot, nor can no fork."""
    assert _number(op="read", of="die", attribute="dots") == 4
    assert _number(op="read", of="cups", attribute="number") is None
    assert _number(op="read", of="none", attribute="number") is None
    assert _count(op="side", of="hat", side="left", anchor="cups") is None


@pytest.mark.parametrize("text", ["six", "", "nan", "inf", "-Infinity", "1e999", "7 of 9"])
def test_a_text_that_is_no_finite_number_reads_as_undefined(text: str) -> None:
    """Infinity and not-a-number are texts that a cast would take."""
    world = Facts("w", 100, 80, (_thing("a", "cup", 1, 1, 1, number=text),))
    program = _program(_objects("a", "cup"), {"id": "b", "op": "read", "of": "a", "attribute": "number"})
    assert _answers(program, world=world) == [None]


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("2.5", 2.5), ("-3", -3), (" 6 ", 6)])
def test_a_number_is_read(text: str, number: float) -> None:
    """Whole, broken and negative numbers."""
    world = Facts("w", 100, 80, (_thing("a", "cup", 1, 1, 1, number=text),))
    program = _program(_objects("a", "cup"), {"id": "b", "op": "read", "of": "a", "attribute": "number"})
    assert _answers(program, world=world) == [number]


def test_an_attribute_that_the_instance_lacks_is_undefined() -> None:
    """The hat has no number, and whether its colour is red cannot be said."""
    assert _number(op="read", of="hat", attribute="number") is None
    assert _holds("attribute color", ("hat", "is", "red")) == [None]


@pytest.mark.parametrize("op", ["side", "overlapping", "inside"])
def test_a_set_delimited_by_an_undefined_anchor_has_no_count(op: str) -> None:
    """Not 0, however many sets are built upon it; an empty set with a good anchor counts 0."""
    extra = {"side": "left"} if op == "side" else {}
    assert _count(op=op, of="none", anchor="p", **extra) == 0
    assert _count(op=op, of="cups", anchor="nobody", **extra) is None
    narrowed = _program(
        *BASE,
        {"id": "x", "op": op, "of": "cups", "anchor": "nobody", **extra},
        {"id": "y", "op": "filter", "of": "x", "attribute": "color", "value": "red"},
        {"id": "z", "op": "side", "of": "y", "anchor": "p", "side": "right"},
        {"id": "n", "op": "count", "of": "z"},
    )
    anchored_late = _program(
        *BASE,
        {"id": "x", "op": op, "of": "cups", "anchor": "nobody", **extra},
        {"id": "y", "op": "nearest", "of": "x", "anchor": "p"},
        {"id": "z", "op": "side", "of": "none", "anchor": "y", "side": "left"},
        {"id": "n", "op": "count", "of": "z"},
    )
    assert _answers(narrowed, anchored_late) == [None, None]


def test_values_compare_strictly_with_constants_and_nodes() -> None:
    """Seven against numbers on either side of it and against itself."""
    truths = [("seven", "more", 6), ("seven", "fewer", 7.5), ("seven", "equal", 7), ("seven", "equal", "seven")]
    untruths = [("seven", "more", 7), ("seven", "fewer", 7), ("seven", "equal", 6.5)]
    assert _holds("value", *truths) == [True] * 4
    assert _holds("value", *untruths) == [False] * 3


def test_positions_and_areas_compare_strictly() -> None:
    """q is level with the die, the die stands in the very middle, s and q are equally large."""
    truths = [
        ("q", "left", "die"), ("p", "above", "q"), ("hat", "below", "q"), ("q", "left", "middle"),
        ("s", "right", "middle"), ("p", "above", "middle"), ("hat", "below", "middle"),
    ]  # fmt: skip
    untruths = [
        ("q", "right", "die"), ("q", "above", "die"), ("q", "below", "die"), ("q", "left", "q"),
        *(("die", relation, "middle") for relation in ("left", "right", "above", "below")),
    ]  # fmt: skip
    assert _holds("position", *truths) == [True] * len(truths)
    assert _holds("position", *untruths) == [False] * len(untruths)
    assert _holds("area", ("p", "larger", "q"), ("q", "smaller", "p")) == [True, True]
    assert _holds("area", ("p", "smaller", "q"), ("q", "larger", "s"), ("q", "smaller", "s")) == [False] * 3


def test_a_comparison_with_something_undefined_is_undefined() -> None:
    """On either side, and on both: nothing equals what is not there."""
    missing = [("seven", "more", "undefined"), ("undefined", "more", 0), ("undefined", "equal", "undefined")]
    assert _holds("value", *missing) == [None] * 3
    nobody = [("nobody", "left", "q"), ("q", "left", "nobody"), ("nobody", "left", "middle"), ("cups", "left", "die")]
    assert _holds("position", *nobody) == [None] * 4
    assert _holds("area", ("nobody", "larger", "q"), ("q", "larger", "none")) == [None] * 2


def test_attributes_compare_as_texts() -> None:
    """p is red, q is not."""
    assert _holds("attribute color", ("p", "is", "red"), ("q", "is", "red")) == [True, False]


def test_pick_needs_only_the_branch_it_takes() -> None:
    """An undefined number in the other branch does no harm; an undefined condition picks nothing."""
    assert _number(op="pick", condition="yes", yes="seven", no="undefined") == 7
    assert _number(op="pick", condition="no", yes="undefined", no=2.5) == 2.5
    assert _number(op="pick", condition="yes", yes="undefined", no="seven") is None
    assert _number(op="pick", condition="unknown", yes=3, no=3) is None
    assert _number(op="pick", condition="unknown", yes="seven", no="seven") is None
    assert _number(op="pick", condition="no", yes="seven", no="seven") == 7


def test_arith_adds_multiples_and_is_undefined_with_a_term() -> None:
    """Signs, fractions, a repeated term; 0 times an undefined number is undefined still."""
    assert _number(op="arith", terms=[["seven", 3], ["seven", -1]], plus=-4) == 10
    assert _number(op="arith", terms=[["seven", -1]], plus=0.5) == -6.5
    assert _number(op="arith", terms=[["seven", -2], ["seven", -0.5]], plus=0) == -17.5
    assert _number(op="arith", terms=[["seven", 0], ["undefined", 0]], plus=1) is None


def test_an_answer_beyond_all_numbers_is_undefined() -> None:
    """A product that overflows to infinity is no finite number."""
    world = Facts("w", 100, 80, (_thing("a", "cup", 1, 1, 1, number="1e308"),))
    program = _program(
        _objects("a", "cup"),
        {"id": "b", "op": "read", "of": "a", "attribute": "number"},
        {"id": "c", "op": "arith", "terms": [["b", 1000]], "plus": 0},
    )
    assert _answers(program, world=world) == [None]


@pytest.mark.parametrize(
    "text", ["o'neill", 'a "mug"', "two\nlines", "-- no", "'; DROP TABLE instances; --", "$1 {x} %s", "\\", "é \u2028"]
)
def test_texts_from_outside_are_only_texts(text: str) -> None:
    """Quotes, line breaks and SQL in picture ids, categories, keys and values find what they name and break nothing."""
    world = Facts(
        text,
        100,
        80,
        (_thing("a", text, 1, 1, 1, **{text: "1"}), _thing("b", text, 2, 2, 2, **{text: text})),
        {},
        {("b", text): text},
    )
    filtered = Program.checked([Objects("a", text), Filter("b", "a", text, text), Count("n", "b")], "n")
    perceived = Program.checked([Objects("a", text), Perceive("b", "a", text, text), Count("n", "b")], "n")
    assert _answers(filtered, perceived, world=world) == [1, 1]
    for program in (filtered, perceived):
        comments = [line for line in compile_program(program, text, 9, 9).splitlines() if line.startswith("--")]
        assert len(comments) == 2 + len(program.nodes)


@pytest.mark.parametrize("key", ["a.b", "$x", "/y", "~z", 'a"b', "0", "*", "[0]", "x/y~1", "$.color", "a b"])
def test_an_attribute_is_a_name_and_never_a_path(key: str) -> None:
    """What DuckDB would read as a JSON path is one key."""
    world = Facts("w", 9, 9, (_thing("a", "cup", 1, 1, 1, **{key: "5", "color": "7"}),))
    program = _program(_objects("a", "cup"), {"id": "b", "op": "read", "of": "a", "attribute": key})
    assert _answers(program, world=world) == [5]


@pytest.mark.parametrize(
    "name",
    ["select", "left", "instances", "pairs", "perceptions", "other", "value", "holds", "cx", "attributes", "line"],
)
def test_a_node_may_bear_any_name(name: str) -> None:
    """Keywords, tables and columns as node names neither break the query nor hide a table."""
    for kind in range(3):
        a, b, c = (name if k == kind else f"n{k}" for k in range(3))
        program = _program(
            _objects(a, "cup"),
            {"id": b, "op": "extreme", "of": a, "axis": "left", "rank": 2},
            {"id": "i", "op": "overlapping", "of": a, "anchor": b},
            {"id": "j", "op": "farthest", "of": a, "anchor": b},
            {"id": "k", "op": "read", "of": b, "attribute": "number"},
            {"id": c, "op": "count", "of": "i"},
            {"id": "m", "op": "arith", "terms": [[c, 2], ["k", 2]], "plus": 1},
        )
        assert _answers(program) == [6]


def test_the_query_is_one_statement_with_a_commented_cte_for_each_node() -> None:
    """What a person pastes: one statement, one row, one column, each node under its name."""
    program = _program(*BASE, {"id": "n", "op": "count", "of": "cups"})
    text = compile_program(program, "world", 100, 80)
    for node in program.nodes:
        assert text.count(f"\n-- {node.id}: ") + text.count(f'\n-- "{node.id}": ') == 1
    with duckdb.connect() as connection:
        assert len(connection.extract_statements(text)) == 1
        for table, frame in zip(("instances", "pairs", "perceptions"), frames([WORLD]), strict=True):
            connection.register(table, frame)
        found = connection.execute(text)
        assert [(name, str(kind)) for name, kind, *_ in found.description or []] == [("answer", "DOUBLE")]
        assert found.fetchall() == [(3.0,)]


def test_a_program_that_does_not_hold_is_refused() -> None:
    """Text that was never checked cannot become SQL."""
    with pytest.raises(ProgramError, match="no earlier node"):
        compile_program(Program((Count("n", "a"),), "n"), "world", 9, 9)
    endless = Program((Objects("a", "cup"), Count("n", "a"), Arith("m", (("n", float("inf")),))), "m")
    with pytest.raises(ProgramError, match="not finite"):
        compile_program(endless, "world", 9, 9)


def test_a_frame_without_a_column_is_named() -> None:
    """The message says which frame and which column."""
    instances, pairs, perceptions = frames([WORLD])
    with pytest.raises(ValueError, match="pairs has no column 'edge_gap'"):
        execute_programs(instances, pairs.drop("edge_gap"), perceptions, [])


def test_frames_of_nothing_are_taken() -> None:
    """Empty frames whose columns have no type yet load, and every count is 0."""
    empty = [pl.DataFrame({name: [] for name in frame.columns}) for frame in frames([WORLD])]
    program = _program(_objects("a", "cup"), {"id": "n", "op": "count", "of": "a"})
    assert execute_programs(empty[0], empty[1], empty[2], [("c", "world", program, 9, 9)]) == {"c": 0}
