"""What the stages may ask, and never who answers: small protocols without an implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hopchain_assets.domain.records import Chain
from hopchain_assets.ports.reviews import Reviewed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a certified chain: who verified it, or why it waits for people.

    One that waits may have `models` in `verified_by`: they agreed, and nobody else has seen it. `answer` is people's
    where it is not the program's, `held` a sentence that says why a verified one may not be trained on yet.
    """

    verified_by: str = ""
    answer_source: str = ""
    waits_for: str = ""
    detail: str = ""
    answer: str = ""
    held: str = ""


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
    `read_by_model` whether only a model read the words back, `text_by_model` whether a model read the numbers that are
    printed in the picture, `review` what people made of the question, None where they have not closed it.
    """

    audited: Mapping[str, bool]
    ground_truth: bool
    executed: float | None
    read_by_model: bool = False
    text_by_model: bool = False
    review: Reviewed | None = None
