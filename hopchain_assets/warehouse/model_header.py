"""The header of a SQL model: comments that say what it is, how it is built and what must hold of its rows.

The grammar is told in docs/models.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

Materialized = Literal["table", "incremental"]

MODEL_KEYS = ("materialized", "unique", "not_null", "accepted_values", "relationships")
CHECK_KEYS = ("table",)

_KEY = re.compile(r"([A-Za-z_]+):(?:\s+(.*)|$)")
_RELATION = re.compile(r"(\w+) -> (\w+)\.(\w+)")
_PLACE = re.compile(r"\n\nLINE (\d+):.*", re.DOTALL)


class ModelError(ValueError):
    """A model or check that cannot be used; the message begins with its file and line."""


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A check of a model from its header: `says` are the header's words, `sql` selects the rows that break it."""

    name: str
    says: str
    sql: str
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a header with a key."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the comments say that a file begins with."""

    file: Path
    description: str
    entries: tuple[Entry, ...]

    def values(self, key: str) -> list[Entry]:
        """The entries of a key."""
        return [entry for entry in self.entries if entry.key == key]

    def materialized(self) -> Materialized:
        """How the model is kept; a table unless it is said.

        Raises:
            ModelError: when it is said twice, or something else is said.
        """
        entries = self.values("materialized")
        for entry in entries:
            if entry.value not in ("table", "incremental") or len(entries) > 1:
                raise failed(self.file, entry.line, "materialized is said once, and is table or incremental")
        return cast(Materialized, entries[0].value) if entries else "table"

    def tests(self) -> tuple[ModelTest, ...]:
        """The checks of the model's rows, in the header's order.

        Raises:
            ModelError: when one is worded otherwise than docs/models.md says, or is said twice.
        """
        found: list[ModelTest] = []
        for entry in self.entries:
            if entry.key == "unique":
                found.append(self._unique(entry))
            elif entry.key == "not_null":
                found += [self._not_null(entry, column) for column in self._columns(entry)]
            elif entry.key == "accepted_values":
                found.append(self._accepted_values(entry))
            elif entry.key == "relationships":
                found.append(self._relationships(entry))
        names: set[str] = set()
        for test in found:
            if test.name in names:
                raise failed(self.file, test.line, f"{test.says} is said twice")
            names.add(test.name)
        return tuple(found)

    def _columns(self, entry: Entry) -> list[str]:
        columns = [part.strip() for part in entry.value.split(",")]
        if not all(map(str.isidentifier, columns)):
            raise failed(self.file, entry.line, f"{entry.key} takes columns, such as: {entry.key}: batch, stage")
        return columns

    def _unique(self, entry: Entry) -> ModelTest:
        columns = self._columns(entry)
        listed = ", ".join(f'"{column}"' for column in columns)
        sql = f'SELECT {listed}, count(*) AS n FROM "{self.file.stem}" GROUP BY {listed} HAVING count(*) > 1'
        return ModelTest("_".join(["unique", *columns]), f"unique: {', '.join(columns)}", sql, entry.line)

    def _not_null(self, entry: Entry, column: str) -> ModelTest:
        sql = f'SELECT * FROM "{self.file.stem}" WHERE "{column}" IS NULL'
        return ModelTest(f"not_null_{column}", f"not_null: {column}", sql, entry.line)

    def _accepted_values(self, entry: Entry) -> ModelTest:
        try:
            said = sqlglot.parse_one(entry.value, read="duckdb")
        except SqlglotError:
            said = None
        if not isinstance(said, exp.In) or not said.expressions or not all(map(_is_constant, said.expressions)):
            raise failed(self.file, entry.line, "accepted_values takes such words: split in ('train', 'validation')")
        column = said.this.name
        values = ", ".join(value.sql("duckdb") for value in said.expressions)
        # a NULL is for not_null to find
        sql = f'SELECT * FROM "{self.file.stem}" WHERE "{column}" NOT IN ({values})'
        return ModelTest(f"accepted_values_{column}", f"accepted_values: {entry.value}", sql, entry.line)

    def _relationships(self, entry: Entry) -> ModelTest:
        match = _RELATION.fullmatch(entry.value)
        if match is None:
            raise failed(self.file, entry.line, "relationships takes such words: image_id -> images.image_id")
        column, table, key = match.groups()
        sql = (
            f'SELECT m.* FROM "{self.file.stem}" AS m ANTI JOIN "{table}" AS t ON t."{key}" = m."{column}" '
            f'WHERE m."{column}" IS NOT NULL'
        )
        return ModelTest(f"relationships_{column}_{table}", f"relationships: {entry.value}", sql, entry.line)


def read_header(file: Path, lines: Iterable[str], keys: Sequence[str]) -> Header:
    """Reads the comments that a file begins with; `keys` are those that may stand there.

    Raises:
        ModelError: for another key, a key without a value, and when there is no description.
    """
    words: list[str] = []
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        content = line[2:].strip()
        match = _KEY.fullmatch(content)
        if match is None:
            words.append(content)
        elif match[1] not in keys:
            raise failed(file, number, f"{match[1]} is no key of a header: use {', '.join(keys)}, or word it otherwise")
        elif not match[2]:
            raise failed(file, number, f"{match[1]} has no value")
        else:
            entries.append(Entry(match[1], match[2].strip(), number))
    description = " ".join(filter(None, words))
    if not description:
        raise failed(file, 1, "it has no description: begin the file with one, as a comment (-- ...)")
    return Header(file, description, tuple(entries))


def failed(file: Path, line: int, what: str) -> ModelError:
    """The error of a place in a file."""
    return ModelError(f"{file}:{line}: {what}")


def told_by_duckdb(file: Path, error: duckdb.Error, line: int) -> ModelError:
    """DuckDB's error at the line of the file that it names, or at the given one where it names none."""
    place = _PLACE.search(str(error))
    return failed(file, int(place[1]) if place else line, _PLACE.sub("", str(error)))


def told_of_test(file: Path, error: duckdb.Error, test: ModelTest) -> ModelError:
    """DuckDB's error at the header's line from which the test was made."""
    return failed(file, test.line, f"{test.says}: {_PLACE.sub('', str(error))}")


def _is_constant(value: object) -> bool:
    return isinstance(value.this if isinstance(value, exp.Neg) else value, exp.Literal)
