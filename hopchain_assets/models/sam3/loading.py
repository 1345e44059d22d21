"""Loads SAM3's weights, and says in a sentence why that cannot be done."""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hopchain_assets.models.sam3.transformers_network import TransformersNetwork
from hopchain_assets.ports.segmenter import SegmenterUnavailable

KINDS = ("sam3", "sam3_video")
GATED = (
    "{weights} is gated: ask for access on https://huggingface.co/{weights}, accept the SAM licence there, and set "
    "HF_TOKEN to a token of yours that may read it"
)


def device_of(named: str) -> torch.device:
    """The device of a setting: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        SegmenterUnavailable: when it is not there.
    """
    if named == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(named)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SegmenterUnavailable(
            f"HOPCHAIN_SAM3_DEVICE is {named}, and torch {torch.__version__} sees {torch.cuda.device_count()} such "
            "cards: set it to auto, or install torch for CUDA"
        )
    return device


def load_transformers(weights: str, revision: str, device: torch.device) -> TransformersNetwork:
    """The network of these weights, in bfloat16 on CUDA and in 32 bits elsewhere.

    Args:
        weights: a folder as `save_pretrained` writes it, or a name on the Hugging Face hub.
        revision: a commit there; of no meaning for a folder.

    Raises:
        SegmenterUnavailable: when they are not there, not SAM3's, incomplete or damaged.
    """
    try:
        from transformers import AutoTokenizer, Sam3Model
        from transformers.utils import logging
    except ImportError as error:
        raise SegmenterUnavailable(
            f"SAM3 needs packages that are not installed ({error}): pip install 'hopchain-assets[sam3]'"
        ) from error
    # its bars and warnings would stand between ours
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where: dict[str, Any] = {"local_files_only": True} if Path(weights).is_dir() else {"revision": revision}
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        model, told = Sam3Model.from_pretrained(weights, dtype=dtype, output_loading_info=True, **where)
        tokenizer = AutoTokenizer.from_pretrained(weights, **where)
    except Exception as error:  # what a hub, a file or a network says of itself comes in many classes
        raise SegmenterUnavailable(_sentence(weights, revision, error)) from error
    _check(weights, model, tokenizer, told)
    return TransformersNetwork(model, tokenizer, device, dtype)


def _check(weights: str, model: Any, tokenizer: Any, told: Any) -> None:
    kind = getattr(model.config, "model_type", "")
    if kind not in KINDS:
        raise SegmenterUnavailable(f"{weights} holds a {kind or 'nameless'} model, not SAM3: set HOPCHAIN_SAM3_WEIGHTS")
    words = model.config.text_config.vocab_size
    if len(tokenizer) < words:
        # without its files transformers makes an empty one and goes on
        raise SegmenterUnavailable(
            f"the tokenizer of {weights} knows {len(tokenizer)} words, the weights {words}: its files are missing, "
            "download them again"
        )
    wrong = [*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])]
    if wrong:
        # transformers would fill them with random numbers and go on
        raise SegmenterUnavailable(
            f"{weights} lacks {len(wrong)} of SAM3's weights, the first is {sorted(wrong)[0]}: download it again"
        )


def _sentence(weights: str, revision: str, error: Exception) -> str:
    if Path(weights).is_dir():
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        return f"SAM3 cannot be loaded from {weights} ({lines[0][:300]}): the folder needs config.json, \
model.safetensors and the tokenizer's files, as save_pretrained writes them"
    text = " ".join(f"{type(one).__name__} {one}" for one in _causes(error)).lower()
    if any(word in text for word in ("gatedrepo", "gated repo", "401", "403", "unauthorized")):
        return GATED.format(weights=weights)
    if weights.startswith(("/", ".", "~")) or weights.count("/") != 1:
        return f"there is no folder {weights}: HOPCHAIN_SAM3_WEIGHTS names a folder, or a model on the hub"
    return (
        f"{weights} at {revision} is not in the cache of Hugging Face and cannot be fetched ({type(error).__name__}): "
        f"look whether the hub can be reached, set HF_TOKEN (the weights are gated), or name a folder in "
        "HOPCHAIN_SAM3_WEIGHTS"
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def look(weights: str, revision: str, named: str) -> str:
    """What is there to run SAM3 with: device, and where the weights are. Loads nothing.

    Raises:
        SegmenterUnavailable: when something is missing that the first picture would miss.
    """
    device = device_of(named)
    card = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    on = f"torch {torch.__version__} on {device}{card}"
    folder = Path(weights)
    if folder.is_dir():
        missing = [name for name in ("config.json", "tokenizer_config.json") if not (folder / name).is_file()]
        if missing or not list(folder.glob("*.safetensors")):
            raise SegmenterUnavailable(
                f"{weights} lacks {', '.join(missing) or 'model.safetensors'}: download it again"
            )
        return f"weights in {weights}; {on}"
    from huggingface_hub import get_token, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(weights, "config.json", revision=revision), str):
        return f"weights of {weights} in the cache of Hugging Face; {on}"
    if get_token() is None:
        raise SegmenterUnavailable(GATED.format(weights=weights))
    return f"weights of {weights} come with the first picture (3.4 GB); {on}"
