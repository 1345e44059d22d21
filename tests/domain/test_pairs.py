"""How masks lie to each other, against what every pixel says."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hopchain_assets.domain import gaps as domain_gaps
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


def test_what_lies_before_the_first_pixel_of_all_is_not_shared() -> None:
    """A dot in the corner of a mask's box, above where the mask begins."""
    found = table(grid(".#", "##"), grid("#.", ".."))
    assert found["0", "1"] == Pair(0, 0, 0)
    assert found["1", "0"] == Pair(0, 1, 0)


@st.composite
def drawn(draw: st.DrawFn) -> list[np.ndarray]:
    size = draw(st.tuples(st.integers(2, 14), st.integers(2, 14)))
    masks = draw(st.lists(hnp.arrays(bool, size, fill=st.just(False)), min_size=2, max_size=4))
    for number, mask in enumerate(masks):
        mask[number % size[0], draw(st.integers(0, size[1] - 1))] = True
    return masks


@given(drawn())
def test_every_pixel_says_the_same(masks: list[np.ndarray]) -> None:
    """Everything is exact, for torn masks too."""
    found = table(*masks)
    for a, b in permutations(range(len(masks)), 2):
        assert found[str(a), str(b)] == pytest.approx(plainly(masks[a], masks[b]))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(0, 200))
def test_far_gaps_are_hardly_too_long(seed: int, across: int, down: int) -> None:
    """Blobs of up to 80 pixels: exact up to 64 pixels, above never too short, and too long by a hundredth at most."""
    told, true = gaps(blobs(seed, across, down))
    if true <= 64:
        assert told == pytest.approx(true)
    else:
        assert true - 1e-6 <= told <= 1.01 * (true + 1) - 1


def test_gaps_of_middling_length_are_exact() -> None:
    """Clouds of pixels 30 to 64 pixels apart, where many strips come nearly as close as the closest two."""
    random = np.random.default_rng(3)
    for apart in range(30, 65, 2):
        masks = np.zeros((2, 60, 140), bool)
        masks[0, :, :30] = random.random((60, 30)) < 0.02
        masks[1, :, 30 + apart : 60 + apart] = random.random((60, 30)) < 0.02
        assert table(*masks)["0", "1"].edge_gap == pytest.approx(plainly(*masks).edge_gap)


def blobs(seed: int, across: int, down: int) -> list[np.ndarray]:
    """Two heaps of discs in 300x300 pixels, so far from each other; they may overlap."""
    random = np.random.default_rng(seed)
    masks = []
    for x, y in ((0, 0), (across, down)):
        mask = np.zeros((300, 300), bool)
        for _ in range(4):
            cx, cy, r = x + random.integers(8, 70), y + random.integers(8, 70), random.integers(3, 12)
            mask |= np.hypot(*np.ogrid[-cy : 300 - cy, -cx : 300 - cx]) <= r
        masks.append(mask)
    return masks


def gaps(masks: list[np.ndarray]) -> tuple[float, float]:
    """As it is told, and as the border pixels say."""
    one, other = (np.argwhere(mask & ~inner(mask)) for mask in masks)
    distance = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=2).min())
    # where one lies within the other its border is far, and they overlap
    true = 0.0 if (masks[0] & masks[1]).any() else max(float(distance) - 1, 0)
    return table(*masks)["0", "1"].edge_gap, true


def inner(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask, 1)
    return wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def test_gaps_in_a_picture_too_large_for_short_numbers() -> None:
    """Two pixels at opposite corners of 25 megapixels, and two at (3, 4) to each other."""
    masks = np.zeros((3, 5000, 5000), bool)
    masks[0, 0, 0] = masks[1, 4999, 4999] = masks[2, 4995, 4996] = True
    found = table(*masks)
    assert found["0", "1"].edge_gap == np.sqrt(2 * 4999**2) - 1
    assert found["1", "2"].edge_gap == 4


def test_the_work_may_be_done_in_any_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory changes nothing."""
    random = np.random.default_rng(5)
    masks = [random.random((30, 40)) < share for share in (0.02, 0.3, 0.05, 0.01, 0.1)]
    whole = table(*masks)
    for room in (1, 7, 500):
        monkeypatch.setattr(pairs, "AT_ONCE", room)
        monkeypatch.setattr(domain_gaps, "AT_ONCE", room)
        assert table(*masks) == whole


def test_an_empty_mask_has_no_place() -> None:
    """To say how others lie to it would be made up."""
    strips = Strips.decode([rle(grid("##..")), rle(grid("...."))], 1, 4)
    with pytest.raises(ValueError, match="empty mask"):
        all_pairs(strips)
    assert overlapping(strips)[0].size == 0


def test_only_what_shares_pixels_overlaps() -> None:
    """Of three masks, two."""
    masks = [grid("##..", "...."), grid(".#..", "...."), grid("...#", "...#")]
    a, b, shared = overlapping(Strips.decode([rle(mask) for mask in masks], 2, 4))
    assert (a.tolist(), b.tolist(), shared.tolist()) == ([0], [1], [1])


def test_one_mask_has_no_pair() -> None:
    """Nor has none."""
    assert all_pairs(Strips.decode([rle(grid("##"))], 1, 2)).a.size == 0
    assert table(grid("##")) == {}
