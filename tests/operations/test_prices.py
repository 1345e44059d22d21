"""Prices come from the user's file, and what is wrong with it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopchain_assets.operations.prices import PriceError, Prices
from hopchain_assets.ports.vlm import Usage

MILLION = Usage(1_000_000, 1_000_000, 400_000)


def _file(folder: Path, text: str) -> Path:
    file = folder / "prices.toml"
    file.write_text(text)
    return file


def test_a_model_has_its_own_price_or_that_of_all_others(tmp_path: Path) -> None:
    """Per million tokens; reasoning is part of what comes out, and not counted twice."""
    text = '["Qwen/Qwen3-VL-235B-A22B-Thinking"]\ninput = 0.4\noutput = 4\n["*"]\ninput = 1\noutput = 2.5\n'
    prices = Prices.load(_file(tmp_path, text))
    assert prices.cost("Qwen/Qwen3-VL-235B-A22B-Thinking", MILLION) == pytest.approx(4.4)
    assert prices.cost("another", MILLION) == pytest.approx(3.5)


def test_a_price_of_nothing_is_a_price(tmp_path: Path) -> None:
    """One's own machine may count as free."""
    prices = Prices.load(_file(tmp_path, "[mine]\ninput = 0\noutput = 0\n"))
    assert prices.cost("mine", MILLION) == 0.0 and prices.cost("another", MILLION) is None


def test_without_a_file_nothing_has_a_price() -> None:
    """The cost is then unknown, not zero."""
    assert Prices.load(None).cost("m", MILLION) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input = 1", "`input` and `output`"),
        ("[m]\ninput = 1", "lacks `output`"),
        ('[m]\ninput = "cheap"\noutput = 1', "`input` must be a number"),
        ("[m]\ninput = true\noutput = 1", "`input` must be a number"),
        ("[m]\ninput = 1\noutput = -1", "`output` must be a number"),
        ("[m]\ninput = nan\noutput = 1", "`input` must be a number"),
        ("[m]\ninput = 1\noutput = 1\nouptut = 2", "'ouptut'"),
        ("[m", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    """The file, the model and the field."""
    file = _file(tmp_path, text)
    with pytest.raises(PriceError) as caught:
        Prices.load(file)
    assert str(file) in str(caught.value) and told in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no text."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "bytes.toml"):
        with pytest.raises(PriceError, match="HOPCHAIN_PRICES") as caught:
            Prices.load(path)
        assert str(path) in str(caught.value)
