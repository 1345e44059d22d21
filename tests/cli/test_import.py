"""`hopchain import`: each kind of source into batches, killed and started again, every misuse in a sentence."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from hopchain_assets.cli.importing import fetch
from hopchain_assets.cli.intake import Intake, Taken
from hopchain_assets.settings import Settings
from hopchain_assets.sources.download import Limits
from hopchain_assets.sources.incoming import LeftOut, Picture, held
from hopchain_assets.sources.urls import Downloads, read_list
from tests.cli.conftest import Hopchain, line_of, run_stages
from tests.sources.https_server import Server, body, certificate, redirect, serving
from tests.sources.tables import png, struct, write_dataset, write_parquet


def _members(home: Path) -> list[tuple[str, str, str | None]]:
    """Address, content and annotations of all that has landed."""
    sql = "SELECT source_uri, content_sha256, annotations FROM batch_members ORDER BY batch, source_uri"
    return line_of(home).lake.query(sql).rows()


def _batch_sizes(home: Path) -> list[int]:
    sql = "SELECT count(*) FROM batch_members GROUP BY batch ORDER BY batch"
    return line_of(home).lake.query(sql)["count_star()"].to_list()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_parquet_lands_in_full_batches_with_its_bytes(hopchain: Hopchain, tmp_path: Path) -> None:
    """Each row's bytes are in the store; rows that give nothing and repetitions are counted and told."""
    values = [{"bytes": png(number % 5)} for number in range(7)]
    path = write_parquet(tmp_path / "a.parquet", {"image": struct([*values, None])}, rows_in_group=3)
    home = tmp_path / "home"
    ended = hopchain("import", str(path), home=home, settings={"HOPCHAIN_BATCH_SIZE": "2"})
    assert ended.code == 0, ended.err
    assert "Pictures: 5 new, 0 known before, 2 twice in the source, 1 unusable." in ended.out
    assert "#row=7" in ended.out and "is null" in ended.out and "hopchain run" in ended.err
    assert _batch_sizes(home) == [2, 2, 1]
    store = line_of(home).pictures.originals
    assert {store.get(content) for _, content, _ in _members(home)} == {png(number) for number in range(5)}


def test_the_same_again_is_known(hopchain: Hopchain, tmp_path: Path) -> None:
    """Nothing is stored twice, nothing changes, and no next step is named."""
    path = write_parquet(tmp_path / "a.parquet", {"image": [png(0), png(1)]})
    hopchain("import", str(path), home=tmp_path / "home")
    before = _members(tmp_path / "home")
    again = hopchain("import", str(path), home=tmp_path / "home")
    assert again.code == 0 and "0 new, 2 known before" in again.out and again.err == ""
    assert _members(tmp_path / "home") == before


def test_a_folder_or_a_pattern_of_parquet_files_is_one_source(hopchain: Hopchain, tmp_path: Path) -> None:
    """In the order of their names, whatever they are called; a repository's other files are passed over."""
    write_parquet(tmp_path / "set" / "data" / "b.parquet", {"image": [png(1)]})
    write_parquet(tmp_path / "set" / "data" / "a.bin", {"image": [png(0)]})
    (tmp_path / "set" / "README.md").write_text("words")
    ended = hopchain("import", str(tmp_path / "set"), home=tmp_path / "home")
    assert "2 new" in ended.out and "Passed over: 1 file" in ended.out
    assert [uri.rpartition("/")[2] for uri, _, _ in _members(tmp_path / "home")] == ["a.bin#row=0", "b.parquet#row=0"]
    globbed = hopchain("import", str(tmp_path / "set" / "**" / "*.parquet"), home=tmp_path / "home")
    assert globbed.code == 0 and "1 known before" in globbed.out


def test_a_saved_dataset_is_told_by_its_files(hopchain: Hopchain, tmp_path: Path) -> None:
    """No suffix says so; `--limit` looks at its first rows only."""
    folder = write_dataset(tmp_path / "set", [pa.table({"image": struct([{"bytes": png(n)} for n in range(4)])})])
    ended = hopchain("import", str(folder), "--limit", "3", home=tmp_path / "home")
    assert ended.code == 0 and "3 new" in ended.out
    assert {content for _, content, _ in _members(tmp_path / "home")} == {_sha(png(n)) for n in range(3)}


def test_a_folder_of_pictures_lands_as_it_lies(hopchain: Hopchain, tmp_path: Path) -> None:
    """Nothing is copied. Told by content or name; links that lead out, links to nothing and pipes harm nobody."""
    folder = tmp_path / "my pictures"
    (folder / "a.jpg").mkdir(parents=True)
    (folder / "a.jpg" / "no suffix").write_bytes(png(0))
    (folder / "b#ü\n.png").write_bytes(png(1))
    (folder / "broken.jpeg").write_bytes(b"")
    (folder / ".hidden.png").write_bytes(png(3))
    (folder / "notes.txt").write_text("words")
    (tmp_path / "outside.png").write_bytes(png(4))
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "dangling.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe.png")
    ended = hopchain("import", str(folder), home=tmp_path / "home")
    assert ended.code == 0 and "3 new" in ended.out and "2 unusable" in ended.out, ended
    assert "link that leads out" in ended.out and "Passed over: 1 file" in ended.out
    assert {content for _, content, _ in _members(tmp_path / "home")} == {_sha(data) for data in (png(0), png(1), b"")}
    assert not (tmp_path / "home" / "pictures").exists()


def test_what_was_marked_stays_marked(hopchain: Hopchain, scene_folder: Path, tmp_path: Path) -> None:
    """A picture that is known with marks does not lose them to a source that has none."""
    arguments = ("--images", str(scene_folder / "images"), "--annotations", str(scene_folder / "instances.json"))
    hopchain("import-coco", *arguments, home=tmp_path)
    before = _members(tmp_path)
    pictures = [path.read_bytes() for path in sorted((scene_folder / "images").iterdir())]
    path = write_parquet(tmp_path / "a.parquet", {"image": pictures, "author": ["somebody else"] * len(pictures)})
    assert hopchain("import", str(path), home=tmp_path).code == 0
    assert _members(tmp_path) == before


def test_an_author_that_is_named_later_is_added(hopchain: Hopchain, tmp_path: Path) -> None:
    """A picture that came without any words takes them from a source that has some; its batch stays."""
    home, picture = tmp_path / "home", tmp_path / "pictures" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(png(0))
    hopchain("import", str(picture), home=home)
    path = write_parquet(tmp_path / "a.parquet", {"image": [png(0)], "author": ["Ada"]})
    ended = hopchain("import", str(path), home=home)
    assert "1 known before" in ended.out and "hopchain run" in ended.err
    ((_, _, said),) = _members(home)
    assert said is not None and json.loads(said)["author"] == "Ada" and _batch_sizes(home) == [1]
    picture.unlink()
    run_stages(home, ["raw_images"])
    assert line_of(home).lake.query("SELECT author FROM images").rows() == [("Ada",)]


def test_pictures_without_marks_go_through_the_line(hopchain: Hopchain, tmp_path: Path) -> None:
    """They are taken in from the store, with their licence, although no file of theirs is there; nothing is in them."""
    data = {"image": [png(0), png(1), b"no picture"], "license": ["CC0", "CC0", None]}
    path = write_parquet(tmp_path / "a.parquet", data)
    home = tmp_path / "home"
    hopchain("import", str(path), home=home)
    path.unlink()
    run_stages(home)
    lake = line_of(home).lake
    assert lake.query("SELECT license, width, height FROM images").rows() == [("CC0", 12, 9)] * 2
    assert lake.query("SELECT count(*) FROM quarantine").item() == 1
    outcomes = "SELECT DISTINCT outcome FROM stage_done WHERE stage = 'categories'"
    assert lake.query(outcomes).rows() == [("nothing",)]


def test_a_killed_import_is_finished_by_the_next(tmp_path: Path) -> None:
    """SIGKILL amid the rows: what was sealed stays, the next import adds the rest, and nothing is there twice."""
    number = 1_000
    path = write_parquet(tmp_path / "a.parquet", {"image": [png(n) for n in range(number)]})
    home = tmp_path / "home"
    call = [sys.executable, "-m", "hopchain_assets", "import", str(path)]
    environment = os.environ | {"HOPCHAIN_HOME": str(home), "HOPCHAIN_BATCH_SIZE": "64"}
    with subprocess.Popen(call, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        store = home / "pictures" / "originals"
        while process.poll() is None and sum(1 for _ in store.glob("*/*")) < 400:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    sealed = _batch_sizes(home)
    assert process.returncode == -signal.SIGKILL and 0 < sum(sealed) < number and set(sealed) == {64}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and f"{sum(sealed):,} known before" in done.stdout, done.stderr
    contents = [content for _, content, _ in _members(home)]
    assert len(contents) == len(set(contents)) == number
    sizes = _batch_sizes(home)
    assert set(sizes[:-1]) == {64} and sizes[-1] == number % 64


def _interrupted() -> Iterator[Picture | LeftOut]:
    yield held("https://a.example/0", png(0))
    yield LeftOut("https://a.example/1", "no reason")
    yield held("https://a.example/2", png(2))
    raise KeyboardInterrupt


def test_ctrl_c_keeps_what_was_fetched(tmp_path: Path) -> None:
    """Even what fills no batch is sealed: it was paid for."""
    intake = Intake(_settings(tmp_path), 64)
    with pytest.raises(KeyboardInterrupt):
        intake.take(_interrupted(), lambda _: None)
    assert {uri for uri, _, _ in _members(tmp_path)} == {"https://a.example/0", "https://a.example/2"}


def _settings(home: Path) -> Settings:
    return Settings.load({"HOPCHAIN_HOME": str(home)})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pem = certificate(tmp_path_factory.mktemp("certificate"))
    answers = {f"/{number}.png": body(png(number)) for number in range(6)}
    answers["/private"] = redirect("https://192.168.0.1/")
    with serving(pem, answers) as running:
        yield running


def _fetch(home: Path, server: Server, paths: list[str]) -> Taken:
    """What the command does with a list, allowed to speak to this server."""
    listing = home.parent / "list.txt"
    listing.write_text("\n".join(server.url(path) for path in paths))
    settings = _settings(home)
    downloads = Downloads(lambda ip: ip == ipaddress.ip_address("127.0.0.1"), server.trusting, Limits(usual_wait=0.0))
    return fetch(Intake(settings, settings.batch_size), settings, read_list(listing), downloads)


def test_addresses_are_fetched_once(server: Server, tmp_path: Path) -> None:
    """A longer list asks for what is new only; what failed is tried again."""
    home = tmp_path / "home"
    first = _fetch(home, server, ["/0.png", "/1.png", "/gone.png", "/private"])
    assert (first.new, first.n_left_out) == (2, 2)
    assert any("192.168.0.1" in one.reason for one in first.left_out)
    server.asked.clear()
    second = _fetch(home, server, ["/0.png", "/1.png", "/gone.png", "/2.png"])
    assert (second.new, second.known, second.n_left_out) == (1, 2, 1)
    assert sorted(server.asked) == ["/2.png", "/gone.png"]
    run_stages(home)
    sql = "SELECT source_uri FROM images ORDER BY source_uri"
    assert line_of(home).lake.query(sql)["source_uri"].to_list() == [server.url(f"/{n}.png") for n in range(3)]


def test_a_list_is_not_fetched_unless_that_is_said(hopchain: Hopchain, server: Server, tmp_path: Path) -> None:
    """The sentence says how much it would be; nobody is asked, and nothing is written."""
    listing = tmp_path / "list"
    lines = [
        server.url("/0.png"),
        server.url("/1.png"),
        "https://pictures.example/a.png",
        "http://pictures.example/b.png",
    ]
    listing.write_text("# mine\n\n" + "\n".join(lines))
    server.asked.clear()
    ended = hopchain("import", str(listing), home=tmp_path / "home")
    assert ended.code == 2 and "3 pictures" in ended.err and "2 hosts" in ended.err and "--allow-download" in ended.err
    assert ended.err.count("\n") == 1 and server.asked == [] and not (tmp_path / "home").exists()


def test_private_addresses_are_refused_when_downloading_is_allowed(
    hopchain: Hopchain, server: Server, tmp_path: Path
) -> None:
    """The flag allows the internet, not the machine and the network that we run on."""
    listing = tmp_path / "list.txt"
    listing.write_text(server.url("/0.png"))
    server.asked.clear()
    ended = hopchain("import", str(listing), "--allow-download", home=tmp_path / "home")
    assert ended.code == 2 and "127.0.0.1" in ended.err and "public internet" in ended.err and server.asked == []


@pytest.fixture(scope="module")
def misused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources that cannot be used, by name."""
    folder = tmp_path_factory.mktemp("misused")
    write_parquet(folder / "two.parquet", {"image": [png(0)], "mask": [png(1)]})
    write_parquet(folder / "none.parquet", {"n": [1]})
    write_parquet(folder / "nulls.parquet", {"image": pa.array([None, None], pa.binary())})
    write_parquet(folder / "mixed" / "a.parquet", {"image": [png(0)]})
    for name in ("mixed/b.png", "pictures/a.png", "a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(png(0))
    (folder / "cut.parquet").write_bytes((folder / "two.parquet").read_bytes()[:-9])
    (folder / "empty").mkdir()
    (folder / "empty.txt").write_text("# nothing\n")
    (folder / "prose.txt").write_text("It was a dark and stormy night.\n")
    (folder / "prose.md").write_text("It was a dark and stormy night.\n")
    (folder / "archive.zip").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    (folder / "loop").symlink_to("loop")
    (folder / "links").mkdir()
    (folder / "links" / "a.png").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    return folder


MISUSES = {
    "nothing": ([], "Missing argument"),
    "an empty name": ([""], "empty"),
    "a path that is not there": (["nowhere"], "nothing at"),
    "a pattern without a match": (["*.nothing"], "nothing at"),
    "a pattern that is none": (["**x/*"], "nothing at|cannot read"),
    "a name with a zero byte": (["a\0b"], "cannot read|nothing at"),
    "a name that is too long": (["x" * 5_000], "cannot read|nothing at"),
    "somebody who is not there": (["~nobody-of-that-name/a"], "cannot read|nothing at"),
    "an address": (["https://example.com/a.jpg"], "is an address"),
    "a bucket": (["s3://bucket/a"], "is an address"),
    "a link in a circle": (["loop"], "neither|cannot read|nothing at"),
    "a pipe": (["pipe"], "neither a file nor a folder"),
    "an empty folder": (["empty"], "no kind that is read"),
    "an archive": (["archive.zip"], "no kind that is read"),
    "a text without addresses": (["prose.md"], "no kind that is read"),
    "a list without addresses": (["empty.txt"], "no picture that could be used"),
    "a list of prose": (["prose.txt"], "the first, It was a dark"),
    "both kinds": (["mixed"], "holds Parquet files and pictures"),
    "a folder of links that lead out": (["links"], "leads out of"),
    "two columns": (["two.parquet"], "image, mask; name one with --column"),
    "a column that is not there": (["two.parquet", "--column", "x"], "is not there"),
    "no column": (["none.parquet"], "no column"),
    "nulls": (["nulls.parquet"], "the first, .*#row=0: its 'image' is null"),
    "half a file": (["cut.parquet"], "no whole Parquet file"),
    "a column of pictures": (["pictures", "--column", "x"], "--column is for"),
    "no limit": (["a.png", "--limit", "0"], "--limit"),
    "an unknown option": (["a.png", "--frob"], "--frob"),
}


@pytest.mark.parametrize(("arguments", "words"), MISUSES.values(), ids=MISUSES.keys())
def test_misuse_is_one_sentence_and_exit_2(
    hopchain: Hopchain,
    misused: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    """One line on stderr that says what is wrong; nothing on stdout, and no home is made."""
    monkeypatch.chdir(misused)
    ended = hopchain("import", *arguments, home=tmp_path / "home")
    assert (ended.code, ended.out) == (2, "") and ended.err.count("\n") == 1
    assert re.search(words, ended.err), ended.err
    assert not (tmp_path / "home").exists()
