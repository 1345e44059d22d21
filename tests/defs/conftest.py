"""Rendered scenes, landed in homes of their own; every run is a real Dagster run on a real instance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hopchain_assets.defs.launch import Launched, launch
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes.dataset import render_scenes
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits

Home = tuple[Settings, list[str]]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The COCO file of six rendered scenes."""
    return render_scenes(tmp_path_factory.mktemp("scenes"), 6, 1)


def landed(home: Path, scenes: Path, count: int, batch_size: int) -> Home:
    """A migrated warehouse with the first scenes landed and audited, and its batches."""
    settings = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_BATCH_SIZE": str(batch_size)})
    lake = settings.line().lake
    lake.migrate()
    members = read_coco(scenes.parent / "images", scenes, exhaustive=False).members[:count]
    land(lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], batch_size)
    record_audits(lake, [Audit(m.content_sha256, c, True, m.audited) for m in members for c in m.categories])
    return settings, batches(lake)


@pytest.fixture
def land_scenes(tmp_path: Path, scenes: Path) -> Callable[[int, int], Home]:
    """Lands some scenes in batches of some size, in a home of this test's own."""
    return lambda count, batch_size: landed(tmp_path / "home", scenes, count, batch_size)


@pytest.fixture(scope="session")
def first_run(
    tmp_path_factory: pytest.TempPathFactory, scenes: Path
) -> tuple[Settings, list[str], Launched, list[tuple[str, str, int, int]]]:
    """Six scenes in two batches, run once; and what the progress callback was told. Tests only look at it."""
    settings, names = landed(tmp_path_factory.mktemp("first") / "home", scenes, 6, 3)
    told: list[tuple[str, str, int, int]] = []
    return settings, names, launch(settings, names, lambda *step: told.append(step)), told
