"""Masks as rows: each instance's measures, and how each pair of a picture lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from hopchain_assets.domain.masks import MaskError
from hopchain_assets.domain.pairs import all_pairs
from hopchain_assets.domain.strips import Strips

Rows = list[dict[str, Any]]
# a mask's measures as the table `instances` names them
MEASURES = ("x0", "y0", "x1", "y1", "cx", "cy", "area")


def read_masks(texts: Sequence[str], height: int, width: int) -> tuple[Strips, dict[int, str]]:
    """The masks of these run lengths, and by its position why one cannot be read: that one is empty."""
    try:
        return Strips.decode(texts, height, width), {}
    except MaskError:
        wrong = {place: told for place, text in enumerate(texts) if (told := _trouble(text, height, width))}
    readable = [place for place in range(len(texts)) if place not in wrong]
    strips = Strips.decode([texts[place] for place in readable], height, width)
    owner = np.asarray(readable, np.int64)[strips.owner]
    return Strips(len(texts), height, width, owner, strips.start, strips.end), wrong


def _trouble(text: str, height: int, width: int) -> str:
    try:
        Strips.decode([text], height, width)
    except MaskError as error:
        return str(error)
    return ""


def measures(strips: Strips) -> list[dict[str, float]]:
    """Box, centre and area of each mask, as the table `instances` names them. None may be empty."""
    columns = (*strips.boxes.T, *strips.centers.T, strips.areas)
    return [dict(zip(MEASURES, row, strict=True)) for row in zip(*(column.tolist() for column in columns), strict=True)]


def pair_frame(image_id: str, ids: Sequence[str], strips: Strips) -> pl.DataFrame | None:
    """Rows of `pairs`: both orders of every pair of a picture; None where there is none."""
    if len(ids) < 2:
        return None
    pairs = all_pairs(strips)
    a, b = [ids[place] for place in pairs.a.tolist()], [ids[place] for place in pairs.b.tolist()]
    # from lists and arrays at once: polars takes longer to gather ids and to join two frames than all the measuring
    return pl.DataFrame(
        {
            "image_id": [image_id] * (2 * len(a)),
            "a": a + b,
            "b": b + a,
            "overlap_px": np.tile(pairs.overlap_px, 2),
            "inside_share": np.concatenate((pairs.a_inside, pairs.b_inside)),
            "edge_gap": np.tile(pairs.edge_gap, 2),
        }
    )
