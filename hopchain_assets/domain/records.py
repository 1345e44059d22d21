"""The records that flow through the line. Read this first and you know the product.

Pixel convention everywhere: x grows to the right, y grows downwards, the picture's top left
corner is (0, 0), boxes are `xyxy` with `x1`, `y1` exclusive, and a pixel's centre lies at +0.5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hopchain_assets.domain.program import Program

HopKind = Literal["root", "instance_chain", "perception_level"]
Level = Literal["L1", "L2"]
QueryType = Literal["A", "B", "C"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One segmented object of a picture.

    `box` is xyxy in pixels, `cx`, `cy` the centre of the mask's pixels, `area` the number of
    visible mask pixels, `mask_rle` COCO's compressed run lengths (column-major, of the whole
    picture), `attributes` only facts that are decisive (`color`, `number`, `dots`, `facing`),
    `score` how sure a segmenter was (1 for what people drew or a renderer).
    """

    instance_id: str
    category: str
    box: tuple[float, float, float, float]
    cx: float
    cy: float
    area: float
    mask_rle: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    score: float = 1.0

    @property
    def box_center(self) -> tuple[float, float]:
        """Centre of the box, the other reading of "where it is"."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2

    @property
    def box_area(self) -> float:
        """Area of the box in pixels, the other reading of "how large it is"."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)


@dataclass(frozen=True, slots=True)
class Pair:
    """How instance `a` lies to instance `b` (an ordered pair).

    `overlap_px` is the number of shared mask pixels, `inside_share` the share of `a`'s mask
    pixels that lie in `b`'s box, `edge_gap` the distance between the two masks in pixels
    (0 when they touch or overlap).
    """

    overlap_px: float
    inside_share: float
    edge_gap: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """An instance that was left out of a picture's instances and may be there after all.

    Beside all of them where `instead_of` is empty, else in the place of that one: the same object under two names.
    """

    instance: Instance
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one picture: what programs run on and certificates are about.

    `pairs` holds every ordered pair of instance ids, `perceptions` maps (instance id, predicate)
    to a value that masks cannot give, `uncountable` maps a category to the reason why it may
    neither be counted nor searched in this picture, `doubts` are instances that a segmenter found and
    that were left out.
    """

    image_id: str
    width: int
    height: int
    instances: tuple[Instance, ...]
    pairs: Mapping[tuple[str, str], Pair] = field(default_factory=dict)
    perceptions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    uncountable: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """One step that needs a new look: `grounds` are the program's nodes it stands for."""

    number: int
    kind: HopKind
    level: Level
    depends_on: tuple[int, ...]
    grounds: tuple[str, ...]
    text: str
    result: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A question with the program that answers it. `answer` is a canonical number as text."""

    image_id: str
    question: str
    program: Program
    hops: tuple[Hop, ...]
    answer: str
    instance_ids: tuple[str, ...]
    query_type: QueryType
    skeleton: str
    generator: str

    @property
    def question_id(self) -> str:
        """The same for the same words about the same picture, whoever wrote the program."""
        return digest(self.image_id, normal_question(self.question))

    @property
    def chain_id(self) -> str:
        """The same for the same question and the same canonical program."""
        return digest(self.question_id, self.program.canonical())


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a chain is not certified: the rule it breaks and a sentence that says how."""

    rule: str
    detail: str


# begins the `source` and `generator` of rows that a vision-language model is the source of
BY_MODEL = "vlm/"
# begins the `source` of instances that a segmenter found
BY_SEGMENTER = "segmenter/"
# rules beside the certifier's: a model that was to write or read gave nothing to judge, or did not answer
UNUSABLE, NO_REPLY = NOT_WRITTEN = ("unusable_reply", "no_reply")


def normal_question(question: str) -> str:
    """Case, punctuation and spacing do not make another question."""
    return " ".join(re.findall(r"[a-z0-9.]+", question.lower().replace(". ", " ").rstrip(".")))


def digest(*parts: str) -> str:
    """A 20-digit hexadecimal id of the parts; a length prefix keeps ("ab", "c") from ("a", "bc")."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def canonical_number(value: float) -> str:
    """The one way to write a number: `7`, `-3`, `2.5`.

    Raises:
        ValueError: when the number is not finite.
    """
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} is not a finite number")
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
