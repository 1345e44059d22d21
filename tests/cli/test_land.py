"""`hopchain land`: pictures put into a folder are taken in with one command."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from hopchain_assets.warehouse.landing import batches
from tests.cli.conftest import SCENES, Hopchain, line_of


def picture(path: Path, color: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (color, 0, 0)).save(path, "PNG")


def test_landing_for_the_first_time_makes_the_folder(hopchain: Hopchain, tmp_path: Path) -> None:
    """On a new home the command says where to put pictures, and the folder is there."""
    ended = hopchain("land", home=tmp_path / "home")
    assert (ended.code, ended.out) == (0, f"Nothing new in {tmp_path / 'home' / 'landing'}.\n")
    assert (tmp_path / "home" / "landing").is_dir()


def test_annotated_pictures_land_in_one_go(hopchain: Hopchain, scene_folder: Path, tmp_path: Path) -> None:
    """A dropped dataset is sealed at once with its annotations; a second time nothing is new."""
    home = tmp_path / "home"
    shutil.copytree(scene_folder, home / "landing" / "scenes")
    ended = hopchain("land", home=home)
    lake = line_of(home).lake
    (batch,) = batches(lake)
    assert ended.code == 0
    assert f"New batch: {batch}." in ended.out
    assert "hopchain run" in ended.err
    assert lake.query("SELECT count(*), count(annotations) FROM batch_members").row(0) == (SCENES, SCENES)
    again = hopchain("land", home=home)
    assert (again.code, again.out) == (0, f"Nothing new in {home / 'landing'}.\n")


def test_what_is_refused_is_listed_and_counted(hopchain: Hopchain, tmp_path: Path) -> None:
    """Ten of them with a reason, then a number, and all in `hopchain status`; nothing steers the terminal."""
    home = tmp_path / "home"
    picture(home / "landing" / "good.png", 1)
    for number in range(12):
        (home / "landing" / f"note {number:02}\x1b[31m.txt").write_text("x")
    (home / "landing" / "broken.json").write_text("{")
    (home / "landing" / "out.png").symlink_to("/etc/hostname")
    ended = hopchain("land", home=home)
    assert ended.code == 0
    assert "New batch" in ended.out
    assert "broken.json" in ended.out
    assert "not a picture" in ended.out
    assert "and 4 more" in ended.out
    assert "\x1b" not in ended.out
    status = hopchain("status", home=home)
    assert status.code == 0
    assert "link out" in status.out
    assert "no COCO file" in status.out


def test_other_folders_are_those_of_the_setting(hopchain: Hopchain, tmp_path: Path) -> None:
    """HOPCHAIN_LANDING names several; one that is out of reach is told of, and the other lands."""
    home, other = tmp_path / "home", tmp_path / "other"
    picture(other / "a.png", 1)
    ended = hopchain("land", home=home, settings={"HOPCHAIN_LANDING": f"{tmp_path / 'gone'};{other}"})
    assert ended.code == 0
    assert "New batch" in ended.out
    assert "no such file" in ended.out
    assert not (tmp_path / "gone").exists()
    assert not (home / "landing").exists()


def test_no_folder_within_reach_is_a_misuse(hopchain: Hopchain, tmp_path: Path) -> None:
    """One sentence and exit code 2, naming the folder."""
    ended = hopchain("land", home=tmp_path / "home", settings={"HOPCHAIN_LANDING": str(tmp_path / "gone")})
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert str(tmp_path / "gone") in ended.err
