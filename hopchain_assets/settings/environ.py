"""How a variable is read: its value, or a sentence that names it and says what it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", int, float)


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it."""


def folders(text: str | None) -> tuple[str, ...]:
    """The places of a list with `;` between them, each once."""
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(";") if part.strip()))


def one_of(given: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of the choices, the first where nothing is set."""
    text = (given.get(name) or choices[0]).strip().lower()
    if text not in choices:
        told = " or ".join(choice or "empty" for choice in choices)
        raise SettingsError(f"{name} must be {told}, it is {text!r}")
    return text


def switch(given: Mapping[str, str], name: str, default: bool = False) -> bool:
    """Whether it is set to yes; the default where nothing is set."""
    text = (given.get(name) or str(int(default))).strip().lower()
    if text not in ("0", "1", "no", "yes", "false", "true"):
        raise SettingsError(f"{name} must be 1 or 0, it is {text!r}")
    return text in ("1", "yes", "true")


def optional(given: Mapping[str, str], name: str, kind: type[T], least: T, most: T) -> T | None:
    """A number within its limits; None where nothing is set."""
    text = given.get(name)
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        told = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{name} must be {told} from {least:g} to {most:g}, it is {text!r}")
    return value


def number(given: Mapping[str, str], name: str, default: T, least: T, most: T) -> T:
    """A number within its limits, of the default's kind."""
    value = optional(given, name, type(default), least, most)
    return default if value is None else value
