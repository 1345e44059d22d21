"""Meta's own package and transformers find the same, on a CUDA card, with the real weights of both.

Set HOPCHAIN_TEST_SAM3 to a folder that holds the hub's files: model.safetensors for one, sam3.pt and merges.txt for the
other.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test-models")
pytest.importorskip("sam3.model_builder", reason="Meta's sam3 does not import here", exc_type=ImportError)
if not torch.cuda.is_available():
    pytest.skip("Meta's sam3 runs on CUDA cards alone", allow_module_level=True)
WEIGHTS = os.environ.get("HOPCHAIN_TEST_SAM3", "")
if not WEIGHTS:
    pytest.skip("HOPCHAIN_TEST_SAM3 names no folder with SAM3's weights", allow_module_level=True)

from hopchain_assets.domain.pairs import overlapping  # noqa: E402 - what follows needs torch
from hopchain_assets.domain.strips import Strips  # noqa: E402
from hopchain_assets.models.sam3.segmenter import Sam3  # noqa: E402
from hopchain_assets.ports.segmenter import Found, ToSegment  # noqa: E402

NAMES = ("person", "chair", "car", "dog")


def test_both_find_the_same_instances(photos: list[Path]) -> None:
    """Nearly every sure instance of one is one of the other, with nearly the same pixels and score."""
    asked = [ToSegment(path.stem, NAMES, path.read_bytes) for path in photos[:10]]
    theirs, ours = (
        {(one.image_id, g.category): g.found for one in Sam3(WEIGHTS, code=code).segment(asked) for g in one.groundings}
        for code in ("meta", "transformers")
    )
    alike = [_twin(mask, ours[key]) for key, found in theirs.items() for mask in found if mask.score >= 0.5]
    assert len(alike) > 10
    assert sum(share > 0.95 for share, _ in alike) >= 0.95 * len(alike)
    assert sum(abs(score) for _, score in alike) / len(alike) < 0.03


def _twin(mask: Found, others: tuple[Found, ...]) -> tuple[float, float]:
    """Intersection over union with the most alike of the others, and how much surer it is."""
    best = (0.0, -mask.score)
    for other in others:
        height, width = _size(mask, other)
        strips = Strips.decode([mask.mask_rle, other.mask_rle], height, width)
        both = float(overlapping(strips)[2].sum())
        best = max(best, (both / (strips.areas.sum() - both), other.score - mask.score))
    return best


def _size(*masks: Found) -> tuple[int, int]:
    """A picture of as many pixels as the masks have, in one column: pixels are compared, not places."""
    from hopchain_assets.domain.masks import run_lengths

    return int(run_lengths(masks[0].mask_rle).sum()), 1
