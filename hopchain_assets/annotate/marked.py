"""The picture of a closed question with its marks outlined, for who leads."""

from __future__ import annotations

import io
import threading

from PIL import Image

from hopchain_assets.domain.records import Facts, Instance
from hopchain_assets.export.drawing import open_picture, outline_instances
from hopchain_assets.ports.reviews import Shown, ShownInstance

# beyond these nobody reads the labels
MOST_LABELS = 30
LONGEST_SIDE = 2000
# a picture of 40 megapixels takes a gigabyte while it is drawn on
_one_at_a_time = threading.Lock()


def marked_picture(picture: bytes, image_id: str, shown: Shown) -> bytes:
    """The picture as PNG: the objects that the question rests on and the others of its categories, with labels.

    Raises:
        ValueError: when the picture or its marks cannot be read, or do not belong together.
    """
    instances = tuple(_instance(one) for one in (*shown.instances, *shown.others))
    facts = Facts(image_id, shown.width, shown.height, instances)
    labels = {one.instance_id: one.category for one in instances} if len(instances) <= MOST_LABELS else None
    held = io.BytesIO()
    with _one_at_a_time:
        try:
            drawn = outline_instances(open_picture(picture, facts), instances, labels)
        except (OSError, Image.DecompressionBombError) as error:
            raise ValueError(f"picture {image_id} cannot be read: {error}") from error
        drawn.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        drawn.save(held, "PNG")
    return held.getvalue()


def _instance(one: ShownInstance) -> Instance:
    x0, y0, x1, y1 = one.box
    area = (x1 - x0) * (y1 - y0)
    return Instance(one.instance_id, one.category, one.box, (x0 + x1) / 2, (y0 + y1) / 2, area, one.mask_rle)
