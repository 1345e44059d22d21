"""What the line asks of those who put questions to people, and never how they do it (paper, stage 4)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

# `work` needs people; `gold` has a known answer, unmarked, to measure them; `practice` shows it after the answer
Kind = Literal["work", "gold", "practice"]


@dataclass(frozen=True, slots=True)
class ShownHop:
    """A hop in words: what it asks, what the program finds, and how close each of its choices was."""

    number: int
    kind: str
    level: str
    text: str
    result: str
    margins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownInstance:
    """A marked object: `box` is xyxy in pixels, `mask_rle` COCO's compressed run lengths of the whole picture."""

    instance_id: str
    category: str
    box: tuple[float, float, float, float]
    mask_rle: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that who leads may see of a closed question, beside the votes. Kept as JSON (`to_json`, `from_json`).

    `width` and `height` are the picture's pixels, `answer` the program's. `instances` are the objects that the chain
    rests on, `others` the other marks of its `categories`, without their masks: what has no mark is missing in both.
    """

    width: int
    height: int
    chain_id: str
    generator: str
    answer: str
    hops: tuple[ShownHop, ...]
    instances: tuple[ShownInstance, ...]
    others: tuple[ShownInstance, ...]
    categories: tuple[str, ...]

    def to_json(self) -> str:
        """Its JSON text; equal ones have equal texts."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Shown:
        """The record of a text that `to_json` made.

        Raises:
            ValueError: when it is no such text.
        """
        try:
            told: dict[str, Any] = json.loads(text)
            made = {
                "hops": tuple(ShownHop(**hop | {"margins": tuple(hop["margins"])}) for hop in told["hops"]),
                "instances": _instances(told["instances"]),
                "others": _instances(told["others"]),
                "categories": tuple(told["categories"]),
            }
            return cls(**told | made)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is nothing to show of a question: {error}") from error


def _instances(rows: Sequence[Mapping[str, Any]]) -> tuple[ShownInstance, ...]:
    return tuple(ShownInstance(**{**row, "box": tuple(row["box"])}) for row in rows)


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A question for people. `executed` is the program's answer, `source` where its picture comes from, `shown` JSON
    (`Shown`) of what only who leads may see."""

    question_id: str
    image_id: str
    batch: str
    source: str
    question: str
    executed: str
    shown: str
    kind: Kind = "work"


@dataclass(frozen=True, slots=True)
class Cast:
    """A final vote that counts: a canonical number, or a defect; `origin` is where it was given."""

    question_id: str
    image_id: str
    batch: str
    person_id: str
    number: str
    defect: str
    note: str
    seconds: float | None
    at: datetime
    origin: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people made of a question: its state (`domain/review.State`), their answer, and who of the leads accepted
    one that the program does not give. `needed` is how many people had to answer when it was closed."""

    question_id: str
    image_id: str
    batch: str
    state: str
    answer: str
    accepted_by: str
    needed: int


@dataclass(frozen=True, slots=True)
class NotMarked:
    """Somebody saw an object of a category without a mark in a picture."""

    finding_id: str
    image_id: str
    category: str
    by: str


class Reviews(Protocol):
    """Where questions are left for people, and their votes are fetched. `Unavailable` is raised where it cannot be
    reached.
    """

    def push(self, items: Sequence[ReviewItem], batches: Sequence[str], stamp: str = "") -> int:
        """Leaves the questions of these batches for people; those of them that are not named any more are withdrawn.

        Votes are kept by `question_id`: one that comes back has its votes. `stamp` says what the questions were made
        from, and `pushed` tells it again. Returns how many are new.
        """
        ...

    def pushed(self) -> Mapping[str, str]:
        """The stamp that each batch was last pushed with; batches without one are left out."""
        ...

    def waiting(self) -> int:
        """How many questions people have not closed yet."""
        ...

    def mark(self) -> str:
        """Changes whenever anything else here may have changed; "" where nothing was ever pushed."""
        ...

    def reviewed(self) -> tuple[list[Reviewed], list[Cast]]:
        """All questions that people have closed, and all final votes that count, in order."""
        ...

    def not_marked(self) -> list[NotMarked]:
        """What nobody has fetched yet of objects without a mark."""
        ...

    def fetched(self, finding_ids: Sequence[str]) -> None:
        """Says that these were recorded, and need not be told again."""
        ...
