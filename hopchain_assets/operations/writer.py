"""The one thread that speaks with the operations database: all that waits goes into one transaction.

Tasks of any event loop put what they need on its queue and wait. While a transaction is under way the next
ones gather, so that sixty questions share one commit. Nobody is told of a row before it is committed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hopchain_assets.operations import statements
from hopchain_assets.operations.database import READING, Database
from hopchain_assets.operations.holders import is_gone, new_holder
from hopchain_assets.operations.questions import Claim, Find, Look, Record, Release, Waiting, Write
from hopchain_assets.operations.statements import Stored
from hopchain_assets.operations.trouble import PATIENCE_SECONDS, OperationsError, patiently, sentence

T = TypeVar("T")

MOST_AT_ONCE = 500
# others come up meanwhile: a busy event loop puts one question after the other, and each commit costs as much as ten of
# them. With it a loop at work on 64 questions did 800 a second instead of 450
GATHER_SECONDS = 0.003
TICK_SECONDS = 1.0
# who stops does not want to wait for a database that is busy
CLOSING_SECONDS = 5.0


_Told = tuple[asyncio.Future[Any], Any]


@dataclass(eq=False, slots=True)
class _Group:
    """What goes into one transaction."""

    claims: dict[str, Claim] = field(default_factory=dict)
    busy: list[Claim] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)


class Writer:
    """The thread, from `start` to `stop`. Every claim that it holds is prolonged while the process lives."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database, self._lease = database, lease
        self.holder = new_holder()
        self._queue: queue.SimpleQueue[Find | Look | Write | None] = queue.SimpleQueue()
        self._held: dict[str, Claim] = {}
        self._renew_at = 0.0
        self._closing_at: float | None = None
        self._open = ExitStack()
        self._connection: Connection | None = None
        self._was_open = False
        # not a daemon: a reply that was paid for is written even when the program is ending
        self._thread = threading.Thread(target=self._run, name="hopchain-ledger")

    def start(self) -> None:
        """Begins to serve. The database is opened with the first question."""
        self._thread.start()

    def put(self, item: Find | Look | Write) -> None:
        """Queues something to do, from any thread; what was put before `stop` is still done."""
        self._queue.put(item)

    def stop(self) -> None:
        """Ends the thread after all that is queued; does not wait for that."""
        self._closing_at = time.monotonic()
        self._queue.put(None)

    def join(self) -> None:
        """Waits until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._serve(*self._gather()):
                pass
            self._let_go()
        finally:
            self._disconnect()

    def _gather(self) -> tuple[list[Find | Look | Write], bool]:
        """All that is queued, or nothing for a while; and whether it is the last."""
        try:
            item = self._queue.get(timeout=min(TICK_SECONDS, self._lease / 4))
        except queue.Empty:
            # a program that was stopped twice never calls `stop`, and would wait for this thread for ever
            return [], not threading.main_thread().is_alive()
        items: list[Find | Look | Write] = []
        if item is not None:
            time.sleep(GATHER_SECONDS)
        while item is not None:
            items.append(item)
            if len(items) == MOST_AT_ONCE:
                return items, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return items, False
        return items, True

    def _serve(self, items: Sequence[Find | Look | Write], last: bool) -> bool:
        reads = [item for item in items if isinstance(item, Find | Look)]
        if reads:
            self._answer(reads, lambda: self._read(reads))
        writes = [item for item in items if not isinstance(item, Find | Look)]
        if writes or (self._held and time.monotonic() >= self._renew_at):
            self._answer([item for item in writes if not isinstance(item, Release)], lambda: self._write(writes))
        return not last

    def _answer(self, items: Sequence[Waiting[Any]], work: Callable[[], list[_Told]]) -> None:
        """Does the work and tells everybody, of the trouble where there is any."""
        try:
            told = patiently(work, self._deadline())
        except DBAPIError as error:
            trouble = OperationsError(sentence(error, self._database.shown, self._database.password))
            trouble.__cause__ = error
            told = [(item.told, trouble) for item in items]
        except Exception as error:
            # whatever it is, somebody waits to hear of it
            told = [(item.told, error) for item in items]
        _tell(told)

    def _deadline(self) -> Callable[[], float]:
        began = time.monotonic()

        def until() -> float:
            closing = self._closing_at
            return began + PATIENCE_SECONDS if closing is None else closing + CLOSING_SECONDS

        return until

    def _read(self, reads: Sequence[Find | Look]) -> list[_Told]:
        finds = [item for item in reads if isinstance(item, Find)]

        def work(connection: Connection) -> list[_Told]:
            found = statements.find(connection, {item.key for item in finds}) if finds else {}
            told: list[_Told] = [(item.told, found.get(item.key)) for item in finds]
            return told + [(item.told, item.work(connection)) for item in reads if isinstance(item, Look)]

        return self._transact(work, reading=True)

    def _write(self, writes: Sequence[Write]) -> list[_Told]:
        group = self._sorted(writes)
        renewing = bool(self._held) and time.monotonic() >= self._renew_at

        def work(connection: Connection) -> tuple[dict[str, Stored], set[str], dict[str, Stored]]:
            if renewing:
                statements.renew(connection, self.holder, self._lease)
            before = statements.record(connection, [item.row for item in group.records])
            ended = [item.claim.key for item in group.records] + [item.claim.key for item in group.releases]
            statements.release(connection, self.holder, ended)
            granted = statements.claim(connection, self.holder, self._lease, group.claims.keys(), is_gone)
            found = statements.find(connection, granted)
            statements.release(connection, self.holder, list(found))
            return before, granted - found.keys(), found

        before, granted, found = self._transact(work)
        for item in (*group.records, *group.releases):
            self._held.pop(item.claim.key, None)
        self._held.update({key: group.claims[key] for key in granted})
        if renewing:
            self._renew_at = time.monotonic() + self._lease / 4
        told: list[_Told] = [(item.told, before.get(item.claim.key)) for item in group.records]
        told += [(item.told, found.get(key, key in granted)) for key, item in group.claims.items()]
        return told + [(item.told, False) for item in group.busy]

    def _sorted(self, writes: Sequence[Write]) -> _Group:
        group = _Group()
        given_up = {item.claim for item in writes if isinstance(item, Release)}
        for item in writes:
            if isinstance(item, Record):
                group.records.append(item)
            elif isinstance(item, Release):
                # one that was never granted has nothing to give back, and must not end another task's claim
                if self._held.get(item.claim.key) is item.claim:
                    group.releases.append(item)
            elif item.key in self._held or item.key in group.claims or item in given_up:
                group.busy.append(item)
            else:
                group.claims[item.key] = item
        return group

    def _transact(self, work: Callable[[Connection], T], reading: bool = False) -> T:
        connection = self._connected()
        connection.info[READING] = reading
        try:
            with connection.begin():
                return work(connection)
        except BaseException:
            if connection.invalidated:
                self._disconnect()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._open.enter_context(self._database.connected())
            except OperationsError as error:
                # a server that was there before is being started again, and replies wait that were paid for
                error.passing = self._was_open
                raise
            self._was_open = True
        return self._connection

    def _disconnect(self) -> None:
        self._connection = None
        self._open.close()

    def _let_go(self) -> None:
        """Ends what is still held when nobody is left who could end it."""
        ended, self._held = list(self._held), {}
        if ended:
            self._answer([], lambda: self._transact(lambda connection: self._ended(connection, ended)))

    def _ended(self, connection: Connection, keys: Sequence[str]) -> list[_Told]:
        statements.release(connection, self.holder, keys)
        return []


def _tell(told: Iterable[_Told]) -> None:
    """Wakes who waits: each event loop once, however many of its tasks do."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = defaultdict(list)
    for future, value in told:
        by_loop[future.get_loop()].append((future, value))
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:
            # the event loop was closed meanwhile, and with it went everybody who waited there
            continue


def _resolve(told: Sequence[_Told]) -> None:
    for future, value in told:
        if future.done():
            continue
        if isinstance(value, BaseException):
            future.set_exception(value)
        else:
            future.set_result(value)
