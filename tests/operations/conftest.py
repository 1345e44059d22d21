"""An operations database in tmp_path, of either kind."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the SQLite database will be."""
    return tmp_path / "home" / "operations.sqlite"


@pytest.fixture
def sqlite_url(file: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_catalog")
