"""What comes from outside is shown on Dagster's pages, and never obeyed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from looking import markdown
from markdown_it import MarkdownIt
from markdown_it.token import Token

from hopchain_assets.defs.launch import launch, open_instance
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits

EVIL = "<img src=x onerror=alert(1)>|![p](http://evil.example/p.png) [l](http://evil.example) <script>alert(1)</script>"
EVIL_FILE = "<img src=x onerror=alert(1)>|**b** `c`.jpg"


def _all(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in (token, *_all(token.children or []))]


def _hostile(home: Path, scenes: Path) -> Settings:
    """One scene whose file name, categories, author and licence are attacks."""
    settings = Settings.load({"HOPCHAIN_HOME": str(home)})
    lake = settings.line().lake
    lake.migrate()
    member = read_coco(scenes.parent / "images", scenes, exhaustive=False).members[0]
    file = home / EVIL_FILE
    shutil.copyfile(next(scenes.parent.glob("images/*00000.jpg")), file)
    said = json.loads(member.annotations)
    evil = {name: f"{EVIL} {number}" for number, name in enumerate(sorted(member.categories))}
    said |= {"author": EVIL, "license": EVIL}
    said["marks"] = [mark | {"category": evil[mark["category"]]} for mark in said["marks"]]
    land(lake, [Landed(str(file), member.content_sha256, json.dumps(said))], 1)
    record_audits(lake, [Audit(member.content_sha256, name, True, "test") for name in evil.values()])
    return settings


def test_hostile_names_are_text_on_every_page(tmp_path: Path, scenes: Path) -> None:
    """No HTML, link or remote picture comes of file names, categories, authors or licences."""
    settings = _hostile(tmp_path, scenes)
    launched = launch(settings, batches(settings.line().lake))
    assert launched.success, launched.failures
    with open_instance(settings) as instance:
        texts = markdown(instance, launched.run_ids[0])
    assert {name.split()[0] for name in texts} >= {"raw_images", "categories", "instance_masks"}
    assert sum("onerror" in text for text in texts.values()) >= 3
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for name, text in texts.items():
        tokens = _all(reader.parse(text))
        assert not {token.type for token in tokens} & {"html_inline", "html_block", "link_open"}, name
        for token in tokens:
            if token.type == "image":
                assert str(token.attrs["src"]).startswith("data:image/jpeg;base64,"), name
        assert "http://" not in text and "https://" not in text, name
