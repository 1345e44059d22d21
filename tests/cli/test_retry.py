"""`hopchain retry`: pictures at which a stage failed, and files that could not be read, are taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.parking import park
from tests.cli.conftest import SCENES, Hopchain, line_of, run_stages

HINT = "hopchain retry"


@pytest.fixture
def landed_home(hopchain: Hopchain, scene_folder: Path, tmp_path: Path) -> Path:
    """A home of one's own, with the scenes in one batch and nothing run."""
    home = tmp_path / "home"
    pictures = tmp_path / "images"
    pictures.mkdir()
    for picture in (scene_folder / "images").iterdir():
        (pictures / picture.name).write_bytes(picture.read_bytes())
    annotations = str(scene_folder / "instances.json")
    done = hopchain("import-coco", "--images", str(pictures), "--annotations", annotations, home=home)
    assert done.code == 0, done.err
    return home


def outcomes(line: Line, stage: str) -> dict[str, tuple[str, str | None]]:
    """How each input of a stage ended, and why."""
    rows = line.lake.query("SELECT input_id, outcome, detail FROM stage_done WHERE stage = ?", [stage])
    return {name: (outcome, detail) for name, outcome, detail in rows.iter_rows()}


def owed(line: Line) -> int:
    return sum(each.pending for each in line.backlog())


def test_a_picture_that_fails_is_set_apart_until_it_is_retried(landed_home: Path, hopchain: Hopchain) -> None:
    """The others are done; it is told with its reason, not tried by itself, and done once the reason is gone."""
    line = line_of(landed_home)
    (batch,) = batches(line.lake)
    run_stages(landed_home, ("raw_images", "image_ratings", "categories", "instance_masks"))
    bad = line.lake.query("SELECT min(image_id) FROM instances").item()
    kept = dict(line.lake.query("SELECT instance_id, attributes FROM instances WHERE image_id = ?", [bad]).iter_rows())

    def spoil(text: str) -> None:
        change = "UPDATE instances SET attributes = ? WHERE image_id = ?"
        line.lake.transact("spoil", batch, lambda connection: connection.execute(change, [text, bad]))

    def mend() -> None:
        change = "UPDATE instances SET attributes = ? WHERE instance_id = ?"
        rows = [[text, name] for name, text in kept.items()]
        line.lake.transact("spoil", batch, lambda connection: connection.executemany(change, rows))

    spoil('["no object"]')
    run_stages(landed_home, ("hop_chains", "verified_set", "training_shards"))
    found = outcomes(line, "hop_chains")
    outcome, detail = found.pop(bad)
    assert outcome == "failed" and detail and "Error: " in detail
    assert len(found) == SCENES - 1 and {how for how, _ in found.values()} == {"done"}
    assert line.lake.query("SELECT count(*) FROM hop_chains WHERE image_id = ?", [bad]).item() == 0
    assert line.lake.query("SELECT count(DISTINCT image_id) FROM shard_examples").item() == SCENES - 1
    assert owed(line) == 0

    mend()
    run_stages(landed_home)
    assert outcomes(line, "hop_chains")[bad] == (outcome, detail), "it is not tried by itself"
    told = json.loads(hopchain("status", "--format", "json", home=landed_home).out)["failed"]
    assert told == [{"stage": "hop_chains", "batch": batch, "input": bad, "error": detail}]
    shown = hopchain("status", home=landed_home)
    assert bad[:12] in shown.out and HINT in shown.out

    spoil('["no object"]')
    assert "1 picture" in hopchain("retry", home=landed_home).out
    assert owed(line) == 1
    run_stages(landed_home)
    assert outcomes(line, "hop_chains")[bad][0] == "failed", "the reason was still there"

    mend()
    assert hopchain("retry", "--batch", batch, home=landed_home).code == 0
    run_stages(landed_home)
    assert outcomes(line, "hop_chains")[bad] == ("done", None)
    assert line.lake.query("SELECT count(DISTINCT image_id) FROM shard_examples").item() == SCENES
    assert owed(line) == 0
    assert hopchain("retry", home=landed_home).out.strip() == "Nothing is parked and nothing has failed."


def test_a_file_that_could_not_be_read_is_read_again(landed_home: Path, hopchain: Hopchain, tmp_path: Path) -> None:
    """A share that was away: the picture waits in quarantine, and comes in when it is back."""
    line = line_of(landed_home)
    away = tmp_path / "away.jpg"
    picture = min((tmp_path / "images").iterdir())
    picture.rename(away)
    run_stages(landed_home, ("raw_images",))
    reasons = line.lake.query("SELECT reason FROM quarantine")["reason"].to_list()
    assert reasons == ["cannot be read"]
    assert line.lake.query("SELECT count(*) FROM images").item() == SCENES - 1
    away.rename(picture)
    run_stages(landed_home, ("raw_images",))
    assert line.lake.query("SELECT count(*) FROM images").item() == SCENES - 1, "it is not tried by itself"
    assert "1 picture" in hopchain("retry", home=landed_home).out
    run_stages(landed_home, ("raw_images",))
    assert line.lake.query("SELECT count(*) FROM images").item() == SCENES
    assert line.lake.query("SELECT count(*) FROM quarantine").item() == 0


def test_what_is_no_picture_is_not_read_again(landed_home: Path, hopchain: Hopchain, tmp_path: Path) -> None:
    """A file that changed will not change back by asking."""
    min((tmp_path / "images").iterdir()).write_text("no picture")
    run_stages(landed_home, ("raw_images",))
    line = line_of(landed_home)
    assert line.lake.query("SELECT count(*) FROM quarantine").item() == 1
    assert hopchain("retry", home=landed_home).out.strip() == "Nothing is parked and nothing has failed."


def test_parked_batches_are_named_and_taken_up(landed_home: Path, hopchain: Hopchain) -> None:
    """`status` shows batch, runs and error, whatever the error holds; `retry` takes it up once."""
    line = line_of(landed_home)
    (batch,) = batches(line.lake)
    park(line.lake, batch, "hash", 3, "hop_chains: [bold]no[/bold] space", "run")
    shown = hopchain("status", home=landed_home)
    assert batch in shown.out and "[bold]no[/bold] space" in shown.out and HINT in shown.out
    told = json.loads(hopchain("status", "--format", "json", home=landed_home).out)["parked"]
    assert [(one["batch"], one["attempts"], one["error"]) for one in told] == [
        (batch, 3, "hop_chains: [bold]no[/bold] space")
    ]
    taken = hopchain("retry", home=landed_home)
    assert taken.code == 0 and f"1 batch ({batch})" in taken.out and "hopchain run" in taken.err
    assert json.loads(hopchain("status", "--format", "json", home=landed_home).out)["parked"] == []
    assert "Nothing is parked" in hopchain("retry", home=landed_home).out


def test_misuse_is_a_sentence(done_home: Path, hopchain: Hopchain, tmp_path: Path) -> None:
    """An unknown batch, no warehouse: exit code 2, and what to do."""
    unknown = hopchain("retry", "--batch", "b99999-zzzzzz", home=done_home)
    assert unknown.code == 2 and "there is no batch 'b99999-zzzzzz'" in unknown.err
    nothing = hopchain("retry", home=tmp_path)
    assert nothing.code == 2 and "Traceback" not in nothing.err and len(nothing.err.strip().splitlines()) <= 2


def test_a_warehouse_of_an_earlier_release_is_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """Without the newer tables there is one sentence that names the next step."""
    home = tmp_path / "home"
    lake = line_of(home).lake
    lake.migrate()
    lake.transact("test", "", lambda connection: connection.execute("DROP TABLE parked"))
    ended = hopchain("status", home=home)
    assert (ended.code, ended.out) == (2, "")
    assert "earlier release: `hopchain run`" in ended.err
