"""The stand-in's own log: one JSON object a line for every reply that was sent, and for every chain in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


class TruthLog:
    """Appends lines; each is with the kernel before the next request, so a killed client loses nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def add(self, *entries: Mapping[str, Any]) -> None:
        """Writes the entries as lines, all at once."""
        now = round(time.time(), 6)
        self._file.write(b"".join(orjson.dumps({"time": now, **entry}) + b"\n" for entry in entries))

    def close(self) -> None:
        """Ends the log."""
        self._file.close()


def entries(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last line that is still being written is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [orjson.loads(line) for line in lines]
