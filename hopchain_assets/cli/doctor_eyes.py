"""What `hopchain doctor` says of those who look at pictures: packages, devices, weights, and what to do next."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from hopchain_assets.ports.segmenter import SegmenterUnavailable
from hopchain_assets.ports.text_reader import TextReaderUnavailable
from hopchain_assets.settings import Settings

# by extra, what it brings
EXTRAS = {
    "sam3": ("torch", "transformers"),
    "ocr": ("rapidocr", "onnxruntime"),
    "gpu": ("sam3",),
    "vllm": ("vllm",),
}
NEXT = "HOPCHAIN_SEGMENTER=sam3 finds them (docs/segmenting.md)"


def segmenter(settings: Settings) -> str:
    """Who finds instances, and whether it could begin.

    Raises:
        SegmenterUnavailable: when it could not; a sentence.
        SettingsError: when its settings cannot be used.
    """
    eyes = settings.eyes
    if not eyes.segmenter:
        return f"none: plain pictures end after their names; {NEXT}"
    if eyes.segmenter != "sam3":
        made = eyes.finder(settings.operations, settings.scene_folders())
        return f"{made.name if made else eyes.segmenter}, for trials: it knows the truth and errs by rate"
    try:
        from hopchain_assets.models.sam3.loading import look
    except ImportError as error:
        raise SegmenterUnavailable(
            f"HOPCHAIN_SEGMENTER is sam3, and torch is not installed ({error}): pip install 'hopchain-assets[sam3]'"
        ) from error
    if find_spec("transformers") is None:
        raise SegmenterUnavailable("HOPCHAIN_SEGMENTER is sam3: pip install 'hopchain-assets[sam3]'")
    if eyes.sam3.code == "meta" and find_spec("sam3") is None:
        raise SegmenterUnavailable("HOPCHAIN_SAM3_CODE is meta: pip install 'hopchain-assets[gpu]', on a CUDA machine")
    return look(eyes.sam3.weights, eyes.sam3.revision, eyes.sam3.device)


def text_reader(settings: Settings) -> str:
    """Who reads printed text, and whether it could begin.

    Raises:
        TextReaderUnavailable: when it could not; a sentence.
    """
    if not settings.eyes.text_reader:
        return "none: printed numbers are no facts; HOPCHAIN_TEXT_READER=rapidocr reads them"
    if find_spec("rapidocr") is None:
        raise TextReaderUnavailable("HOPCHAIN_TEXT_READER is rapidocr: pip install 'hopchain-assets[ocr]'")
    return f"rapidocr {metadata.version('rapidocr')}, with its own weights"


def extras(_: Settings) -> str:
    """What is installed beside the line itself, which needs none of it."""
    return "; ".join(f"[{extra}] {', '.join(_version(name) for name in names)}" for extra, names in EXTRAS.items())


def _version(package: str) -> str:
    """Asked of the package's own papers: importing torch takes seconds."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} not installed"
