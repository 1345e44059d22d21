"""Ctrl-C in a Dagster run.

Dagster takes the signal for itself in the main thread and, where a step may be tried again, tries it again: the user's
Ctrl-C went by unheard. In another thread it leaves signals alone. So the run works there, and this thread listens.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from hopchain_assets.cli.ending import EXIT_INTERRUPTED
from hopchain_assets.cli.screen import notes, say

T = TypeVar("T")
LISTEN_SECONDS = 0.2


class Stopped(BaseException):
    """Ends the work. Not an `Exception`, for those make Dagster try the step again."""


class Stoppable(Generic[T]):
    """Work in a thread of its own that ends at its next `checkpoint` after Ctrl-C."""

    def __init__(self) -> None:
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def checkpoint(self) -> None:
        """Called by the work, often.

        Raises:
            Stopped: when Ctrl-C was pressed.
        """
        if self._stopping.is_set():
            raise Stopped("stopped by Ctrl-C")

    def run(self, work: Callable[[], T]) -> T:
        """The result of the work.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when the work has ended; at once when it is pressed again.
            BaseException: what the work raised.
        """
        thread = threading.Thread(target=self._work, args=(work,), name="run", daemon=True)
        try:
            # starting waits for a sign of life, and Ctrl-C may come then
            thread.start()
            self._wait()
        except KeyboardInterrupt:
            self._stopping.set()
            say(notes(), "Stopping after the picture at work. Ctrl-C again stops at once.")
            self._wait_or_leave()
            raise
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _work(self, work: Callable[[], T]) -> None:
        try:
            self._result = work()
        except BaseException as error:  # handed to the thread that waits
            self._error = error
        finally:
            self._ended.set()

    def _wait(self) -> None:
        # Not by `join`: before Python 3.13 one that Ctrl-C breaks off takes the thread for ended, and the process
        # then died by SIGABRT when it left under a query at work. And not without an end: the signal may arrive in
        # the other thread, and wakes nobody here.
        while not self._ended.wait(LISTEN_SECONDS):
            pass

    def _wait_or_leave(self) -> None:
        try:
            self._wait()
        except KeyboardInterrupt:
            console = notes()
            console.show_cursor(True)
            say(console, "Stopped at once. What was finished is kept; run the same command again to go on.")
            # the interpreter cannot be shut down in order while the other thread is inside DuckDB
            os._exit(EXIT_INTERRUPTED)
