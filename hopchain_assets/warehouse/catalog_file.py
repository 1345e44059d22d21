"""What is wrong with a SQLite catalog that cannot be opened, in a sentence that names the file and the next step."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

ELSEWHERE = "name another file in HOPCHAIN_CATALOG, or move this one away, and a new warehouse is made"
# by what SQLite says, as DuckDB hands it on
SAID = (
    ("file is not a database", f"is no SQLite file: {ELSEWHERE}"),
    ("disk image is malformed", "is damaged: put a copy of it back, or move it and its data folder away to begin anew"),
    ("database or disk is full", "is on a full disk: make room there and run the same command again"),
    ("disk i/o error", "cannot be read or written, its disk is full or fails: make room or check the disk"),
    ("readonly database", "can only be read, and SQLite writes beside it even to read: allow writing to its folder"),
    ("unable to open database file", "cannot be opened: see that its folder is there and may be written to"),
    ("no such table", "lacks tables of a warehouse: put a copy of it back, or move it and its data folder away"),
)


def catalog_trouble(path: Path, error: str) -> str:
    """The sentence for an error of SQLite or DuckDB about this file; empty for an error that is not known."""
    if path.is_dir():
        return f"{path} is a folder: name a file in HOPCHAIN_CATALOG"
    if belongs_to_another(path):
        return f"{path} holds the tables of another program: {ELSEWHERE}"
    return next((f"{path} {words}" for said, words in SAID if re.search(said, error, re.IGNORECASE)), "")


def belongs_to_another(path: Path) -> bool:
    """Whether the file is a SQLite database with tables, none of them a warehouse's."""
    if not path.is_file():
        return False
    # immutable, because looking must leave no files beside another program's database
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, ValueError):
        # damaged, locked, or caught in the middle of a write: whoever attaches it says so
        return False
    return bool(names) and "ducklake_metadata" not in names


def is_empty(path: Path) -> bool:
    """Whether the file is there and holds nothing."""
    return path.is_file() and path.stat().st_size == 0
