"""From a network's mask logits to COCO's run lengths at the picture's own size."""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from hopchain_assets.domain.strips import Strips

# masks are made large a few at a time: twenty of a 12-megapixel picture would take a gigabyte
PIXELS_AT_ONCE = {"cuda": 2**28, "cpu": 2**24}


def run_lengths_of(logits: torch.Tensor, height: int, width: int) -> list[str]:
    """Compressed run lengths of each mask; `logits` are `[k, h, w]`, positive inside, of a picture of this size.

    A mask without a pixel has the run lengths of an empty one.
    """
    at_once = max(1, PIXELS_AT_ONCE.get(logits.device.type, 2**24) // (height * width))
    found: list[str] = []
    for few in logits.split(at_once):
        large = F.interpolate(few[:, None].float(), (height, width), mode="bilinear", align_corners=False)
        found += _encoded(large[:, 0] > 0)
    return found


def _encoded(masks: torch.Tensor) -> list[str]:
    """Finds where runs begin and end on the device, so that a few numbers are copied and not whole masks."""
    count, height, width = masks.shape
    # column by column, as COCO counts; outside there is no mask, so changes come in pairs
    lines = F.pad(masks.transpose(1, 2).reshape(count, -1), (1, 1))
    changes = (lines[:, 1:] != lines[:, :-1]).nonzero().cpu().numpy().astype(np.int64)
    owner, starts, ends = changes[::2, 0], changes[::2, 1], changes[1::2, 1]
    return Strips(count, height, width, owner, starts, ends).encode()
