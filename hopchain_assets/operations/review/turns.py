"""Threads take turns, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Turns:
    """A lock that is given to whoever waits longest. Not reentrant.

    SQLite lets writers try again after pauses that grow, and Python's lock lets the thread that just left take it
    again: with 50 people at once some waited ten seconds.
    """

    _door: threading.Lock = field(default_factory=threading.Lock)
    _taken: bool = False
    _waiting: deque[threading.Lock] = field(default_factory=deque)

    def __enter__(self) -> None:
        with self._door:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._door:
            if self._waiting:
                # handed on, never free in between
                self._waiting.popleft().release()
            else:
                self._taken = False
