"""DuckDB with DuckLake's extensions, loaded from the installed wheels and never from the network.

Loading the extensions costs 0.2 to 0.6 s (their signature is checked) and reading the catalog's tables
30 ms, so a process keeps an instance or two by, attached and idle: an idle one holds no file and no lock, and
taking it up again costs 4 ms.
"""

from __future__ import annotations

import importlib
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from hopchain_assets.warehouse.catalog_file import belongs_to_another, catalog_trouble, is_empty

NAME = "hopchain"
BUSY_MS = 5000
ATTACH_ATTEMPTS = 8
IDLE_INSTANCES = 2

_BUSY = re.compile(
    r"database is locked|database table is locked|conflict|could not serialize|deadlock detected"
    r"|maximum retry count|duplicate key value|unique constraint failed|schema has changed",
    re.IGNORECASE,
)
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # a mistyped table must not become the Python variable of that name
    "python_enable_replacements": False,
}


class WarehouseError(RuntimeError):
    """The warehouse cannot do what was asked; the message says what to do next."""


@dataclass(frozen=True, slots=True)
class _Instance:
    """A DuckDB in memory with the extensions loaded and a warehouse attached by `statement`."""

    database: duckdb.DuckDBPyConnection
    statement: str
    identity: str | None


# by process and extensions: DuckDB does not survive a fork
_idle: dict[tuple[int, tuple[str, ...]], list[_Instance]] = {}
_idle_lock = threading.Lock()


def is_busy(error: BaseException) -> bool:
    """Whether the error says that another process was faster, so that trying again can help."""
    return isinstance(error, duckdb.Error) and bool(_BUSY.search(str(error)))


def backoff(attempt: int) -> None:
    """Sleeps up to 2 seconds, longer with each attempt, jittered so that rivals come apart."""
    time.sleep(random.uniform(0.2, 1.0) * min(2.0, 0.02 * 2**attempt))


def is_postgres(catalog: str) -> bool:
    """Whether the catalog is in Postgres, not in SQLite.

    Raises:
        WarehouseError: when it is neither.
    """
    if catalog.startswith(("postgresql://", "postgres://", "postgres:")):
        return True
    if catalog.startswith("sqlite:") and catalog != "sqlite:":
        return False
    raise WarehouseError(
        f"the catalog {catalog.partition(':')[0]!r}... is unknown: use sqlite:/path/catalog.sqlite or postgresql://..."
    )


def conninfo(catalog: str) -> str:
    """What libpq takes: the URL itself, or the text after `postgres:`."""
    return catalog if "://" in catalog.partition(" ")[0] else catalog.removeprefix("postgres:")


def sqlite_path(catalog: str) -> Path:
    """The catalog's file."""
    return Path(catalog.removeprefix("sqlite:"))


def without_password(catalog: str) -> str:
    """The catalog as it may be shown: a Postgres password is left to PGPASSWORD or ~/.pgpass."""
    if not is_postgres(catalog):
        return catalog
    import psycopg  # only a Postgres catalog pays for libpq
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        told = conninfo_to_dict(conninfo(catalog))
    except psycopg.Error:
        # its message repeats the part that it stumbles over, which may be the password
        raise WarehouseError(
            "HOPCHAIN_CATALOG is no address of a Postgres database: write postgresql://user@host:port/database"
        ) from None
    parts = {key: value for key, value in told.items() if key != "password"}
    return "postgres:" + make_conninfo("", **parts)


def no_warehouse(catalog: str) -> str:
    """The sentence for a catalog that is not there."""
    if not is_postgres(catalog) and sqlite_path(catalog).is_dir():
        return catalog_trouble(sqlite_path(catalog), "")
    return f"there is no warehouse at {without_password(catalog)} yet: run `hopchain run` first"


def quoted(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def extensions_for(catalog: str, data_path: str) -> tuple[str, ...]:
    """The extensions that this warehouse needs, in loading order."""
    scanner = "postgres_scanner" if is_postgres(catalog) else "sqlite_scanner"
    # httpfs takes AWS_* from the environment when it is loaded, and DuckDB's stored secrets when it is used
    return (scanner, "ducklake", *(("httpfs",) if urlsplit(data_path).scheme else ()))


def extension_file(name: str) -> Path:
    """The extension's file in its wheel.

    Raises:
        WarehouseError: when the wheel is missing or made for another DuckDB.
    """
    package = f"duckdb_extension_{name}"
    try:
        folder = Path(next(iter(importlib.import_module(package).__path__)))
    except ImportError as error:
        raise WarehouseError(
            f"the package {package.replace('_', '-')} is not installed: run `make run` again"
        ) from error
    file = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.is_file():
        raise WarehouseError(
            f"{package.replace('_', '-')} is not made for duckdb {duckdb.__version__}: install equal versions"
        )
    return file


@contextmanager
def attached(
    catalog: str, data_path: str, read_only: bool, create: bool = False, all_cores: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of one's own in which the warehouse is in use. It rolls back what was not committed.

    Unless it may have `all_cores` it has one thread: DuckLake asks its catalog in many small queries, and each takes
    twice as long on two threads or more.

    Raises:
        WarehouseError: when the catalog cannot be opened, or is not there and `create` is false.
    """
    if create and not is_postgres(catalog) and belongs_to_another(sqlite_path(catalog)):
        # DuckLake would put its tables beside those of the other program
        raise WarehouseError(catalog_trouble(sqlite_path(catalog), ""))
    statement = _attach_statement(catalog, data_path, read_only, create)
    names = extensions_for(catalog, data_path)
    instance = _take(names, statement, catalog)
    try:
        connection = instance.database.cursor()
        try:
            threads = "RESET threads" if all_cores else "SET threads = 1"
            # a bar drawn into somebody's log or table helps nobody
            connection.execute(f"SET enable_progress_bar = false; {threads}; USE {NAME}")
            yield connection
        finally:
            connection.close()
    except BaseException:
        # what the failure left behind is unknown, so this instance is not used again
        instance.database.close()
        raise
    _put_by(names, instance)


def _take(names: tuple[str, ...], statement: str, catalog: str) -> _Instance:
    other: duckdb.DuckDBPyConnection | None = None
    with _idle_lock:
        waiting = _idle.get((os.getpid(), names), [])
        same = next((instance for instance in waiting if instance.statement == statement), None)
        if same is not None:
            waiting.remove(same)
        elif len(waiting) >= IDLE_INSTANCES:
            other = waiting.pop(0).database
    if same is not None and _identity(same.database) == same.identity:
        return same
    database = same.database if same is not None else other
    if database is None:
        database = duckdb.connect(config=_CONFIG)
        for name in names:
            database.execute(f"LOAD {quoted(str(extension_file(name)))}")
    else:
        database.execute(f"DETACH {NAME}")
    _attach(database, statement, catalog)
    return _Instance(database, statement, _identity(database))


def _identity(database: duckdb.DuckDBPyConnection) -> str | None:
    """Tells a warehouse from a later one at the same place; None when it cannot be read."""
    try:
        row = database.execute(
            f"SELECT schema_uuid::VARCHAR FROM __ducklake_metadata_{NAME}.ducklake_schema ORDER BY schema_id LIMIT 1"
        ).fetchone()
    except duckdb.Error:
        # removed, or Postgres was started again: attaching anew works, or says what is wrong
        return None
    return row[0] if row else None


def _put_by(names: tuple[str, ...], instance: _Instance) -> None:
    if instance.identity is not None:
        with _idle_lock:
            waiting = _idle.setdefault((os.getpid(), names), [])
            if len(waiting) < IDLE_INSTANCES:
                waiting.append(instance)
                return
    instance.database.close()


def _attach_statement(catalog: str, data_path: str, read_only: bool, create: bool) -> str:
    options = [f"DATA_PATH {quoted(data_path)}"]
    if is_postgres(catalog):
        target = f"ducklake:postgres:{conninfo(catalog)}"
    else:
        target = f"ducklake:sqlite:{sqlite_path(catalog)}"
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {BUSY_MS}"]
    if read_only:
        options.append("READ_ONLY")
    if not create:
        options.append("CREATE_IF_NOT_EXISTS false")
    return f"ATTACH {quoted(target)} AS {NAME} ({', '.join(options)})"


def _attach(instance: duckdb.DuckDBPyConnection, statement: str, catalog: str) -> None:
    for attempt in range(ATTACH_ATTEMPTS):
        try:
            instance.execute(statement)
            return
        except duckdb.Error as error:
            if not is_busy(error) or attempt == ATTACH_ATTEMPTS - 1:
                raise WarehouseError(_reason(error, catalog)) from None
        backoff(attempt)


def _reason(error: duckdb.Error, catalog: str) -> str:
    text, shown = str(error), without_password(catalog)
    if "creating a new DuckLake is explicitly disabled" in text:
        return no_warehouse(catalog)
    if "does not match existing data path" in text:
        first = text.partition("\n")[0]
        return f"{first} The warehouse at {shown} keeps its files there: set that data path, or move the folder back."
    if is_postgres(catalog):
        # DuckDB repeats the connection text in its errors, password and all
        text = text.replace(conninfo(catalog), shown)
        password = urlsplit(catalog).password if "://" in catalog else None
        text = re.sub(r"password=\S+", "password=...", text.replace(password, "...") if password else text)
        _, server, refused = text.partition("connection to server")
        if server:
            return f"cannot reach the Postgres catalog {shown}, start it or mend HOPCHAIN_CATALOG: {server}{refused}"
    elif "readonly database" in text and is_empty(sqlite_path(catalog)):
        # a file that somebody touched, or that a full disk left, is as good as none
        return no_warehouse(catalog)
    elif trouble := catalog_trouble(sqlite_path(catalog), text):
        return trouble
    return f"cannot open the warehouse at {shown}: {text.strip()}"
