"""`hopchain models`: what is listed, built, tested and checked without Dagster."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopchain_assets.warehouse.model_files import MODELS_FOLDER, read_checks, read_models
from tests.cli.conftest import Ended, Hopchain, line_of

NAMES = [model.name for model in read_models()]


@pytest.fixture
def home(unaudited_folder: Path, waiting_home: Path) -> Path:
    """A home of one's own with chains in it, no model built."""
    return waiting_home


def words(ended: Ended) -> str:
    """What was shown, whatever the terminal's width did to it."""
    return " ".join(ended.out.split())


def test_models_are_listed_built_and_then_up_to_date(hopchain: Hopchain, home: Path) -> None:
    """Never built, built and tested, up to date: each is told."""
    ended = hopchain("models", home=home)
    assert ended.code == 0 and all(name in ended.out for name in NAMES)
    assert ended.out.count("never") == len(NAMES) and f"{len(NAMES)} models out of date" in words(ended)
    ended = hopchain("models", "run", home=home)
    assert ended.code == 0 and "failed" not in ended.out and ended.out.count("passed") == len(NAMES)
    ended = hopchain("models", home=home)
    assert "never" not in ended.out and "All are up to date." in ended.out
    assert hopchain("models", "run", home=home).out.count("was up to date") == len(NAMES)


def test_a_named_model_comes_with_what_it_reads(hopchain: Hopchain, home: Path) -> None:
    """And with nothing else; --full builds it though it is up to date."""
    ended = hopchain("models", "run", "yield_funnel", home=home)
    assert ended.code == 0 and "yield_by_batch" in ended.out and "pending_work" not in ended.out
    assert "was up to date" in hopchain("models", "run", "yield_funnel", home=home).out
    assert "built whole" in hopchain("models", "run", "yield_funnel", "--full", home=home).out


def test_a_failing_test_ends_with_one(hopchain: Hopchain, home: Path) -> None:
    """With the header's line, the number of rows and one of them; the other models are built."""
    line_of(home).lake.transact("test", "", lambda c: c.execute("UPDATE hop_chains SET query_type = 'Z'"))
    ended = hopchain("models", "run", "question_mix", "rejects_by_rule", home=home)
    assert ended.code == 1 and "1 of 8 failed" in ended.out and "5 passed" in ended.out
    header = next(
        test.line for test in read_models()[NAMES.index("question_mix")].tests if "query_type in" in test.says
    )
    assert f"{MODELS_FOLDER}/question_mix.sql:{header}: accepted_values: query_type in ('A', 'B', 'C')" in words(ended)
    assert "query_type=Z" in words(ended)


def test_a_model_that_fails_does_not_stop_the_others(hopchain: Hopchain, home: Path) -> None:
    """File and line are told, and the exit code is 1."""
    line_of(home).lake.transact("test", "", lambda c: c.execute("UPDATE hop_chains SET hops = '[{'"))
    ended = hopchain("models", "run", "branch_balance", "category_frequency", home=home)
    assert ended.code == 1 and f"{MODELS_FOLDER}/branch_balance.sql:" in words(ended) and "6 passed" in ended.out


def test_set_wide_checks_hold_or_name_the_rows(hopchain: Hopchain, home: Path) -> None:
    """0 when all hold; 1, the check and its rows when one does not."""
    ended = hopchain("models", "check", home=home)
    assert ended.code == 0 and ended.out.count("holds") == len(read_checks()) and "All hold." in ended.out
    line_of(home).lake.transact("test", "", lambda c: c.execute("INSERT INTO images FROM images LIMIT 1"))
    ended = hopchain("models", "check", "images_unique", home=home)
    assert ended.code == 1 and "1 check failed." in ended.out and "n=2" in ended.out
    assert "holds" not in ended.out and "images_unique.sql: A picture has one row." in words(ended)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["models", "run", "nix"], "no model 'nix'"),
        (["models", "check", "nix"], "no check 'nix'"),
        (["models", "nix"], "nix"),
    ],
)
def test_a_wrong_name_is_misuse(hopchain: Hopchain, done_home: Path, arguments: list[str], sentence: str) -> None:
    """One sentence and exit code 2."""
    ended = hopchain(*arguments, home=done_home)
    assert ended.code == 2 and sentence in ended.err and not ended.out


@pytest.mark.parametrize("arguments", [["models"], ["models", "run"], ["models", "check"]])
def test_without_a_warehouse_it_says_what_to_do(hopchain: Hopchain, tmp_path: Path, arguments: list[str]) -> None:
    """Nothing is made by looking."""
    ended = hopchain(*arguments, home=tmp_path / "none")
    assert ended.code == 2 and "there is no warehouse" in ended.err and not (tmp_path / "none").exists()
