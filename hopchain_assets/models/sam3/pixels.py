"""Pictures as SAM3 takes them, the same as its official processor makes them, without torchvision."""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def pixels_of(picture: bytes, resolution: int) -> tuple[torch.Tensor, int, int]:
    """A picture's bytes as `[3, R, R]` bytes of RGB, with its height and width.

    Aspect is not kept: SAM3 was trained on squashed squares.

    Raises:
        ValueError: when it cannot be read, with a sentence.
    """
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            rgb = np.array(opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture cannot be read: {error}") from error
    height, width = rgb.shape[:2]
    square = F.interpolate(
        torch.from_numpy(rgb).permute(2, 0, 1)[None],
        (resolution, resolution),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    return square[0], height, width


def normalised(pixels: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Bytes as numbers from -1 to 1 on the device."""
    return pixels.to(device, non_blocking=True).to(torch.float32).div_(127.5).sub_(1).to(dtype)
