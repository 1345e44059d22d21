"""A changed prompt reopens its stage: tried with a copy of the package in which one file has another word."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from hopchain_assets.stages.line import STAGES
from tests.stages.conftest import new_line
from tests.stages.model_server import MODEL, ModelServer, categories, rating
from tests.stages.plain_pictures import land_plain, plain_files

PACKAGE = Path(__file__).parents[2] / "hopchain_assets"
SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
import hopchain_assets
from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.settings import Settings
from hopchain_assets.stages.asking import Models
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import batches
assert Path(hopchain_assets.__file__).parents[1] == Path.cwd()
home, url, model = sys.argv[1:]
line = replace(Settings.load({"HOPCHAIN_HOME": home}).line(), models=Models(OpenAiChat(url, model)))
names = batches(line.lake)
print(json.dumps({stage: sum(r.pending_before for r in line.run(stage, names)) for stage in STAGES}))
"""


def run_copy(folder: Path, home: Path, url: str, changed: str = "") -> dict[str, int]:
    """Runs the line as a copy of the package does it; returns how many inputs were pending, by stage."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    if changed:
        file = folder / PACKAGE.name / "prompts" / f"{changed}.md"
        file.write_text(file.read_text(encoding="utf-8") + "\nTake your time.\n", encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, str(home), url, MODEL]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_changed_prompt_reopens_exactly_its_stage(home: Path, tmp_path: Path) -> None:
    """Its words are part of the version of its stage and of no other; equal replies change nothing further down."""
    both = len(land_plain(new_line(home), plain_files(tmp_path / "pictures", 2)))
    none = dict.fromkeys(STAGES, 0)
    with ModelServer(lambda asked: rating() if asked.schema == "rating" else categories("cup")) as server:
        first = run_copy(tmp_path / "first", home, server.url)
        assert first["image_ratings"] == first["categories"] == both
        assert run_copy(tmp_path / "rate", home, server.url, "rate") == none | {"image_ratings": both}
        # the first words are back, so both stages are out of date now
        again = run_copy(tmp_path / "categories", home, server.url, "categories")
        assert again == none | {"image_ratings": both, "categories": both}
        assert run_copy(tmp_path / "write", home, server.url, "write") == none | {"categories": both}
