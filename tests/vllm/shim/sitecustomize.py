"""For a vLLM whose torchvision was built for another torch: defines what torchvision asks torch for at import.

Goes in by PYTHONPATH, so that the server's worker processes have it too. Only pictures are resized with torchvision
there; the two operators are never called.
"""

# pyright: reportMissingImports=false
# torch is in the environment of vLLM only

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold, float dets_scale, int dets_zero_point) -> Tensor",
)
kept: list[object] = []


class BeforeTorchvision(MetaPathFinder):
    """Finds nothing; declares the operators when torchvision is first looked for."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None always: the import goes on as it would have."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in OPERATORS:
                library.define(operator)
            # a library that is collected takes its operators with it
            kept.append(library)
        return None


sys.meta_path.insert(0, BeforeTorchvision())
