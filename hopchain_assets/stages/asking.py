"""Many questions to models at once, from a stage that knows nothing of event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from hopchain_assets.export.sent import SENT_PIXELS
from hopchain_assets.ports.vlm import BudgetSpent, CallFailed, ServerUnavailable, UnusableReply, Vlm
from hopchain_assets.stages.spread import Failed, WorkerDied

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]

# how often a stage that waits for slow replies looks whether it shall stop
TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class AskSettings:
    """`sent_pixels` a picture has at most when it is sent; of a plain picture rated below `least_complexity` (or of
    low quality) nothing is made."""

    sent_pixels: float = SENT_PIXELS
    least_complexity: int = 4


@dataclass(frozen=True, slots=True)
class Models:
    """Who is asked. `vlm` rates, names and writes; `binder` reads the words alone, `perceiver` a crop alone.

    None stands for nobody: what needs the model is then not done.
    """

    vlm: Vlm | None = None
    binder: Vlm | None = None
    perceiver: Vlm | None = None

    @property
    def named(self) -> tuple[Vlm, ...]:
        """Those that there are."""
        return tuple(model for model in (self.vlm, self.binder, self.perceiver) if model is not None)

    @property
    def version(self) -> str:
        """Which models these are, for the version of a stage that asks them."""
        return " ".join(version_of(model) for model in (self.vlm, self.binder, self.perceiver))


def version_of(model: Vlm | None) -> str:
    """Which model it is, for the version of a stage that asks it."""
    return f"{model.model}@{model.revision}" if model else "nobody"


@dataclass(frozen=True, slots=True)
class Left:
    """An item for which the budget was spent; it stays pending."""


LEFT = Left()


def ask_each(
    models: Models, items: Sequence[T], work: Callable[[T], Awaitable[R]], progress: Progress, questions: int = 1
) -> list[R | Failed | Left]:
    """What became of each item, in order. As many are at work at once as the models can take.

    Args:
        models: opened for the time of the work.
        items: are few bytes each; what is large (a picture) is fetched by `work` when its turn comes.
        work: asks whatever the item needs.
        progress: is told items done and in all, and now and then that nothing has changed; it may raise.
        questions: that an item asks at once. No more items are begun than keep the models busy, so that some are done
            when a budget is spent.

    Raises:
        ServerUnavailable: when nothing can be asked. What was paid for is in the ledger, and not paid again.
        WorkerDied: when a process that computes for `work` was killed.
    """
    return asyncio.run(_ask_each(models, items, work, progress, questions))


async def together(work: Iterable[Awaitable[R]]) -> list[R]:
    """The results in order, when all have ended. What one of them raised is raised then: the others may have paid."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    for result in ended:
        if isinstance(result, BaseException):
            raise result
    return [result for result in ended if not isinstance(result, BaseException)]


async def _ask_each(
    models: Models, items: Sequence[T], work: Callable[[T], Awaitable[R]], progress: Progress, questions: int
) -> list[R | Failed | Left]:
    results: list[R | Failed | Left] = [LEFT] * len(items)
    waiting = iter(range(len(items)))
    done = 0

    async def worker() -> None:
        nonlocal done
        for number in waiting:
            results[number] = await _one(items[number], work)
            done += 1
            progress(done, len(items))

    async def ticker() -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            progress(done, len(items))

    async with AsyncExitStack() as stack:
        for model in models.named:
            await stack.enter_async_context(model)
        widest = max((model.width for model in models.named), default=1)
        width = min(len(items), -(-widest // questions))
        ticking = asyncio.create_task(ticker())
        tasks = [asyncio.create_task(worker()) for _ in range(width)]
        await _all_or_none(tasks, ticking)
    return results


async def _all_or_none(tasks: Sequence[asyncio.Task[None]], ticking: asyncio.Task[None]) -> None:
    """Waits for the tasks; the first that raises (or the ticking) ends the others, and its exception is ours."""
    every = {*tasks, ticking}
    try:
        left = set(tasks)
        while left:
            ended, _ = await asyncio.wait({*left, ticking}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
            left -= ended
    finally:
        for task in every:
            task.cancel()
        # their connections are closed before the models are
        await asyncio.gather(*every, return_exceptions=True)


async def _one(item: T, work: Callable[[T], Awaitable[R]]) -> R | Failed | Left:
    try:
        return await work(item)
    except BudgetSpent:
        # the next item may have been paid for before, so that the others are still tried
        return LEFT
    except (ServerUnavailable, WorkerDied):
        raise
    except (UnusableReply, CallFailed) as error:
        return Failed(str(error))
    except Exception as error:  # whatever it is, it is this picture's, and is kept with it
        return Failed(f"{type(error).__name__}: {error}")
