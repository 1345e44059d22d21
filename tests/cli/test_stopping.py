"""Ctrl-C while another thread works."""

from __future__ import annotations

import os
import signal
import time

import pytest

from hopchain_assets.cli.stopping import Stoppable, Stopped


def test_ctrl_c_waits_until_the_work_has_ended() -> None:
    """A thread that is left behind inside DuckDB ended the process by SIGABRT."""
    stoppable: Stoppable[int] = Stoppable()
    ended: list[bool] = []

    def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            while True:
                stoppable.checkpoint()
                time.sleep(0.01)
        finally:
            time.sleep(0.5)
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        stoppable.run(work)
    assert ended == [True]


def test_without_ctrl_c_the_result_comes_back() -> None:
    """A checkpoint lets work pass."""
    stoppable: Stoppable[int] = Stoppable()
    assert stoppable.run(lambda: stoppable.checkpoint() or 7) == 7


def test_what_the_work_raises_is_raised_here() -> None:
    """An error in the other thread is not lost."""
    stoppable: Stoppable[int] = Stoppable()
    with pytest.raises(ZeroDivisionError):
        stoppable.run(lambda: 1 // 0)


def test_stopping_is_no_exception_that_is_tried_again() -> None:
    """Dagster's retries catch `Exception`."""
    assert not issubclass(Stopped, Exception)
