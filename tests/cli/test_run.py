"""Scenes, import, run and status, as a user goes through them. One real Dagster run is shared by the tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hopchain_assets.cli.failures import Failure, Unfinished, keep, kept, settled
from hopchain_assets.settings import Settings
from tests.cli.conftest import SCENES, SEED, Hopchain, line_of


def _shell(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as the shell starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOPCHAIN_")}
    call = [sys.executable, "-m", "hopchain_assets", *arguments]
    return subprocess.run(
        call, env=environment | {"HOPCHAIN_HOME": str(home)}, capture_output=True, text=True, timeout=180
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A home after `hopchain scenes` and `hopchain run`, and what the run said."""
    home = tmp_path_factory.mktemp("ran")
    rendered = _shell(home, "scenes", "--count", str(SCENES), "--seed", str(SEED))
    assert rendered.returncode == 0, rendered.stderr
    assert f"{SCENES} new, 0 known before" in rendered.stdout and "hopchain run" in rendered.stderr
    return home, _shell(home, "run")


def test_a_run_ends_with_figures_paths_and_what_to_try(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The table, the shards, the contact sheet, three commands."""
    home, done = ran
    assert done.returncode == 0, done.stderr
    figures = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line[:1].isalpha() and "  " in line)
    verified = line_of(home).lake.query("SELECT count(*) FROM verified_set").item()
    assert verified > 0 and figures["images"] == str(SCENES) and figures["verified"] == str(verified)
    assert "by rule" in done.stdout and "waiting for people" in done.stdout
    assert (home / "shards" / "manifest.json").is_file() and str(home / "shards") in done.stdout
    assert (home / "contact-sheet.html").read_text().count("<article") == min(48, verified)
    assert len(done.stdout.partition("Next:")[2].strip().splitlines()) == 3


def test_progress_without_a_terminal_is_a_line_for_each_stage(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """A log shows how far the run came, and no bars."""
    _, done = ran
    assert re.search(rf"^raw_images b00001-\w+: {SCENES} of {SCENES}$", done.stderr, re.MULTILINE)
    assert "━" not in done.stderr and "\x1b" not in done.stderr + done.stdout


def test_the_commands_to_try_work(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The first two are run as printed; the third opens a server."""
    home, done = ran
    explain, query, ui = (line.strip() for line in done.stdout.partition("Next:")[2].strip().splitlines())
    assert ui.endswith("hopchain ui")
    for line in (explain, query):
        words = line.partition("hopchain ")[2]
        environment = os.environ | {"HOPCHAIN_HOME": str(home)}
        call = f"{sys.executable} -m hopchain_assets {words}"
        tried = subprocess.run(["bash", "-c", call], env=environment, capture_output=True, text=True, timeout=60)
        assert tried.returncode == 0 and tried.stdout, tried.stderr


def test_a_second_run_finds_nothing_to_do(
    ran: tuple[Path, subprocess.CompletedProcess[str]], hopchain: Hopchain
) -> None:
    """It says so, shows the figures, starts no Dagster and leaves the contact sheet alone."""
    home, _ = ran
    before = (home / "contact-sheet.html").stat().st_mtime_ns
    again = hopchain("run", home=home)
    assert again.code == 0 and "Nothing to do" in again.out and "verified" in again.out
    assert (home / "contact-sheet.html").stat().st_mtime_ns == before
    known = hopchain("scenes", "--count", str(SCENES), "--seed", str(SEED), home=home)
    assert f"0 new, {SCENES} known before" in known.out and "Next" not in known.err


def test_status_agrees_with_itself_as_table_and_json(
    ran: tuple[Path, subprocess.CompletedProcess[str]], hopchain: Hopchain
) -> None:
    """Stages in order, everything done, no errors."""
    home, _ = ran
    told = json.loads(hopchain("status", "--format", "json", home=home).out)
    assert [stage["stage"] for stage in told["stages"]] == [
        "raw_images", "image_ratings", "categories", "instance_masks", "hop_chains", "verified_set", "training_shards",
    ]  # fmt: skip
    assert [stage["pending"] for stage in told["stages"]] == [0] * 7 and told["errors"] == []
    page = hopchain("status", home=home).out
    for stage in told["stages"]:
        (row,) = [line.split() for line in page.splitlines() if line.startswith(stage["stage"])]
        assert row == [stage["stage"], str(stage["done"]), str(stage["nothing"]), "0", "0"]
    assert "Nothing is pending" in page


def test_a_batch_that_was_left_open_is_run_again(
    ran: tuple[Path, subprocess.CompletedProcess[str]], hopchain: Hopchain
) -> None:
    """All rows may be in place and a check still be owed: the next run does not say "nothing to do"."""
    home, _ = ran
    batch = line_of(home).lake.query("SELECT DISTINCT batch FROM images").item()
    keep(home, Unfinished((batch,), (Failure("2026-01-01 00:00:00", "verified_set", batch, "a check did not pass"),)))
    assert "a check did not pass" in hopchain("status", home=home).out
    done = hopchain("run", home=home)
    assert done.code == 0 and "Nothing to do" not in done.out, done.err
    assert kept(home) == Unfinished()


def test_run_before_any_import_says_how_to_begin(hopchain: Hopchain, tmp_path: Path) -> None:
    """An empty warehouse is no error."""
    ended = hopchain("run", home=tmp_path)
    assert ended.code == 0 and "import-coco" in ended.out


def test_a_broken_picture_is_set_aside_and_status_says_why(
    hopchain: Hopchain, scene_folder: Path, tmp_path: Path
) -> None:
    """One bad file stops nothing; names that try to steer the terminal are shown as text."""
    folder = tmp_path / "mine"
    (folder / "images").mkdir(parents=True)
    document = json.loads((scene_folder / "instances.json").read_text())
    bad = "b[red]a\x1b[2Jd.jpg"
    (folder / "images" / bad).write_bytes(b"no picture")
    document["images"] = [document["images"][0] | {"file_name": bad}, document["images"][1] | {"file_name": "gone.jpg"}]
    (folder / "instances.json").write_text(json.dumps(document))
    home = tmp_path / "home"
    arguments = ("--images", str(folder / "images"), "--annotations", str(folder / "instances.json"))
    imported = hopchain("import-coco", *arguments, home=home)
    assert (
        imported.code == 0 and "1 new" in imported.out and "1 left out" in imported.out and "gone.jpg" in imported.out
    )
    line = line_of(home)
    line.run("raw_images", [line.lake.query("SELECT DISTINCT batch FROM batch_members").item()])
    page = hopchain("status", home=home).out
    assert "set aside" in page and "\x1b" not in page and "b[red]a [2Jd.jpg" in page


def test_an_import_that_gives_nothing_says_why(hopchain: Hopchain, scene_folder: Path, tmp_path: Path) -> None:
    """Every picture is missing: the first reason is told, and nothing is written."""
    (tmp_path / "empty").mkdir()
    arguments = ("--images", str(tmp_path / "empty"), "--annotations", str(scene_folder / "instances.json"))
    ended = hopchain("import-coco", *arguments, home=tmp_path / "home")
    assert ended.code == 2 and "cannot read" in ended.err and not (tmp_path / "home").exists()


def test_exhaustive_is_recorded_as_the_users_word(hopchain: Hopchain, unaudited_folder: Path, tmp_path: Path) -> None:
    """Without the flag nobody stands for completeness; with it, the import does."""
    arguments = (
        "import-coco", "--images", str(unaudited_folder / "images"),
        "--annotations", str(unaudited_folder / "instances.json"),
    )  # fmt: skip
    assert "Recorded" not in hopchain(*arguments, home=tmp_path).out
    assert "Recorded" in hopchain(*arguments, "--exhaustive", home=tmp_path).out
    words = line_of(tmp_path).lake.query('SELECT DISTINCT "by", exhaustive FROM category_audit').rows()
    assert words == [("import-coco --exhaustive", True)]


def test_scenes_can_be_rendered_without_importing(hopchain: Hopchain, tmp_path: Path) -> None:
    """`--no-import` and `--out` touch nothing but the folder; another series is refused there."""
    folder = tmp_path / "scenes"
    ended = hopchain("scenes", "--count", "1", "--seed", "3", "--out", str(folder), "--no-import", home=tmp_path / "h")
    assert ended.code == 0 and (folder / "instances.json").is_file() and not (tmp_path / "h").exists()
    other = hopchain("scenes", "--count", "1", "--seed", "4", "--out", str(folder), "--no-import", home=tmp_path / "h")
    assert other.code == 2 and "seed 3" in other.err


def test_ctrl_c_stops_a_run_and_the_next_one_goes_on(unaudited_folder: Path, tmp_path: Path) -> None:
    """Dagster would try an interrupted step again; we stop, keep whole batches, and go on with the next run."""
    arguments = (
        "--images",
        str(unaudited_folder / "images"),
        "--annotations",
        str(unaudited_folder / "instances.json"),
    )
    _shell(tmp_path, "import-coco", *arguments)
    environment = os.environ | {"HOPCHAIN_HOME": str(tmp_path)}
    call = [sys.executable, "-m", "hopchain_assets", "run"]
    with subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "raw_images" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130 and "Stopped." in rest and "Traceback" not in rest
    counts = line_of(tmp_path).lake.query("SELECT stage, count(*) FROM stage_done GROUP BY ALL").rows()
    assert all(number == SCENES for _, number in counts)
    assert kept(tmp_path).batches


def test_what_is_settled_is_forgotten_and_nothing_else() -> None:
    """A run over one batch says nothing of the others."""
    first, second = Failure("now", "hop_chains", "a", "x"), Failure("now", "hop_chains", "b", "y")
    assert settled(Unfinished(("a", "b"), (first, second)), ["a"]) == Unfinished(("b",), (second,))
    assert settled(Unfinished(("a", "b"), (first, second)), ["a", "b"]) == Unfinished()


def test_the_folder_of_the_home_is_made_when_needed(tmp_path: Path, hopchain: Hopchain) -> None:
    """A home that is not there yet is made by the first import, with all its parents."""
    home = tmp_path / "a" / "b"
    assert hopchain("scenes", "--count", "1", home=home).code == 0
    assert Settings.load({"HOPCHAIN_HOME": str(home)}).home.is_dir()
