"""Rendered scenes, landed in homes of their own; every run is a real Dagster run on a real instance."""

from __future__ import annotations

from pathlib import Path

import pytest
from looking import Home, TwoRuns

from hopchain_assets.defs.launch import launch
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes.dataset import render_scenes
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits


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
def three_batches(tmp_path: Path, scenes: Path) -> Home:
    """Three scenes in a batch each, in a home of this test's own."""
    return landed(tmp_path / "home", scenes, 3, 1)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Home:
    """Two scenes in a batch each, run once. Tests spoil it, and mend it again."""
    settings, names = landed(tmp_path_factory.mktemp("mended") / "home", scenes, 2, 1)
    assert launch(settings, names).success
    return settings, names


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> TwoRuns:
    """Made once; tests only look at it."""
    settings, names = landed(tmp_path_factory.mktemp("runs") / "home", scenes, 6, 3)
    told: list[tuple[str, str, int, int]] = []
    ledger = "FROM stage_done ORDER BY ALL"
    lake = settings.line().lake
    first = launch(settings, names, lambda *step: told.append(step))
    before = lake.query(ledger)
    second = launch(settings, names)
    return TwoRuns(settings, names, first, second, told, (before, lake.query(ledger)))
