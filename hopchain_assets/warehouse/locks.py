"""One writer at a time for each stage and batch.

DuckLake has no primary keys: two first-time writers of one batch on a Postgres catalog both
commit, and every row is there twice. So a writer takes this lock before BEGIN and rereads inside.
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
# a bounded number of lock files; two batches that share one wait for each other now and then
SLOTS = 256


@contextmanager
def writing(catalog: str, lock_folder: Path, stage: str, batch: str) -> Iterator[None]:
    """Holds the lock of (stage, batch); it falls with the process. Not re-entrant.

    Raises:
        WarehouseError: when another process holds it for longer than three minutes.
    """
    key = int.from_bytes(hashlib.sha256(f"hopchain:{len(stage)}:{stage}:{batch}".encode()).digest()[:8], signed=True)
    what = f"stage {stage!r} of batch {batch!r}" if batch else f"{stage!r}"
    held = _advisory(conninfo(catalog), key, what) if is_postgres(catalog) else _flock(lock_folder, key % SLOTS, what)
    with held:
        yield


@contextmanager
def _flock(folder: Path, slot: int, what: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{slot:03d}.lock"
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait_for(handle, file, what)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, file: Path, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _too_long(what, f"see `fuser {file}` for its process") from None
        time.sleep(random.uniform(0.002, 0.03))


@contextmanager
def _advisory(info: str, key: int, what: str) -> Iterator[None]:
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
            raise _too_long(what, "see pg_locks and pg_stat_activity for its session") from None
        yield


def _too_long(what: str, where: str) -> WarehouseError:
    return WarehouseError(
        f"another process has been writing {what} for {WAIT_SECONDS:.0f} seconds: wait for it, or end it ({where})"
    )
