"""What a segmenter found in a picture as rows: instances, what was left out and why, what became of each name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hopchain_assets.domain.pairs import overlapping
from hopchain_assets.domain.records import BY_SEGMENTER, digest
from hopchain_assets.domain.sift import Fate, SiftSettings, sift
from hopchain_assets.domain.strips import Strips
from hopchain_assets.ports.segmenter import Grounding, Segmented
from hopchain_assets.stages.measuring import Rows, measures, pair_frame


@dataclass(slots=True)
class PictureMasks:
    """Rows of one picture by table."""

    instances: Rows = field(default_factory=list)
    pairs: pl.DataFrame | None = None
    bad_annotations: Rows = field(default_factory=list)
    groundings: Rows = field(default_factory=list)
    left_out: Rows = field(default_factory=list)
    texts: Rows = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Find:
    category: str
    presence: float
    score: float
    mask_rle: str


def found_masks(told: Segmented, segmenter: str, height: int, width: int, settings: SiftSettings) -> PictureMasks:
    """What is kept of the finds of a picture of this size; `segmenter` is its name.

    Raises:
        MaskError: when a mask is not one of this picture; the segmenter is at fault.
    """
    source = BY_SEGMENTER + segmenter
    by_id: dict[str, _Find] = {}
    for one in told.groundings:
        for found in sorted(one.found, key=lambda found: -found.score):
            # below the least score a segmenter sees everything everywhere: such finds are not even measured
            if found.score >= settings.least_score:
                name = digest(told.image_id, one.category, found.mask_rle)
                by_id.setdefault(name, _Find(one.category, one.presence, found.score, found.mask_rle))
    ids, finds = list(by_id), list(by_id.values())
    strips = Strips.decode([find.mask_rle for find in finds], height, width)
    fates = sift([f.category for f in finds], [f.score for f in finds], strips.areas, *overlapping(strips), settings)
    rows: Rows = [
        {"instance_id": one, "image_id": told.image_id, "category": find.category, **measured}
        | {"score": find.score, "presence": find.presence, "mask_rle": find.mask_rle, "source": source}
        for one, find, measured in zip(ids, finds, measures(strips), strict=True)
    ]
    kept = [place for place, fate in enumerate(fates) if not fate.reason]
    chosen = strips.chosen(kept)
    return PictureMasks(
        instances=[rows[place] | {"attributes": "{}"} for place in kept],
        pairs=pair_frame(told.image_id, [ids[place] for place in kept], chosen),
        groundings=[_grounding(told.image_id, one, finds, fates, source) for one in told.groundings],
        left_out=[
            rows[place] | _why(fate, ids) for place, fate in enumerate(fates) if fate.reason and strips.areas[place] > 0
        ],
    )


def _why(fate: Fate, ids: Sequence[str]) -> dict[str, Any]:
    rival = ids[fate.rival] if fate.rival >= 0 else None
    return {"reason": fate.reason, "rival_id": rival, "doubtful": fate.doubtful}


def _grounding(
    image_id: str, told: Grounding, finds: Sequence[_Find], fates: Sequence[Fate], source: str
) -> dict[str, Any]:
    """What became of a name. It is grounded where anything sure enough was found, though it be another's by now."""
    mine = Counter(
        "kept" if not fate.reason else "left out"
        for find, fate in zip(finds, fates, strict=True)
        if find.category == told.category
    )
    return {
        "image_id": image_id,
        "category": told.category,
        "presence": told.presence,
        "best_score": max((found.score for found in told.found), default=None),
        "n_found": mine.total(),
        "n_kept": mine["kept"],
        "grounded": mine.total() > 0,
        "source": source,
    }
