"""The `Segmenter` port on SAM3: batches of pictures, read beside the network, and a memory that may be too small."""

# pyright: reportMissingImports=false
# the extra sam3 brings them; the line runs without

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hopchain_assets.ports.segmenter import Found, Grounding, Segmented, SegmenterUnavailable, ToSegment

if TYPE_CHECKING:
    import torch

    from hopchain_assets.models.sam3.network import Network

WEIGHTS = "facebook/sam3"
# of 19 November 2025, the commit that others pin too
REVISION = "3c879f39826c281e95690f02c7821c4de09afae7"
# what is less sure is noise; the line's own thresholds lie above, so that they can be moved without asking again
FLOOR = 0.1
# raised when masks are made otherwise of the same weights
MADE = 1
READERS = 4

_networks: dict[tuple[str, ...], Network] = {}
_loading = threading.Lock()


@dataclass(slots=True)
class Sizes:
    """How much is done at once: pictures encoded, pairs of a picture and a name. Halved where memory ends."""

    pictures: int
    pairs: int

    def halve(self) -> bool:
        """Half of both; False where there is nothing left to halve."""
        before = (self.pictures, self.pairs)
        self.pictures, self.pairs = max(1, self.pictures // 2), max(1, self.pairs // 2)
        return before != (self.pictures, self.pairs)


@dataclass(frozen=True, slots=True)
class Sam3:
    """SAM3 behind the port. Opens nothing; the network is loaded once a process, with the first picture.

    Args:
        weights: a name on the Hugging Face hub, or a folder.
        revision: the commit there.
        code: whose code runs it, `transformers` or `meta`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch: pictures encoded at once; 0 for 8 on CUDA and 1 elsewhere.
        floor: instances of a lower score are not told.
    """

    weights: str = WEIGHTS
    revision: str = REVISION
    code: str = "transformers"
    device: str = "auto"
    batch: int = 0
    floor: float = FLOOR

    @property
    def name(self) -> str:
        """The weights' name; of a folder the last part."""
        return Path(self.weights).name if Path(self.weights).is_dir() else self.weights

    @property
    def version(self) -> str:
        """Weights, revision and how masks are made of them; not the device: it changes the last digits alone."""
        return f"{self.name}@{self.revision} {self.code} {MADE} {self.floor}"

    def segment(self, pictures: Sequence[ToSegment]) -> Iterator[Segmented]:
        """What came of each picture. Files are read and resized by other threads while the network works.

        Raises:
            SegmenterUnavailable: when packages, weights or the device are missing.
        """
        if not pictures:
            return
        network = self.loaded()
        on_card = network.device.type == "cuda"
        sizes = Sizes(self.batch or (8 if on_card else 1), 32 if on_card else 2)
        with ThreadPoolExecutor(READERS, "read-pictures") as readers:
            waiting: list[tuple[ToSegment, Future[tuple[torch.Tensor, int, int]]]] = []
            ahead = iter(pictures)
            while True:
                # the next batch is read while this one is at work
                for picture in ahead:
                    waiting.append((picture, readers.submit(_read, picture.read, network.resolution)))
                    if len(waiting) >= 2 * sizes.pictures:
                        break
                if not waiting:
                    return
                batch, waiting = waiting[: sizes.pictures], waiting[sizes.pictures :]
                yield from _batch(network, batch, sizes, self.floor)

    def loaded(self) -> Network:
        """The network; loaded once a process.

        Raises:
            SegmenterUnavailable: when it cannot be.
        """
        try:
            from hopchain_assets.models.sam3.loading import device_of, load_transformers
        except ImportError as error:
            raise SegmenterUnavailable(
                f"SAM3 needs torch, which is not installed ({error}): pip install 'hopchain-assets[sam3]'"
            ) from error
        key = (self.weights, self.revision, self.code, self.device)
        with _loading:
            if key not in _networks:
                device = device_of(self.device)
                if self.code == "meta":
                    from hopchain_assets.models.sam3.meta_network import load_meta

                    _networks[key] = load_meta(self.weights, self.revision, device)
                else:
                    _networks[key] = load_transformers(self.weights, self.revision, device)
            return _networks[key]


def _read(read: Callable[[], bytes], resolution: int) -> tuple[torch.Tensor, int, int]:
    from hopchain_assets.models.sam3.pixels import pixels_of

    return pixels_of(read(), resolution)


def _batch(
    network: Network,
    batch: Sequence[tuple[ToSegment, Future[tuple[torch.Tensor, int, int]]]],
    sizes: Sizes,
    floor: float,
) -> Iterator[Segmented]:
    """One batch; pictures that cannot be read are told of, and the others go on."""
    readable: list[tuple[ToSegment, tuple[torch.Tensor, int, int]]] = []
    for picture, reading in batch:
        try:
            readable.append((picture, reading.result()))
        except (ValueError, OSError) as error:
            yield Segmented(picture.image_id, error=str(error))
    yield from _patiently(network, readable, sizes, floor)


def _patiently(
    network: Network,
    batch: Sequence[tuple[ToSegment, tuple[torch.Tensor, int, int]]],
    sizes: Sizes,
    floor: float,
) -> list[Segmented]:
    """The batch, in ever smaller parts where the memory does not hold it."""
    from hopchain_assets.models.sam3.network import is_out_of_memory

    if not batch:
        return []
    if len(batch) > sizes.pictures:
        middle = len(batch) // 2
        return _patiently(network, batch[:middle], sizes, floor) + _patiently(network, batch[middle:], sizes, floor)
    try:
        return _found(network, batch, sizes.pairs, floor)
    except Exception as error:  # of a kind that each network chooses
        if is_out_of_memory(error):
            told, again = "the memory of the device does not hold it, not even alone", sizes.halve()
        elif "CUDA error" in str(error):
            # after such an error nothing on the card answers any more
            raise SegmenterUnavailable(f"the card failed ({str(error).splitlines()[0]}): start again") from error
        else:
            told, again = f"{type(error).__name__}: {error}", False
    # outside of `except`, where the traceback would hold on to what filled the memory
    _tidy(network)
    if again:
        return _patiently(network, batch, sizes, floor)
    if len(batch) == 1:
        return [Segmented(batch[0][0].image_id, error=told)]
    return [found for one in batch for found in _patiently(network, [one], sizes, floor)]


def _tidy(network: Network) -> None:
    import torch

    if network.device.type == "cuda":
        torch.cuda.empty_cache()


def _found(
    network: Network,
    batch: Sequence[tuple[ToSegment, tuple[torch.Tensor, int, int]]],
    at_once: int,
    floor: float,
) -> list[Segmented]:
    import torch

    from hopchain_assets.models.sam3.masks import run_lengths_of

    pixels = torch.stack([square for _, (square, _, _) in batch])
    encoded = network.encode(pixels.pin_memory() if network.device.type == "cuda" else pixels)
    pairs = [(place, name) for place, (picture, _) in enumerate(batch) for name in picture.categories]
    groundings: list[list[Grounding]] = [[] for _ in batch]
    for start in range(0, len(pairs), at_once):
        few = pairs[start : start + at_once]
        detected = network.detect(encoded, [place for place, _ in few], [name for _, name in few], floor)
        for (place, name), one in zip(few, detected, strict=True):
            _, height, width = batch[place][1]
            masks = [] if one.logits is None else run_lengths_of(one.logits, height, width)
            found = tuple(Found(mask, score) for mask, score in zip(masks, one.scores, strict=True))
            groundings[place].append(Grounding(name, one.presence, found))
    return [Segmented(picture.image_id, tuple(groundings[place])) for place, (picture, _) in enumerate(batch)]
