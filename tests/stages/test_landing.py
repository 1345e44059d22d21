"""Sweeps over real folders and a real warehouse: what settles lands once, by content, and nothing broken stops it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from PIL import Image

from hopchain_assets.stages.landing import LandingSettings, Swept, sweep, take_in
from hopchain_assets.stages.overview import quarantined
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import Audit, Landed, land, record_audits
from tests.stages.conftest import new_line, run_all

START = datetime(2026, 5, 1, 12)
NOBODY = 65534
SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]


class Watched:
    """A folder, its warehouse, and a clock that goes on by five seconds with each sweep."""

    def __init__(
        self, home: Path, folder: Path, batch_size: int = 4, quiet: float = 600, lake: Lake | None = None
    ) -> None:
        self.folder = folder
        self.lake = lake or Lake(f"sqlite:{home}/catalog.sqlite", str(home / "data"), home / "locks")
        self.settings = LandingSettings((str(folder),), batch_size, quiet, str(folder))
        self.now = START
        self.lake.migrate()

    def sweep(self, after: float = 5, seal_all: bool = False) -> Swept:
        self.now += timedelta(seconds=after)
        return sweep(self.lake, self.settings, self.now, seal_all)

    def settle(self, seal_all: bool = False) -> Swept:
        """Two sweeps: what is there has settled after them."""
        self.sweep()
        return self.sweep(seal_all=seal_all)

    def picture(self, name: str, color: int) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 10), (color % 256, color // 256, 7)).save(path, "PNG")
        return path

    def coco(self, name: str, *pictures: str, mark: str = "dog", info: dict[str, Any] | None = None) -> Path:
        """A COCO file in which each picture has one square of a category."""
        document = {
            "info": info or {},
            "images": [{"id": i, "file_name": file, "width": 10, "height": 10} for i, file in enumerate(pictures)],
            "categories": [{"id": 1, "name": mark}],
            "annotations": [
                {"id": i, "image_id": i, "category_id": 1, "segmentation": SQUARE, "bbox": [2, 2, 6, 6], "iscrowd": 0}
                for i in range(len(pictures))
            ],
        }
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        return path

    def batches(self) -> list[int]:
        """How many members each batch has, in order."""
        return self.lake.query("SELECT count(*) AS n FROM batch_members GROUP BY batch ORDER BY batch")["n"].to_list()

    def marks(self) -> dict[str, str | None]:
        """The category that is marked in each landed picture, by its file's name; None without annotations."""
        rows = self.lake.query("SELECT source_uri, annotations FROM batch_members").rows()
        return {
            uri.rpartition("/")[2]: json.loads(said)["marks"][0]["category"] if said else None for uri, said in rows
        }

    def aside(self) -> dict[str, str]:
        rows = self.lake.query("SELECT source_uri, reason FROM quarantine WHERE batch IS NULL").rows()
        return {uri.rpartition("/")[2]: reason for uri, reason in rows}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "home", tmp_path / "landing")


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom permissions hold; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def told(swept: Swept) -> dict[str, str]:
    return {uri.rpartition("/")[2]: reason for uri, reason in swept.refused}


def test_64_files_make_a_batch_at_the_second_sweep(tmp_path: Path) -> None:
    """The first sweep sees them, the second finds them unchanged: hashed, sealed, in the order of their addresses."""
    watched = Watched(tmp_path / "home", tmp_path / "landing", batch_size=64)
    for number in range(65):
        watched.picture(f"{number:02}.png", number)
    first = watched.sweep()
    assert (first.new, first.unstable, first.waiting) == ((), 65, 0)
    second = watched.sweep()
    assert len(second.new) == 1
    assert (second.unstable, second.waiting) == (0, 1)
    assert watched.batches() == [64]
    assert sorted(watched.marks()) == [f"{number:02}.png" for number in range(64)]
    members = watched.lake.query("SELECT * FROM batch_members")
    assert watched.sweep(after=700).new
    assert watched.batches() == [64, 1]
    kept = watched.lake.query("SELECT * FROM batch_members WHERE batch = ?", [second.new[0]])
    assert kept.equals(members)


def test_a_few_files_wait_for_quiet(watched: Watched) -> None:
    """Three pictures are sealed ten minutes after the youngest of them was seen, and it is told when that will be."""
    watched.picture("a.png", 1)
    watched.picture("b.png", 2)
    watched.settle()
    watched.picture("c.png", 3)
    swept = watched.settle()
    assert (swept.new, swept.waiting) == ((), 3)
    assert swept.seals_at == watched.now - timedelta(seconds=5) + timedelta(seconds=600)
    assert not watched.sweep(after=590).new
    assert watched.sweep(after=5).new
    assert watched.batches() == [3]


def test_sealing_all_does_not_wait(watched: Watched) -> None:
    """`hopchain land` takes what has settled now."""
    watched.picture("a.png", 1)
    assert watched.settle(seal_all=True).new
    assert watched.batches() == [1]


def test_a_sweep_that_finds_nothing_new_writes_nothing(watched: Watched) -> None:
    """Waiting pictures, landed ones, a COCO file, refused and broken ones: looked at again, and no snapshot made."""
    for number in range(5):
        watched.picture(f"{number}.png", number)
    watched.coco("instances.json", "0.png", "missing.png")
    (watched.folder / "broken.json").write_text("{")
    (watched.folder / "notes.txt").write_text("x")
    (watched.folder / "out.png").symlink_to("/etc/hostname")
    first = watched.settle()
    assert (len(first.new), first.waiting) == (1, 1)
    before = watched.lake.snapshot()
    for _ in range(3):
        again = watched.sweep()
        assert (again.new, again.waiting, again.refused) == ((), 1, first.refused)
    assert watched.lake.snapshot() == before


def test_a_growing_file_waits_and_stops_no_other(watched: Watched) -> None:
    """Half a file is no picture: it lands when it has stopped growing, the others when they are quiet."""
    whole = watched.picture("whole.png", 1).read_bytes()
    growing = watched.folder / "growing.png"
    for end in (10, 20, 30):
        growing.write_bytes(whole[:end])
        swept = watched.sweep(after=300)
    assert (swept.unstable, len(swept.new)) == (1, 1)
    growing.write_bytes(whole + b"end")
    watched.settle(seal_all=True)
    assert watched.batches() == [1, 1]


def test_two_sweeps_at_the_same_moment_are_one_look(watched: Watched) -> None:
    """Two processes that sweep within a second do not vouch for a file that is being written."""
    watched.picture("a.png", 1)
    watched.sweep()
    assert watched.sweep(after=0.2, seal_all=True).unstable == 1
    assert watched.sweep(after=1, seal_all=True).new


def test_renamed_copied_and_touched_files_make_nothing(watched: Watched) -> None:
    """A picture is known by its bytes, wherever they lie and whatever they are called."""
    first = watched.picture("a.png", 1)
    shutil.copy(first, watched.folder / "same.jpg")
    watched.settle(seal_all=True)
    assert watched.batches() == [1]
    first.rename(watched.folder / "renamed.png")
    (watched.folder / "sub").mkdir()
    shutil.copy(watched.folder / "same.jpg", watched.folder / "sub" / "copy.png")
    (watched.folder / "same.jpg").touch()
    swept = watched.settle(seal_all=True)
    assert (swept.new, swept.changed, swept.waiting) == ((), (), 0)
    assert watched.batches() == [1]
    uris = watched.lake.query("SELECT uri FROM landing_files ORDER BY uri")["uri"].to_list()
    assert [uri.rpartition("/landing/")[2] for uri in uris] == ["renamed.png", "same.jpg", "sub/copy.png"]


def test_a_copy_of_a_waiting_file_does_not_put_off_its_batch(watched: Watched) -> None:
    """The time counts from when the content was first seen."""
    first = watched.picture("a.png", 1)
    watched.settle()
    watched.now += timedelta(seconds=580)
    shutil.copy(first, watched.folder / "copy.png")
    assert not watched.settle().new
    assert watched.sweep().new
    assert watched.batches() == [1]


def test_files_that_go_away_are_forgotten(watched: Watched) -> None:
    """A waiting picture that is removed is not sealed; a landed one stays landed."""
    watched.picture("a.png", 1)
    watched.settle(seal_all=True)
    waiting = watched.picture("b.png", 2)
    assert watched.settle().waiting == 1
    waiting.unlink()
    (watched.folder / "a.png").unlink()
    assert watched.sweep(after=700).waiting == 0
    assert watched.batches() == [1]
    assert watched.lake.query("SELECT * FROM landing_files").is_empty()


@pytest.mark.parametrize("order", ["together", "coco first", "pictures first"])
def test_annotations_reach_their_pictures_in_any_order(watched: Watched, order: str) -> None:
    """A COCO file and its pictures may come together or either before the other; others land without."""

    def coco() -> None:
        watched.coco("instances.json", "a.png", "b.png")

    def pictures() -> None:
        for number, name in enumerate(("a", "b", "other")):
            watched.picture(f"images/{name}.png", number)

    steps = {
        "together": [(coco, pictures)],
        "coco first": [(coco,), (pictures,)],
        "pictures first": [(pictures,), (coco,)],
    }
    swept = Swept((), (), 0, 0, None, ())
    for step in steps[order]:
        for drop in step:
            drop()
        swept = watched.settle(seal_all=True)
    assert watched.marks() == {"a.png": "dog", "b.png": "dog", "other.png": None}
    assert bool(swept.changed) == (order == "pictures first")
    assert watched.batches() == [3]
    assert not watched.aside()


def test_a_changed_coco_file_changes_what_landed(watched: Watched) -> None:
    """New words take the old ones' place; without the file the last words stay."""
    watched.picture("a.png", 1)
    watched.picture("b.png", 2)
    coco = watched.coco("instances.json", "a.png", "b.png")
    watched.settle(seal_all=True)
    watched.coco("instances.json", "a.png", "b.png", mark="cat")
    swept = watched.settle()
    assert len(swept.changed) == 1
    assert watched.marks() == {"a.png": "cat", "b.png": "cat"}
    coco.unlink()
    (watched.folder / "a.png").rename(watched.folder / "c.png")
    assert not watched.settle(seal_all=True).changed
    assert set(watched.marks().values()) == {"cat"}
    assert watched.lake.query("SELECT count(*) FROM category_audit").item() == 0


def test_nothing_said_erases_nothing(watched: Watched) -> None:
    """A picture that comes again without annotations, by any way, keeps those that it has."""
    for said in ('{"marks": []}', None):
        sealed = land(watched.lake, [Landed("file:///a", "1" * 64, said)], 64)
    assert (sealed.changed, sealed.known) == ((), 1)
    assert watched.lake.query("SELECT annotations FROM batch_members").item() == '{"marks": []}'


@pytest.mark.parametrize(
    ("coco", "folder"),
    [
        ("instances.json", "."),
        ("instances.json", "images"),
        ("instances.json", "train2017"),
        ("annotations/instances.json", "train2017"),
        ("set/annotations/instances.json", "set/images/deep"),
    ],
)
def test_pictures_are_found_where_people_put_them(watched: Watched, coco: str, folder: str) -> None:
    """In the file's own folder, its images/, a folder in it, or a folder beside it; a decoy of the same name is not."""
    name = "deep/a.png" if folder.endswith("deep") else "a.png"
    watched.picture(f"{folder}/a.png", 1)
    watched.picture(f"{folder}/b.png", 2)
    watched.picture("elsewhere/x/a.png", 3)
    watched.coco(coco, name, name.replace("a.", "b."))
    swept = watched.settle(seal_all=True)
    rows = watched.lake.query("SELECT source_uri FROM batch_members WHERE annotations IS NOT NULL")["source_uri"]
    assert sorted(rows) == [(watched.folder / folder / one).as_uri() for one in ("a.png", "b.png")]
    assert not swept.refused


def test_of_two_files_on_one_picture_the_one_with_masks_holds(watched: Watched) -> None:
    """COCO ships captions beside its instances; neither the order nor which was read last decides."""
    watched.picture("a.png", 1)
    captions = watched.coco("captions.json", "a.png", mark="caption")
    document = json.loads(captions.read_text())
    for row in document["annotations"]:
        del row["segmentation"]
    captions.write_text(json.dumps(document))
    watched.settle(seal_all=True)
    watched.coco("instances.json", "a.png")
    watched.settle()
    assert watched.marks() == {"a.png": "dog"}
    captions.write_text(json.dumps(document | {"info": {"year": 2017}}))
    assert not watched.settle().changed
    assert watched.marks() == {"a.png": "dog"}


def test_the_word_of_an_exhaustive_file_is_recorded_once(watched: Watched) -> None:
    """A person who says otherwise later is not overruled when the file is read again."""
    watched.picture("a.png", 1)
    watched.coco("instances.json", "a.png", "b.png", info={"exhaustive": True, "source": "scene"})
    watched.settle(seal_all=True)
    rows = watched.lake.query('SELECT image_id, category, exhaustive, "by" FROM category_audit').rows()
    assert [row[1:] for row in rows] == [("dog", True, "scene")]
    record_audits(watched.lake, [Audit(rows[0][0], "dog", False, "a person")])
    watched.picture("b.png", 2)
    watched.settle(seal_all=True)
    said = watched.lake.query('SELECT image_id, exhaustive, "by" FROM category_audit ORDER BY "at"').rows()
    assert [row[1:] for row in said if row[0] == rows[0][0]] == [(True, "scene"), (False, "a person")]
    assert len(said) == 3


def test_broken_annotations_are_refused_and_stop_nothing(watched: Watched) -> None:
    """No JSON, no COCO, pictures that are not there: a sentence each, also in the warehouse, gone when it is mended."""
    watched.picture("a.png", 1)
    (watched.folder / "broken.json").write_bytes(b"\xff{")
    (watched.folder / "list.json").write_text("[1, 2]")
    (watched.folder / "deep.json").write_text("[" * 100_000)
    watched.coco("missing.json", "gone.png", "../../etc/passwd")
    swept = watched.settle(seal_all=True)
    assert watched.batches() == [1]
    assert watched.aside() == {
        "broken.json": "no COCO file", "list.json": "no COCO file", "deep.json": "no COCO file",
        "missing.json": "COCO file in part",
    }  # fmt: skip
    assert "gone.png" in told(swept)["missing.json"]
    assert {row[0].rpartition("/")[2] for row in quarantined(watched.lake)} == set(watched.aside())
    watched.picture("gone.png", 2)
    watched.coco("broken.json", "a.png")
    (watched.folder / "list.json").unlink()
    (watched.folder / "deep.json").unlink()
    swept = watched.settle(seal_all=True)
    assert "1 of its 2" in told(swept)["missing.json"]
    assert watched.marks() == {"a.png": "dog", "gone.png": "dog"}
    assert set(watched.aside()) == {"missing.json"}


def test_an_unreadable_file_is_set_aside_until_it_can_be_read(tmp_path: Path) -> None:
    """It is told of in a sentence, tried again when it changes, and lands then; the other files land meanwhile."""
    # pytest's own folders are closed to other users
    base = Path(tempfile.mkdtemp(prefix="hop-landing-"))
    try:
        if os.geteuid() == 0:
            os.chown(base, NOBODY, NOBODY)
        with unprivileged():
            watched = Watched(base / "home", base / "landing")
            watched.sweep()
            closed, _ = watched.picture("closed.png", 1), watched.picture("open.png", 2)
            (watched.folder / "sub").mkdir()
            watched.picture("sub/in.png", 3)
            assert watched.settle().waiting == 3
            closed.chmod(0)
            (watched.folder / "sub").chmod(0)
            swept = watched.settle(seal_all=True)
            assert "permission denied" in told(swept)["closed.png"]
            assert "permission denied" in told(swept)["sub"]
            assert watched.aside() == {"closed.png": "cannot be read", "sub": "cannot be read"}
            assert watched.batches() == [1]
            before = watched.lake.snapshot()
            watched.settle()
            assert watched.lake.snapshot() == before, "it is not tried again as long as it is the same"
            closed.chmod(0o600)
            (watched.folder / "sub").chmod(0o700)
            assert watched.settle(seal_all=True).new
            assert watched.batches() == [1, 2]
            assert not watched.aside()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def test_a_folder_out_of_reach_loses_nothing(watched: Watched, tmp_path: Path) -> None:
    """Its files are not taken as gone, and the other folders go on."""
    away = tmp_path / "away"
    watched.settings = LandingSettings((str(away), str(watched.folder)), 4, 600, str(watched.folder))
    away.mkdir()
    shutil.copy(watched.picture("a.png", 1), away / "b.png")
    watched.picture("a.png", 2)
    assert watched.settle().waiting == 2
    away.rename(tmp_path / "unmounted")
    swept = watched.sweep(seal_all=True)
    assert told(swept)["away"].startswith("cannot be read: ")
    assert swept.out_of_reach == (str(away),)
    assert watched.batches() == [1]
    assert watched.lake.query("SELECT count(*) FROM landing_files").item() == 2
    (tmp_path / "unmounted").rename(away)
    assert watched.sweep(seal_all=True).new
    assert watched.batches() == [1, 1]


def test_hostile_files_land_or_are_refused_and_the_line_goes_on(tmp_path: Path) -> None:
    """Odd names, no pictures, links out, a folder named a.jpg: good ones become pictures, bad ones get a reason."""
    line = new_line(tmp_path / "home")
    watched = Watched(tmp_path / "home", tmp_path / "landing", lake=line.lake)
    names = ('it\'s "so".png', "two\nlines.png", "写真 🐞.png", "50% #1 ?.png", "x" * 251 + ".png", "a.jpg/b.png")
    for number, name in enumerate((*names, os.fsdecode(b"latin \xe9.png"))):
        watched.picture(name, number)
    (watched.folder / "zero.jpg").touch()
    (watched.folder / "text.jpg").write_text("no picture")
    (watched.folder / "out.jpg").symlink_to("/etc/hostname")
    os.mkfifo(watched.folder / "pipe.jpg")
    swept = watched.settle(seal_all=True)
    assert {name: reason.partition(":")[0] for name, reason in told(swept).items()} == {
        "out.jpg": "link out", "pipe.jpg": "not a file",
    }  # fmt: skip
    assert sum(watched.batches()) == 9
    run_all(line)
    assert line.lake.query("SELECT count(*) FROM images").item() == 7
    aside = {row[0].rpartition("/")[2] for row in quarantined(line.lake)}
    assert aside == {"zero.jpg", "text.jpg", "out.jpg", "pipe.jpg"}


def test_pictures_in_a_bucket_land(watched: Watched) -> None:
    """An fsspec folder is watched like a local one; its annotations are refused with what to do instead."""
    system = fsspec.filesystem("memory")
    watched.settings = LandingSettings(("memory://landing-test",), 4, 600)
    data = watched.picture("a.png", 1).read_bytes()
    for number in range(5):
        system.pipe_file(f"/landing-test/sub/{number} #.png", data + bytes([number]))
    system.pipe_file("/landing-test/instances.json", b"{}")
    swept = watched.settle()
    assert (len(swept.new), swept.waiting) == (1, 1)
    assert "hopchain import-coco" in told(swept)["instances.json"]
    system.rm("/landing-test/sub/4 #.png")
    assert watched.sweep().waiting == 0
    assert (
        "memory:///landing-test/sub/0 #.png" in watched.lake.query("SELECT source_uri FROM batch_members")["source_uri"]
    )
    system.rm("/landing-test", recursive=True)


def test_the_annotated_pictures_of_an_import_come_in_with_their_words(watched: Watched, scenes: Path) -> None:
    """`take_in` lands and records who says that all is marked, in one transaction."""
    from hopchain_assets.sources.coco import read_coco

    imported = read_coco(scenes / "images", scenes / "instances.json", exhaustive=False)
    sealed, words = take_in(watched.lake, imported.members, 4)
    assert (len(sealed.new), sealed.known) == (2, 0)
    assert words == watched.lake.query("SELECT count(*) FROM category_audit").item() > 0
    again, more = take_in(watched.lake, imported.members, 4)
    assert (again.new, again.changed, again.known, more) == ((), (), 6, 0)


def sweep_often(lake: Lake, settings: LandingSettings, barrier: Any) -> None:
    """A process of its own that sweeps as fast as it can, by the clock of its sweeps."""
    for number in range(6):
        barrier.wait(60)
        sweep(lake, settings, START + timedelta(seconds=2 * number))


def test_two_processes_that_sweep_at_once_seal_no_picture_twice(tmp_path: Path) -> None:
    """Each finds the same files waiting; one seals them, the other finds them sealed."""
    watched = Watched(tmp_path / "home", tmp_path / "landing", batch_size=8, quiet=4)
    for number in range(60):
        watched.picture(f"{number:02}.png", number)
    context = multiprocessing.get_context("forkserver")
    barrier = context.Barrier(2)
    processes = [context.Process(target=sweep_often, args=(watched.lake, watched.settings, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert watched.batches() == [8, 8, 8, 8, 8, 8, 8, 4]
    assert watched.lake.query("SELECT count(DISTINCT content_sha256) FROM batch_members").item() == 60
    assert watched.lake.query("SELECT count(*), count(DISTINCT uri) FROM landing_files").row(0) == (60, 60)


def test_what_is_too_much_for_one_sweep_has_its_turn_in_the_next(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep under the sensor must end in time; it does not seal a rest while there is more to hash."""
    watched.settings = LandingSettings((str(watched.folder),), 4, 0)
    monkeypatch.setattr("hopchain_assets.stages.landing.HASHED_BYTES", 100)
    size = watched.picture("0.png", 0).stat().st_size
    assert 50 < size <= 100
    for number in range(1, 6):
        watched.picture(f"{number}.png", number)
    assert watched.sweep().unstable == 6
    sweeps = [watched.sweep() for _ in range(3)]
    assert [(len(one.new), one.waiting, one.unstable) for one in sweeps] == [(0, 2, 4), (1, 0, 2), (1, 0, 0)]
    assert watched.batches() == [4, 2]
