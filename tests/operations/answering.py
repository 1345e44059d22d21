"""Someone to ask, in place of a server, and what to ask; for tests in one process and in several."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any, Self

from hopchain_assets.operations.budget import Budget
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.paid import Paid
from hopchain_assets.operations.prices import Price, Prices
from hopchain_assets.ports.vlm import Ask, Picture, Reply, T, UnusableReply, Usage

PICTURE = Picture(b"bytes of a picture")
SCHEMA = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
PRICES = Prices({"m": Price(1.0, 10.0)})
# what a call costs by them: 1,000 tokens in and 100 out
COST = 0.002


@dataclass(eq=False)
class Model:
    """A `Vlm` that says yes after `seconds`, raises what `trouble` gives, and keeps what it was asked."""

    model: str = "m"
    revision: str = "r1"
    seconds: float = 0.0
    text: str = '{"value": "yes"}'
    reasoning: str = "because"
    trouble: Callable[[Ask[Any]], Exception | None] = lambda ask: None
    width: int = 64
    asked: list[Ask[Any]] = field(default_factory=list)
    under_way: int = 0
    diary: Path | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.under_way = 0

    async def ask(self, ask: Ask[T]) -> Reply[T]:
        self.asked.append(ask)
        self.under_way += 1
        await asyncio.sleep(self.seconds)
        self.under_way -= 1
        if error := self.trouble(ask):
            raise error
        if self.diary:
            with self.diary.open("a") as diary:
                diary.write(f"{os.getpid()} {ask.input_id}\n")
        return Reply(ask.read(self.text), self.text, "m-served", self.reasoning, Usage(1000, 100, 40), 0.25)


def question(number: int = 0, read: Callable[[str], object] = json.loads, **fields: Any) -> Ask[Any]:
    """A question that differs from others by its number."""
    given: dict[str, Any] = {
        "purpose": "look",
        "stage": "hop_chains",
        "input_id": f"image{number}",
        "system": "Look closely.",
        "prompt": json.dumps({"number": number}),
        "pictures": (PICTURE,),
        "schema_name": "look",
        "schema": SCHEMA,
        "read": read,
    }
    return Ask(**{**given, **fields})


def unusable(_: Ask[Any]) -> Exception:
    """A model that will not say."""
    return UnusableReply("refused", "I cannot help with that.", "I cannot", "m-served", "hm", Usage(900, 5, 2), 0.5)


def paid(
    model: Model, url: str | Ledger, run: str = "run 1", budget: Budget | None = None, prices: Prices = PRICES
) -> Paid:
    """The model behind a ledger."""
    ledger = url if isinstance(url, Ledger) else Ledger(url)
    return Paid(model, ledger, prices, budget or Budget(None, None), run)


def ask_all(vlm: Paid, questions: Sequence[Ask[Any]]) -> list[Reply[Any] | BaseException]:
    """What became of the questions, asked at once in an event loop of their own."""

    async def work() -> list[Reply[Any] | BaseException]:
        async with vlm:
            return await asyncio.gather(*[vlm.ask(ask) for ask in questions], return_exceptions=True)

    return asyncio.run(work())


def rows(file: Path, sql: str = "SELECT * FROM calls ORDER BY id") -> list[dict[str, Any]]:
    """What another program reads in the SQLite file, now."""
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


def pay_beside(url: str, diary: Path, count: int, barrier: Barrier) -> None:
    """A process that asks `count` questions at once, in step with its rivals."""
    barrier.wait()
    for reply in ask_all(paid(Model(seconds=0.05, diary=diary), url), [question(n) for n in range(count)]):
        assert isinstance(reply, Reply), reply


def pay_and_hang(url: str, count: int, hanging: Event) -> None:
    """A process that gets `count` answers and waits for ever for one more."""

    async def work() -> None:
        model = Model()
        async with paid(model, Ledger(url, lease=3600)) as vlm:
            await asyncio.gather(*[vlm.ask(question(n)) for n in range(count)])
            model.seconds = 3600
            asking = asyncio.create_task(vlm.ask(question(count)))
            while not model.under_way:
                await asyncio.sleep(0.01)
            hanging.set()
            await asking

    asyncio.run(work())


def migrate_beside(url: str, barrier: Barrier) -> None:
    """A process that opens the ledger in step with its rivals."""
    barrier.wait()
    ask_all(paid(Model(), url), [])
