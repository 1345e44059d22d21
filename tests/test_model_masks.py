"""Chains over a segmenter's masks, judged by the annotations: right without faults, and the judge can fail.

`python -m benchmarks.model_masks` is the same over more faults, rates and thresholds.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.found_chains import ALL, Case, Guards, Tally, facts_of, guarded, is_wrong, looked_at, tallies
from benchmarks.model_masks import KINDS, cell, switched, wanted_of_all
from benchmarks.model_masks_plot import Curve, trade_svg
from hopchain_assets.domain.sift import SiftSettings
from hopchain_assets.stages.hop_chains import ChainSettings, certified_chains
from hopchain_assets.stand_in.truth import Truth

PHOTOS = Path(__file__).parent.parent.parent / "shared" / "photos"
# of the photographs those that give chains, and one with a crowd
CHOSEN = (
    "e374fd", "2024f2", "eae094", "c76343", "b0a09d", "b95e95", "2a3246", "0b36bb", "c08540", "dfac0f", "d595b4",
)  # fmt: skip
SEEDS = range(3)

needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"the photographs are not there: {PHOTOS}")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Some of the photographs alone."""
    folder = tmp_path_factory.mktemp("photos")
    document = json.loads((PHOTOS / "instances.json").read_text())
    kept = [row for row in document["images"] if row["sha256"].startswith(CHOSEN)]
    assert len(kept) == len(CHOSEN)
    ids = {row["id"] for row in kept}
    marks = [row for row in document["annotations"] if row["image_id"] in ids]
    (folder / "instances.json").write_text(json.dumps({**document, "images": kept, "annotations": marks}))
    (folder / "images").symlink_to(PHOTOS / "images")
    return Truth([folder])


def over(truth: Truth, case: Case, *guards: Guards) -> list[Tally]:
    """Over some seeds, for each of the guards."""
    made = [Tally() for _ in guards]
    for seed in SEEDS:
        for tally, more in zip(made, tallies(truth, case, seed, guards), strict=True):
            tally.add(more)
    return made


@needs_photos
def test_guards_hold_back_what_a_segmenter_gets_wrong(truth: Truth) -> None:
    """Without faults no chain is wrong; at 20% there are fewer, and without guards the judge finds more wrong ones."""
    (right,) = over(truth, Case(ALL, 0.0), Guards())
    assert right.wrong == 0 and right.accepted > 60 and right.pictures == len(CHOSEN) * len(SEEDS)
    on, off = over(truth, Case(ALL, 0.2), Guards(), switched()["no guard"])
    assert on.accepted < right.accepted
    assert 0 < on.wrong < off.wrong and on.share < off.share


@needs_photos
def test_a_chain_over_a_crowd_is_wrong(truth: Truth) -> None:
    """Whatever it answers: nobody knows how many there are. Without crowds the same chain is right."""
    known, told = next(looked_at(truth, Case(ALL, 0.0), 0))
    facts = guarded(facts_of(known, told, SiftSettings()), Guards())
    chains, _ = certified_chains(facts, ChainSettings())
    assert chains and not any(is_wrong(known, chain) for chain in chains)
    regions = tuple((category, "") for category in known.categories)
    assert all(is_wrong(replace(known, crowds=regions), chain) for chain in chains)
    assert all(is_wrong(known, replace(chain, answer="99")) for chain in chains)
    assert all(is_wrong(replace(known, things=()), chain) for chain in chains)


def test_the_report_asks_for_each_kind_and_rate() -> None:
    """All kinds together have the rate that is told, and each point says share, bound and yield."""
    wanted = wanted_of_all()
    assert {case.kind for case in wanted} == {*KINDS, ALL}
    faults = Case(ALL, 0.2).faults
    assert faults.missed + faults.merged + faults.split + faults.jittered + faults.doubled == pytest.approx(0.2)
    assert faults.spurious == 0.2
    assert cell(Tally(accepted=100, wrong=3, pictures=50)) == "3.0% (to 7.6%); 2.00"
    assert cell(Tally()) == "0.0% (to 100.0%); 0.00"


def test_the_plot_names_every_point() -> None:
    """It is SVG, has a line and a ring for each rate, and tells its figures to those who hear it."""
    curves = [
        Curve("5%", [("none", 3.0, 0.2), ("0.7", 2.0, 0.05)]),
        Curve("10%", [("none", 2.9, 0.3), ("0.7", 1.8, 0.1)]),
    ]
    svg = trade_svg(curves, "0.7")
    root = ElementTree.fromstring(svg)
    names = [element.get("class", "").split(" ")[0] for element in root.iter()]
    assert (names.count("curve"), names.count("ring"), names.count("dot")) == (2, 2, 4)
    assert "0.7: 1.80 a picture, 10.0% wrong" in svg
