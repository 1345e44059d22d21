"""How many questions a server is asked at once: found out from how it bears them."""

from __future__ import annotations

import asyncio
from collections import deque


class Gate:
    """Lets between `least` and `most` in at once, in the order in which they came. For one event loop.

    It begins with `start` (`most` unless given: a server like vLLM queues for itself). Trouble from load halves the
    limit, at most once a round trip; a full round of replies lifts it by one.
    """

    def __init__(self, least: int, most: int, start: float | None = None) -> None:
        if not 1 <= least <= most:
            raise ValueError(f"the bounds of what is asked at once must be 1 <= least <= most: {least}, {most}")
        self.least, self.most = least, most
        self._limit = float(most) if start is None else min(max(start, float(least)), float(most))
        self._inside = 0
        self._cuts = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> float:
        """As many may be inside now, rounded down."""
        return self._limit

    @property
    def inside(self) -> int:
        """As many are inside now; for a while more than the limit after it was halved."""
        return self._inside

    def place(self) -> Place:
        """A place inside, taken by `async with`."""
        return Place(self)

    async def enter(self) -> int:
        """Waits for a place; returns how often the limit had been halved when it was given."""
        # nobody is passed: as long as somebody waits, all places are taken
        if self._inside < int(self._limit):
            self._inside += 1
            return self._cuts
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            # cancelled in the very moment in which the place was given: it goes to the next
            if mine.done() and not mine.cancelled():
                self.leave()
            raise
        return self._cuts

    def leave(self) -> None:
        """Gives a place back."""
        self._inside -= 1
        self._let_in()

    def replied(self) -> None:
        """The server answered as it should."""
        self._limit = min(float(self.most), self._limit + 1 / self._limit)
        self._let_in()

    def crowded(self, cuts: int) -> None:
        """The server has too much to do, says a question that came in after so many `cuts`."""
        # all that were under way when the limit was halved tell of the same crowd
        if cuts == self._cuts:
            self._cuts += 1
            self._limit = max(float(self.least), self._limit / 2)

    def _let_in(self) -> None:
        while self._waiting and self._inside < int(self._limit):
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._inside += 1
                waiter.set_result(None)


class Place:
    """A place inside a gate, left again however the block ends."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._cuts = gate, 0

    async def __aenter__(self) -> Place:
        self._cuts = await self._gate.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave()

    def replied(self) -> None:
        """The server answered as it should."""
        self._gate.replied()

    def crowded(self) -> None:
        """The server has too much to do, or is too slow."""
        self._gate.crowded(self._cuts)
