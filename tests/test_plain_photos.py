"""Plain photographs through the whole line: rated, named, segmented, asked about, certified, and left to people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stand_in.faults import Rates
from hopchain_assets.stand_in.server import running
from hopchain_assets.warehouse.landing import Landed, batches, land

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
FEW = 16


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a home with a few photographs without their annotations, and a stand-in for each model."""
    paths = sorted((PHOTOS / "images").glob("*.jpg"))
    if not paths:
        pytest.skip(f"there are no photographs at {PHOTOS}")
    home = tmp_path_factory.mktemp("plain")
    with running([PHOTOS], Rates({}), seed=1, log=home / "log.jsonl") as server:
        told = {
            "HOPCHAIN_HOME": str(home),
            "HOPCHAIN_VLM_URL": server.url,
            "HOPCHAIN_VLM_MODEL": "stand-in",
            "HOPCHAIN_BINDER_MODEL": "stand-in-binder",
            "HOPCHAIN_SEGMENTER": "stand-in",
            "HOPCHAIN_STAND_IN_TRUTH": str(PHOTOS),
        }
        line = line_of(told)
        line.lake.migrate()
        landed = [Landed(p.as_uri(), hashlib.sha256(p.read_bytes()).hexdigest(), None) for p in paths[-FEW:]]
        land(line.lake, landed, 64)
        run(line)
        yield told


def line_of(told: dict[str, str], **more: str) -> Line:
    return Settings.load(told | more).line()


def run(line: Line) -> None:
    for stage in STAGES:
        line.run(stage, batches(line.lake))


def test_every_instance_is_the_segmenter_s(settings: dict[str, str]) -> None:
    """Nobody annotated anything; each name that was looked for has its grounding."""
    lake = line_of(settings).lake
    assert set(lake.query("SELECT DISTINCT source FROM instances")["source"]) == {"segmenter/stand-in"}
    looked, named = lake.query("SELECT (SELECT count(*) FROM groundings), (SELECT count(*) FROM categories)").row(0)
    assert looked == named > 0


def test_composer_and_model_both_ask(settings: dict[str, str]) -> None:
    """And what they ask is certified."""
    generators = set(line_of(settings).lake.query("SELECT DISTINCT generator FROM hop_chains")["generator"])
    assert generators == {"composer", "vlm/stand-in"}


def test_all_of_it_waits_for_people(settings: dict[str, str]) -> None:
    """Only models agreed, and the reason says on what."""
    lake = line_of(settings).lake
    rows = lake.query("SELECT DISTINCT reason, detail FROM waiting_chains")
    assert set(rows["reason"]) == {"models only"}
    assert all("found the instances" in detail for detail in rows["detail"])
    assert lake.query("SELECT count(*) FROM verified_set").item() == 0
    assert lake.query("SELECT count(*) FROM shard_examples").item() == 0


def test_the_models_word_can_be_taken(settings: dict[str, str]) -> None:
    """Then the chains are verified by models, and marked so; the segmenter is not asked again."""
    line = line_of(settings, HOPCHAIN_ACCEPT_MODELS="1")
    (report,) = line.run("instance_masks", batches(line.lake))
    assert report.pending_before == 0
    line.run("verified_set", batches(line.lake))
    assert set(line.lake.query("SELECT DISTINCT verified_by FROM verified_set")["verified_by"]) == {"models"}


def test_a_stricter_setting_closes_categories(settings: dict[str, str]) -> None:
    """With a sure score that hardly any instance reaches no category may be counted, and the reason is kept."""
    line = line_of(settings, HOPCHAIN_SURE_SCORE="0.99")
    line.run("hop_chains", batches(line.lake))
    details = line.lake.query("SELECT detail FROM rejected_chains WHERE rule = 'countable'")["detail"].to_list()
    assert any("with a score of" in detail for detail in details)
    assert line.lake.query("SELECT count(*) FROM hop_chains").item() == 0
