"""What the stages may ask, and never who answers: small protocols without an implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hopchain_assets.domain.records import Chain


@dataclass(frozen=True, slots=True)
class Found:
    """An instance that a segmenter found: COCO run lengths of the whole picture, and how sure it is."""

    category: str
    mask_rle: str
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a certified chain: who verified it, or why it waits for people.

    One that waits may have `models` in `verified_by`: they agreed, and nobody else has seen it.
    """

    verified_by: str = ""
    answer_source: str = ""
    waits_for: str = ""
    detail: str = ""


class Segmenter(Protocol):
    """Finds the instances of each named category in a picture (paper: SAM3)."""

    def segment(self, picture: bytes, categories: Sequence[str]) -> Sequence[Found]:
        """Instances of all the categories; a category without one was not grounded."""
        ...


class TextReader(Protocol):
    """Reads printed text in a picture, for facts that masks cannot give."""

    def read(self, picture: bytes) -> Sequence[tuple[str, tuple[float, float, float, float], float]]:
        """Texts with their box (xyxy, pixels) and confidence in 0..1."""
        ...


class Policy(Protocol):
    """Decides which certified chains are true enough to train on."""

    @property
    def name(self) -> str:
        """Which policy it is, settings included: part of the version of the stage that asks it."""
        ...

    def judge(self, chain: Chain, evidence: Evidence) -> Verdict:
        """Verified, or waiting with a reason."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a chain beside its certificate.

    `audited` holds somebody's word on each category of the picture that was audited, `ground_truth` whether the
    instances were drawn by people or rendered, `executed` the answer of the SQL query, None where it has none,
    `read_by_model` whether only a model read the words back.
    """

    audited: Mapping[str, bool]
    ground_truth: bool
    executed: float | None
    read_by_model: bool = False
