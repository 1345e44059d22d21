"""The line over a real warehouse: what is done stays done, what changed is done again, and only that."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import polars as pl
import pytest
from PIL import Image

from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.engine import run_stage
from hopchain_assets.stages.facts import chain_of, read_facts
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stages.raw_images import perceptual_hash
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits
from tests.stages.conftest import new_line, run_all, take_in

TABLES = (
    "images", "quarantine", "image_ratings", "categories", "instances", "pairs", "bad_annotations", "hop_chains",
    "rejected_chains", "verified_set", "waiting_chains", "shard_examples", "shards", "stage_done",
)  # fmt: skip


def contents(line: Line) -> dict[str, pl.DataFrame]:
    """All tables, times aside."""
    found: dict[str, pl.DataFrame] = {}
    for table in TABLES:
        frame = line.lake.query(f'SELECT * EXCLUDE (batch) FROM "{table}"')
        frame = frame.drop([name for name in ("at", "ingested_at", "landed_at") if name in frame.columns])
        frame = frame.with_columns(pl.col(pl.List(pl.String)).list.join(","))
        found[table] = frame.sort(frame.columns)
    return found


def assert_same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    for table in TABLES:
        assert one[table].equals(other[table]), table


def test_scenes_come_out_as_verified_shards(line: Line) -> None:
    """Rendered scenes are exhaustive by construction: all their certified chains are verified and in shards."""
    worked = run_all(line)
    assert worked["raw_images"] == 6
    chains = line.lake.query("SELECT * FROM hop_chains")
    assert chains.height >= 24
    verified = line.lake.query("SELECT chain_id, answer FROM verified_set ORDER BY chain_id")
    assert verified["chain_id"].to_list() == sorted(chains["chain_id"].to_list())
    manifest = json.loads((Path(line.shard_folder) / "manifest.json").read_text())
    paths = [Path(line.shard_folder) / shard["path"] for shard in manifest["shards"]]
    rows = pl.concat([pl.read_parquet(path) for path in paths])
    truths = {r["extra_info"]["chain_id"]: r["reward_model"]["ground_truth"] for r in rows.iter_rows(named=True)}
    assert truths == dict(verified.iter_rows())


def test_a_second_run_finds_nothing_to_do(line: Line) -> None:
    """Nothing pending, nothing rewritten."""
    run_all(line)
    before = contents(line)
    assert run_all(line) == dict.fromkeys(STAGES, 0)
    assert_same(before, contents(line))
    assert not any(owed.pending for owed in line.backlog())


def test_stored_chains_are_the_chains_that_were_made(line: Line) -> None:
    """A row read back has the ids it was stored under: ids depend on content alone."""
    run_all(line)
    for row in line.lake.query("SELECT * FROM hop_chains").iter_rows(named=True):
        chain = chain_of(row)
        assert (chain.chain_id, chain.question_id) == (row["chain_id"], row["question_id"])


@pytest.mark.parametrize(
    ("variable", "value", "reopened"),
    [
        ("HOPCHAIN_CHAINS_PER_PICTURE", "3", {"hop_chains", "verified_set", "training_shards"}),
        ("HOPCHAIN_VALIDATION_SHARE", "0.5", {"training_shards"}),
        ("HOPCHAIN_TRAINING_PIXELS", "999999", {"hop_chains"}),
    ],
)
def test_one_setting_reopens_its_stage_and_what_its_output_changes(
    line: Line, home: Path, variable: str, value: str, reopened: set[str]
) -> None:
    """A setting that changes no row (the last) reopens nothing further down."""
    run_all(line)
    changed = new_line(home, **{variable: value})
    assert {stage for stage, count in run_all(changed).items() if count} == reopened


def test_an_audit_reopens_what_depends_on_it(home: Path, scenes: Path) -> None:
    """Chains over annotations wait until somebody has looked; taken back, that word withdraws them."""
    line = new_line(home)
    document = json.loads((scenes / "instances.json").read_text())
    document["info"] = {}
    copy = home / "plain.json"
    copy.write_text(json.dumps(document))
    members = read_coco(scenes / "images", copy, exhaustive=False).members
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], 64)
    run_all(line)
    waiting = line.lake.query("SELECT reason, count(*) AS n FROM waiting_chains GROUP BY ALL")
    assert waiting["reason"].to_list() == ["category not audited"]
    assert line.lake.query("SELECT count(*) FROM verified_set").item() == 0
    first = members[0]
    record_audits(line.lake, [Audit(first.content_sha256, c, True, "me") for c in first.categories])
    worked = run_all(line)
    assert worked == dict.fromkeys(STAGES, 0) | {"hop_chains": 1, "verified_set": 1, "training_shards": 1}
    verified = line.lake.query("SELECT DISTINCT image_id FROM verified_set")
    assert verified["image_id"].to_list() == [first.content_sha256]
    record_audits(line.lake, [Audit(first.content_sha256, c, False, "me") for c in first.categories])
    run_all(line)
    assert line.lake.query("SELECT count(*) FROM verified_set").item() == 0
    assert line.lake.query("SELECT count(*) FROM shards").item() == 0
    reasons = line.lake.query("SELECT DISTINCT reason FROM waiting_chains ORDER BY 1")["reason"].to_list()
    assert reasons == ["category incomplete", "category not audited"]


def test_a_changed_annotation_reopens_its_picture_alone(home: Path, scenes: Path, tmp_path: Path) -> None:
    """The picture stays in its batch, and only its rows are made again."""
    folder = tmp_path / "copy"
    shutil.copytree(scenes, folder)
    line = new_line(home)
    take_in(line, folder)
    run_all(line)
    before = line.lake.query("SELECT image_id, instance_id FROM instances")
    document = json.loads((folder / "instances.json").read_text())
    gone = document["annotations"].pop(0)
    (folder / "instances.json").write_text(json.dumps(document))
    take_in(line, folder)
    worked = run_all(line)
    assert worked["raw_images"] == worked["instance_masks"] == 1
    after = line.lake.query("SELECT image_id, instance_id FROM instances")
    assert after.height == before.height - 1
    assert gone["image_id"] == 1


def test_the_same_pictures_land_once(line: Line, scenes: Path) -> None:
    """By content: imported again, nothing is new."""
    before = batches(line.lake)
    take_in(line, scenes)
    assert batches(line.lake) == before
    assert len(before) == 2


def test_a_broken_file_is_set_aside_and_the_batch_goes_on(home: Path, scenes: Path, tmp_path: Path) -> None:
    """One file is cut short, one is text, one was changed after it landed; each with a reason, the rest is done."""
    folder = tmp_path / "copy"
    shutil.copytree(scenes, folder)
    files = sorted((folder / "images").glob("*.jpg"))
    files[0].write_bytes(files[0].read_bytes()[:4000])
    files[1].write_text("not a picture")
    line = new_line(home)
    take_in(line, folder)
    files[2].write_bytes(files[3].read_bytes())
    run_all(line)
    rows = line.lake.query("SELECT source_uri, reason FROM quarantine ORDER BY source_uri")
    assert rows["reason"].to_list() == ["no picture", "no picture", "changed since it landed"]
    assert line.lake.query("SELECT count(*) FROM images").item() == 3
    assert line.lake.query("SELECT count(DISTINCT image_id) FROM hop_chains").item() >= 2


def test_names_with_spaces_and_signs_come_in(home: Path, scenes: Path, tmp_path: Path) -> None:
    """A file name may hold what an address may not."""
    folder = tmp_path / "my photos 100%"
    shutil.copytree(scenes, folder)
    document = json.loads((folder / "instances.json").read_text())
    for number, image in enumerate(document["images"]):
        name = f"photo ä{number} #%20?.jpg"
        (folder / "images" / image["file_name"]).rename(folder / "images" / name)
        image["file_name"] = name
    (folder / "instances.json").write_text(json.dumps(document))
    line = new_line(home)
    take_in(line, folder)
    for batch in batches(line.lake):
        line.run("raw_images", [batch])
    assert line.lake.query("SELECT count(*) FROM images").item() == 6


def test_near_duplicates_share_a_split_group(home: Path, scenes: Path, tmp_path: Path) -> None:
    """The same picture saved again at another quality is another file and the same group."""
    folder = tmp_path / "copy"
    shutil.copytree(scenes, folder)
    document = json.loads((folder / "instances.json").read_text())
    first = document["images"][0]
    picture = Image.open(folder / "images" / first["file_name"])
    picture.save(folder / "images" / "again.jpg", quality=60)
    document["images"].append({**first, "id": 99, "file_name": "again.jpg"})
    (folder / "instances.json").write_text(json.dumps(document))
    line = new_line(home)
    take_in(line, folder)
    for batch in batches(line.lake):
        line.run("raw_images", [batch])
    groups = line.lake.query("SELECT split_group, count(*) AS n FROM images GROUP BY ALL ORDER BY n DESC")
    assert groups["n"].to_list()[:2] == [2, 1]
    assert (
        perceptual_hash(picture)
        == line.lake.query(
            "SELECT perceptual_hash FROM images WHERE source_uri LIKE ? ", [f"%{first['file_name']}"]
        ).item()
    )


def test_facts_survive_the_warehouse(line: Line) -> None:
    """What the domain reads back has masks, pairs and attributes, and a reason for each uncountable category."""
    for stage in STAGES[:4]:
        line.run(stage, batches(line.lake)[:1])
    with line.lake.open() as connection:
        facts = read_facts(connection, batches(line.lake)[0], line.chains.limits)
    assert len(facts) == 4
    for picture in facts.values():
        assert len(picture.pairs) == len(picture.instances) * (len(picture.instances) - 1)
        assert all(item.mask_rle and item.area for item in picture.instances)


SCRIPT = """
import sys
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import batches
line = Settings.load().line()
for batch in batches(line.lake):
    for stage in STAGES:
        line.run(stage, [batch])
line.publish()
"""


def start(home: Path, **environ: str) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "HOPCHAIN_HOME": str(home), **environ}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=variables, stderr=subprocess.PIPE)


def test_killed_at_random_points_and_started_again(line: Line, home: Path, scenes: Path, tmp_path: Path) -> None:
    """SIGKILL leaves whole batches or nothing: started again, the tables are those of an undisturbed run."""
    calm = new_line(tmp_path / "calm")
    take_in(calm, scenes)
    run_all(calm)
    random = Random(5)
    for _ in range(6):
        process = start(home)
        time.sleep(0.8 + 2.2 * random.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = start(home)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors.decode()
    expected, found = contents(calm), contents(line)
    for table in ("stage_done", "shards"):
        # the shard stage's version and paths name the folder and the batch, which differ between the two homes
        expected[table], found[table] = expected[table].head(0), found[table].head(0)
    for table in TABLES:
        drop = [name for name in ("stage_version",) if table in ("shard_examples", "shards")]
        assert expected[table].drop(drop).equals(found[table].drop(drop)), table


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_two_processes_leave_no_duplicate(
    catalog: str, home: Path, scenes: Path, request: pytest.FixtureRequest
) -> None:
    """Both run the same new batches at once; every key is there once."""
    environ = {"HOPCHAIN_CATALOG": request.getfixturevalue("postgres_catalog")} if catalog == "postgres" else {}
    line = Settings.load({"HOPCHAIN_HOME": str(home), **environ}).line()
    line.lake.migrate()
    take_in(line, scenes)
    processes = [start(home, **environ) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors.decode()
    keys = {"images": "image_id", "instances": "instance_id", "pairs": "a || b", "hop_chains": "chain_id",
            "verified_set": "chain_id", "shard_examples": "example_id"}  # fmt: skip
    for table, key in keys.items():
        rows, different = line.lake.query(f"SELECT count(*), count(DISTINCT {key}) FROM {table}").row(0)
        assert rows == different > 0, table
    twice = line.lake.query("SELECT stage, input_id FROM stage_done GROUP BY ALL HAVING count(*) > 1")
    assert twice.height == 0


def test_a_stage_reports_what_it_did(line: Line) -> None:
    """Pending before and after, outcomes and rows of this run alone."""
    batch = batches(line.lake)[0]
    report = run_stage(line.lake, line.stages()["raw_images"], batch)
    assert (report.pending_before, report.pending_after) == (4, 0)
    assert dict(report.outcomes) == {"done": 4}
    assert dict(report.rows) == {"images": 4}
    again = run_stage(line.lake, line.stages()["raw_images"], batch)
    assert again.pending_before == 0
    assert not again.outcomes
