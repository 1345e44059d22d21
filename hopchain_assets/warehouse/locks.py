"""One writer at a time for each stage and batch.

DuckLake has no primary keys: two first-time writers of one batch on a Postgres catalog both
commit, and every row is there twice. So a writer takes this lock before BEGIN and rereads inside.

A Postgres catalog has a lock for each (stage, batch). A SQLite catalog has one for all of them: it
takes one writer at a time anyhow, and writers of different batches that find out only at COMMIT retry one
another to a standstill (4 processes on 2 cores: 2 transactions a second instead of 6; 8 processes: errors).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hopchain_assets.warehouse.connect import WarehouseError, conninfo, is_postgres

WAIT_SECONDS = 180.0


@contextmanager
def writing(catalog: str, lock_folder: Path, stage: str, batch: str) -> Iterator[None]:
    """Holds the lock that covers (stage, batch); it falls with the process. Not re-entrant.

    Raises:
        WarehouseError: when another process holds it for longer than three minutes.
    """
    what = f"stage {stage!r} of batch {batch!r}"
    held = _advisory(conninfo(catalog), what) if is_postgres(catalog) else _flock(lock_folder / "writer.lock", what)
    with held:
        yield


@contextmanager
def _flock(file: Path, what: str) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait_for(handle, what)
        os.truncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}, {what}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _too_long(what, os.pread(handle, 500, 0).decode()) from None
        # short, because who has just released it asks again soon, and would win each time
        time.sleep(random.uniform(0.001, 0.006))


@contextmanager
def _advisory(info: str, what: str) -> Iterator[None]:
    key = int.from_bytes(hashlib.sha256(f"hopchain: {what}".encode()).digest()[:8], signed=True)
    import psycopg  # only a Postgres catalog pays for libpq

    try:
        connection = psycopg.connect(info, autocommit=True)
    except psycopg.OperationalError as error:
        raise WarehouseError(f"cannot reach the Postgres catalog, so nothing was written: {error}") from None
    with connection:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(WAIT_SECONDS * 1000)}ms"])
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [key])
        except psycopg.errors.LockNotAvailable:
            raise _too_long(what, "pg_locks and pg_stat_activity name its session") from None
        yield


def _too_long(what: str, who: str) -> WarehouseError:
    return WarehouseError(
        f"could not write {what}: another writer has held the lock for {WAIT_SECONDS:.0f} seconds ({who}). "
        "Wait for it or end it, then run the same command again"
    )
