"""Who holds a claim: named so that another process on the same machine can tell that it is gone."""

from __future__ import annotations

import os
import platform
import secrets
from contextlib import suppress
from pathlib import Path

# a name: machine, process, and chance, since a process may hold twice and process numbers come again
_PARTS = 3


def new_holder() -> str:
    """A name that nobody else has."""
    return f"{_machine()}/{os.getpid()}/{secrets.token_hex(8)}"


def is_gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that has ended; false where nobody can tell."""
    parts = holder.rsplit("/", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != _machine() or not parts[1].isdecimal():
        return False
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _machine() -> str:
    """Within which process numbers mean the same: containers on one machine have numbers of their own."""
    space = ""
    with suppress(OSError):
        # on Linux only
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{platform.node()} {space}".strip()
