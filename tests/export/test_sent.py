"""Crops as they are sent to a model."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from hopchain_assets.export.sent import CROPS_A_PICTURE, LEAST_SIDE, SENT_PIXELS, crops_sent
from hopchain_assets.ports.vlm import Picture
from hopchain_assets.stages.asking import AskSettings

WIDTH, HEIGHT = 1600, 1200


@pytest.fixture(scope="module")
def data() -> bytes:
    """A picture of nearly two megapixels."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((WIDTH, HEIGHT)).save(out, "JPEG")
    return out.getvalue()


def size_of(picture: Picture) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture.data)) as image:
        return image.size


@pytest.mark.parametrize("most", [1e4, 4e5, SENT_PIXELS, 1e8])
def test_a_crop_has_a_quarter_of_the_pixels_of_the_whole(data: bytes, most: float) -> None:
    """However large the thing is; it keeps its shape, and is never too small to tell anything by."""
    boxes = [(0.0, 0.0, 1600.0, 1200.0), (100.0, 100.0, 1500.0, 160.0), (5.0, 5.0, 9.0, 12.0)]
    bound = max(most / CROPS_A_PICTURE, LEAST_SIDE**2)
    sizes = [size_of(crop) for crop in crops_sent(data, boxes, most)]
    assert all(width * height <= bound for width, height in sizes)
    assert sizes[0][0] / sizes[0][1] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    assert max(sizes[2]) == LEAST_SIDE


def test_a_crop_that_fits_keeps_its_pixels(data: bytes) -> None:
    """A bound that is not reached changes no byte."""
    box = (100.0, 100.0, 400.0, 300.0)
    assert size_of(crops_sent(data, [box])[0]) == (360, 240)
    assert crops_sent(data, [box]) == crops_sent(data, [box], 1e8)


def test_the_default_is_that_of_the_settings() -> None:
    """Who recognises crops by their bytes makes them as the line does."""
    assert AskSettings().sent_pixels == SENT_PIXELS
