"""Heavy Python over the pictures of a batch, on all cores, and no picture that fails takes the others with it.

The processes come from a fork server, because DuckDB and Dagster's threads do not survive a fork. They are kept from
batch to batch: starting the first costs a second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.util import Finalize
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
PIECES_PER_WORKER = 4
# imported once by the fork server, so that a worker starts with them
PRELOAD = ["hopchain_assets.stages.hop_chains", "hopchain_assets.stages.instance_masks"]

_lifelines: WeakKeyDictionary[ProcessPoolExecutor, object] = WeakKeyDictionary()
_pools: dict[tuple[int, int], ProcessPoolExecutor] = {}
_broken: WeakSet[Executor] = WeakSet()


class Lifeline(Protocol):
    """The end of a pipe that is read."""

    def recv_bytes(self) -> bytes:
        """Waits for bytes, or for the other end to be closed."""
        ...


class WorkerDied(RuntimeError):
    """A process of the pool was killed, mostly for want of memory. It is everybody's trouble, not one picture's."""

    def __init__(self) -> None:
        super().__init__(
            "a worker process was killed, mostly for want of memory: set HOPCHAIN_WORKERS to fewer and run again "
            "(a script of your own needs `if __name__ == '__main__':`)"
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """What went wrong with one item."""

    error: str


@dataclass(frozen=True, slots=True)
class _Guarded(Generic[T, R]):
    """Calls the function on some items; an exception becomes a result."""

    function: Callable[[T], R]

    def __call__(self, items: Sequence[T]) -> list[R | Failed]:
        return [self.one(item) for item in items]

    def one(self, item: T) -> R | Failed:
        try:
            return self.function(item)
        # whatever it is, it is this picture's, and is kept with it
        except Exception as error:
            return Failed(f"{type(error).__name__}: {error}")


def spread(
    function: Callable[[T], R], items: Sequence[T], workers: int, progress: Callable[[int, int], None]
) -> list[R | Failed]:
    """The function's result for each item, in order, or what went wrong with it.

    Args:
        function: of a module, or a `partial` of one, so that it can be sent to another process.
        workers: processes at most; with one, or few items, all is done here.
        progress: is told items done and in all.

    Raises:
        WorkerDied: when a process was killed.
    """
    guarded = _Guarded(function)
    if workers < 2 or len(items) < FEW:
        found: list[R | Failed] = []
        for item in items:
            found.append(guarded.one(item))
            progress(len(found), len(items))
        return found
    # pictures differ widely: several pieces for each worker, so that none waits long for the last
    size = max(1, len(items) // (workers * PIECES_PER_WORKER))
    pieces = [items[start : start + size] for start in range(0, len(items), size)]
    with _pool(workers) as pool:
        waiting = {pool.submit(guarded, piece): number for number, piece in enumerate(pieces)}
        results = dict(_collected(waiting, len(items), progress))
    return [result for number in range(len(pieces)) for result in results[number]]


@contextmanager
def computing(workers: int) -> Iterator[Callable[..., Awaitable[T]]]:
    """Calls functions of modules in the worker processes, for code in an event loop; with one worker, in a thread.

    Raises:
        WorkerDied: from each call, when a process was killed.
    """
    if workers < 2:
        with ThreadPoolExecutor(1, "compute") as thread:
            yield partial(_elsewhere, thread)
        return
    with _pool(workers) as pool:
        yield partial(_elsewhere, pool)


async def _elsewhere(pool: Executor, function: Callable[..., T], *arguments: object) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
    except BrokenExecutor as error:
        # whoever asked may keep the exception to itself: the pool is remembered
        _broken.add(pool)
        raise WorkerDied from error


def _collected(
    waiting: dict[Future[list[R | Failed]], int], of: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[int, list[R | Failed]]]:
    done = 0
    for future in as_completed(waiting):
        result = future.result()
        done += len(result)
        progress(done, of)
        yield waiting[future], result


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """The processes, kept for the next batch unless this one was broken off."""
    key = (os.getpid(), workers)
    pool = _pools.pop(key, None) or _started(workers)
    try:
        yield pool
    except BrokenExecutor as error:
        pool.shutdown(wait=False, cancel_futures=True)
        raise WorkerDied from error
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    if pool in _broken:
        pool.shutdown(wait=False, cancel_futures=True)
    else:
        _pools[key] = pool


def _started(workers: int) -> ProcessPoolExecutor:
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    ours, theirs = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(ours,))
    _lifelines[pool] = theirs
    # A process of multiprocessing, such as a run of Dagster's, closes queues (priority 10) before it ends threads: the
    # workers never heard that it was over, and the run's process stayed for ever.
    Finalize(pool, ProcessPoolExecutor.shutdown, (pool,), {"cancel_futures": True}, exitpriority=100)
    return pool


def _begin(lifeline: Lifeline) -> None:
    """In the worker: Ctrl-C is for the parent to hear, and a parent that was killed is followed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(lifeline,), daemon=True).start()


def _follow(lifeline: Lifeline) -> None:
    # Nothing is ever sent. The other end closes with the process that holds it; without this the workers, and the fork
    # server with them, would wait for work for ever.
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)
