"""Work spread over real processes: in order, failures kept apart, and nothing left when somebody is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from hopchain_assets.stages.asking import Models, ask_each
from hopchain_assets.stages.spread import FEW, Failed, WorkerDied, computing, spread

PATIENCE = 30
ITEMS = list(range(40))

PARENT = """
import os
import time
from hopchain_assets.stages.spread import spread
from tests.stages.test_spread import own_process
print(*sorted(set(spread(own_process, range(40), 2, lambda done, of: None))), flush=True)
time.sleep(600)
"""


def half(number: int) -> float:
    """Takes longer for the first ones, and cannot do with 13."""
    if number < 5:
        time.sleep(0.02)
    if number == 13:
        raise ValueError(f"{number} is odd")
    return number / 2


def own_process(number: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def die_at_13(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def end_at_3(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def quiet(_done: int, _of: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_order_and_a_failure_is_its_items_alone(workers: int) -> None:
    """The same with one process and with two; progress goes up to all."""
    told: list[tuple[int, int]] = []
    found = spread(half, ITEMS, workers, lambda done, of: told.append((done, of)))
    assert found == [Failed("ValueError: 13 is odd") if item == 13 else item / 2 for item in ITEMS]
    assert told == sorted(told) and told[-1] == (len(ITEMS), len(ITEMS))


def test_few_items_and_none_are_done_here() -> None:
    """Processes cost a second: a handful of pictures does without."""
    assert set(spread(own_process, ITEMS[: FEW - 1], 2, quiet)) == {os.getpid()}
    assert spread(own_process, [], 2, quiet) == []
    assert os.getpid() not in spread(own_process, ITEMS, 2, quiet)


def test_the_processes_are_kept() -> None:
    """The next batch does not pay for starting them."""
    assert set(spread(own_process, ITEMS, 2, quiet)) & set(spread(own_process, ITEMS, 2, quiet))


def test_a_killed_worker_is_told_and_the_next_call_works() -> None:
    """It says what to do; new processes take its place."""
    with pytest.raises(WorkerDied, match="HOPCHAIN_WORKERS"):
        spread(die_at_13, ITEMS, 2, quiet)
    assert spread(half, ITEMS, 2, quiet)[2] == 1.0


def test_a_killed_worker_ends_the_batch_that_asks_and_the_next_one_works() -> None:
    """No picture is blamed for it, and the broken processes are not kept."""

    def batch(function: Callable[[int], object]) -> Sequence[object]:
        with computing(2) as compute:

            async def work(number: int) -> object:
                return await compute(function, number)

            return ask_each(Models(), ITEMS, work, quiet)

    with pytest.raises(WorkerDied, match="HOPCHAIN_WORKERS"):
        batch(end_at_3)
    assert batch(half)[4] == 2.0


def test_broken_processes_are_not_kept_when_nobody_tells() -> None:
    """Even where the caller keeps the exception to itself, the next one gets new processes."""

    async def at_once(compute: Callable[..., Awaitable[object]]) -> Sequence[object]:
        return await asyncio.gather(*[compute(end_at_3, number) for number in range(10)], return_exceptions=True)

    with computing(2) as compute:
        assert any(isinstance(result, WorkerDied) for result in asyncio.run(at_once(compute)))
    assert spread(half, ITEMS, 2, quiet)[4] == 2.0


def test_stopping_from_the_progress_ends_it_and_the_next_call_works() -> None:
    """As Ctrl-C does: it is not swallowed, and the half-done work is dropped."""

    def stop(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(half, ITEMS, 2, stop)
    assert spread(half, ITEMS, 2, quiet)[4] == 2.0


def test_workers_follow_a_killed_parent() -> None:
    """After SIGKILL of the process that started them none is left."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=root, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    workers = [int(word) for word in parent.stdout.readline().split()]
    try:
        assert workers and parent.pid not in workers
        assert all(alive(worker) for worker in workers)
        parent.kill()
        parent.communicate()
        deadline = time.monotonic() + PATIENCE
        while any(alive(worker) for worker in workers):
            assert time.monotonic() < deadline, "they are still there"
            time.sleep(0.1)
    finally:
        parent.kill()
        for worker in filter(alive, workers):
            os.kill(worker, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not asked for is a zombie, Z."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
