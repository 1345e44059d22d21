"""SAM3 as Meta's own package `sam3` has it: CUDA machines alone, since its code names that device in several places.

It is chosen by HOPCHAIN_SAM3_CODE=meta. Both networks share the preparation of pictures and all that comes after the
logits, so that a difference between them is one of the networks.
"""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from hopchain_assets.models.sam3.network import Detected
from hopchain_assets.models.sam3.pixels import normalised
from hopchain_assets.ports.segmenter import SegmenterUnavailable

CHECKPOINT, MERGES = "sam3.pt", "merges.txt"
RESOLUTION = 1008


class MetaNetwork:
    """A model of `sam3.model_builder.build_sam3_image_model`."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model, self.device, self.resolution = model, device, RESOLUTION
        self._texts: dict[str, dict[str, torch.Tensor]] = {}

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> Any:
        """Encodes pictures, `[B, 3, 1008, 1008]` bytes of RGB."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.model.backbone.forward_image(normalised(pixels, self.device, torch.float32))

    @torch.inference_mode()
    def detect(self, encoded: Any, where: Sequence[int], names: Sequence[str], floor: float) -> list[Detected]:
        """For each pair of a picture (its place in the batch) and a name, what is at or above the floor."""
        stage = import_module("sam3.model.data_misc").FindStage
        nothing = dict.fromkeys(
            ("input_boxes", "input_boxes_mask", "input_boxes_label", "input_points", "input_points_mask")
        )
        asked = stage(
            img_ids=torch.tensor(where, device=self.device),
            text_ids=torch.arange(len(names), device=self.device),
            **nothing,
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            told = self.model.forward_grounding(
                backbone_out={**encoded, **self._prompts(names)},
                find_input=asked,
                geometric_prompt=self.model._get_dummy_prompt(num_prompts=len(names)),
                find_target=None,
            )
        presence = told["presence_logit_dec"].float().sigmoid().reshape(len(names), 1)
        scores = told["pred_logits"].float().sigmoid().squeeze(-1) * presence
        return [
            _kept(sure, scores[pair], told["pred_masks"][pair], floor)
            for pair, sure in enumerate(presence[:, 0].tolist())
        ]

    def _prompts(self, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """Features and masks of the names, each read once, as the backbone's output holds them."""
        new = [name for name in dict.fromkeys(names) if name not in self._texts]
        if new:
            told = self.model.backbone.forward_text(new, device=self.device)
            for place, name in enumerate(new):
                self._texts[name] = {
                    "language_features": told["language_features"][:, place],
                    "language_mask": told["language_mask"][place],
                    "language_embeds": told["language_embeds"][:, place],
                }
        axis = {"language_features": 1, "language_mask": 0, "language_embeds": 1}
        return {key: torch.stack([self._texts[name][key] for name in names], dim) for key, dim in axis.items()}


def _kept(presence: float, scores: torch.Tensor, masks: torch.Tensor, floor: float) -> Detected:
    ordered, order = scores.sort(descending=True)
    count = int((ordered >= floor).sum())
    return Detected(presence, ordered[:count].tolist(), masks[order[:count]] if count else None)


def load_meta(weights: str, revision: str, device: torch.device) -> MetaNetwork:
    """Meta's network with the checkpoint `sam3.pt` of a folder, or of a name on the Hugging Face hub.

    Raises:
        SegmenterUnavailable: without a CUDA card, the package or the weights.
    """
    if device.type != "cuda":
        raise SegmenterUnavailable(
            "Meta's sam3 package runs on CUDA cards alone: set HOPCHAIN_SAM3_CODE to transformers, which runs anywhere"
        )
    try:
        build = import_module("sam3.model_builder").build_sam3_image_model
    except ImportError as error:
        raise SegmenterUnavailable(
            f"Meta's package cannot be imported ({error}): pip install 'hopchain-assets[gpu]', or set "
            "HOPCHAIN_SAM3_CODE to transformers"
        ) from error
    try:
        checkpoint, merges = (_file(weights, revision, name) for name in (CHECKPOINT, MERGES))
        with tempfile.TemporaryDirectory(prefix="hopchain-sam3-") as folder:
            model = build(
                bpe_path=vocabulary(merges, Path(folder)),
                device="cuda",
                checkpoint_path=str(checkpoint),
                load_from_HF=False,
            )
    except Exception as error:  # what a hub, a file or a network says of itself comes in many classes
        raise SegmenterUnavailable(
            f"SAM3 cannot be loaded from {weights} by Meta's package ({type(error).__name__}: {error}): it needs "
            f"{CHECKPOINT} and {MERGES} there, and HF_TOKEN for the gated weights on the hub"
        ) from error
    return MetaNetwork(model.to(device), device)


def vocabulary(merges: Path, folder: Path) -> str:
    """The vocabulary as Meta's tokenizer reads it, made of the tokenizer's merges: its wheel comes without the file."""
    path = folder / "bpe_simple_vocab_16e6.txt.gz"
    path.write_bytes(gzip.compress(merges.read_bytes()))
    return str(path)


def _file(weights: str, revision: str, name: str) -> Path:
    if Path(weights).is_dir():
        path = Path(weights) / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there")
        return path
    return Path(import_module("huggingface_hub").hf_hub_download(weights, name, revision=revision))
