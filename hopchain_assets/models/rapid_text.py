"""Printed text by the package `rapidocr` (Apache-2.0): it ships its weights, runs on onnxruntime and asks no network.

It reads each line of text in two steps, where lines are and what they say. A third step of its own, which turns lines
by 180 degrees, is left out: it turned a clear 28 on a scoreboard and read a Chinese sign.
"""

from __future__ import annotations

import importlib
import io
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from hopchain_assets.ports.text_reader import Text, TextReaderUnavailable

PACKAGE = "rapidocr"
# the weights in the package: where lines are, what they say
DETECTOR, RECOGNISER = "PP-OCRv6_det_small", "PP-OCRv6_rec_small"
# raised with every change to how pictures are prepared or lines are read
CODE = 1
INSTALL = "pip install 'hopchain-assets[ocr]'"
# the forms in which pictures are kept
FORMATS = ("JPEG", "PNG", "WEBP")
# what is too small to be read at this size is too small to be asked about
LONGEST_SIDE = 1600
# the detector makes the shorter side 736 pixels: a strip of 2000 by 30 would become 36 megapixels
MOST_ELONGATED = 4
SHORTEST_SIDE = 32
MARGIN = (128, 128, 128)
THREADS = 2

_LOADED: dict[int, Any] = {}
# one picture at a time: the package keeps state between its steps, and each run has threads of its own
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class RapidText:
    """Reads printed text on the processor with at most `threads` threads; loaded once a process, at the first picture.

    For threads of one process, not for processes that were forked from one that has read.
    """

    threads: int = THREADS

    @property
    def name(self) -> str:
        return PACKAGE

    @property
    def version(self) -> str:
        try:
            package = metadata.version(PACKAGE)
        except metadata.PackageNotFoundError:
            package = "not installed"
        return f"{PACKAGE} {package}, {DETECTOR}, {RECOGNISER}, code {CODE}"

    def read(self, picture: bytes) -> Sequence[Text]:
        pixels, scale, (width, height) = _decoded(picture)
        with _ONE_AT_A_TIME:
            found = _loaded(self.threads)(pixels)
        if found.txts is None or found.boxes is None or found.scores is None:
            return ()
        texts: list[Text] = []
        for said, corners, confidence in zip(found.txts, found.boxes, found.scores, strict=True):
            points = np.asarray(corners, np.float64) * scale
            (x0, y0), (x1, y1) = (np.clip(side, 0, (width, height)).tolist() for side in (points.min(0), points.max(0)))
            # what lies in the margin is not in the picture
            if said.strip() and x1 > x0 and y1 > y0:
                texts.append(Text(said.strip(), (x0, y0, x1, y1), min(max(float(confidence), 0.0), 1.0)))
        return sorted(texts, key=lambda text: (text.box[1], text.box[0]))


def _decoded(data: bytes) -> tuple[Any, float, tuple[int, int]]:
    """Pixels as the package wants them ([h, w, 3] uint8, blue first), picture pixels in each, and the picture's size.

    Raises:
        ValueError: when it is no picture; a sentence.
    """
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        picture.load()
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, Image.DecompressionBombError) as error:
        # Pillow's own words name an address in memory, other ones each time
        wrong = "it is no picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ValueError(f"the picture cannot be decoded: {wrong or type(error).__name__}") from error
    size = upright.size
    if max(size) > LONGEST_SIDE:
        upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    scale = max(size) / max(upright.size)
    width, height = upright.size
    room = (max(width, height // MOST_ELONGATED, SHORTEST_SIDE), max(height, width // MOST_ELONGATED, SHORTEST_SIDE))
    if room != upright.size:
        sheet = Image.new("RGB", room, MARGIN)
        sheet.paste(upright)
        upright = sheet
    return np.ascontiguousarray(np.asarray(upright)[:, :, ::-1]), scale, size


def _loaded(threads: int) -> Any:
    """The package's reader. Called by one thread at a time.

    Raises:
        TextReaderUnavailable: when the package or its weights are missing; a sentence.
    """
    if threads in _LOADED:
        return _LOADED[threads]
    try:
        package: Any = importlib.import_module(PACKAGE)
        importlib.import_module("onnxruntime")
    except ImportError as error:
        raise TextReaderUnavailable(f"printed text is read by {PACKAGE} ({error}): {INSTALL}") from error
    folder = Path(package.__file__).parent / "models"
    weights = {step: folder / f"{name}.onnx" for step, name in (("Det", DETECTOR), ("Rec", RECOGNISER))}
    # without a path of ours it would download what is missing
    missing = [path.name for path in weights.values() if not path.is_file()]
    if missing:
        brought = metadata.version(PACKAGE)
        raise TextReaderUnavailable(f"{PACKAGE} {brought} comes without {' and '.join(missing)}: {INSTALL}")
    settings = {f"{step}.model_path": str(path) for step, path in weights.items()} | {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        # what is read badly is told with its confidence
        "Global.text_score": 0.0,
        # more threads than processors would mean all of them to it
        "EngineConfig.onnxruntime.intra_op_num_threads": max(1, min(threads, os.cpu_count() or 1)),
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    _LOADED[threads] = package.RapidOCR(params=settings)
    return _LOADED[threads]
