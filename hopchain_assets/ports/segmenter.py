"""What may be asked of a segmenter, and how it may fail; never who answers (paper, stage 2: SAM3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hopchain_assets.ports.unavailable import Unavailable


@dataclass(frozen=True, slots=True)
class Found:
    """An instance that was found: COCO's compressed run lengths of the whole picture, and how sure that is, in 0..1."""

    mask_rle: str
    score: float


@dataclass(frozen=True, slots=True)
class Grounding:
    """What was found of one category. `presence` is how sure it is that there is any of it, in 0..1."""

    category: str
    presence: float
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class ToSegment:
    """A picture and the names to look for. `read` fetches its bytes, when its turn comes, in a thread of its own."""

    image_id: str
    categories: tuple[str, ...]
    read: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Segmented:
    """What came of a picture: a grounding for each of its names in their order, or why there is none."""

    image_id: str
    groundings: tuple[Grounding, ...] = ()
    error: str = ""


class SegmenterUnavailable(Unavailable):
    """Nothing can be segmented now: a package, the weights or a device is missing. A sentence that says what to do."""


class Segmenter(Protocol):
    """Finds the instances of each named category in pictures."""

    @property
    def name(self) -> str:
        """The name of the weights, as the rows that rest on it tell it."""
        ...

    @property
    def version(self) -> str:
        """All that its answers depend on beside picture and name: weights, revision, how masks are made of them."""
        ...

    def segment(self, pictures: Sequence[ToSegment]) -> Iterator[Segmented]:
        """What came of each picture, as it comes, in any order. A picture that fails stops no other.

        Raises:
            SegmenterUnavailable: when nothing can be segmented.
        """
        ...
