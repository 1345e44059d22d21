"""A warehouse in tmp_path, on either catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopchain_assets.warehouse.lake import Lake


@pytest.fixture
def sqlite_lake(tmp_path: Path) -> Lake:
    """A migrated warehouse with its catalog in SQLite."""
    lake = Lake(f"sqlite:{tmp_path}/warehouse/catalog.sqlite", str(tmp_path / "warehouse/data"), tmp_path / "locks")
    lake.migrate()
    return lake


@pytest.fixture(params=["sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A migrated warehouse, once with each catalog."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_lake")
    lake = Lake(request.getfixturevalue("postgres_catalog"), str(tmp_path / "data"), tmp_path / "locks")
    lake.migrate()
    return lake
