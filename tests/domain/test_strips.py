"""All masks of a picture at once: the same as each by itself, and as pycocotools writes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hopchain_assets.domain.coco_codes import write_codes
from hopchain_assets.domain.masks import MaskError, decode
from hopchain_assets.domain.strips import Strips
from tests.builders import rle

MASKS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.lists(hnp.arrays(bool, size), min_size=1, max_size=5)
)


def test_two_masks_by_hand() -> None:
    """An L in the corner and a single pixel, in a picture of 3 rows and 4 columns."""
    ell = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]], bool)
    dot = np.zeros((3, 4), bool)
    dot[1, 3] = True
    strips = Strips.decode([rle(ell), rle(dot)], 3, 4)
    assert strips.areas.tolist() == [4, 1]
    assert strips.boxes.tolist() == [[0, 0, 2, 3], [3, 1, 4, 2]]
    assert strips.centers.tolist() == [[0.75, 1.75], [3.5, 1.5]]
    # the L is one run of four pixels, cut where its first column ends
    assert [part.tolist() for part in strips.cut] == [[0, 0, 1], [0, 1, 3], [0, 2, 1], [3, 3, 2]]


@given(MASKS)
def test_all_at_once_is_each_by_itself(masks: list[np.ndarray]) -> None:
    """Areas, boxes and centres of full, empty and torn masks."""
    height, width = masks[0].shape
    texts = [rle(mask) for mask in masks]
    strips = Strips.decode(texts, height, width)
    for number, (text, mask) in enumerate(zip(texts, masks, strict=True)):
        shape = decode(text, height, width)
        assert strips.areas[number] == mask.sum()
        if shape is None:
            assert strips.boxes[number].tolist() == [0, 0, 0, 0]
        else:
            assert tuple(strips.boxes[number]) == shape.box
            assert tuple(strips.centers[number]) == shape.center


def test_centres_of_large_masks_are_the_same_to_the_last_bit() -> None:
    """Whether a mask was cut out or lies in its picture."""
    random = np.random.default_rng(1)
    for width in range(3, 300, 17):
        mask = np.zeros((400, 500), bool)
        mask[100 : 100 + width, 20 : 20 + width] = random.random((width, width)) < 0.5
        shape = decode(rle(mask), 400, 500)
        assert shape is not None
        assert tuple(Strips.decode([rle(mask)], 400, 500).centers[0]) == shape.center


@given(MASKS)
def test_what_is_written_is_what_pycocotools_writes(masks: list[np.ndarray]) -> None:
    """To the byte, and it reads back as it was."""
    height, width = masks[0].shape
    texts = [rle(mask) for mask in masks]
    assert Strips.decode(texts, height, width).encode() == texts


def test_long_runs_take_several_characters() -> None:
    """A run of a large picture, and differences of both signs."""
    mask = np.zeros((2000, 3000), bool)
    mask[:, 100:2000] = True
    mask[3, 2500:2503] = True
    assert Strips.decode([rle(mask)], 2000, 3000).encode() == [rle(mask)]


@given(MASKS, st.data())
def test_some_of_the_masks_are_as_they_were(masks: list[np.ndarray], data: st.DataObject) -> None:
    """Chosen in their order, the others gone."""
    height, width = masks[0].shape
    which = sorted(data.draw(st.sets(st.integers(0, len(masks) - 1))))
    chosen = Strips.decode([rle(mask) for mask in masks], height, width).chosen(which)
    assert chosen.encode() == [rle(masks[number]) for number in which]


@given(MASKS)
def test_cut_out_masks_measure_the_same(masks: list[np.ndarray]) -> None:
    """Of crops with their place, as of run lengths."""
    height, width = masks[0].shape
    shapes = [shape for mask in masks if (shape := decode(rle(mask), height, width)) is not None]
    strips = Strips.of_shapes(shapes)
    assert strips.areas.tolist() == [shape.area for shape in shapes]
    assert [tuple(box) for box in strips.boxes] == [shape.box for shape in shapes]


@given(MASKS)
def test_runs_of_each_column_are_the_same_masks(masks: list[np.ndarray]) -> None:
    """As whoever finds masks has them: cut at the columns' ends, some of no length."""
    height, width = masks[0].shape
    whole = Strips.decode([rle(mask) for mask in masks], height, width)
    owner, column, top, bottom = whole.cut
    again = np.arange(owner.size).repeat(2)
    start, end = column * height + top, (column * height + bottom)[again]
    end[::2] = start
    found = Strips.of_runs(owner[again], start[again], end, len(masks), height, width)
    assert found.encode() == whole.encode()
    assert [part.tolist() for part in (found.owner, found.start, found.end)] == [
        part.tolist() for part in (whole.owner, whole.start, whole.end)
    ]


def test_a_mask_written_in_a_roundabout_way_is_written_plainly() -> None:
    """Runs of no length split one in two; pycocotools would never write them."""
    counts = write_codes(np.array([4, 1, 0, 2, 9]), np.array([0, 5]))
    mask = np.zeros((4, 4), bool)
    mask[:3, 1] = True
    strips = Strips.decode(counts, 4, 4)
    assert strips.areas.tolist() == [3] and strips.owner.size == 1
    assert strips.encode() == [rle(mask)] != counts


def test_no_masks_at_all() -> None:
    """A picture in which nothing was found."""
    strips = Strips.decode([], 4, 4)
    assert strips.encode() == [] and strips.areas.size == 0 and strips.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cut short"),
        ("P", "cut short"),
        ("é", "not ASCII"),
        ("~", "foreign character"),
        ("PPPPPPPP0", "too long"),
        ("O", "negative"),
        (write_codes(np.array([2**33]), np.array([0, 1]))[0], "negative, or too long"),
        ("5", "cover 5 pixels, the picture has 4x4"),
    ],
)
def test_one_text_that_is_none_is_told(text: str, told: str) -> None:
    """Beside a good one, whose own run lengths fill the picture."""
    good = rle(np.ones((4, 4), bool))
    with pytest.raises(MaskError, match=told):
        Strips.decode([good, text], 4, 4)
    with pytest.raises(MaskError, match=told):
        Strips.decode([text, good], 4, 4)


def test_two_wrong_lengths_do_not_make_up_for_each_other() -> None:
    """One pixel too many and one too few: together they fill two pictures."""
    with pytest.raises(MaskError, match="cover 17 pixels"):
        Strips.decode([rle(np.ones((1, 17), bool)), rle(np.ones((1, 15), bool))], 4, 4)
