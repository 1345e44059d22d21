"""SQL models and set-wide checks as they stand in their files: a header of comments, then one SELECT.

Everything is bound here against an empty copy of the tables, so a mistake is found with its file and line before any
warehouse is touched.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import TokenType

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.lake import MIGRATIONS
from hopchain_assets.warehouse.model_header import (
    CHECK_KEYS,
    MODEL_KEYS,
    Header,
    Materialized,
    ModelError,
    ModelTest,
    failed,
    read_header,
    told_by_duckdb,
    told_of_test,
)

MODELS_FOLDER = Path(__file__).parents[2] / "dbt_like_sql"
CHECKS_FOLDER = MODELS_FOLDER / "checks"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # a file that is read by name would be an input that nobody sees
    "enable_external_access": False,
    "python_enable_replacements": False,
    "threads": 1,
}


@dataclass(frozen=True, slots=True)
class Model:
    """A SELECT that is kept as a table of its name.

    `sql` is the file up to its last semicolon, so that line numbers are the file's, and its SELECT begins at `line`;
    `tables` and `models` are what it reads, `columns` name and type of what it gives, `version` a hash of its SQL, its
    columns and the models it reads.
    """

    name: str
    file: Path
    line: int
    sql: str
    description: str
    materialized: Materialized
    tests: tuple[ModelTest, ...]
    tables: frozenset[str]
    models: frozenset[str]
    columns: tuple[tuple[str, str], ...]
    version: str


@dataclass(frozen=True, slots=True)
class SetCheck:
    """A fact about a whole table: `sql` selects the rows that break it."""

    name: str
    table: str
    file: Path
    line: int
    sql: str
    description: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A file's parts: `body` is the SQL from `line` on, `reads` tells the line at which each table is first named."""

    file: Path
    header: Header
    sql: str
    body: str
    line: int
    reads: Mapping[str, int]

    @property
    def name(self) -> str:
        return self.file.stem


def read_models(folder: Path = MODELS_FOLDER) -> tuple[Model, ...]:
    """The models of a folder, each after those that it reads.

    Raises:
        ModelError: when there is no such folder, or a file breaks a rule of docs/models.md.
    """
    with _empty_warehouse() as connection:
        tables = _tables(connection)
        sources = {source.name: source for source in _sources(connection, folder, MODEL_KEYS)}
        for source in sources.values():
            if source.name in tables:
                raise failed(source.file, 1, f"the warehouse has a table {source.name} already: rename the file")
        made: dict[str, Model] = {}
        for name in _in_order(sources):
            made[name] = _model(connection, sources[name], tables, made)
        for model in made.values():
            for test in model.tests:
                try:
                    connection.execute(f"DESCRIBE {test.sql}")
                except duckdb.Error as error:
                    raise told_of_test(model.file, error, test) from error
    return tuple(made.values())


def read_checks(folder: Path = CHECKS_FOLDER) -> tuple[SetCheck, ...]:
    """The set-wide checks of a folder, by name.

    Raises:
        ModelError: when there is no such folder, or a file breaks a rule of docs/models.md.
    """
    with _empty_warehouse() as connection:
        tables = _tables(connection)
        return tuple(_check(connection, source, tables) for source in _sources(connection, folder, CHECK_KEYS))


def with_upstream(models: Sequence[Model], names: Collection[str]) -> list[str]:
    """The named models and all that they read, in building order."""
    wanted = set(names)
    for model in reversed(models):
        if model.name in wanted:
            wanted |= model.models
    return [model.name for model in models if model.name in wanted]


@contextmanager
def _empty_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """All tables of this release, without rows, in memory."""
    with duckdb.connect(config=_CONFIG) as connection:
        for file in sorted(MIGRATIONS.glob("[0-9]*.sql")):
            connection.execute(file.read_text(encoding="utf-8"))
        yield connection


def _tables(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    # the warehouse makes the table of its migrations itself
    named = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return frozenset(name for (name,) in named) | {"migrations"}


def _sources(connection: duckdb.DuckDBPyConnection, folder: Path, keys: Sequence[str]) -> list[_Source]:
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}: SQL models come with the project's source, not with its wheel")
    return [_source(connection, file, keys) for file in sorted(folder.glob("*.sql"))]


def _source(connection: duckdb.DuckDBPyConnection, file: Path, keys: Sequence[str]) -> _Source:
    if not _NAME.fullmatch(file.stem):
        raise failed(file, 1, "its name becomes a table's: use lower-case letters, digits and _")
    try:
        text = file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise failed(file, 1, f"it cannot be read as UTF-8 text: {error}") from error
    lines = text.splitlines(keepends=True)
    length = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = read_header(file, lines[:length], keys)
    query, end = _statement(connection, file, text)
    body = text[sum(map(len, lines[:length])) : end].strip()
    return _Source(file, header, text[:end], body, length + 1, _reads(query))


def _statement(connection: duckdb.DuckDBPyConnection, file: Path, text: str) -> tuple[exp.Query, int]:
    """The one SELECT of a file, and where its text ends."""
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise told_by_duckdb(file, error, 1) from error
    try:
        tokens = sqlglot.tokenize(text, read="duckdb")
        last = next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None)
        if len(statements) != 1:
            line = last.line if last else 1
            raise failed(file, line, f"a file holds one SELECT, and this one holds {len(statements)} statements")
        end = last.start if last else len(text)
        query = sqlglot.parse_one(text[:end], read="duckdb")
    except SqlglotError as error:
        raise failed(file, 1, f"the tables that it reads cannot be told: {error}") from error
    if statements[0].type != duckdb.StatementType.SELECT or not isinstance(query, exp.Query):
        raise failed(file, tokens[0].line, f"a file holds one SELECT, and this one begins with {tokens[0].text}")
    return query, end


def _reads(query: exp.Query) -> dict[str, int]:
    """The line at which each table is first named; what a WITH defines and what a function gives is none."""
    found: dict[str, int] = {}
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name:
                name, line = source.name.lower(), source.this.meta.get("line", 1)
                found[name] = min(line, found.get(name, line))
    return found


def _in_order(sources: Mapping[str, _Source]) -> list[str]:
    graph = {name: sorted(source.reads.keys() & sources.keys()) for name, source in sorted(sources.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        # told from what is read to its reader; people say it the other way
        circle: list[str] = error.args[1][::-1]
        first = sources[circle[0]]
        raise failed(first.file, first.reads[circle[1]], f"models read each other: {' -> '.join(circle)}") from error


def _model(
    connection: duckdb.DuckDBPyConnection, source: _Source, tables: frozenset[str], made: Mapping[str, Model]
) -> Model:
    materialized = source.header.materialized()
    # on a line of its own, or the file's last comment would take the bracket in
    _bind(connection, source, f'CREATE TABLE "{source.name}" AS SELECT * FROM ({source.sql}\n) LIMIT 0')
    columns = tuple((row[0], row[1]) for row in connection.execute(f'DESCRIBE "{source.name}"').fetchall())
    if materialized == "incremental" and "batch" not in dict(columns):
        line = source.header.values("materialized")[0].line
        raise failed(source.file, line, "an incremental model is built batch by batch: give it a column batch")
    if "model_done" in source.reads:
        raise failed(source.file, source.reads["model_done"], "a model cannot read model_done, which changes with it")
    upstream = frozenset(source.reads.keys() & made.keys())
    return Model(
        name=source.name,
        file=source.file,
        line=source.line,
        sql=source.sql,
        description=source.header.description,
        materialized=materialized,
        tests=source.header.tests(),
        tables=frozenset(source.reads.keys() & tables),
        models=upstream,
        columns=columns,
        version=digest(materialized, source.body, repr(columns), *(made[name].version for name in sorted(upstream))),
    )


def _check(connection: duckdb.DuckDBPyConnection, source: _Source, tables: frozenset[str]) -> SetCheck:
    entries = source.header.values("table")
    if len(entries) != 1:
        raise failed(source.file, 1, "a check says once which table it is about, such as: table: verified_set")
    table = entries[0].value
    if table not in tables:
        raise failed(source.file, entries[0].line, f"the warehouse has no table {table}: see docs/tables.md")
    _bind(connection, source, f"DESCRIBE SELECT * FROM ({source.sql}\n)")
    return SetCheck(source.name, table, source.file, source.line, source.sql, source.header.description)


def _bind(connection: duckdb.DuckDBPyConnection, source: _Source, sql: str) -> None:
    """Has DuckDB look up every table and column."""
    try:
        connection.execute(sql)
    except duckdb.Error as error:
        raise told_by_duckdb(source.file, error, source.line) from error
