"""Which finds of a segmenter are instances, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.domain.sift import (
    LEAST_SCORE,
    OTHER_NAME,
    OVERLAPS,
    TOO_SMALL,
    TWICE,
    Fate,
    SiftSettings,
    sift,
)

Find = tuple[str, float, tuple[int, int, int, int]]
PLAIN = Fate()


def fates(*finds: Find, settings: SiftSettings | None = None) -> list[Fate]:
    """The fates of rectangles: (category, score, (x0, y0, x1, y1))."""
    masks = [_drawn(box) for _, _, box in finds]
    shared = {(a, b): float((masks[a] & masks[b]).sum()) for a, b in combinations(range(len(masks)), 2)}
    pairs = [(a, b, pixels) for (a, b), pixels in shared.items() if pixels]
    return sift(
        [category for category, _, _ in finds],
        [score for _, score, _ in finds],
        np.array([float(mask.sum()) for mask in masks]),
        np.array([a for a, _, _ in pairs], np.int64),
        np.array([b for _, b, _ in pairs], np.int64),
        np.array([pixels for *_, pixels in pairs]),
        settings or SiftSettings(),
    )


def _drawn(box: Sequence[int]) -> np.ndarray:
    mask = np.zeros((100, 100), bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


def test_finds_apart_are_all_instances() -> None:
    """Two dogs and a cat that do not touch."""
    assert (
        fates(("dog", 0.9, (0, 0, 20, 20)), ("dog", 0.5, (40, 0, 60, 20)), ("cat", 0.9, (0, 40, 20, 60))) == [PLAIN] * 3
    )


def test_what_is_less_sure_than_the_least_is_nothing() -> None:
    """It is not even a doubt: at that level a segmenter sees everything everywhere."""
    assert fates(("dog", 0.19, (0, 0, 20, 20)), ("dog", 0.2, (40, 0, 60, 20))) == [Fate(LEAST_SCORE), PLAIN]


def test_a_speck_is_a_doubt_and_an_empty_mask_is_none() -> None:
    """Nobody counts a mask of 15 pixels, and nobody knows that it is not there."""
    assert fates(("dog", 0.9, (0, 0, 5, 3)), ("dog", 0.9, (50, 50, 50, 50))) == [
        Fate(TOO_SMALL, doubtful=True),
        Fate(TOO_SMALL),
    ]


def test_one_object_found_twice_is_one() -> None:
    """The surer find stays, whatever the order."""
    assert fates(("dog", 0.6, (0, 0, 20, 19)), ("dog", 0.9, (0, 0, 20, 20))) == [Fate(TWICE, 1), PLAIN]


def test_half_an_overlap_may_be_two() -> None:
    """Union 30x20, shared 10x20: one third, and a doubt."""
    assert fates(("dog", 0.9, (0, 0, 20, 20)), ("dog", 0.8, (10, 0, 30, 20))) == [PLAIN, Fate(OVERLAPS, 0, True)]


def test_a_part_is_a_doubt_though_the_whole_is_much_larger() -> None:
    """A head within its dog: the shared pixels are few of the union, and all of the head."""
    assert fates(("dog", 0.9, (0, 0, 60, 60)), ("dog", 0.8, (10, 10, 20, 20))) == [PLAIN, Fate(OVERLAPS, 0, True)]


def test_two_that_touch_each_other_are_two() -> None:
    """People side by side share an edge, or a few pixels."""
    assert fates(("person", 0.9, (0, 0, 20, 40)), ("person", 0.8, (18, 0, 38, 40))) == [PLAIN, PLAIN]


def test_one_object_under_two_names_has_the_surer_one() -> None:
    """In doubt where the scores are close, without doubt where they are not."""
    truck = ("truck", 0.9, (0, 0, 40, 40))
    assert fates(truck, ("car", 0.8, (0, 0, 40, 39))) == [PLAIN, Fate(OTHER_NAME, 0, True)]
    assert fates(truck, ("car", 0.4, (0, 0, 40, 39))) == [PLAIN, Fate(OTHER_NAME, 0, False)]


def test_what_lies_on_another_thing_is_its_own() -> None:
    """A cup on a table, wholly within the table's mask."""
    assert fates(("table", 0.9, (0, 0, 90, 60)), ("cup", 0.8, (10, 10, 20, 20))) == [PLAIN, PLAIN]


def test_found_twice_comes_before_another_name() -> None:
    """The second find of a dog is the dog again, though a wolf was surer of the same pixels."""
    box = (0, 0, 40, 40)
    found = fates(("wolf", 0.95, (0, 0, 40, 30)), ("dog", 0.9, box), ("dog", 0.85, box))
    assert found == [Fate(), Fate(OTHER_NAME, 0, True), Fate(OTHER_NAME, 0, True)]
    assert fates(("dog", 0.9, box), ("wolf", 0.8, (0, 0, 40, 20)), ("dog", 0.7, box))[2] == Fate(TWICE, 0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dog", "cat"]),
            st.floats(0, 1),
            st.tuples(*(st.integers(0, 60),) * 2, *(st.integers(61, 100),) * 2),
        ),
        max_size=8,
    )
)
def test_whatever_comes_no_object_is_kept_twice(finds: list[Find]) -> None:
    """Of two kept ones of a kind no three tenths are shared, and every rival was kept."""
    found = fates(*finds)
    kept = [k for k, fate in enumerate(found) if not fate.reason]
    for a, b in combinations(kept, 2):
        one, other = _drawn(finds[a][2]), _drawn(finds[b][2])
        share = (one & other).sum() / (one | other).sum()
        assert share < (0.3 if finds[a][0] == finds[b][0] else 0.7)
    assert all(found[fate.rival] == PLAIN for fate in found if fate.rival >= 0)
    assert all(finds[k][1] >= 0.2 for k in kept)
