"""Masks as rows: each instance's measures, and how each pair of a picture lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from hopchain_assets.domain.masks import MaskError
from hopchain_assets.domain.pairs import all_pairs
from hopchain_assets.domain.strips import Strips

Rows = list[dict[str, Any]]
# a mask's measures as the table `instances` names them
MEASURES = ("x0", "y0", "x1", "y1", "cx", "cy", "area")


def readable(texts: Sequence[str], height: int, width: int) -> dict[int, str]:
    """Why a mask cannot be read, by its position; nothing where all can."""
    try:
        Strips.decode(texts, height, width)
    except MaskError:
        return {place: told for place, text in enumerate(texts) if (told := _trouble(text, height, width))}
    return {}


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
    pairs, names = all_pairs(strips), pl.Series(ids)
    a, b = names.gather(pl.Series(pairs.a)), names.gather(pl.Series(pairs.b))
    both: Mapping[str, object] = {"overlap_px": pairs.overlap_px, "edge_gap": pairs.edge_gap}
    one = pl.DataFrame({"a": a, "b": b, "inside_share": pairs.a_inside, **both})
    other = pl.DataFrame({"a": b, "b": a, "inside_share": pairs.b_inside, **both})
    return pl.concat([one, other]).with_columns(pl.lit(image_id).alias("image_id"))
