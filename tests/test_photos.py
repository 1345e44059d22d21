"""The line on real photographs with human annotations, where they lie beside the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits

PROJECT = Path(__file__).parent.parent
PHOTOS = PROJECT.parent / "shared" / "photos"
AUDIT = PROJECT / "tests" / "data" / "photo_audit.json"

pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"the photographs are not there: {PHOTOS}")


@pytest.fixture(scope="module")
def photo_line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The 45 photographs through the whole line, audited as in tests/data/photo_audit.json."""
    line = Settings.load({"HOPCHAIN_HOME": str(tmp_path_factory.mktemp("photos"))}).line()
    line.lake.migrate()
    imported = read_coco(PHOTOS / "images", PHOTOS / "instances.json", exhaustive=False)
    assert not imported.left_out
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in imported.members], 64)
    answers = json.loads(AUDIT.read_text())
    record_audits(line.lake, [Audit(row["sha256"], row["category"], row["exhaustive"], "audit") for row in answers])
    for batch in batches(line.lake):
        for stage in STAGES:
            line.run(stage, [batch])
    return line


def test_every_photo_comes_in_with_its_licence(photo_line: Line) -> None:
    """45 pictures, none in quarantine, each with a licence and a page to give credit to."""
    assert photo_line.lake.query("SELECT count(*) FROM quarantine").item() == 0
    rows = photo_line.lake.query("SELECT count(*), count(*) FILTER (license <> '' AND source_page <> '') FROM images")
    assert rows.row(0) == (45, 45)


def test_chains_are_certified_on_many_photos(photo_line: Line) -> None:
    """At least 80 from at least 14 pictures, at most 8 each, at least 5 skeletons, none over 30%."""
    chains = photo_line.lake.query("SELECT image_id, skeleton FROM hop_chains")
    assert chains.height >= 80
    by_picture = chains.group_by("image_id").len()
    assert by_picture.height >= 14
    assert max(by_picture["len"]) <= 8
    skeletons = chains.group_by("skeleton").len()
    assert skeletons.height >= 5
    assert max(skeletons["len"]) <= 0.3 * chains.height


def test_only_audited_categories_reach_the_shards(photo_line: Line) -> None:
    """What is verified speaks of complete categories alone; the rest waits, each with its reason."""
    verified = photo_line.lake.query(
        "SELECT v.image_id, c.program FROM verified_set AS v JOIN hop_chains AS c USING (chain_id)"
    )
    assert verified.height >= 16
    complete = {(row["sha256"], row["category"]) for row in json.loads(AUDIT.read_text()) if row["exhaustive"]}
    for image_id, program in verified.iter_rows():
        for node in json.loads(program)["nodes"]:
            if node["op"] == "objects":
                assert (image_id, node["category"]) in complete
    counts = photo_line.lake.query(
        "SELECT (SELECT count(*) FROM hop_chains), (SELECT count(*) FROM verified_set), "
        "(SELECT count(*) FROM waiting_chains WHERE reason = 'category incomplete'), "
        "(SELECT count(*) FROM shard_examples)"
    ).row(0)
    assert counts[0] == counts[1] + counts[2]
    assert counts[1] == counts[3]
