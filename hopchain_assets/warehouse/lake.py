"""The one door to the tables: a DuckLake with its catalog in SQLite or Postgres.

Readers see one snapshot and block nobody. Writers go through `transact`: a lock for their stage
and batch, one transaction, tried again as a whole when another writer was faster.

What is not covered: a writer that loses its Postgres session between taking the lock and COMMIT
writes without the lock; the reread inside the transaction still finds what was recorded before it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import duckdb
import polars as pl

from hopchain_assets.warehouse import connect
from hopchain_assets.warehouse.connect import NAME, WarehouseError
from hopchain_assets.warehouse.locks import claimed, writing
from hopchain_assets.warehouse.rows import begin_statistics, utc_now

# a table of somebody else's that takes no empty row is left as it is
_WITHOUT_STATISTICS = f"""
SELECT table_name FROM duckdb_columns() WHERE database_name = '{NAME}' AND table_name NOT IN (
    SELECT known.table_name FROM __ducklake_metadata_{NAME}.ducklake_table AS known
    JOIN __ducklake_metadata_{NAME}.ducklake_table_stats USING (table_id) WHERE known.end_snapshot IS NULL
) GROUP BY table_name HAVING bool_and(is_nullable)
"""

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any] | None

MIGRATIONS = Path(__file__).parent / "migrations"
ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Lake:
    """Where the warehouse is. Holds nothing open.

    `catalog` is `sqlite:/path/catalog.sqlite`, a `postgresql://user@host:port/db` URL or `postgres:` and
    libpq's text; `data_path` the folder or object-store URL of the Parquet files; `lock_folder` where
    writers of a SQLite catalog lock (a local disk, shared by all of them).
    """

    catalog: str
    data_path: str
    lock_folder: Path

    @contextmanager
    def open(self, read_only: bool = True, all_cores: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short connection in which the warehouse is the current database. Use it in one thread.

        Args:
            read_only: whether it only reads.
            all_cores: whether its queries run on all cores, which pays where they may read anything.

        Raises:
            WarehouseError: when there is no warehouse, or it cannot be opened.
        """
        if not connect.is_postgres(self.catalog) and not connect.sqlite_path(self.catalog).is_file():
            raise WarehouseError(connect.no_warehouse(self.catalog))
        with connect.attached(self.catalog, self.data_path, read_only, all_cores=all_cores) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `open`, on one snapshot: what others commit meanwhile is not seen.

        Several statements are also faster than by themselves, which read the catalog again each time.
        """
        with self.open() as connection:
            connection.execute("BEGIN")
            yield connection

    def query(self, sql: str, parameters: Parameters = None, all_cores: bool = False) -> pl.DataFrame:
        """The rows of one SELECT, of one snapshot.

        Raises:
            WarehouseError: when there is no warehouse.
            duckdb.Error: when the SQL is wrong.
        """

        def read() -> pl.DataFrame:
            with self.open(all_cores=all_cores) as connection:
                return connection.execute(sql, parameters).pl()

        return self._persist("read", read)

    def transact(self, stage: str, batch: str, work: Callable[[duckdb.DuckDBPyConnection], T], message: str = "") -> T:
        """Runs `work` in one transaction under the lock of (stage, batch): all of it is there afterwards, or nothing.

        `work` may run several times, so it does nothing but SQL, and it reads again what it decides by.
        Do not call `transact` inside it.

        Raises:
            WarehouseError: when the lock or the catalog stays busy; whatever `work` raises, after a rollback.
        """

        def write() -> T:
            with self.open(read_only=False) as connection:
                return _transaction(connection, work, message)

        with writing(self.catalog, self.lock_folder, stage, batch):
            return self._persist(f"write stage {stage!r} of batch {batch!r}", write)

    def claim(self, stage: str, batch: str, wait: bool) -> AbstractContextManager[bool]:
        """Claims the work on (stage, batch) for this process; false when another has it and `wait` is false."""
        return claimed(self.catalog, self.lock_folder, stage, batch, wait)

    def migrate(self) -> list[str]:
        """Creates the warehouse where there is none, and applies the migrations that it has not seen.

        Two processes may start at once: the second waits and finds nothing to do.

        Returns:
            The file names applied now, in order.

        Raises:
            WarehouseError: when the warehouse was made by a later release, or cannot be created.
        """
        if not urlsplit(self.data_path).scheme:
            Path(self.data_path).mkdir(parents=True, exist_ok=True)
        if not connect.is_postgres(self.catalog):
            connect.sqlite_path(self.catalog).parent.mkdir(parents=True, exist_ok=True)

        def write() -> list[str]:
            with connect.attached(self.catalog, self.data_path, read_only=False, create=True) as connection:
                return _transaction(connection, _apply_migrations, "migrations")

        with writing(self.catalog, self.lock_folder, "migrations", ""):
            return self._persist("migrate", write)

    def snapshot(self) -> int:
        """The number of the last committed change; `AT (VERSION => n)` reads the tables as they were then."""
        with self.open() as connection:
            row = connection.execute(f"SELECT id FROM {NAME}.current_snapshot()").fetchone()
        assert row is not None
        return int(row[0])

    def attach_sql(self) -> str:
        """What to paste into the duckdb CLI, Python or a notebook to read this warehouse while the line runs.

        A Postgres password is left out: libpq takes it from PGPASSWORD or ~/.pgpass.
        """
        scanner = "postgres" if connect.is_postgres(self.catalog) else "sqlite"
        names = ["ducklake", scanner, *(["httpfs"] if urlsplit(self.data_path).scheme else [])]
        loads = " ".join(f"INSTALL {name}; LOAD {name};" for name in names)
        return f"{loads} ATTACH {connect.quoted(f'ducklake:{self.shown}')} AS {NAME} (READ_ONLY); USE {NAME};"

    @property
    def shown(self) -> str:
        """The catalog without its password."""
        return connect.without_password(self.catalog)

    def _persist(self, what: str, attempt_once: Callable[[], T]) -> T:
        last: duckdb.Error | None = None
        for attempt in range(ATTEMPTS):
            try:
                return attempt_once()
            except duckdb.Error as error:
                if not connect.is_busy(error):
                    raise
                last = error
            connect.backoff(attempt)
        raise WarehouseError(
            f"could not {what}: the warehouse at {self.shown} stayed busy through {ATTEMPTS} attempts. Run the same "
            f"command again; if it stays so, another program holds a write transaction open. Last error: {last}"
        )


def _transaction(
    connection: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], T], message: str
) -> T:
    connection.execute("BEGIN")
    if message:
        connection.execute(f"CALL {NAME}.set_commit_message('hopchain', {connect.quoted(message)})")
    # an error leaves through the closing of the connection, which rolls back
    result = work(connection)
    connection.execute("COMMIT")
    return result


def _apply_migrations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR, applied_at TIMESTAMP)")
    applied = {name for (name,) in connection.execute("SELECT name FROM migrations").fetchall()}
    files = {file.name: file for file in sorted(MIGRATIONS.glob("[0-9]*.sql"))}
    later = applied - files.keys()
    if later:
        raise WarehouseError(
            f"this warehouse was written by a later release ({', '.join(sorted(later))}): use that release"
        )
    new = [name for name in files if name not in applied]
    for name in new:
        connection.execute(files[name].read_text(encoding="utf-8"))
        connection.execute("INSERT INTO migrations VALUES (?, ?)", [name, utc_now()])
    for (table,) in connection.execute(_WITHOUT_STATISTICS).fetchall():
        begin_statistics(connection, table)
    return new
