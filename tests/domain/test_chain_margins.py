"""Margins that one can reckon by eye on a picture of 100 by 100."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hopchain_assets.domain.certify.explain import Margin, chain_margins
from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Chain, Facts, Hop, Instance, Pair

MARGINS = Margins(position=0.03, ratio=0.15)


def _cup(name: str, x: float, y: float, side: float = 10) -> Instance:
    half = side / 2
    return Instance(name, "cup", (x - half, y - half, x + half, y + half), x, y, side * side)


FACTS = Facts(
    "picture",
    100,
    100,
    (_cup("a", 10, 50), _cup("b", 30, 50), _cup("c", 70, 50, 20), _cup("d", 90, 80)),
    pairs={("b", "a"): Pair(0, 0.0, 10), ("c", "a"): Pair(0, 0.96, 40), ("d", "a"): Pair(0, 0.3, 80)},
)


def _margins(*nodes: Mapping[str, object], facts: Facts = FACTS) -> list[Margin]:
    """Margins of a chain of these nodes over every cup; hop 2 stands for all but the first node."""
    program = Program.from_json(
        {
            "version": 1,
            "answer": "n",
            "nodes": [
                {"id": "s", "op": "objects", "category": "cup"},
                *map(dict, nodes),
                {"id": "n", "op": "count", "of": "s"},
            ],
        }
    )
    names = tuple(node.id for node in program.nodes)
    hops = (Hop(1, "root", "L2", (), names[:1], "", ""), Hop(2, "instance_chain", "L2", (1,), names[1:], "", ""))
    return chain_margins(facts, Chain("picture", "?", program, hops, "4", (), "C", "", "test"), MARGINS)


LEFTMOST = {"id": "l", "op": "extreme", "of": "s", "axis": "left", "rank": 1}


def test_an_extreme_is_as_far_as_its_neighbour_in_the_order() -> None:
    """Leftmost: 20 pixels before the next, 3 are needed; second from the left: its closer neighbour counts."""
    assert _margins(LEFTMOST) == [Margin(2, "l", "apart horizontally", 20, 3, "px", "a", "b")]
    assert _margins(LEFTMOST | {"rank": 2})[0] == Margin(2, "l", "apart horizontally", 20, 3, "px", "b", "a")


def test_the_largest_is_measured_by_the_ratio_of_areas() -> None:
    """400 to 100 pixels is 4 times; the slack counts from equal sizes."""
    (margin,) = _margins(LEFTMOST | {"axis": "largest"})
    assert (margin.measured, margin.needed, margin.unit, margin.subject) == (4, pytest.approx(1.15), "times", "c")
    assert margin.slack == pytest.approx(3 / 0.15)


def test_the_nearest_is_measured_by_the_ratio_of_distances() -> None:
    """From a: b is 20 away, c 60, so 3 times; the farthest, d, is compared with c."""
    *_, nearest = _margins(LEFTMOST, {"id": "m", "op": "nearest", "of": "s", "anchor": "l"})
    assert (nearest.measured, nearest.subject, nearest.rival) == (3, "b", "c")
    *_, farthest = _margins(LEFTMOST, {"id": "m", "op": "farthest", "of": "s", "anchor": "l"})
    assert (farthest.measured, farthest.subject, farthest.rival) == (pytest.approx(7300**0.5 / 60), "d", "c")


def test_a_side_is_measured_at_the_member_closest_to_the_line() -> None:
    """Right of a: b decides, 20 pixels away."""
    *_, side = _margins(LEFTMOST, {"id": "m", "op": "side", "of": "s", "side": "right", "anchor": "l"})
    assert side == Margin(2, "m", "apart horizontally", 20, 3, "px", "b", "a")


def test_contact_is_measured_at_the_closest_call() -> None:
    """Of 0, 0.96 and 0.3 of a mask inside, 0.96 comes closest to being judged otherwise; of the gaps, 10 pixels."""
    *_, inside = _margins(LEFTMOST, {"id": "m", "op": "inside", "of": "s", "anchor": "l"})
    assert (inside.subject, inside.measured, inside.needed) == ("c", pytest.approx(0.06), pytest.approx(0.05))
    *_, touching = _margins(LEFTMOST, {"id": "m", "op": "overlapping", "of": "s", "anchor": "l"})
    assert (touching.subject, touching.measured, touching.needed) == ("b", 10, 3)


@pytest.mark.parametrize(
    ("compare", "measured", "unit"),
    [
        ({"by": "position", "relation": "left", "left": "l", "right": "middle"}, 40, "px"),
        ({"by": "position", "relation": "above", "left": "l", "right": "r"}, 30, "px"),
        ({"by": "area", "relation": "larger", "left": "g", "right": "l"}, 4, "times"),
        ({"by": "value", "relation": "more", "left": "k", "right": 1}, 3, "count"),
    ],
)
def test_comparisons(compare: dict[str, object], measured: float, unit: str) -> None:
    """From the middle, in height, in area, between two numbers."""
    *_, margin = _margins(
        LEFTMOST,
        LEFTMOST | {"id": "r", "axis": "right"},
        LEFTMOST | {"id": "g", "axis": "largest"},
        {"id": "k", "op": "count", "of": "s"},
        {"id": "m", "op": "compare", **compare},
    )
    assert (margin.node, margin.measured, margin.unit) == ("m", measured, unit)


def test_what_chooses_nothing_has_no_margin() -> None:
    """A category, a count, and a choice without a rival."""
    alone = Facts("picture", 100, 100, FACTS.instances[:1])
    assert _margins() == [] and _margins(LEFTMOST, facts=alone) == []


def test_what_is_undefined_is_left_out() -> None:
    """A rank beyond the set has no instance, so nothing is measured from it either."""
    beyond = LEFTMOST | {"rank": 9}
    assert _margins(beyond, {"id": "m", "op": "nearest", "of": "s", "anchor": "l"}) == []
