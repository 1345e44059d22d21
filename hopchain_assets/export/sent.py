"""Pictures and crops in the form in which a model is asked about them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence

from PIL import Image

from hopchain_assets.ports.vlm import Picture

Box = tuple[float, float, float, float]

QUALITY = 90
# a thing is easier to tell with a little of what is around it
MARGIN = 0.1
# smaller pictures become fewer patches than a model can tell anything by
LEAST_SIDE = 224
# of a whole picture, unless the settings say otherwise
SENT_PIXELS = 1_500_000.0
# how many crops cost as much as the whole picture: with six of them a question costs at most two and a half pictures
CROPS_A_PICTURE = 4

# all that decides the bytes, beside how large they may be
FORM = (QUALITY, MARGIN, LEAST_SIDE, CROPS_A_PICTURE)


def as_sent(data: bytes, most_pixels: float) -> Picture:
    """A stored picture, its very bytes where it has at most so many pixels, else a smaller JPEG.

    Raises:
        OSError: when the bytes are no picture.
    """
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height <= most_pixels and image.format in ("JPEG", "PNG"):
            return Picture(data, f"image/{image.format.lower()}")
        shrink = min(1.0, math.sqrt(most_pixels / (width * height)))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        # a JPEG is decoded at the next larger eighth: a hundred megapixels would take 300 MB
        image.draft("RGB", size)
        return _jpeg(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def crops_sent(data: bytes, boxes: Iterable[Box], most_pixels: float = SENT_PIXELS) -> Sequence[Picture]:
    """What lies in each box (xyxy, pixels) of a stored picture and a tenth around it, small ones enlarged.

    Where the whole picture may have `most_pixels`, a crop has at most a quarter of them, and 224 x 224 in any case.

    Raises:
        OSError: when the bytes are no picture.
    """
    most = max(most_pixels / CROPS_A_PICTURE, LEAST_SIDE**2)
    with Image.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    return [_jpeg(_fitted(whole.crop(_around(box, whole.size)), most)) for box in boxes]


def _around(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    dx, dy = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    left, top = max(0, math.floor(x0 - dx)), max(0, math.floor(y0 - dy))
    return left, top, min(size[0], max(left + 1, math.ceil(x1 + dx))), min(size[1], max(top + 1, math.ceil(y1 + dy)))


def _fitted(crop: Image.Image, most: float) -> Image.Image:
    """The crop with a longer side of at least `LEAST_SIDE`, and at most so many pixels."""
    times = LEAST_SIDE / max(crop.size)
    if times > 1:
        return crop.resize((round(crop.width * times) or 1, round(crop.height * times) or 1), Image.Resampling.BICUBIC)
    times = math.sqrt(most / (crop.width * crop.height))
    if times >= 1:
        return crop
    # rounded down, so that the bound holds
    size = max(1, math.floor(crop.width * times)), max(1, math.floor(crop.height * times))
    return crop.resize(size, Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image) -> Picture:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue())
