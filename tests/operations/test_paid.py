"""Every reply is paid for once, and written down before it is handed over."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.keys import call_key
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.questions import Claim
from hopchain_assets.ports.vlm import CallFailed, Reply, ServerUnavailable, UnusableReply
from tests.operations.answering import COST, Model, ask_all, paid, question, rows, unusable


def _counts(url: str) -> dict[str, int]:
    with Database(url).reading() as connection:
        assert connection is not None
        claims = connection.execute(sa.text("SELECT count(*) FROM claims")).scalar_one()
        found = connection.execute(sa.text("SELECT outcome, count(*) FROM calls GROUP BY outcome"))
        return {"claims": claims, **dict(found.all())}


def test_what_was_paid_for_is_not_paid_for_again(url: str) -> None:
    """The second run, another process as far as the ledger knows, gets the same replies and asks nobody."""
    questions = [question(n) for n in range(30)]
    first = ask_all(paid(Model(), url), questions)
    other = Model()
    second = ask_all(paid(other, url), questions)
    assert not other.asked and _counts(url) == {"claims": 0, "answered": 30}
    for one, two in zip(first, second, strict=True):
        assert isinstance(one, Reply) and isinstance(two, Reply)
        assert (one.reused, two.reused) == (False, True)
        assert (one.value, one.text, one.reasoning, one.usage, one.seconds, one.model) == (
            two.value, two.text, two.reasoning, two.usage, two.seconds, two.model,
        )  # fmt: skip


def test_a_row_holds_all_that_is_known_of_a_call(file: Path, sqlite_url: str) -> None:
    """Who asked what for, what came back, what it cost, and when."""
    before = datetime.now(UTC).replace(tzinfo=None)
    ask = question(3, sample_index=2, repair_round=1)
    ask_all(paid(Model(), sqlite_url), [ask])
    (row,) = rows(file)
    at = datetime.fromisoformat(row.pop("at"))
    assert before <= at <= datetime.now(UTC).replace(tzinfo=None) and len(row.pop("id")) == 24
    assert row.pop("cost") == pytest.approx(COST)
    assert row == {
        "key": call_key("m", "r1", ask), "model": "m", "revision": "r1", "served_by": "m-served", "purpose": "look",
        "stage": "hop_chains", "input_id": "image3", "run": "run 1", "sample_index": 2, "repair_round": 1,
        "outcome": "answered", "reason": "", "detail": "", "reply": '{"value": "yes"}', "reasoning": "because",
        "prompt_tokens": 1000, "completion_tokens": 100, "reasoning_tokens": 40, "seconds": 0.25,
    }  # fmt: skip


def test_a_reply_is_committed_before_it_is_handed_over(file: Path, sqlite_url: str) -> None:
    """Whoever has a reply can be killed the next moment: another program sees its row."""

    async def work() -> None:
        async with paid(Model(), sqlite_url) as vlm:
            for number in range(5):
                await vlm.ask(question(number))
                assert len(rows(file)) == number + 1

    asyncio.run(work())


def test_an_unusable_reply_is_kept_and_never_served(url: str) -> None:
    """It was paid for, so it is in the ledger; who asks again asks the model."""
    model = Model(trouble=unusable)
    for attempt in (1, 2):
        (error,) = ask_all(paid(model, url), [question()])
        assert isinstance(error, UnusableReply) and error.reason == "refused"
        assert len(model.asked) == attempt and _counts(url) == {"claims": 0, "unusable": attempt}
    (reply,) = ask_all(paid(Model(), url), [question()])
    assert isinstance(reply, Reply) and not reply.reused
    assert _counts(url) == {"claims": 0, "unusable": 2, "answered": 1}


def test_an_answer_that_no_longer_fits_is_told_and_not_paid_for(sqlite_url: str) -> None:
    """When our reading has become stricter, the row's answer is unusable; asking again would give it again."""

    def strict(text: str) -> object:
        raise ValueError("value must be a colour")

    ask_all(paid(Model(), sqlite_url), [question()])
    model = Model()
    (error,) = ask_all(paid(model, sqlite_url), [question(read=strict)])
    assert isinstance(error, UnusableReply) and error.detail == "value must be a colour" and not model.asked
    assert error.text == '{"value": "yes"}' and _counts(sqlite_url)["answered"] == 1


@pytest.mark.parametrize("error", [CallFailed("no"), ServerUnavailable("no"), RuntimeError("no")])
def test_what_was_not_answered_is_not_in_the_ledger(url: str, error: Exception) -> None:
    """No row, no claim: the next one asks at once."""
    assert ask_all(paid(Model(trouble=lambda _: error), url), [question()]) == [error]
    assert _counts(url) == {"claims": 0}


def test_a_cancelled_question_leaves_no_claim(sqlite_url: str) -> None:
    """At whatever moment it is cancelled, the next one can ask."""

    async def work() -> None:
        model = Model(seconds=0.005)
        async with paid(model, sqlite_url) as vlm:
            for number in range(40):
                asking = asyncio.create_task(vlm.ask(question(number)))
                await asyncio.sleep(number / 2000)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            model.asked.clear()
            replies = await asyncio.wait_for(asyncio.gather(*[vlm.ask(question(n)) for n in range(40)]), 15)
        # a reply that was under way to the ledger when it was cancelled was written all the same
        assert len(model.asked) + sum(reply.reused for reply in replies) == 40

    asyncio.run(work())
    assert _counts(sqlite_url) == {"claims": 0, "answered": 40}


def test_one_key_asked_at_once_is_one_call(url: str) -> None:
    """Of twenty tasks one pays, and all have the answer, each read in its own way."""
    model = Model(seconds=0.1)
    replies = ask_all(paid(model, url), [question(read=[json.loads, str][n % 2]) for n in range(20)])
    assert len(model.asked) == 1
    assert [reply.value if isinstance(reply, Reply) else reply for reply in replies] == [
        {"value": "yes"}, '{"value": "yes"}',
    ] * 10  # fmt: skip
    assert sum(isinstance(reply, Reply) and not reply.reused for reply in replies) == 1


@pytest.mark.parametrize("trouble", [unusable, lambda _: CallFailed("no")])
def test_one_key_asked_at_once_fails_for_all(sqlite_url: str, trouble: Any) -> None:
    """Who shared the call shares its failure, and nobody pays for it again meanwhile."""
    model = Model(seconds=0.1, trouble=trouble)
    replies = ask_all(paid(model, sqlite_url), [question() for _ in range(20)])
    assert len(model.asked) == 1 and all(isinstance(reply, UnusableReply | CallFailed) for reply in replies)


def test_when_the_one_who_asks_is_cancelled_another_asks(sqlite_url: str) -> None:
    """The others do not go down with it."""

    async def work() -> None:
        model = Model(seconds=0.2)
        async with paid(model, sqlite_url) as vlm:
            tasks = [asyncio.create_task(vlm.ask(question())) for _ in range(5)]
            while not model.under_way:
                await asyncio.sleep(0.01)
            tasks[0].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError) and len(model.asked) == 2
        assert all(isinstance(reply, Reply) for reply in ended[1:])

    asyncio.run(work())


def test_many_questions_share_a_commit(sqlite_url: str) -> None:
    """64 at once, claimed and written, take a few transactions and not 128."""
    commits: list[object] = []

    def count(connection: sa.Connection) -> None:
        commits.append(connection)

    event.listen(sa.Engine, "commit", count)
    try:
        ask_all(paid(Model(seconds=0.05), sqlite_url), [question(n) for n in range(64)])
    finally:
        event.remove(sa.Engine, "commit", count)
    assert _counts(sqlite_url)["answered"] == 64 and len(commits) < 40


def test_models_share_a_ledger_in_one_event_loop_after_another(sqlite_url: str) -> None:
    """Each batch of a stage runs its own event loop; nothing is left over between them."""
    ledger = Ledger(sqlite_url)
    writer, binder = Model(), Model(model="b")
    models = [paid(writer, ledger), paid(binder, ledger)]

    async def work(numbers: range) -> None:
        async with models[0], models[1]:
            await asyncio.gather(*[vlm.ask(question(n)) for vlm in models for n in numbers])

    before = set(threading.enumerate())
    for numbers in (range(5), range(10), range(10)):
        asyncio.run(work(numbers))
        assert set(threading.enumerate()) == before
    assert len(writer.asked) == len(binder.asked) == 10


def test_two_event_loops_at_once_pay_once(sqlite_url: str) -> None:
    """Two threads, each with its loop, on one ledger."""
    ledger, model = Ledger(sqlite_url), Model(seconds=0.1)
    vlms = [paid(model, ledger), paid(Model(), ledger)]
    vlms[1] = paid(model, ledger)
    threads = [threading.Thread(target=ask_all, args=(vlm, [question(n) for n in range(10)])) for vlm in vlms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(model.asked) == 10 and _counts(sqlite_url) == {"claims": 0, "answered": 10}


@pytest.mark.parametrize("reasoning", ["\0", "\ud83d", "\N{GRINNING FACE}\r\n'\"; DROP TABLE calls", "é" * 400_000])
def test_any_text_can_be_kept(url: str, reasoning: str) -> None:
    """What a model thinks is kept as near to the letter as the database can."""
    (reply,) = ask_all(paid(Model(reasoning=reasoning), url), [question()])
    assert isinstance(reply, Reply) and reply.reasoning == reasoning
    (again,) = ask_all(paid(Model(), url), [question()])
    assert isinstance(again, Reply) and len(again.reasoning) == len(reasoning)


def test_it_is_the_model_that_it_stands_before(sqlite_url: str) -> None:
    """Name, weights and width are the inner one's; it is used within `async with`."""
    vlm = paid(Model(width=7), sqlite_url)
    assert (vlm.model, vlm.revision, vlm.width) == ("m", "r1", 7)
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(vlm.ask(question()))


def test_the_answer_is_looked_up_by_the_index(file: Path, sqlite_url: str) -> None:
    """In a ledger of a million rows nobody reads them all."""
    ask_all(paid(Model(), sqlite_url), [question()])
    (plan,) = rows(file, "EXPLAIN QUERY PLAN SELECT reply FROM calls WHERE outcome = 'answered' AND key IN ('a', 'b')")
    assert "calls_answered" in plan["detail"]


def test_who_gives_up_waiting_does_not_end_anothers_claim(sqlite_url: str) -> None:
    """A task of another event loop of this process was told to stop while it asked for the same key."""

    async def work() -> None:
        async with Ledger(sqlite_url) as ledger:
            assert isinstance(await ledger.claim("key"), Claim)
            waiting = asyncio.create_task(ledger.claim("key"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert isinstance(await ledger.claim("another"), Claim)
            assert await ledger.claim("key") is None

    asyncio.run(work())
    assert _counts(sqlite_url) == {"claims": 0}
