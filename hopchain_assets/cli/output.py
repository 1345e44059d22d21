"""Files that the user asked for by name: whole or not at all, and nothing else is touched."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hopchain_assets.cli.ending import Refusal


def check_output(path: Path) -> None:
    """Says early that a file cannot be written there.

    Raises:
        Refusal: when its folder is not there, or a folder has its name.
    """
    if not path.parent.is_dir():
        raise Refusal(f"there is no folder {path.parent}: make it, or name another place")
    if path.is_dir():
        raise Refusal(f"{path} is a folder: name a file")


def write_output(path: Path, data: bytes) -> None:
    """Puts the bytes in the place of the file; a device or a pipe is written to, a symbolic link stays one.

    Raises:
        Refusal: from `check_output`.
    """
    check_output(path)
    if path.exists() and not path.is_file():
        # to move a file onto /dev/null would leave the machine without one
        path.write_bytes(data)
        return
    target = path.resolve()
    partial = target.with_name(f".hopchain-{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
