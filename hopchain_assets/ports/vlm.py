"""What may be asked of a vision-language model, and how it may fail; never who answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Protocol, Self, TypeVar

from hopchain_assets.ports.unavailable import Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """A picture as it is sent. Hashed and encoded once, however often it is asked about."""

    data: bytes
    media_type: str = "image/jpeg"

    @cached_property
    def sha256(self) -> str:
        """Of the bytes that are sent, in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def data_uri(self) -> bytes:
        """The picture as a `data:` address, as it stands in a message."""
        return b"data:" + self.media_type.encode() + b";base64," + base64.b64encode(self.data)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. `max_tokens` counts reasoning and answer together."""

    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 16_384


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One question to a model, which answers with JSON that fits `schema`.

    `purpose` names the prompt, `stage` who pays, `input_id` what for (an image id). `read` makes the value of the
    reply's JSON text, and raises `ValueError` with a sentence where it does not fit. `sample_index` tells the samples
    of one question apart, `repair_round` the rounds in which a model mends what it wrote.
    """

    purpose: str
    stage: str
    input_id: str
    system: str
    prompt: str
    pictures: tuple[Picture, ...]
    schema_name: str
    schema: Mapping[str, object]
    read: Callable[[str], T]
    sampling: Sampling = field(default_factory=Sampling)
    sample_index: int = 0
    repair_round: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call as the server counted them; `reasoning` are part of `completion`."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A reply that can be used. `model` is the name under which the server answered, `seconds` how long that took.

    `reused` says that it was paid for before.
    """

    value: T
    text: str
    model: str
    reasoning: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    reused: bool = False


class UnusableReply(Exception):
    """The model answered, and the answer cannot be used: no JSON, not of the schema, refused, cut off.

    `reason` is one of `refused`, `cut off`, `not JSON`, `not of the schema`, `empty`.
    """

    def __init__(
        self, reason: str, detail: str, text: str, model: str, reasoning: str, usage: Usage, seconds: float
    ) -> None:
        super().__init__(f"unusable reply ({reason}): {detail}")
        self.reason, self.detail, self.text, self.model = reason, detail, text, model
        self.reasoning, self.usage, self.seconds = reasoning, usage, seconds


class CallFailed(Exception):
    """No reply for this question, after every retry or because the server will not have it: this row's trouble."""


class ServerUnavailable(Unavailable):
    """No question can be asked now: nobody listens, the key is wrong, replies cannot be written down. A sentence."""


class BudgetSpent(Exception):
    """The calls or the money that the user allowed are used up."""


class Vlm(Protocol):
    """A model behind a server. Asked by many tasks at once, within `async with`."""

    @property
    def model(self) -> str:
        """The name by which it is asked for."""
        ...

    @property
    def revision(self) -> str:
        """Which weights the name stands for; empty where nobody says."""
        ...

    @property
    def width(self) -> int:
        """Questions that may usefully be asked at once."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def ask(self, ask: Ask[T]) -> Reply[T]:
        """The reply.

        Raises:
            UnusableReply: when the model's answer cannot be used.
            CallFailed: when there is no answer to this question.
            ServerUnavailable: when no question can be answered.
            BudgetSpent: when nothing more may be asked.
        """
        ...
