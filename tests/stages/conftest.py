"""A line on a home of its own, with a few rendered scenes landed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six rendered scenes with their COCO file."""
    folder = tmp_path_factory.mktemp("scenes")
    render_scenes(folder, 6, seed=3)
    return folder


def new_line(home: Path, **environ: str) -> Line:
    line = Settings.load({"HOPCHAIN_HOME": str(home), **environ}).line()
    line.lake.migrate()
    return line


def take_in(line: Line, folder: Path, batch_size: int = 4) -> None:
    imported = read_coco(folder / "images", folder / "instances.json", exhaustive=False)
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in imported.members], batch_size)
    audits = [Audit(m.content_sha256, c, True, m.audited) for m in imported.members if m.audited for c in m.categories]
    record_audits(line.lake, audits)


def run_all(line: Line) -> dict[str, int]:
    """Runs every stage of every batch; returns how many inputs were pending, by stage."""
    worked: dict[str, int] = dict.fromkeys(STAGES, 0)
    for stage in STAGES:
        worked[stage] = sum(report.pending_before for report in line.run(stage, batches(line.lake)))
    line.publish()
    return worked


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def line(home: Path, scenes: Path) -> Line:
    """A line with the scenes landed in two batches, nothing run yet."""
    made = new_line(home)
    take_in(made, scenes)
    return made
