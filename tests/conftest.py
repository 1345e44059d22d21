"""For all tests: no network but loopback, and a real Postgres of our own, started once."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest


def pytest_configure() -> None:
    """Ctrl-C works in the tests and in what they start, also where a shell began all of it in the background.

    There SIGINT is ignored, and what is ignored is inherited.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails with the address it asked for."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError(f"a test tried to reach {address}: tests use loopback only")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _unprivileged() -> str | None:
    """The user that may run Postgres, where the tests run as root; None means the user that we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("Postgres refuses to run as root, and there is no other user to run it")


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[Path]:
    """The socket folder of a Postgres of our own (user hopchain, no password, no TCP port)."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    user = _unprivileged()
    # pytest's own folders are closed to other users, and a socket's path may have 107 bytes only
    folder = Path(tempfile.mkdtemp(prefix="hop-pg-"))
    if user:
        shutil.chown(folder, user)
        folder.chmod(0o755)

    def call(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    cluster = str(folder / "cluster")
    try:
        call(str(binaries / "initdb"), "-D", cluster, "-U", "hopchain", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
        control = str(binaries / "pg_ctl")
        call(control, "-D", cluster, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield folder
        finally:
            call(control, "-D", cluster, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_catalog(postgres_socket: Path, tmp_path: Path) -> str:
    """The URL of an empty database."""
    name = "lake_" + os.urandom(6).hex()
    with psycopg.connect(host=str(postgres_socket), user="hopchain", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql://hopchain@/{name}?host={postgres_socket}"
