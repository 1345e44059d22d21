"""What the machine refuses, as a sentence: full disks, folders that can only be read, names that lead nowhere.

The same trouble comes as an OSError from Python, as a line of SQLite within an error of DuckDB, or as a code of Arrow.
"""

from __future__ import annotations

import errno
import os
import re

AGAIN = "and run the same command again, which goes on from where it was"
FULL = f"make room, or set HOPCHAIN_HOME to another disk, {AGAIN}"
LOCKED = f"allow writing there, or set HOPCHAIN_HOME to another folder, {AGAIN}"

# {at} names a file or folder, or is empty where nobody said which
FAILED = {
    errno.ENOSPC: f"no space is left on the disk{{at}}: {FULL}",
    errno.EDQUOT: f"your share of the disk{{at}} is used up: {FULL}",
    errno.EFBIG: f"a file grew larger than the disk{{at}} allows: {FULL}",
    errno.EROFS: f"the disk{{at}} can only be read: {LOCKED}",
    errno.EACCES: f"permission is missing{{at}}: {LOCKED}",
    errno.EPERM: f"permission is missing{{at}}: {LOCKED}",
    errno.EIO: f"the disk{{at}} is full or fails: make room or check it, {AGAIN}",
    errno.EMFILE: "too many files are open: raise `ulimit -n` and run the same command again",
    errno.ENFILE: "too many files are open on this machine: end other programs and run the same command again",
    errno.ENOMEM: "there is not enough memory: end other programs and run the same command again",
    errno.ENOENT: "{what} is not there and cannot be made: name another place",
    errno.EUCLEAN: "a database{at} is damaged: put a copy of it back, or move it away to begin anew",
    errno.ESTALE: f"the network disk{{at}} went away: mount it again {AGAIN}",
}
MISUSED = {
    errno.EEXIST: "{what} is a file where a folder is needed: rename it, or name another place",
    errno.ENOTDIR: "{what} leads through a file, not a folder: name another place",
    errno.EISDIR: "{what} is a folder where a file is needed: name a file",
    errno.ENAMETOOLONG: "the name {what} is too long: name another place",
    errno.ELOOP: "{what} is a symbolic link that leads to itself: remove it, or name another place",
}
# what others write of the same: SQLite, DuckDB's file systems, Arrow
TEXTS = (
    (r"no space left on device|database or disk is full", errno.ENOSPC),
    (r"disk quota exceeded", errno.EDQUOT),
    (r"read-only file system|attempt to write a readonly database", errno.EROFS),
    (r"permission denied", errno.EACCES),
    (r"disk i/o error|input/output error", errno.EIO),
    (r"too many open files", errno.EMFILE),
    (r"not a directory", errno.ENOTDIR),
    (r"is a directory", errno.EISDIR),
    (r"file name too long", errno.ENAMETOOLONG),
    (r"out of memory", errno.ENOMEM),
    (r"file is not a database|database disk image is malformed", errno.EUCLEAN),
)  # fmt: skip
# Dagster keeps its own books through SQLAlchemy
THEIRS = frozenset({"duckdb", "sqlite3", "polars", "pyarrow", "sqlalchemy"})
QUOTED_PATH = re.compile(r"""["'](/[^"'\n]+)["']""")


def machine_trouble(error: BaseException) -> tuple[str, bool] | None:
    """The sentence for an error of the machine, and whether it is a misuse; None for any other error."""
    if isinstance(error, MemoryError):
        return FAILED[errno.ENOMEM], False
    if isinstance(error, OSError):
        number, what = error.errno, os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    else:
        number, what = _number_in(error), ""
    if number is None:
        return None
    what = what or _path_in(str(error))
    told = FAILED.get(number) or MISUSED.get(number)
    return (told.format(what=what or "a name", at=f" at {what}" if what else ""), number in MISUSED) if told else None


def _number_in(error: BaseException) -> int | None:
    if type(error).__module__.partition(".")[0].lstrip("_") not in THEIRS:
        return None
    text = str(error)
    return next((number for pattern, number in TEXTS if re.search(pattern, text, re.IGNORECASE)), None)


def _path_in(text: str) -> str:
    found = QUOTED_PATH.search(text)
    return found.group(1) if found else ""
