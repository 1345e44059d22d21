"""What tasks ask of the ledger's thread, each with the future by which it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from hopchain_assets.operations.statements import Row, Stored

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Waiting(Generic[T]):
    """What somebody waits for."""

    told: asyncio.Future[T]


@dataclass(eq=False, slots=True)
class Find(Waiting[Stored | None]):
    """The answer to a key, if there is one."""

    key: str


@dataclass(eq=False, slots=True)
class Look(Waiting[Any]):
    """Anything that only reads."""

    work: Callable[[Connection], Any]


@dataclass(eq=False, slots=True)
class Claim(Waiting["Stored | bool"]):
    """The right to pay for a key: granted (true), held by another (false), or answered already."""

    key: str


@dataclass(eq=False, slots=True)
class Record(Waiting["Stored | None"]):
    """A reply that was paid for; ends its claim. Tells of the answer that was there before, if there was."""

    claim: Claim
    row: Row


@dataclass(eq=False, slots=True)
class Release:
    """Gives a claim back, granted or not; nobody waits for it."""

    claim: Claim


Write = Claim | Record | Release
