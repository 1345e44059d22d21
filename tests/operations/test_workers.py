"""Several workers on one ledger: nobody pays for what another is paying for, and who is gone holds nobody up."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.keys import call_key
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.ports.vlm import Reply
from tests.operations.answering import (
    Model,
    ask_all,
    migrate_beside,
    paid,
    pay_and_hang,
    pay_beside,
    question,
    rows,
)

CUT = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["psycopg", "tests.operations.answering"])
    return context


def _start(target: Callable[..., object], *args: object) -> ForkServerProcess:
    process = _context().Process(target=target, args=args, daemon=True)
    process.start()
    return process


def _finish(*processes: ForkServerProcess) -> None:
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


def test_two_processes_pay_for_each_key_once(url: str, tmp_path: Path) -> None:
    """Both ask the same 40 questions at the same moment; the model is asked 40 times."""
    diary, barrier = tmp_path / "diary", _context().Barrier(2)
    _finish(*[_start(pay_beside, url, diary, 40, barrier) for _ in range(2)])
    asked = [line.split()[1] for line in diary.read_text().splitlines()]
    assert sorted(asked) == sorted(f"image{n}" for n in range(40))


def test_two_processes_make_the_tables_at_once(url: str) -> None:
    """One makes them, the others find them made."""
    barrier = _context().Barrier(3)
    _finish(*[_start(migrate_beside, url, barrier) for _ in range(3)])
    with Database(url).reading() as connection:
        assert connection is not None


def test_a_killed_process_loses_no_row_and_holds_nobody_up(url: str) -> None:
    """SIGKILL with answers committed and one question under way: the answers are served, the question is asked."""
    hanging = _context().Event()
    process = _start(pay_and_hang, url, 25, hanging)
    assert hanging.wait(60)
    process.kill()
    process.join(60)
    model = Model()
    # its lease was an hour, so only the end of the process can have ended the claim
    replies = ask_all(paid(model, url), [question(n) for n in range(26)])
    assert [reply.reused for reply in replies if isinstance(reply, Reply)] == [True] * 25 + [False]
    assert len(model.asked) == 1


def test_a_claim_of_another_machine_ends_with_its_lease(file: Path, sqlite_url: str) -> None:
    """Nobody can tell whether a process elsewhere is alive, so its claim is waited for, and then taken."""
    ask_all(paid(Model(), sqlite_url), [])
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=0.7)
    with sqlite3.connect(file) as connection:
        key = call_key("m", "r1", question())
        connection.execute("INSERT INTO claims VALUES (?, 'elsewhere/1/ab', ?)", [key, until.isoformat(" ")])
    connection.close()
    (reply,) = ask_all(paid(Model(), sqlite_url), [question()])
    assert isinstance(reply, Reply) and not reply.reused
    (row,) = rows(file)
    assert datetime.fromisoformat(row["at"]) > until


def test_a_slow_model_keeps_its_claim(sqlite_url: str) -> None:
    """A call that takes several leases is not paid for by another who waits."""
    slow, other = Model(seconds=1.5), Model()

    async def work() -> None:
        async with paid(slow, Ledger(sqlite_url, lease=2.0)) as one, paid(other, Ledger(sqlite_url, lease=2.0)) as two:
            # a loop at work, so that time passes for the claim as it does in a run
            first = asyncio.create_task(one.ask(question()))
            while not slow.under_way:
                await asyncio.sleep(0.01)
            reply = await two.ask(question())
            assert reply.reused and not (await first).reused

    slow.seconds = 4.5
    asyncio.run(work())
    assert not other.asked


def test_what_two_paid_for_all_the_same_is_kept_twice_and_answered_once(file: Path, sqlite_url: str) -> None:
    """A claim was lost, so both asked: both rows are kept for the cost, and everybody has the first answer."""
    late, early = Model(seconds=0.6, text='{"value": "late"}'), Model()

    async def work() -> None:
        async with paid(late, Ledger(sqlite_url)) as one, paid(early, Ledger(sqlite_url)) as two:
            first = asyncio.create_task(one.ask(question()))
            while not late.under_way:
                await asyncio.sleep(0.01)
            with sqlite3.connect(file) as connection:
                connection.execute("DELETE FROM claims")
            connection.close()
            assert (await two.ask(question())).value == {"value": "yes"}
            reply = await first
            assert reply.reused and reply.value == {"value": "yes"}

    asyncio.run(work())
    assert [(row["outcome"], row["reason"]) for row in rows(file)] == [
        ("answered", ""),
        ("unusable", "answered twice"),
    ]


def test_another_writer_is_waited_for(file: Path, sqlite_url: str) -> None:
    """A program that holds the database longer than SQLite itself waits stops nobody, and no hit waits for it."""
    ask_all(paid(Model(), sqlite_url), [question()])

    async def work() -> None:
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        async with paid(Model(), sqlite_url) as vlm:
            assert (await vlm.ask(question())).reused
            asking = asyncio.create_task(vlm.ask(question(1)))
            await asyncio.sleep(2.5)
            assert not asking.done()
            holder.execute("COMMIT")
            holder.close()
            assert not (await asking).reused

    asyncio.run(work())


def test_a_connection_that_is_cut_is_made_again(postgres_catalog: str) -> None:
    """The server was started again between two calls, or in the middle of one: its reply is written all the same."""
    model = Model()

    async def work() -> None:
        async with paid(model, postgres_catalog) as vlm:
            for number in range(3):
                await vlm.ask(question(number))
                with Database(postgres_catalog).connected() as connection:
                    connection.execute(CUT)
            model.seconds = 0.2
            await vlm.ask(question(3))

    asyncio.run(work())
    assert len(model.asked) == 4 and [spent.calls for spent in Ledger(postgres_catalog).spent_by([])] == [4]


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_ends_the_program(file: Path, sqlite_url: str, signals: int) -> None:
    """With questions under way, and even when it comes twice: the program ends, and what was answered is kept."""
    program = textwrap.dedent(
        f"""
        import asyncio
        from tests.operations.answering import Model, paid, question
        async def work():
            model = Model()
            async with paid(model, {sqlite_url!r}) as vlm:
                await asyncio.gather(*[vlm.ask(question(n)) for n in range(10)])
                model.seconds = 3600
                asking = asyncio.gather(*[vlm.ask(question(n)) for n in range(10, 20)])
                while model.under_way < 10:
                    await asyncio.sleep(0.01)
                print("asking", flush=True)
                await asking
        asyncio.run(work())
        """
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "asking\n"
    for _ in range(signals):
        os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0 and len(rows(file)) == 10
    if signals == 1:
        assert rows(file, "SELECT * FROM claims") == []
