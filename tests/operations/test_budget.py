"""A budget stops a run: calls to the number, cost by what is under way."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from hopchain_assets.operations.budget import Budget
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import PriceError, Prices
from hopchain_assets.ports.vlm import BudgetSpent, CallFailed, Reply
from tests.operations.answering import COST, Model, ask_all, paid, question, unusable


def test_not_one_call_more_than_allowed(sqlite_url: str) -> None:
    """Of 64 questions at once, 10 are asked; the others are told why not."""
    model = Model(seconds=0.05)
    replies = ask_all(paid(model, sqlite_url, budget=Budget(None, 10)), [question(n) for n in range(64)])
    assert len(model.asked) == sum(isinstance(reply, Reply) for reply in replies) == 10
    spent = [reply for reply in replies if isinstance(reply, BudgetSpent)]
    assert len(spent) == 54 and "--max-calls" in str(spent[0]) and "10 calls" in str(spent[0])


def test_what_is_in_the_ledger_needs_no_budget(sqlite_url: str) -> None:
    """With nothing left to spend, everything that was paid for is still served."""
    ask_all(paid(Model(), sqlite_url), [question(n) for n in range(5)])
    replies = ask_all(paid(Model(), sqlite_url, run="2", budget=Budget(None, 0)), [question(n) for n in range(5)])
    assert all(isinstance(reply, Reply) and reply.reused for reply in replies)


def test_a_call_that_failed_is_not_counted_and_an_unusable_one_is(sqlite_url: str) -> None:
    """Only answers are paid for, whatever they are worth."""
    budget = Budget(None, 2)
    ask_all(paid(Model(trouble=lambda _: CallFailed("no")), sqlite_url, budget=budget), [question(1), question(2)])
    ask_all(paid(Model(trouble=unusable), sqlite_url, budget=budget), [question(3)])
    model = Model()
    first, second = ask_all(paid(model, sqlite_url, budget=budget), [question(4), question(5)])
    assert isinstance(first, Reply) and isinstance(second, BudgetSpent) and len(model.asked) == 1


def test_questions_that_wait_for_their_turn_are_not_paid_over_the_limit(sqlite_url: str) -> None:
    """Of 300 asked at once no more than the model takes exceed the cost; in the next event loop too."""
    model = Model(seconds=0.01, width=4)
    vlm = paid(model, sqlite_url, budget=Budget(COST, None))
    replies = ask_all(vlm, [question(n) for n in range(300)])
    assert 1 <= len(model.asked) <= 1 + 4
    assert sum(isinstance(reply, BudgetSpent) for reply in replies) == 300 - len(model.asked)
    bought = [number for number, reply in enumerate(replies) if isinstance(reply, Reply)]
    again = ask_all(vlm, [question(n) for n in bought])
    assert all(isinstance(reply, Reply) and reply.reused for reply in again)


def test_turns_are_for_one_event_loop_after_another(sqlite_url: str) -> None:
    """More questions than turns, in several loops: each batch is answered whole."""
    vlm = paid(Model(seconds=0.002, width=2), sqlite_url)
    for start in (0, 10, 20):
        assert all(isinstance(reply, Reply) for reply in ask_all(vlm, [question(start + n) for n in range(10)]))


def test_a_cost_is_exceeded_by_no_more_than_what_is_under_way(sqlite_url: str) -> None:
    """Four at a time: the limit of five calls' cost stops them at eight at the most."""
    model = Model(seconds=0.01)

    async def work() -> None:
        numbers = iter(range(100))
        async with paid(model, sqlite_url, budget=Budget(5 * COST, None)) as vlm:

            async def worker() -> None:
                for number in numbers:
                    await vlm.ask(question(number))

            ended = await asyncio.gather(*[worker() for _ in range(4)], return_exceptions=True)
            assert all(isinstance(error, BudgetSpent) and "--max-cost" in str(error) for error in ended)

    asyncio.run(work())
    assert 5 <= len(model.asked) <= 8


def test_a_run_goes_on_where_another_process_left_it(url: str) -> None:
    """What the run spent before counts; what other runs spent does not."""
    for run, number in (("a", 1), ("a", 2), ("b", 3)):
        ask_all(paid(Model(), url, run=run), [question(number)])
    model = Model()
    replies = ask_all(paid(model, url, run="a", budget=Budget(None, 4)), [question(n) for n in range(10, 20)])
    assert len(model.asked) == sum(isinstance(reply, Reply) for reply in replies) == 2
    (refused,) = ask_all(paid(model, url, run="a", budget=Budget(2.5 * COST, None)), [question(30)])
    assert isinstance(refused, BudgetSpent)


def test_without_a_run_the_budget_counts_this_process_only(sqlite_url: str) -> None:
    """Nobody knows which earlier calls belong to a run without a name."""
    ask_all(paid(Model(), sqlite_url, run=""), [question(n) for n in range(3)])
    (reply,) = ask_all(paid(Model(), sqlite_url, run="", budget=Budget(None, 1)), [question(9)])
    assert isinstance(reply, Reply)


def test_models_share_a_budget(sqlite_url: str) -> None:
    """Writer and binder together have so many calls, in one batch after another."""
    budget, ledger = Budget(None, 6), Ledger(sqlite_url)
    models = [Model(), Model(model="b")]
    for numbers in (range(2), range(2, 9)):
        for model in models:
            ask_all(paid(model, ledger, budget=budget), [question(n) for n in numbers])
    assert sum(len(model.asked) for model in models) == 6


def test_a_cost_cannot_be_limited_without_a_price(sqlite_url: str) -> None:
    """The sentence names the model and the setting, and nobody is asked."""
    model = Model(model="unheard/of")
    (error,) = ask_all(paid(model, sqlite_url, budget=Budget(1.0, None), prices=Prices()), [question()])
    assert isinstance(error, PriceError) and not model.asked
    assert "unheard/of" in str(error) and "HOPCHAIN_PRICES" in str(error)


@pytest.mark.parametrize("limits", [(None, None), (1e9, None), (None, 10**9)])
def test_a_budget_that_is_not_reached_stops_nobody(sqlite_url: str, limits: tuple[float | None, int | None]) -> None:
    """All are asked."""
    replies = ask_all(paid(Model(), sqlite_url, budget=Budget(*limits)), [question(n) for n in range(9)])
    assert all(isinstance(reply, Reply) for reply in replies)


def test_a_day_has_a_budget_of_all_its_runs(sqlite_url: str) -> None:
    """What another run paid today counts, and the sentence says that tomorrow is another day."""
    model = Model()
    ask_all(paid(model, sqlite_url, run="a"), [question(n) for n in range(3)])
    replies = ask_all(
        paid(model, sqlite_url, run="b", budget=Budget(None, None, None, 5)), [question(n) for n in range(9)]
    )
    assert len(model.asked) == 5
    refused = [reply for reply in replies if isinstance(reply, BudgetSpent)]
    assert len(refused) == 4 and all("HOPCHAIN_MAX_CALLS_A_DAY" in str(error) for error in refused)


def test_yesterday_does_not_count(sqlite_url: str) -> None:
    """A row of the day before leaves today's budget whole."""
    model = Model()
    ask_all(paid(model, sqlite_url), [question(n) for n in range(3)])
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE calls SET at = datetime(at, '-1 day')")
    ask_all(paid(model, sqlite_url, budget=Budget(None, None, None, 2)), [question(n) for n in range(3, 9)])
    assert len(model.asked) == 5
