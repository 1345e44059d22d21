"""Real homes in temporary folders, made once, and the command line run in this process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from hopchain_assets import cli
from hopchain_assets.settings import Settings
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import batches

SCENES = 4
SEED = 3


@dataclass(frozen=True)
class Ended:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Hopchain = Callable[..., Ended]


@pytest.fixture
def hopchain(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Hopchain:
    """Runs a command with the given home, and nothing else of ours in the environment."""

    def run(*arguments: str, home: Path, answers: str = "", settings: dict[str, str] | None = None) -> Ended:
        for name in [name for name in os.environ if name.startswith("HOPCHAIN_")]:
            monkeypatch.delenv(name)
        for name, value in {"HOPCHAIN_HOME": str(home), "COLUMNS": "120", **(settings or {})}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", StringIO(answers))
        capfd.readouterr()
        code = cli.call(arguments)
        told = capfd.readouterr()
        return Ended(code, told.out, told.err)

    return run


def line_of(home: Path) -> Line:
    """The line of a home with default settings."""
    return Settings.load({"HOPCHAIN_HOME": str(home)}).line()


def run_stages(home: Path, stages: Sequence[str] = STAGES) -> None:
    """The line without Dagster, for tests that are not about the run."""
    line = line_of(home)
    for batch in batches(line.lake):
        for stage in stages:
            line.run(stage, [batch])
    line.publish()


@pytest.fixture(scope="session")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rendered scenes with their COCO file."""
    folder = tmp_path_factory.mktemp("scenes")
    render_scenes(folder, SCENES, SEED)
    return folder


@pytest.fixture(scope="session")
def unaudited_folder(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same scenes as people's annotations: nobody says that all is marked."""
    folder = tmp_path_factory.mktemp("unaudited")
    document = json.loads((scene_folder / "instances.json").read_text())
    document["info"] = {}
    (folder / "instances.json").write_text(json.dumps(document))
    (folder / "images").symlink_to(scene_folder / "images")
    return folder


@pytest.fixture(scope="session")
def done_home(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the line has done four scenes. For reading only."""
    home = tmp_path_factory.mktemp("done")
    _import(home, scene_folder)
    run_stages(home)
    return home


@pytest.fixture
def waiting_home(unaudited_folder: Path, tmp_path: Path) -> Path:
    """A home of one's own in which all chains wait for an audit."""
    home = tmp_path / "home"
    _import(home, unaudited_folder)
    run_stages(home)
    return home


def _import(home: Path, folder: Path) -> None:
    from hopchain_assets.cli.sources import read, take_in

    settings = Settings.load({"HOPCHAIN_HOME": str(home)})
    take_in(settings, read(folder / "images", folder / "instances.json", exhaustive=False))
