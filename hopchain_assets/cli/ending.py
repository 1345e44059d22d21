"""How a command ends that cannot go on: one sentence, and an exit code."""

from __future__ import annotations

import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

EXIT_FAILED = 1
EXIT_MISUSED = 2
EXIT_INTERRUPTED = 130


class Refusal(Exception):
    """The command cannot do what was asked; the message is one sentence for the user."""

    def __init__(self, message: str, exit_code: int = EXIT_MISUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def one_sentence(error: BaseException) -> str:
    """An error's message on one line, ending with a full stop."""
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    text = printable(message) or type(error).__name__
    return text if text.endswith((".", "?", "!")) else f"{text}."


def printable(text: str) -> str:
    """Text from outside on one line, without characters that steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def report_unexpected(error: Exception) -> int:
    """Says what happened in a sentence, writes the traceback to a file, and returns the exit code.

    Errors that our own rooms raise on purpose are told as they are, without a traceback.
    """
    known = _known(error)
    if known:
        click.echo(f"hopchain: {one_sentence(error)}", err=True)
        return known
    what = printable(f"{type(error).__name__}: {error}")
    what = what if len(what) <= 300 else what[:299] + "…"
    click.echo(f"hopchain: something went wrong that should not: {what}", err=True)
    click.echo(f"The details are in {_write_traceback(error)}.", err=True)
    return EXIT_FAILED


def _known(error: Exception) -> int:
    from hopchain_assets.settings import SettingsError
    from hopchain_assets.sources.coco import SourceError
    from hopchain_assets.warehouse.connect import WarehouseError

    if isinstance(error, SettingsError | SourceError | WarehouseError):
        return EXIT_MISUSED
    # a full disk or a folder without permission is the machine's state, and Python's sentence names the file
    return EXIT_FAILED if isinstance(error, OSError) and error.strerror and error.filename else 0


def _write_traceback(error: Exception) -> Path:
    text = "".join(traceback.format_exception(error))
    folder = _error_folder()
    path = folder / f"error-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    path.write_text(text, encoding="utf-8")
    return path


def _error_folder() -> Path:
    """A folder under the home, or a temporary one when that cannot be written."""
    from hopchain_assets.settings import Settings

    try:
        folder = Settings.load().home / "errors"
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except (OSError, ValueError):
        return Path(tempfile.mkdtemp(prefix="hopchain-"))
    return folder
