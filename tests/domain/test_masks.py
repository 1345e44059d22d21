"""Geometry on arrays that one can check by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hopchain_assets.domain.masks import (
    MaskError,
    Shape,
    decode,
    dilated,
    eroded,
    pixels_in_box,
    run_lengths,
    shared_pixels,
)
from tests.builders import rle


def grid(*rows: str) -> np.ndarray:
    """`#` is mask."""
    return np.array([[cell == "#" for cell in row] for row in rows])


def whole(shape: Shape, height: int, width: int) -> np.ndarray:
    full = np.zeros((height, width), bool)
    rows, columns = shape.crop.shape
    full[shape.y : shape.y + rows, shape.x : shape.x + columns] = shape.crop
    return full


L_SHAPE = grid("....", ".#..", ".#..", ".##.")


def test_a_mask_is_decoded_as_its_tight_crop() -> None:
    """The crop starts at the mask's first column and row; box and area are in pixels."""
    shape = decode(rle(L_SHAPE), 4, 4)
    assert shape is not None
    assert (shape.x, shape.y, shape.crop.shape) == (1, 1, (3, 2))
    assert shape.box == (1, 1, 3, 4)
    assert shape.area == 4


def test_the_centre_is_the_mean_of_the_pixels_centres() -> None:
    """Columns 1, 1, 1, 2 and rows 1, 2, 3, 3, half a pixel in."""
    shape = decode(rle(L_SHAPE), 4, 4)
    assert shape is not None
    assert shape.center == (1.25 + 0.5, 2.25 + 0.5)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_decoding_gives_back_every_mask(mask: np.ndarray) -> None:
    """pycocotools encodes, our own decoder reads."""
    shape = decode(rle(mask), *mask.shape)
    if shape is None:
        assert not mask.any()
    else:
        assert (whole(shape, *mask.shape) == mask).all()


@pytest.mark.parametrize("counts", ["", "\x00", "zzz", "P", "é", "0" * 9 + "o" * 20, "PPPPPPPPPP"])
def test_broken_run_lengths_are_told(counts: str) -> None:
    """Text that is no code, or does not fill the picture, is a MaskError and nothing else."""
    with pytest.raises(MaskError):
        decode(counts, 4, 4)


@given(st.text(max_size=12))
def test_any_text_is_a_mask_or_a_mask_error(counts: str) -> None:
    """Foreign text never breaks the decoder in another way."""
    try:
        shape = decode(counts, 4, 4)
    except MaskError:
        return
    assert shape is None or shape.area <= 16


def test_long_runs_are_decoded() -> None:
    """A run of more than 2^15 pixels takes several bytes."""
    mask = np.zeros((300, 400), bool)
    mask[:, 100:350] = True
    assert run_lengths(rle(mask)).tolist() == [30000, 75000, 15000]


def test_erosion_takes_the_border_and_dilation_adds_one() -> None:
    """A pixel keeps its place when its four neighbours are mask."""
    mask = np.zeros((7, 7), bool)
    mask[2:5, 2:5] = True
    shape = decode(rle(mask), 7, 7)
    assert shape is not None
    small, large = eroded(shape, 1), dilated(shape, 1, 7, 7)
    assert small is not None
    assert small.box == (3, 3, 4, 4)
    assert large.box == (1, 1, 6, 6)
    assert large.area == 9 + 4 * 3
    assert eroded(shape, 2) is None


def test_dilation_stays_in_the_picture() -> None:
    """A mask in the corner grows inwards only."""
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = True
    shape = decode(rle(mask), 4, 4)
    assert shape is not None
    assert dilated(shape, 2, 4, 4).box == (0, 0, 3, 3)


def test_shared_pixels_and_shares_are_exact() -> None:
    """Two 2x2 squares that share one pixel."""
    a = decode(rle(grid("##..", "##..", "....", "....")), 4, 4)
    b = decode(rle(grid("....", ".##.", ".##.", "....")), 4, 4)
    assert a is not None
    assert b is not None
    assert shared_pixels(a, b) == 1
    assert pixels_in_box(a, b.box) == 1
