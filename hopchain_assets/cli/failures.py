"""What the last run left open: its errors for `hopchain status`, its batches for the next run.

A run whose rows are all in place may still owe a check or the list of shards: it was killed before, or the check
failed. Nothing is pending then, so the batches are kept here until a run over them ends well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hopchain_assets.cli.ending import Refusal

FILE = "last-run.json"


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: when (UTC), where, and a sentence."""

    at: str
    stage: str
    batch: str
    message: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Batches that a run has not ended well with, and why."""

    batches: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def keep(home: Path, unfinished: Unfinished) -> None:
    """Puts it in the place of what was kept before; nothing is kept where no batch is left."""
    path = home / FILE
    if not unfinished.batches:
        path.unlink(missing_ok=True)
        return
    home.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(asdict(unfinished), indent=2), encoding="utf-8")
    partial.replace(path)


def kept(home: Path) -> Unfinished:
    """What is kept.

    Raises:
        Refusal: when the file was changed by hand and cannot be read.
    """
    path = home / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Unfinished(tuple(found["batches"]), tuple(Failure(**row) for row in found["failures"]))
    except FileNotFoundError:
        return Unfinished()
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} cannot be read: remove it") from error


def settled(before: Unfinished, done: Sequence[str]) -> Unfinished:
    """What is left of it when a run over these batches ended well."""
    left = tuple(name for name in before.batches if name not in done)
    return Unfinished(left, tuple(one for one in before.failures if one.batch in left or (left and not one.batch)))
