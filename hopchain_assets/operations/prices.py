"""What a model's tokens cost, as the user's file says. The currency is the user's."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hopchain_assets.ports.vlm import ServerUnavailable, Usage

ANY_MODEL = "*"
PER = 1_000_000
_FIELDS = ("input", "output")


class PriceError(ServerUnavailable):
    """A price is missing or cannot be used, so nothing is asked; the message names the model, or file and field."""


@dataclass(frozen=True, slots=True)
class Price:
    """Of a million tokens that go in (`input`) and come out (`output`, reasoning included)."""

    input: float
    output: float


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of models, by the name under which they are asked; `*` stands for all others."""

    by_model: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The prices of a TOML file, with a table `["model name"]` of `input` and `output` for each; none without one.

        Raises:
            PriceError: naming the file and what cannot be used in it.
        """
        if path is None:
            return cls()
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            why = error.strerror or error
            raise PriceError(f"the price file {path} (HOPCHAIN_PRICES) cannot be read: {why}") from error
        except ValueError as error:
            # TOML's own error, or bytes that are no text
            raise PriceError(f"the price file {path} (HOPCHAIN_PRICES) is no TOML: {error}") from error
        return cls({name: _price(table, f'{path}: ["{name}"]') for name, table in document.items()})

    def of(self, model: str) -> Price | None:
        """The price of a model; None where none is known."""
        return self.by_model.get(model) or self.by_model.get(ANY_MODEL)

    def cost(self, model: str, usage: Usage) -> float | None:
        """What a call cost; None where no price is known."""
        price = self.of(model)
        if price is None:
            return None
        return (usage.prompt * price.input + usage.completion * price.output) / PER


def _price(table: object, where: str) -> Price:
    if not isinstance(table, dict):
        raise PriceError(f"{where} must be a table with `input` and `output`, the prices of a million tokens")
    unknown = sorted(set(table) - set(_FIELDS))
    if unknown:
        raise PriceError(f"{where} has a field {unknown[0]!r} that is not known: it may have `input` and `output`")
    return Price(*(_number(table, name, where) for name in _FIELDS))


def _number(table: Mapping[str, object], name: str, where: str) -> float:
    if name not in table:
        raise PriceError(f"{where} lacks `{name}`, the price of a million {name} tokens")
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise PriceError(f"{where}: `{name}` must be a number from 0 up, it is {value!r}")
    return float(value)
