"""How a command ends that cannot go on: one sentence, and an exit code."""

from __future__ import annotations

import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from hopchain_assets.cli.machine import machine_trouble

EXIT_FAILED = 1
EXIT_MISUSED = 2
EXIT_INTERRUPTED = 130
LONGEST_SENTENCE = 1500


class Refusal(Exception):
    """The command cannot do what was asked; the message is one sentence for the user."""

    def __init__(self, message: str, exit_code: int = EXIT_MISUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def one_sentence(error: BaseException) -> str:
    """An error's message on one line, ending with a full stop."""
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    text = printable(message) or type(error).__name__
    if len(text) > LONGEST_SENTENCE:
        # somebody's own argument may be a megabyte long; what to do stands at the end
        text = f"{text[: LONGEST_SENTENCE // 2]} … {text[-LONGEST_SENTENCE // 2 :]}"
    return text if text.endswith((".", "?", "!")) else f"{text}."


def printable(text: str) -> str:
    """Text from outside on one line, without characters that steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def report_unexpected(error: Exception) -> int:
    """Says what happened in a sentence, writes the traceback to a file, and returns the exit code.

    Errors that our own rooms raise on purpose, and what the machine refuses, are told without a traceback.
    """
    known = _known(error)
    if known:
        sentence, code = known
        click.echo(f"hopchain: {sentence}", err=True)
        return code
    what = printable(f"{type(error).__name__}: {error}")
    what = what if len(what) <= 300 else what[:299] + "…"
    click.echo(f"hopchain: something went wrong that should not: {what}", err=True)
    click.echo(_write_traceback(error), err=True)
    return EXIT_FAILED


def _known(error: Exception) -> tuple[str, int] | None:
    """The sentence and the exit code of an error that can be expected."""
    from duckdb import CatalogException

    from hopchain_assets.ports.unavailable import Unavailable
    from hopchain_assets.settings import SettingsError
    from hopchain_assets.sources.coco import SourceError
    from hopchain_assets.warehouse.connect import WarehouseError
    from hopchain_assets.warehouse.model_header import ModelError

    if isinstance(error, SettingsError | SourceError | WarehouseError | ModelError | Unavailable):
        return one_sentence(error), EXIT_MISUSED
    if isinstance(error, CatalogException) and "Table with name" in str(error):
        return "the warehouse is of an earlier release: `hopchain run` brings its tables up to date.", EXIT_MISUSED
    if sys.stdout is None:
        return "the output is closed, so nothing can be shown: give it a terminal, a file or /dev/null.", EXIT_FAILED
    trouble = machine_trouble(error)
    if trouble:
        sentence, misused = trouble
        return one_sentence(Refusal(sentence)), EXIT_MISUSED if misused else EXIT_FAILED
    return (one_sentence(error), EXIT_FAILED) if isinstance(error, OSError) and error.filename else None


def _write_traceback(error: Exception) -> str:
    """Puts the traceback into a file, and says into which."""
    text = "".join(traceback.format_exception(error))
    for folder in (_home_errors, _temporary):
        try:
            path = folder() / f"error-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except (OSError, ValueError, RuntimeError):
            # a home that is full, missing or cannot be resolved; nothing may go wrong while something is told
            continue
        return f"The details are in {path}."
    frames = traceback.extract_tb(error.__traceback__)
    where = f" It happened in {frames[-1].filename}, line {frames[-1].lineno}." if frames else ""
    return f"The details could not be written.{where}"


def _home_errors() -> Path:
    from hopchain_assets.settings import Settings

    folder = Settings.load().home / "errors"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="hopchain-"))
