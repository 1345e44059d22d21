"""Pictures to ask about."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from hopchain_assets.ports.vlm import Picture


def picture(seed: int, width: int = 640, height: int = 480) -> Picture:
    """Coarse noise as a JPEG."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((width, height)).save(buffer, "JPEG")
    return Picture(buffer.getvalue())
