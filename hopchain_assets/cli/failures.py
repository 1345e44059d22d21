"""The errors of the last run, kept for `hopchain status`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "last-errors.json"


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: when (UTC), where, and a sentence."""

    at: str
    stage: str
    batch: str
    message: str


def keep_failures(home: Path, failures: Sequence[Failure]) -> None:
    """Puts the errors of a run in the place of the last run's; none are kept when it went well."""
    path = home / FILE
    if not failures:
        path.unlink(missing_ok=True)
        return
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps([asdict(failure) for failure in failures], indent=2), encoding="utf-8")
    partial.replace(path)


def read_failures(home: Path) -> list[Failure]:
    """The errors of the last run; none where it went well, or never was."""
    try:
        return [Failure(**row) for row in json.loads((home / FILE).read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
