"""How masks lie to each other, against what every pixel says."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hopchain_assets.domain import pairs
from hopchain_assets.domain.pairs import all_pairs, overlapping, pair_table
from hopchain_assets.domain.records import Pair
from hopchain_assets.domain.strips import Strips
from tests.builders import rle


def table(*masks: np.ndarray) -> dict[tuple[str, str], Pair]:
    ids = [str(number) for number in range(len(masks))]
    return pair_table(ids, Strips.decode([rle(mask) for mask in masks], *masks[0].shape))


def plainly(a: np.ndarray, b: np.ndarray) -> Pair:
    """The same, pixel by pixel."""
    rows, columns = np.nonzero(b)
    box = np.zeros_like(b)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    one, other = np.argwhere(a), np.argwhere(b)
    distance = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=2).min())
    return Pair(float((a & b).sum()), float((a & box).sum() / a.sum()), max(float(distance) - 1, 0))


def grid(*rows: str) -> np.ndarray:
    """`#` is mask."""
    return np.array([[cell == "#" for cell in row] for row in rows])


def test_two_squares_that_share_a_pixel() -> None:
    """A quarter of each lies in the other's box."""
    found = table(grid("##..", "##..", "....", "...."), grid("....", ".##.", ".##.", "...."))
    assert found == {("0", "1"): Pair(1, 0.25, 0), ("1", "0"): Pair(1, 0.25, 0)}


@pytest.mark.parametrize(("column", "gap"), [(1, 0), (2, 1), (3, 2)])
def test_the_gap_counts_the_pixels_between(column: int, gap: int) -> None:
    """Side by side is 0; one pixel between is 1."""
    left, right = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, 0] = True
    right[:, column] = True
    assert table(left, right)["0", "1"].edge_gap == gap


def test_one_within_the_other_s_box_and_not_in_its_mask() -> None:
    """A dot in a ring: all of it is inside, and the gap is one pixel."""
    ring, dot = np.ones((5, 5), bool), np.zeros((5, 5), bool)
    ring[1:4, 1:4] = False
    dot[2, 2] = True
    found = table(ring, dot)
    assert found["1", "0"] == Pair(0, 1, 1)
    assert found["0", "1"] == Pair(0, 0, 1)


@st.composite
def drawn(draw: st.DrawFn) -> list[np.ndarray]:
    size = draw(st.tuples(st.integers(2, 14), st.integers(2, 14)))
    masks = draw(st.lists(hnp.arrays(bool, size, fill=st.just(False)), min_size=2, max_size=4))
    for number, mask in enumerate(masks):
        mask[number % size[0], draw(st.integers(0, size[1] - 1))] = True
    return masks


@given(drawn())
def test_every_pixel_says_the_same(masks: list[np.ndarray]) -> None:
    """Near each other everything is exact, for torn masks too."""
    found = table(*masks)
    for a, b in permutations(range(len(masks)), 2):
        assert found[str(a), str(b)] == pytest.approx(plainly(masks[a], masks[b]))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(30, 90), st.integers(30, 90))
def test_far_gaps_are_hardly_too_long(seed: int, across: int, down: int) -> None:
    """Blobs of up to 40 pixels that lie apart: never too short, and too long by a tenth and 3 pixels at most."""
    random = np.random.default_rng(seed)
    masks = []
    for x, y in ((0, 0), (across, down)):
        mask = np.zeros((140, 140), bool)
        for _ in range(4):
            cx, cy, r = x + random.integers(8, 30), y + random.integers(8, 30), random.integers(3, 10)
            mask |= np.hypot(*np.ogrid[-cy : 140 - cy, -cx : 140 - cx]) <= r
        masks.append(mask)
    told, true = table(*masks)["0", "1"].edge_gap, plainly(*masks).edge_gap
    assert true - 1e-6 <= told <= 1.1 * true + 3


def test_the_work_may_be_done_in_any_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory changes nothing."""
    random = np.random.default_rng(5)
    masks = [random.random((30, 40)) < share for share in (0.02, 0.3, 0.05, 0.01, 0.1)]
    whole = table(*masks)
    monkeypatch.setattr(pairs, "AT_ONCE", 500)
    assert table(*masks) == whole


def test_only_what_shares_pixels_overlaps() -> None:
    """Of three masks, two."""
    masks = [grid("##..", "...."), grid(".#..", "...."), grid("...#", "...#")]
    a, b, shared = overlapping(Strips.decode([rle(mask) for mask in masks], 2, 4))
    assert (a.tolist(), b.tolist(), shared.tolist()) == ([0], [1], [1])


def test_one_mask_has_no_pair() -> None:
    """Nor has none."""
    assert all_pairs(Strips.decode([rle(grid("##"))], 1, 2)).a.size == 0
    assert table(grid("##")) == {}
