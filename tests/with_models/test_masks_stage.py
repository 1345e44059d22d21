"""The stage `instance_masks` on real photographs, with SAM3 loaded from disk as a user's would be."""

# pyright: reportMissingImports=false

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is not installed: make test-models")

from hopchain_assets.models.sam3.segmenter import Sam3
from hopchain_assets.quality.tables import check_tables
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.landing import Landed, batches, land

NAMES = ("person", "dog", "wine glass")


def line_of(home: Path, **environ: str) -> Line:
    line = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_WORKERS": "1", **environ}).line()
    line.lake.migrate()
    return line


def name_all(line: Line, names: tuple[str, ...]) -> None:
    """As if a model had named the same kinds in every picture."""
    line.lake.transact(
        "categories",
        "",
        lambda connection: [
            connection.execute(
                "INSERT INTO categories BY NAME SELECT image_id, ? AS category, 'vlm/test' AS source, "
                "false AS crowd, batch FROM images",
                [name],
            )
            for name in names
        ],
    )
    line.lake.transact(
        "categories",
        "",
        lambda connection: connection.execute(
            "UPDATE stage_done SET outcome = 'done', output_hash = ? WHERE stage = 'categories'", [str(names)]
        ),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, weights: Path, photos: list[Path]) -> Path:
    """Six plain photographs whose masks were found with the tiny weights."""
    home = tmp_path_factory.mktemp("home")
    line = line_of(home, **eyes(weights))
    land(line.lake, [Landed(p.as_uri(), hashlib.sha256(p.read_bytes()).hexdigest(), None) for p in photos[:6]], 64)
    for stage in ("raw_images", "image_ratings", "categories"):
        line.run(stage, batches(line.lake))
    name_all(line, NAMES)
    (report,) = line.run("instance_masks", batches(line.lake))
    assert report.outcomes["failed"] == 0, line.lake.query("SELECT detail FROM stage_done WHERE detail IS NOT NULL")
    return home


def eyes(weights: Path, least: str = "0.2") -> dict[str, str]:
    return {
        "HOPCHAIN_SEGMENTER": "sam3",
        "HOPCHAIN_SAM3_WEIGHTS": str(weights),
        "HOPCHAIN_SAM3_DEVICE": "cpu",
        "HOPCHAIN_LEAST_SCORE": least,
    }


def test_what_was_found_keeps_every_rule(home: Path, weights: Path) -> None:
    """The suites of the stage's tables hold, and every name of every picture has its grounding."""
    line = line_of(home, **eyes(weights))
    tables = ("instances", "pairs", "bad_annotations", "groundings", "left_out", "texts", "images")
    frames = {name: line.lake.query(f'SELECT * FROM "{name}"') for name in tables}
    outcome = check_tables("instance_masks", frames)
    assert outcome.passed, outcome.summary
    assert frames["groundings"].height == 6 * len(NAMES)
    assert frames["instances"].height > 6
    assert set(frames["instances"]["source"]) == {f"segmenter/{weights.name}"}
    assert frames["instances"].filter(pl.col("score") > pl.col("presence") + 1e-6).height == 0
    # random weights see the same blob everywhere: most finds are left out, and each says why
    assert frames["left_out"]["reason"].null_count() == 0 and frames["left_out"].height > 0


def test_thresholds_are_moved_without_asking_again(home: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stricter least score does the stage anew from what is kept; the network is not even loaded."""
    before = line_of(home, **eyes(weights)).lake.query("SELECT count(*) FROM instances").item()

    def forbidden(_: Sam3) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(Sam3, "loaded", forbidden)
    line = line_of(home, **eyes(weights, "0.999"))
    (report,) = line.run("instance_masks", batches(line.lake))
    assert report.pending_before == 6 and report.outcomes == {"nothing": 6}
    reasons = set(line.lake.query("SELECT detail FROM stage_done WHERE stage = 'instance_masks'")["detail"])
    assert reasons == {"nothing segmentable: none of its names was found"}
    assert line.lake.query("SELECT count(*) FROM groundings WHERE grounded").item() == 0
    line = line_of(home, **eyes(weights))
    line.run("instance_masks", batches(line.lake))
    assert line.lake.query("SELECT count(*) FROM instances").item() == before


def test_missing_weights_end_the_stage_and_blame_no_picture(home: Path, tmp_path: Path) -> None:
    """A sentence, and what was there stays."""
    line = line_of(home, **eyes(tmp_path / "nowhere"))
    before = line.lake.query("SELECT count(*) FROM instances").item()
    with pytest.raises(Exception, match="no folder"):
        line.run("instance_masks", batches(line.lake))
    assert line.lake.query("SELECT count(*) FROM instances").item() == before


def test_printed_numbers_are_read_in_the_line(home: Path, weights: Path) -> None:
    """Every line of text is a row, decisive or with its reason; numbers are digits."""
    pytest.importorskip("rapidocr", reason="rapidocr is not installed: make test-models")
    line = line_of(home, HOPCHAIN_TEXT_READER="rapidocr", **eyes(weights))
    line.run("instance_masks", batches(line.lake))
    texts = line.lake.query("SELECT * FROM texts")
    assert texts.height and set(texts["source"]) == {"rapidocr"}
    assert texts.filter(~pl.col("decisive") & pl.col("reason").is_null()).height == 0
    for (attributes,) in line.lake.query("SELECT attributes FROM instances").iter_rows():
        assert json.loads(attributes).get("number", "0").isdigit()
