"""`hopchain cost`: what models were paid for."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from hopchain_assets.operations.prices import Prices
from tests.cli.conftest import Hopchain, line_of
from tests.operations.answering import Model, ask_all, paid, question, unusable

ROW = {"chain_id": "c1", "image_id": "i1", "question_id": "q1", "question": "how many?", "answer": "7", "batch": "b"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Four answers and an unusable reply at prices of the time, and two answers of a model without a price."""
    url = f"sqlite:///{tmp_path}/operations.sqlite"
    ask_all(paid(Model(), url), [question(n) for n in range(4)])
    ask_all(paid(Model(trouble=unusable), url), [question(4)])
    ask_all(paid(Model(model="b"), url, prices=Prices()), [question(n, stage="categories") for n in range(2)])
    return tmp_path


def _prices(home: Path) -> dict[str, str]:
    (home / "prices.toml").write_text('["m"]\ninput = 500\noutput = 500\n["*"]\ninput = 1\noutput = 10\n')
    return {"HOPCHAIN_PRICES": str(home / "prices.toml")}


def _verify(home: Path, generator: str) -> None:
    line = line_of(home)
    line.lake.migrate()

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        for table in ("hop_chains", "verified_set"):
            row = {**ROW, "generator": generator} if table == "hop_chains" else ROW
            names, values = ", ".join(row), ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", list(row.values()))

    line.lake.transact("hop_chains", "b", write)


def test_calls_are_added_up_with_a_total(hopchain: Hopchain, home: Path) -> None:
    """A row for each stage, and one for all; what has no price is said."""
    ended = hopchain("cost", home=home)
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines() if line and line[0].isalpha()}
    assert ended.code == 0 and rows["hop_chains"][:5] == ["5", "1", "4,900", "405", "162"]
    assert rows["categories"][:2] == ["2", "0"] and rows["categories"][-1] == "unknown"
    assert rows["all"][:2] == ["7", "1"] and "and more" in ended.out
    assert "2 calls" in ended.out and "HOPCHAIN_PRICES" in ended.out and "verified yet" in ended.out


@pytest.mark.parametrize("by", ["stage", "model", "day", "purpose", "run"])
def test_any_grouping_gives_the_same_total(hopchain: Hopchain, home: Path, by: str) -> None:
    """The groups are told apart, and together they are all calls."""
    told = json.loads(hopchain("cost", "--by", by, "--format", "json", home=home).out)
    assert told["by"] == by and sum(row["calls"] for row in told["rows"]) == told["total"]["calls"] == 7
    assert len(told["rows"]) == len({row["group"] for row in told["rows"]})


def test_a_call_keeps_its_price_and_one_without_gets_that_of_today(hopchain: Hopchain, home: Path) -> None:
    """A change of prices does not change what was paid."""
    ended = hopchain("cost", "--by", "model", "--format", "json", home=home, settings=_prices(home))
    rows = {row["group"]: row for row in json.loads(ended.out)["rows"]}
    assert rows["m"]["cost"] == pytest.approx(4 * 0.002 + 0.00095)
    assert rows["b"]["cost"] == pytest.approx(0.004) and rows["b"]["unpriced_calls"] == 0


def test_what_a_verified_example_cost(hopchain: Hopchain, home: Path) -> None:
    """All that was paid, by the verified examples that a model wrote."""
    _verify(home, "vlm/m")
    told = json.loads(hopchain("cost", "--format", "json", home=home, settings=_prices(home)).out)
    assert told["verified_examples"] == 1 and told["calls_per_verified_example"] == 7
    assert told["cost_per_verified_example"] == pytest.approx(told["total"]["cost"])
    ended = hopchain("cost", home=home, settings=_prices(home))
    assert "1 verified example that a model wrote: 7.0 calls each, at a cost of 0.0129" in ended.out
    assert "at a cost that is not known" in hopchain("cost", home=home).out


def test_an_example_that_the_composer_wrote_cost_nothing(hopchain: Hopchain, home: Path) -> None:
    """It is not counted."""
    _verify(home, "composer/1")
    assert json.loads(hopchain("cost", "--format", "json", home=home).out)["verified_examples"] == 0


def test_nothing_was_paid_yet(hopchain: Hopchain, tmp_path: Path) -> None:
    """In a new home: a sentence, an empty list, and no file made."""
    ended = hopchain("cost", home=tmp_path / "new")
    assert ended.code == 0 and ended.out == "No model has been paid for an answer yet.\n"
    told = json.loads(hopchain("cost", "--format", "json", home=tmp_path / "new").out)
    assert told["rows"] == [] and told["total"]["calls"] == 0 and not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"HOPCHAIN_OPERATIONS": "mysql://me:secret@host/db"}, "HOPCHAIN_OPERATIONS"),
        ({"HOPCHAIN_PRICES": "/nowhere.toml"}, "/nowhere.toml"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_sentence(
    hopchain: Hopchain, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    """One sentence, exit code 2, no secret."""
    ended = hopchain("cost", home=tmp_path, settings=settings)
    assert ended.code == 2 and told in ended.err and ended.err.count("\n") == 1 and "secret" not in ended.err


def test_a_group_from_outside_cannot_steer_the_terminal(hopchain: Hopchain, tmp_path: Path) -> None:
    """A model's name is a user's text."""
    ask_all(paid(Model(model="\x1b[2Jm[bold]"), f"sqlite:///{tmp_path}/operations.sqlite"), [question()])
    ended = hopchain("cost", "--by", "model", home=tmp_path)
    assert "\x1b" not in ended.out and "[2Jm[bold]" in ended.out
