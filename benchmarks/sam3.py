"""How fast is SAM3 at full size, encoded once for all names, against a call for each name as transformers has it?

Weights are random: nobody needs a download, and the time does not depend on what they say. Scores of random weights are
all alike, so they are spread, and the floor is set such that every name is found, with about three instances each.
Both ways run in turn, on the same pictures, in the same minute. On a CUDA card in bfloat16, elsewhere in 32 bits.
Run: `.venv-models/bin/python -m benchmarks.sam3 [--photos ../shared/photos] [--names 10] [--pictures 1] [--rounds 1]`.
"""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Sam3Config, Sam3Model

from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.models.sam3.masks import run_lengths_of
from hopchain_assets.models.sam3.pixels import normalised, pixels_of
from hopchain_assets.models.sam3.transformers_network import TOKENS, Encoded, TransformersNetwork
from tests.with_models.tiny_sam3 import clip_tokenizer

NAMES = (
    "person", "dog", "wine glass", "car", "traffic light", "chair", "bottle", "kite", "boat", "backpack", "umbrella",
    "horse", "bench", "clock", "cup", "bird", "truck", "tie", "sheep", "book",
)  # fmt: skip
EACH = 3
# dense bfloat16 operations a second, by the makers' data sheets
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--names", type=int, default=10)
    parser.add_argument("--pictures", type=int, default=1, help="encoded together")
    parser.add_argument("--pairs", type=int, default=0, help="decoded together; 0 for 2, on CUDA 32")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = _network(device)
    names = NAMES[: options.names]
    files = sorted((options.photos / "images").glob("*.jpg"))[: options.pictures]
    read = [pixels_of(path.read_bytes(), network.resolution) for path in files]
    pixels = torch.stack([square for square, _, _ in read])
    sizes = [(height, width) for _, height, width in read]
    pairs = options.pairs or (32 if device.type == "cuda" else 2)
    job = _Job(network, pixels, sizes, names, pairs, _floor(network, pixels, names, pairs))
    seconds: dict[str, list[float]] = {name: [] for name in ("naive", "encode", "detect", "masks")}
    for _ in range(options.rounds):
        seconds["naive"].append(_timed(job.naive))
        seconds["encode"].append(_timed(job.encode))
        seconds["detect"].append(_timed(job.detect))
        seconds["masks"].append(_timed(job.masks))
    _report(job, {name: median(values) for name, values in seconds.items()}, device)


class _Job:
    """The same pictures and names, either way."""

    def __init__(
        self,
        network: TransformersNetwork,
        pixels: torch.Tensor,
        sizes: list[tuple[int, int]],
        names: tuple[str, ...],
        pairs: int,
        floor: float,
    ) -> None:
        self.network, self.pixels, self.sizes, self.names = network, pixels, sizes, names
        self.pairs, self.floor = pairs, floor
        self.encoded: Any = None
        self.found: list[Any] = []
        self.instances = 0

    @torch.inference_mode()
    def naive(self) -> None:
        """One call a name and picture."""
        network = self.network
        for picture in self.pixels:
            values = normalised(picture[None], network.device, network.dtype)
            for name in self.names:
                tokens = network.tokenizer(
                    [name], padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
                ).to(network.device)
                network.model(pixel_values=values, input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)

    def encode(self) -> None:
        """Each picture once."""
        self.encoded = self.network.encode(self.pixels)

    def detect(self) -> None:
        """All names in what was encoded."""
        todo = [(place, name) for place in range(len(self.pixels)) for name in self.names]
        self.found = []
        for start in range(0, len(todo), self.pairs):
            few = todo[start : start + self.pairs]
            detected = self.network.detect(self.encoded, [p for p, _ in few], [n for _, n in few], self.floor)
            self.found += [(place, one) for (place, _), one in zip(few, detected, strict=True)]

    def masks(self) -> None:
        """Logits to run lengths at the picture's size."""
        self.instances = 0
        for place, one in self.found:
            if one.logits is not None:
                self.instances += len(run_lengths_of(one.logits, *self.sizes[place]))


def _network(device: torch.device) -> TransformersNetwork:
    torch.manual_seed(0)
    model = Sam3Model(Sam3Config()).eval()
    model.dot_product_scoring.scale *= 40
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    return TransformersNetwork(model, clip_tokenizer(), device, dtype)


def _floor(network: TransformersNetwork, pixels: torch.Tensor, names: tuple[str, ...], pairs: int) -> float:
    """The score that the best of every name reaches, or that leaves three a name, whichever is less."""
    encoded: Encoded = network.encode(pixels[:1])
    best: list[float] = []
    every: list[float] = []
    for start in range(0, len(names), pairs):
        few = names[start : start + pairs]
        for one in network.detect(encoded, [0] * len(few), few, 0.0):
            best.append(one.scores[0])
            every += one.scores
    return min(min(best), sorted(every, reverse=True)[min(len(every), EACH * len(names)) - 1])


def _timed(work: Callable[[], None]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _operations(work: Callable[[], None]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def _report(job: _Job, seconds: dict[str, float], device: torch.device) -> None:
    count = len(job.pixels)
    ours = seconds["encode"] + seconds["detect"] + seconds["masks"]
    rows = [
        {"what": "a call for each name", "seconds a picture": f"{seconds['naive'] / count:.2f}", "share": ""},
        {"what": "encoded once", "seconds a picture": f"{ours / count:.2f}", "share": "100%"},
        *(
            {"what": name, "seconds a picture": f"{seconds[key] / count:.2f}", "share": f"{seconds[key] / ours:.0%}"}
            for name, key in (("- encode", "encode"), ("- detect", "detect"), ("- masks", "masks"))
        ),
    ]
    card = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{count} pictures, {len(job.names)} names, {job.instances} instances; {job.network.dtype} on {card}\n")
    print(table_markdown(rows, list(rows[0])))
    memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else _resident()
    print(
        f"\n{seconds['naive'] / ours:.1f} times as fast as a call for each name; {count / ours:.3f} pictures a second;"
    )
    print(f"peak memory {memory / 2**30:.1f} GiB, both ways together")
    if device.type == "cuda":
        operations = _operations(job.encode) + _operations(job.detect)
        peak = next((value for name, value in PEAKS.items() if name in card), None)
        share = f", {operations / ours / peak:.0%} of the card's peak" if peak else ""
        print(f"{operations / count / 1e12:.1f} TFLOP a picture{share}")


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
