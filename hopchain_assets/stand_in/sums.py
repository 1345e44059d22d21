"""Sums in words (`3u + v - 2`) as terms and a constant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TERM = re.compile(r"\s*([-+])?\s*(?:(\d+(?:\.\d+)?)(?: ?\* ?| times )?)?([a-z])?\s*")


class NoSum(ValueError):
    """The words are no sum of known letters."""


def reckoned(words: str, letters: Mapping[str, str]) -> tuple[list[list[Any]], float]:
    """The terms, each a node and its factor, and the constant. `letters` are the nodes that letters stand for.

    Raises:
        NoSum: when the words hold anything else.
    """
    terms: list[list[Any]] = []
    plus, at = 0.0, 0
    while at < len(words):
        found = TERM.match(words, at)
        if found is None or not (found.group(2) or found.group(3)):
            raise NoSum(f"cannot reckon {words!r}")
        sign, times, letter = found.groups()
        factor = float(times or 1) * (-1 if sign == "-" else 1)
        if letter is None:
            plus += factor
        elif letter in letters:
            terms.append([letters[letter], _plain(factor)])
        else:
            raise NoSum(f"{letter} was not introduced")
        at = found.end()
    return terms, _plain(plus)


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value
