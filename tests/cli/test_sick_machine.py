"""Catalogs that are none, full disks, homes that can only be read: one sentence, and afterwards the work goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from hopchain_assets.cli.ending import report_unexpected
from hopchain_assets.cli.machine import machine_trouble
from hopchain_assets.warehouse.catalog_file import belongs_to_another
from tests.cli.conftest import Ended, Hopchain, line_of

EVERY = (["status"], ["query", "SELECT 1"], ["run"], ["audit"], ["explain", "abcd"])


def one_line(ended: Ended, *words: str) -> None:
    """One sentence on stderr, exit code 1 or 2, the words in it, and no traceback."""
    assert ended.code in (1, 2) and ended.err.count("\n") == 1, ended
    assert "Traceback" not in ended.err and "should not" not in ended.err
    assert all(word in ended.err for word in words), ended.err


def call(home: Path, *arguments: str) -> Ended:
    """The command line as a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOPCHAIN_")}
    done = subprocess.run(
        [sys.executable, "-m", "hopchain_assets", *arguments],
        env=environment | {"HOPCHAIN_HOME": str(home)},
        capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def closed_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog that no process has open, so that all of it is in one file; its data lie beside it."""
    home = tmp_path_factory.mktemp("closed")
    assert call(home, "run").code == 0
    assert not (home / "catalog.sqlite-wal").exists()
    return home / "catalog.sqlite"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an empty warehouse."""
    line_of(tmp_path / "home").lake.migrate()
    return tmp_path / "home"


def text_file(path: Path) -> None:
    path.write_bytes(b"dear diary\n" * 1000)


def truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:-4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)


def of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CATALOGS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a text file": (text_file, "is no SQLite file"),
    "half of it": (truncated, "is damaged"),
    "another program's": (of_another_program, "tables of another program"),
    "a folder": (folder, "is a folder"),
}


@pytest.mark.parametrize("arguments", EVERY, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(("spoil", "words"), CATALOGS.values(), ids=CATALOGS.keys())
def test_a_catalog_that_is_none_is_named_with_the_next_step(
    hopchain: Hopchain,
    closed_catalog: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    words: str,
    arguments: list[str],
) -> None:
    """Reading and writing commands say the same, and leave the file as it is."""
    catalog = tmp_path / "catalog.sqlite"
    shutil.copyfile(closed_catalog, catalog)
    spoil(catalog)
    before = catalog.read_bytes() if catalog.is_file() else None
    settings = {"HOPCHAIN_DATA_PATH": str(closed_catalog.parent / "warehouse")}
    one_line(hopchain(*arguments, home=tmp_path, settings=settings), str(catalog), words)
    assert (catalog.read_bytes() if catalog.is_file() else None) == before


@pytest.mark.parametrize("spoil", [text_file, truncated, overwritten])
def test_a_catalog_that_is_spoilt_behind_our_back(
    hopchain: Hopchain, home: Path, spoil: Callable[[Path], None]
) -> None:
    """While it is open, with random bytes within: whatever SQLite makes of it, it is one line."""
    spoil(home / "catalog.sqlite")
    for arguments in EVERY:
        one_line(hopchain(*arguments, home=home), "damaged")


def test_the_tables_of_another_program_are_not_added_to(hopchain: Hopchain, home: Path, tmp_path: Path) -> None:
    """A catalog by mistake in a browser's file must not become a warehouse."""
    other = tmp_path / "bookmarks.sqlite"
    other.touch()
    of_another_program(other)
    settings = {"HOPCHAIN_CATALOG": f"sqlite:{other}"}
    one_line(hopchain("scenes", "--count", "1", home=home, settings=settings), "another program")
    with sqlite3.connect(other) as database:
        names = database.execute("SELECT name FROM sqlite_master").fetchall()
    database.close()
    assert names == [("bookmarks",)] and not belongs_to_another(home / "catalog.sqlite")


def test_an_empty_file_is_no_warehouse_yet(hopchain: Hopchain, home: Path) -> None:
    """What `touch` or a full disk left: reading says how to begin, and writing begins."""
    (home / "catalog.sqlite").write_bytes(b"")
    one_line(hopchain("status", home=home), "there is no warehouse")
    assert hopchain("run", home=home).code == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HOPCHAIN_CATALOG": f"sqlite:{__file__}/below/catalog.sqlite"}, "name another place"),
        ({"HOPCHAIN_CATALOG": "sqlite:/proc/catalog.sqlite"}, "/proc/catalog.sqlite cannot be opened"),
        ({"HOPCHAIN_DATA_PATH": __file__}, "is a file where a folder is needed"),
        ({"HOPCHAIN_HOME": f"{__file__}/below"}, "leads through a file"),
    ],
)
def test_a_place_where_nothing_can_be_made_is_named(
    hopchain: Hopchain, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    """Folders that are files, and file systems that take none."""
    one_line(hopchain("run", home=tmp_path / "new", settings=settings), words)


def test_a_postgres_that_does_not_answer_is_told_shortly(hopchain: Hopchain, tmp_path: Path) -> None:
    """Which server, and what to mend."""
    settings = {"HOPCHAIN_CATALOG": "postgresql://user@127.0.0.1:1/db"}
    for arguments in (["status"], ["run"]):
        one_line(hopchain(*arguments, home=tmp_path, settings=settings), "127.0.0.1", "refused")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "no space is left"),
        (OSError(28, "No space left on device", "/x/y"), "at /x/y"),
        (OSError(122, "Disk quota exceeded", "/x/y"), "share of the disk"),
        (OSError(24, "Too many open files", "/x/y"), "ulimit"),
        (PermissionError(13, "Permission denied", "/x/y"), "permission is missing at /x/y"),
        (
            duckdb.IOException('Could not write file "/x/y": No space left on device'),
            "no space is left on the disk at /x/y",
        ),
        (duckdb.IOException('Cannot open file "/x/y": Read-only file system'), "the disk at /x/y can only be read"),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), "not enough memory"),
        (sqlite3.OperationalError("database or disk is full"), "no space is left"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_the_machines_troubles_are_sentences(error: Exception, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever tells it: the system, DuckDB or SQLite."""
    assert report_unexpected(error) == 1
    told = capfd.readouterr().err
    assert told.count("\n") == 1 and words in told


def test_an_error_of_ours_is_not_taken_for_the_machines() -> None:
    """Only who writes files may say that a disk is full."""
    assert machine_trouble(ValueError("no space left on device")) is None
    assert machine_trouble(duckdb.BinderException("no such column")) is None


def test_details_that_cannot_be_written_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While one error is told there must not be another: neither home nor temporary folder can be written."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOPCHAIN_HOME", str(tmp_path / "file" / "home"))

    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", full)
        assert report_unexpected(ZeroDivisionError("no")) == 1
    told = capfd.readouterr().err
    assert "could not be written" in told and told.count("\n") == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    yield from mounted(disk, "-t", "tmpfs", "-o", "size=3m", "hopchain-test")


def mounted(target: Path, *arguments: str) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    done = subprocess.run(["mount", *arguments, str(target)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leaves that many bytes free."""
    state = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(state.f_bavail * state.f_frsize - left))
    return filler


def coco(folder: Path) -> list[str]:
    return ["--images", str(folder / "images"), "--annotations", str(folder / "instances.json")]


# at each of these something else runs out of space: a folder, the catalog, its log, the rows
@pytest.mark.parametrize("left", [0, 4096, 16384, 65536, 300_000])
def test_a_full_disk_is_a_sentence_and_the_import_goes_on(scene_folder: Path, small_disk: Path, left: int) -> None:
    """Wherever the space runs out: nothing is half done, and the same command does it once there is room."""
    home = small_disk / "home"
    filler = fill(small_disk, left)
    one_line(call(home, "import-coco", *coco(scene_folder)), "disk")
    filler.unlink()
    ended = call(home, "import-coco", *coco(scene_folder))
    assert ended.code == 0 and "4 new" in ended.out
    assert call(home, "query", "SELECT count(*) FROM batch_members", "--format", "csv").out.split() == [
        "count_star()",
        "4",
    ]


def test_a_disk_that_is_full_while_scenes_are_rendered(small_disk: Path) -> None:
    """The same command renders the rest once there is room."""
    home = small_disk / "home"
    filler = fill(small_disk, 100_000)
    one_line(call(home, "scenes", "--count", "3"), "disk")
    filler.unlink()
    assert call(home, "scenes", "--count", "3").code == 0
    assert len(list((home / "scenes").glob("**/scene-*.jpg"))) == 3


def test_a_full_disk_ends_a_run_which_goes_on_later(scene_folder: Path, tmp_path: Path) -> None:
    """Dagster's own books are on the same disk: whatever fails first, the run ends with a sentence and code 1."""
    disk = tmp_path / "disk"
    disk.mkdir()
    for _ in mounted(disk, "-t", "tmpfs", "-o", "size=24m", "hopchain-test"):
        home = disk / "home"
        assert call(home, "import-coco", *coco(scene_folder)).code == 0
        filler = fill(disk, 1_500_000)
        ended = call(home, "run")
        assert ended.code in (1, 2) and "Traceback" not in ended.err and "should not" not in ended.err
        assert ended.err.splitlines()[-1].startswith("hopchain: ")
        filler.unlink()
        assert call(home, "run").code == 0
        told = call(home, "query", "SELECT count(*) FROM images", "--format", "csv").out
        assert told.split() == ["count_star()", "4"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Makes a folder one that can only be read: by its mode, or for root, whom modes do not bind, by a mount."""
    bound: list[Path] = []
    closed: list[Path] = []

    def close(path: Path) -> None:
        if os.geteuid() != 0:
            path.chmod(0o555)
            closed.append(path)
            return
        for arguments in (["--bind", str(path), str(path)], ["-o", "remount,ro,bind", str(path)]):
            done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")
            bound.append(path)

    yield close
    for path in dict.fromkeys(bound):
        subprocess.run(["umount", "--lazy", str(path)], check=True)
    for path in closed:
        path.chmod(0o755)


def test_a_home_that_can_only_be_read(
    scene_folder: Path, hopchain: Hopchain, home: Path, read_only: Callable[[Path], None]
) -> None:
    """Looking works, or says why not; whatever writes says what to do, and doctor points at it."""
    assert hopchain("import-coco", *coco(scene_folder), home=home).code == 0
    read_only(home)
    for arguments in (["run"], ["scenes", "--count", "1"], ["import-coco", *coco(scene_folder)], ["demo"]):
        ended = call(home, *arguments)
        one_line(ended, "HOPCHAIN_HOME")
    looked = call(home, "query", "SELECT count(*) FROM batch_members", "--format", "csv")
    assert looked.out.split() == ["count_star()", "4"] if looked.code == 0 else looked.err.count("\n") == 1
    checked = call(home, "doctor")
    assert checked.code == 1 and "mend" in checked.out and "Traceback" not in checked.err


def test_a_new_home_where_nothing_can_be_written(tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    """The first command of all may meet it."""
    (tmp_path / "closed").mkdir()
    read_only(tmp_path / "closed")
    for arguments in (["run"], ["demo"], ["scenes", "--count", "1"]):
        one_line(call(tmp_path / "closed" / "home", *arguments), "HOPCHAIN_HOME")
    one_line(call(tmp_path / "closed" / "home", "status"), "there is no warehouse")
