"""What was spent, added up."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hopchain_assets.operations import database
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import Prices
from tests.operations.answering import COST, Model, ask_all, paid, question, unusable


@pytest.fixture
def ledger(url: str) -> Ledger:
    """Six priced answers by the writer in two purposes, one unusable, and two answers of a model without a price."""
    ask_all(paid(Model(), url), [question(n, sample_index=s) for n in range(2) for s in range(2)])
    ask_all(paid(Model(), url, run="run 2"), [question(n, purpose="rate", stage="image_ratings") for n in (7, 8)])
    ask_all(paid(Model(trouble=unusable), url), [question(9)])
    ask_all(paid(Model(model="b"), url, prices=Prices()), [question(n) for n in range(2)])
    return Ledger(url)


def test_calls_are_added_up_by_any_columns(ledger: Ledger) -> None:
    """Counts, tokens, seconds, cost; what has no price is counted apart."""
    chains, ratings = ledger.spent_by(["stage"])
    assert (chains.group, ratings.group) == (("hop_chains",), ("image_ratings",))
    assert (chains.calls, chains.unusable, chains.unpriced_calls) == (7, 1, 2)
    assert (chains.prompt_tokens, chains.completion_tokens, chains.reasoning_tokens) == (6900, 605, 242)
    assert (chains.unpriced_prompt_tokens, chains.unpriced_completion_tokens) == (2000, 200)
    assert chains.seconds == pytest.approx(2.0) and chains.cost == pytest.approx(4 * COST + 0.00095)
    assert (ratings.calls, ratings.unusable, ratings.cost) == (2, 0, pytest.approx(2 * COST))
    groups = [spent.group for spent in ledger.spent_by(["model", "purpose", "run"])]
    assert groups == [("b", "look", "run 1"), ("m", "look", "run 1"), ("m", "rate", "run 2")]
    (total,) = ledger.spent_by([])
    assert (total.group, total.calls) == ((), 9)


def test_a_day_is_a_date(ledger: Ledger) -> None:
    """In UTC, as 2026-01-31."""
    days = [spent.group[0] for spent in ledger.spent_by(["day"])]
    assert all(len(day) == 10 and day[4] == day[7] == "-" for day in days)


def test_averages_are_told_by_purpose(ledger: Ledger) -> None:
    """Calls for each input, and what a call takes; the cost of those that have one."""
    found = ledger.averages()
    assert found.keys() == {"look", "rate"}
    assert found["rate"] == (1.0, pytest.approx(COST), 1000.0, 100.0, 0.25)
    assert found["look"].calls_per_input == pytest.approx(7 / 3)
    assert ledger.averages("b") == {"look": (1.0, None, 1000.0, 100.0, 0.25)}


def test_calls_of_other_prompts_do_not_add_up(url: str) -> None:
    """Of each input the last run counts that asked about it; calls outside any run count as one run."""
    ask_all(paid(Model(), url, run=""), [question(n, sample_index=s) for n in range(2) for s in range(3)])
    ask_all(
        paid(Model(), url, run="run 2"), [question(n, system="Look.", sample_index=s) for n in (0, 1) for s in (0, 1)]
    )
    assert Ledger(url).averages()["look"].calls_per_input == 2.0
    ask_all(paid(Model(), url, run="run 1"), [question(1, system="Look again.")])
    assert Ledger(url).averages("m") == {"look": (1.5, pytest.approx(COST), 1000.0, 100.0, 0.25)}
    ask_all(paid(Model(model="b"), url, run="run 3"), [question(n) for n in (0, 1)])
    assert Ledger(url).averages("m")["look"].calls_per_input == 1.5
    assert Ledger(url).averages()["look"].calls_per_input == 1.0


def test_a_ledger_that_is_not_there_has_spent_nothing(url: str) -> None:
    """Reading makes no database, and no table in one."""
    for _ in range(2):
        assert Ledger(url).spent_by(["stage"]) == [] and Ledger(url).averages() == {}


def test_calls_are_not_told_by_what_they_do_not_have(ledger: Ledger) -> None:
    """A wrong column is a mistake of ours, and named."""
    with pytest.raises(ValueError, match="colour"):
        ledger.spent_by(["colour"])


def test_what_today_cost_is_read_with_patience(file: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that keeps the file to itself for a moment is waited for."""
    ledger = Ledger(sqlite_url)
    assert ledger.spent_today() == (0, 0.0)
    ask_all(paid(Model(), sqlite_url), [question(n) for n in range(2)])
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        ending = threading.Timer(0.3, other.close)
        ending.start()
        assert ledger.spent_today() == (2, pytest.approx(2 * COST))
        ending.join()
