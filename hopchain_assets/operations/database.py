"""The operations database: where it is, its tables, and how it is opened. SQLite in WAL, or Postgres by URL.

It is apart from the warehouse, because a row must be safe the moment a model has answered, and because many write
to it at once: a DuckLake commits whole batches, a few dozen times a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from hopchain_assets.operations.tables import STEPS, Step, applied, metadata
from hopchain_assets.operations.trouble import OperationsError, patiently, sentence

NAME = "operations"
SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
# one writer waits for another this long inside SQLite; `patiently` tries again after that
BUSY_SECONDS = 2.0
# any number that no other program takes for its advisory lock
SCHEMA_LOCK = 0x686F706F70
# set in a connection's `info`: whether its next transaction only reads, and so waits for no writer
READING = "reading"
# whether what it commits outlives a power loss too, and so waits for the disk
LASTING = "lasting"


@dataclass(frozen=True, slots=True)
class Database:
    """Where the operations are kept. Holds nothing open.

    `url` is `sqlite:///` and a path, which is taken as it stands (no escapes), or `postgresql://user@host:port/db`.

    Raises:
        OperationsError: when it is neither.
    """

    url: str

    def __post_init__(self) -> None:
        if self.url.startswith(SQLITE) and len(self.url) > len(SQLITE):
            return
        try:
            known = self.url.startswith(POSTGRES) and bool(self.address.database)
        except (SQLAlchemyError, ValueError):
            known = False
        if not known:
            raise OperationsError(
                f"HOPCHAIN_OPERATIONS begins with {self.url.partition(':')[0]!r} and names no database that is known: "
                "write sqlite:////path/operations.sqlite or postgresql://user@host:port/database"
            )

    @property
    def file(self) -> Path | None:
        """The SQLite file; None where the database is in Postgres."""
        return Path(self.url.removeprefix(SQLITE)) if self.url.startswith(SQLITE) else None

    @property
    def address(self) -> sa.URL:
        """What SQLAlchemy connects to."""
        if self.file is not None:
            return sa.URL.create("sqlite", database=str(self.file))
        return sa.make_url(self.url).set(drivername="postgresql+psycopg")

    @property
    def shown(self) -> str:
        """The URL as it may be shown: a password is left to PGPASSWORD or ~/.pgpass."""
        if self.file is not None:
            return self.url
        address = self.address.set(drivername="postgresql", password=None)
        return address.difference_update_query(["password"]).render_as_string()

    @property
    def password(self) -> str:
        """The password that stands in the URL, so that it can be kept out of what is shown; empty where none does."""
        if self.file is not None:
            return ""
        return str(self.address.password or self.address.query.get("password") or "")

    @contextmanager
    def connected(
        self, reading: bool = False, kept: sa.Engine | None = None, lasting: bool = False
    ) -> Iterator[sa.Connection]:
        """A connection of one's own, for one thread. Unless `reading`, transactions take SQLite's write lock at once.

        Args:
            reading: whether it only reads.
            kept: an engine of `engine()` whose connections are used again; otherwise one is opened and closed.
            lasting: whether what is committed outlives a power loss too. That waits for the disk; a process that is
                killed loses nothing either way.

        Raises:
            OperationsError: when it cannot be opened, or fails on the way.
        """
        engine = kept or self._engine(sa.NullPool)
        try:
            with engine.connect() as connection:
                connection.info.update({READING: reading, LASTING: lasting})
                yield connection
        except DBAPIError as error:
            raise OperationsError(sentence(error, self.shown, self.password)) from error
        finally:
            if kept is None:
                engine.dispose()

    def engine(self) -> sa.Engine:
        """Connections to keep, for a server: opening one takes longer than what it is asked. Dispose of it."""
        return self._engine(sa.QueuePool)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """A connection on one state of the tables; None where there are none yet. Nothing is made.

        Raises:
            OperationsError: when the database cannot be read, or is of a later release.
        """
        if self.file is not None and not self.file.is_file():
            yield None
            return
        with self.connected(reading=True) as connection:
            number = _number(connection)
            self._refuse_later(number, STEPS)
            yield connection if number else None

    def migrate(self, steps: Sequence[Step] = STEPS) -> None:
        """Makes the tables where there are none, and applies the steps that they have not seen.

        Two processes may start at once: the second waits and finds nothing to do.

        Raises:
            OperationsError: when it cannot be written, is of a later release, or belongs to another program.
        """
        if self.file is not None:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OperationsError(f"the folder of {self.shown} cannot be made: {error}") from error

        def work() -> None:
            if self._is_ready(steps):
                # who only looks up what is there does not wait for a writer
                return
            with self.connected() as connection:
                if self.file is not None:
                    _keep_a_log(connection)
                with connection.begin():
                    if self.file is None:
                        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
                    self._upgrade(connection, steps)

        patiently(work)

    def attach_sql(self) -> str:
        """What DuckDB runs to read these tables as `operations.calls`, while the line writes them."""
        if self.file is not None:
            return f"ATTACH {_quoted(str(self.file.absolute()))} AS {NAME} (TYPE sqlite, READ_ONLY);"
        from psycopg.conninfo import make_conninfo  # only a Postgres database pays for libpq

        address = self.address
        parts = {"host": address.host, "port": address.port, "dbname": address.database, "user": address.username}
        told = make_conninfo(
            "",
            **{
                **{k: v for k, v in parts.items() if v},
                **{k: v for k, v in address.query.items() if k != "password" and isinstance(v, str)},
            },
        )
        return f"ATTACH {_quoted(told)} AS {NAME} (TYPE postgres, READ_ONLY);"

    def _engine(self, pool: type[sa.Pool]) -> sa.Engine:
        if self.file is None:
            return sa.create_engine(self.address, poolclass=pool, connect_args={"connect_timeout": 10})
        engine = sa.create_engine(self.address, poolclass=pool, connect_args={"timeout": BUSY_SECONDS})

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _: object) -> None:
            # transactions begin where we say, not where Python guesses
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def start(connection: sa.Connection) -> None:
            if connection.info.get(READING):
                connection.exec_driver_sql("BEGIN")
                return
            # a killed process loses no committed row: what is in the log is the kernel's. A power loss can take the
            # last half minute of calls, which are then paid again: with FULL each commit waits for the disk, which
            # beside programs that write much took 13 ms, and left 300 calls a second of 2,000
            connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if connection.info.get(LASTING) else 'NORMAL'}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _is_ready(self, steps: Sequence[Step]) -> bool:
        if self.file is not None and not self.file.is_file():
            return False
        with self.connected(reading=True) as connection:
            return _number(connection) == len(steps) + 1

    def _refuse_later(self, number: int, steps: Sequence[Step]) -> None:
        if number > len(steps) + 1:
            raise OperationsError(
                f"the operations database {self.shown} was written by a later release: use that release"
            )

    def _upgrade(self, connection: sa.Connection, steps: Sequence[Step]) -> None:
        number = _number(connection)
        self._refuse_later(number, steps)
        if number == 0:
            self._only_ours(connection)
            metadata.create_all(connection)
            pending: Sequence[Step] = ()
        else:
            pending = steps[number - 1 :]
        for step in pending:
            step(connection)
        if number < len(steps) + 1:
            connection.execute(applied.insert(), {"number": len(steps) + 1})

    def _only_ours(self, connection: sa.Connection) -> None:
        taken = sorted(set(sa.inspect(connection).get_table_names()) & metadata.tables.keys())
        if taken:
            raise OperationsError(
                f"{self.shown} has a table {taken[0]!r} that is not ours: set HOPCHAIN_OPERATIONS to another database"
            )


def _number(connection: sa.Connection) -> int:
    """Of the schema that is there; 0 where there is none."""
    if not sa.inspect(connection).has_table(applied.name):
        return 0
    return connection.execute(sa.select(sa.func.max(applied.c.number))).scalar() or 0


def _keep_a_log(connection: sa.Connection) -> None:
    """Turns WAL on, so that readers and the writer do not stop each other. It stays on with the file."""
    driver: Any = connection.connection.dbapi_connection
    if driver.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise OperationalError("PRAGMA journal_mode = WAL", None, error) from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
