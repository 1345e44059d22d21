"""What a SAM3 network can do, whoever wrote its code: encode pictures once, then detect names in what was encoded."""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found for one name in one picture.

    `presence` says how sure it is that there is any, `scores` `[k]` are those of the instances at or above the floor
    (presence included), the best first, `logits` `[k, h, w]` their masks at the network's own size, positive inside.
    """

    presence: float
    scores: list[float]
    logits: torch.Tensor | None


class Network(Protocol):
    """A loaded network. `resolution` is the side of the square that pictures are resized to."""

    resolution: int
    device: torch.device

    def encode(self, pixels: torch.Tensor) -> Any:
        """Encodes pictures, `[B, 3, R, R]` bytes of RGB."""
        ...

    def detect(self, encoded: Any, where: Sequence[int], names: Sequence[str], floor: float) -> list[Detected]:
        """For each pair of an encoded picture (its place in the batch) and a name, what is at or above the floor."""
        ...


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine itself, has too little memory for what was asked."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # torch tells of the machine's own memory by a plain RuntimeError
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
