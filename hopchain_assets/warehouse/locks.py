"""One writer, and one worker, at a time for each stage and batch.

DuckLake has no primary keys: two first-time writers of one batch on a Postgres catalog both
commit, and every row is there twice. So a writer takes this lock before BEGIN and rereads inside.

A Postgres catalog has a lock for each (stage, batch). A SQLite catalog has one for all of them: it
takes one writer at a time anyhow, and writers of different batches that find out only at COMMIT retry one
another to a standstill (4 processes on 2 cores: 2 transactions a second instead of 6; 8 processes: errors).

A worker holds its claim from reading what is pending until that is stored, so that two runs share the batches and do
nothing twice. Claims and locks fall with their process, however it ends.
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
from typing import TYPE_CHECKING

from hopchain_assets.warehouse.connect import WarehouseError, conninfo, is_postgres

if TYPE_CHECKING:
    import psycopg

WAIT_SECONDS = 180.0
LOOK_SECONDS = 0.2


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
def claimed(catalog: str, lock_folder: Path, stage: str, batch: str, wait: bool) -> Iterator[bool]:
    """Claims the work on (stage, batch); false when another process has it and `wait` is false.

    Waits without an end otherwise: work on a large batch may take hours. Not re-entrant.
    """
    what = f"work on stage {stage!r} of batch {batch!r}"
    if is_postgres(catalog):
        with _session(conninfo(catalog), "nothing was done") as session:
            while not (mine := _advisory_now(session, what)) and wait:
                time.sleep(LOOK_SECONDS)
            yield mine
        return
    file = lock_folder / "work" / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock"
    while (handle := _flock_now(file)) is None and wait:
        time.sleep(LOOK_SECONDS)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            # removed while it is held: who opened it meanwhile finds that it is no longer the file of that name
            file.unlink(missing_ok=True)
            os.close(handle)


def _flock_now(file: Path) -> int | None:
    """The handle of the locked file, or None when another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == file.stat().st_ino:
            return handle
    except (BlockingIOError, FileNotFoundError):
        os.close(handle)
        return None
    os.close(handle)
    return None


def _advisory_now(session: psycopg.Connection, what: str) -> bool:
    row = session.execute("SELECT pg_try_advisory_lock(%s)", [_key(what)]).fetchone()
    return bool(row and row[0])


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
    with _session(info, "nothing was written") as session:
        from psycopg.errors import LockNotAvailable

        session.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(WAIT_SECONDS * 1000)}ms"])
        try:
            session.execute("SELECT pg_advisory_lock(%s)", [_key(what)])
        except LockNotAvailable:
            raise _too_long(what, "pg_locks and pg_stat_activity name its session") from None
        yield


@contextmanager
def _session(info: str, lost: str) -> Iterator[psycopg.Connection]:
    """A Postgres session, whose locks fall when it ends."""
    import psycopg  # only a Postgres catalog pays for libpq

    try:
        # a session that holds a claim says nothing for hours: without keepalives a firewall ends it
        connection = psycopg.connect(info, autocommit=True, keepalives_idle=30, keepalives_interval=10)
    except psycopg.OperationalError as error:
        raise WarehouseError(f"cannot reach the Postgres catalog, so {lost}: {error}") from None
    with connection:
        yield connection


def _key(what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"hopchain: {what}".encode()).digest()[:8], signed=True)


def _too_long(what: str, who: str) -> WarehouseError:
    return WarehouseError(
        f"could not write {what}: another writer has held the lock for {WAIT_SECONDS:.0f} seconds ({who}). "
        "Wait for it or end it, then run the same command again"
    )
