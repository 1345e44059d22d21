"""What the report page tells: plain figures and examples, whoever read them from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hopchain_assets.domain.certify.margins import Margins


@dataclass(frozen=True, slots=True)
class Yields:
    """What is left after each step: pictures first, then questions. `batch` is empty for all of them together."""

    batch: str
    landed: int = 0
    usable: int = 0
    with_instances: int = 0
    with_questions: int = 0
    proposed: int = 0
    certified: int = 0
    verified: int = 0
    in_shards: int = 0

    def pictures(self) -> tuple[tuple[str, int], ...]:
        """The steps that count pictures."""
        return (
            ("landed", self.landed), ("usable", self.usable),
            ("with instances", self.with_instances), ("with questions", self.with_questions),
        )  # fmt: skip

    def questions(self) -> tuple[tuple[str, int], ...]:
        """The steps that count questions."""
        return (
            ("proposed", self.proposed), ("certified", self.certified),
            ("verified", self.verified), ("in shards", self.in_shards),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected question with how it breaks the rule; `picture` is the file's bytes, empty where it is gone."""

    question: str
    detail: str
    name: str
    picture: bytes


@dataclass(frozen=True, slots=True)
class Loss:
    """Questions that broke a rule, and some of them."""

    rule: str
    count: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """How many there are of something, with one case or a sentence in words."""

    name: str
    count: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class StageTime:
    """What the runs of a stage took in all; runs with nothing to do are not recorded."""

    stage: str
    runs: int
    inputs: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """Work that the line could not do: `what` died, where, and of what; `count` inputs of the same kind."""

    what: str
    where: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check on a table and what it found: `says` is what must hold, `detail` more about a failure."""

    name: str
    table: str
    says: str
    passed: bool
    failing: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a warehouse at one snapshot.

    `batches` are the latest ones of `n_batches`, the latest first; `answers` are (answer, count) of the questions that
    are `answers_of`; `mix` maps `hops`, `type` and `form` to (value, count) of the certified questions; `unused` are
    categories that no question may be about, `rated_out` pictures with too little to ask about; `pending` inputs by
    stage; `margins` what the certifier asked for.
    """

    written_at: datetime
    snapshot: int
    total: Yields
    batches: tuple[Yields, ...] = ()
    n_batches: int = 0
    losses: tuple[Loss, ...] = ()
    unused: tuple[Group, ...] = ()
    answers: tuple[tuple[str, int], ...] = ()
    answers_of: str = "verified"
    mix: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    splits: tuple[tuple[str, int], ...] = ()
    seconds: tuple[StageTime, ...] = ()
    waiting: tuple[Group, ...] = ()
    set_aside: tuple[Group, ...] = ()
    bad_marks: tuple[Group, ...] = ()
    rated_out: tuple[Group, ...] = ()
    pending: tuple[tuple[str, int], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    margins: Margins = field(default_factory=Margins)
