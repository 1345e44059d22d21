"""The ledger of paid calls: finds what was paid for, keeps two from paying for one key, writes down what was paid."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Self, TypeVar

from sqlalchemy import Connection

from hopchain_assets.operations import spending
from hopchain_assets.operations.database import Database
from hopchain_assets.operations.questions import Claim, Find, Look, Record, Release
from hopchain_assets.operations.spending import Average, Spent
from hopchain_assets.operations.statements import Row, Stored, today
from hopchain_assets.operations.trouble import patiently
from hopchain_assets.operations.writer import Writer

T = TypeVar("T")

LEASE_SECONDS = 20.0


class Ledger:
    """A ledger at a database URL. The constructor opens nothing.

    It may be entered by several at once (the models of a run share one), in one event loop after another; the
    first starts the thread that writes, the last ends it.

    Args:
        url: `sqlite:////path/file` or `postgresql://user@host:port/database`.
        lease: seconds after which a claim ends whose process is gone or stands still; it is renewed before.

    Raises:
        OperationsError: for a URL that is neither; from `async with` and all else, when the database cannot be used.
    """

    def __init__(self, url: str, lease: float = LEASE_SECONDS) -> None:
        self._database, self._lease = Database(url), lease
        self._lock = threading.Lock()
        self._users = 0
        self._writer: Writer | None = None
        # by event loop and key: what a task of this process is just finding out
        self._shared: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Future[Stored | Exception | None]] = {}

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._database.shown

    async def __aenter__(self) -> Self:
        if self._writer is None:
            await asyncio.get_running_loop().run_in_executor(None, self._database.migrate)
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._database, self._lease)
                self._writer.start()
            self._users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            last = self._users == 0
            writer = self._writer
            if last:
                self._writer = None
        if last and writer is not None:
            writer.stop()
            # a thread that is told to stop ends by itself, even when this wait is cancelled
            await asyncio.get_running_loop().run_in_executor(None, writer.join)

    async def find(self, key: str) -> Stored | None:
        """The answer to a key, if it was paid for."""
        return await self._asked(lambda told: Find(told, key))

    async def claim(self, key: str) -> Claim | Stored | None:
        """The right to pay for the key, to be ended by `record` or `release`; None while another has it.

        The answer, where there is one by now.
        """
        writer, told = self._running(), asyncio.get_running_loop().create_future()
        claim = Claim(told, key)
        writer.put(claim)
        try:
            granted = await told
        except BaseException:
            # cancelled: it may be granted yet, and would be held for ever
            writer.put(Release(claim))
            raise
        if isinstance(granted, Stored):
            return granted
        return claim if granted else None

    async def record(self, claim: Claim, row: Row) -> Stored | None:
        """Writes a call that was paid for, and ends its claim. It is committed when this returns.

        The row is written even when the wait for it is cancelled.

        Returns:
            The answer that another process wrote before, which then is the one that stands.
        """
        return await self._asked(lambda told: Record(told, claim, row))

    def release(self, claim: Claim) -> None:
        """Ends a claim for which nothing was paid. Waits for nothing."""
        if self._writer is not None:
            self._writer.put(Release(claim))

    async def shared(self, key: str, work: Callable[[], Awaitable[tuple[T, Stored]]]) -> T | Stored:
        """What `work` finds out about the key; of tasks that ask at once, one works and the others get its answer.

        Raises:
            Exception: what `work` raises, for all of them. When the task that works is cancelled, another works.
        """
        slot = (asyncio.get_running_loop(), key)
        while slot in self._shared:
            outcome = await asyncio.shield(self._shared[slot])
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                return outcome
        outcome = None
        self._shared[slot] = future = slot[0].create_future()
        try:
            value, outcome = await work()
            return value
        except Exception as error:
            outcome = error
            raise
        finally:
            del self._shared[slot]
            future.set_result(outcome)

    async def run_total(self, run: str) -> tuple[int, float]:
        """Calls and known cost of a run so far."""
        return await self._asked(lambda told: Look(told, lambda connection: spending.run_total(connection, run)))

    async def day_total(self) -> tuple[int, float]:
        """Calls and known cost of all runs today (UTC)."""
        since = today()
        return await self._asked(lambda told: Look(told, lambda connection: spending.total_since(connection, since)))

    def spent_today(self) -> tuple[int, float]:
        """As `day_total`; needs no `async with`.

        Raises:
            OperationsError: when the database cannot be read.
        """
        return self._read(lambda connection: spending.total_since(connection, today())) or (0, 0.0)

    def spent_by(self, columns: Sequence[str], run: str | None = None) -> list[Spent]:
        """The calls by stage, model, day, purpose or run (`spending.COLUMNS`), one row a group; needs no `async with`.

        Those of one run alone, where it is given.

        Raises:
            OperationsError: when the database cannot be read.
        """
        return self._read(lambda connection: spending.spent_by(connection, columns, run)) or []

    def averages(self, model: str | None = None) -> dict[str, Average]:
        """By purpose: calls per input, and a call's mean cost, tokens, seconds; of one model, where it is given.

        Raises:
            OperationsError: when the database cannot be read.
        """
        return self._read(lambda connection: spending.averages(connection, model)) or {}

    def _read(self, work: Callable[[Connection], T]) -> T | None:
        def read() -> T | None:
            with self._database.reading() as connection:
                return work(connection) if connection else None

        return patiently(read)

    async def _asked(self, question: Callable[[asyncio.Future[T]], Find | Look | Record]) -> T:
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running().put(question(told))
        return await told

    def _running(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("the ledger is used within `async with`")
        return self._writer
