"""What a run would ask models about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hopchain_assets.stages.asking import Models
from hopchain_assets.stages.one_ask import annotated
from hopchain_assets.stages.planning import plan
from tests.stages.conftest import new_line
from tests.stages.plain_pictures import chat, land_plain, plain_files

SAID = [
    None,
    {"author": "somebody", "license": "CC0"},
    {"source": "annotation", "marks": []},
    {"source": "scene"},
    {"source": "hearsay", "marks": []},
    {"marks": [{"category": "cup"}]},
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_only_marks_make_a_picture_an_annotated_one(tmp_path: Path, said: dict[str, object] | None) -> None:
    """Plain pictures are rated and named, annotated ones are written about, by the rule of the stages themselves."""
    asker = chat("http://127.0.0.1:9/v1")
    line = replace(new_line(tmp_path / "home"), models=Models(asker, asker))
    land_plain(line, plain_files(tmp_path / "plain", 2), None if said is None else json.dumps(said))
    asked = {one.stage: one.asked for one in plan(line) if one.asked}
    assert asked == ({"hop_chains": 2} if annotated(said or {}) else {"image_ratings": 2, "categories": 2})
