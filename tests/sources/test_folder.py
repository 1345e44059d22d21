"""What a watched folder gives: files by address, and a sentence for all that is no file to take in."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from pathlib import Path

import fsspec
import pytest

from hopchain_assets.sources.folder import Found, Unreadable, content_sha256, list_folder, local_path

HOSTILE = (
    "plain.jpg",
    'it\'s "quoted".jpg',
    "two\nlines.jpg",
    "tab\tand \x1b[31m red.jpg",
    "ünïcode 写真 🐞.jpg",
    "..up.. %2e%2e%2f #1 ?x=1&y.jpg",
    "50%.jpg",
    "a::b*[c]{d}.jpg",
    "back\\slash.jpg",
    "-rf.jpg",
    "no suffix",
    "x" * 251 + ".jpg",
)


def put(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def reasons(folder: Path) -> dict[str, str]:
    return {local_path(one.uri).name: one.reason for one in list_folder(str(folder)).refused}


def test_hostile_names_have_the_addresses_that_paths_give_themselves(tmp_path: Path) -> None:
    """Quotes, line breaks, per cent, 255 bytes: each address leads back to its file and its bytes."""
    paths = [put(tmp_path / name, name.encode()) for name in HOSTILE if not name.startswith("..")]
    raw = tmp_path / os.fsdecode(b"latin \xe9.jpg")
    paths += [put(raw, b"latin"), put(tmp_path / "sub" / "..up.jpg".lstrip("."), b"sub")]
    files = list_folder(str(tmp_path)).files
    assert set(files) == {path.as_uri() for path in paths}
    for path in paths:
        assert local_path(path.as_uri()) == path
        assert content_sha256(path.as_uri(), files[path.as_uri()]) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_hidden_and_partial_files_are_passed_over_without_a_word(tmp_path: Path) -> None:
    """What a browser or an editor is writing is no file yet, and what the system hides is nobody's picture."""
    for name in (
        ".hidden.jpg",
        ".git/a.jpg",
        "a.jpg.part",
        "b.crdownload",
        "c.TMP",
        "d.jpg~",
        "Thumbs.db",
        "x.download/e",
    ):
        put(tmp_path / name)
    kept = put(tmp_path / "partly.jpg")
    listing = list_folder(str(tmp_path))
    assert list(listing.files) == [kept.as_uri()]
    assert not listing.refused


def test_companions_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """A text file, an archive or a table beside the pictures lands as nothing; a name alone is no suffix."""
    for name in ("notes.TXT", "all.zip", "rows.parquet", "film.mp4", "txt"):
        put(tmp_path / name)
    listing = list_folder(str(tmp_path))
    assert [local_path(uri).name for uri in listing.files] == ["txt"]
    told = {local_path(one.uri).name: one.detail for one in listing.refused}
    assert "hopchain import" in told["rows.parquet"]
    assert "unpack" in told["all.zip"]
    assert set(told) == {"notes.TXT", "all.zip", "rows.parquet", "film.mp4"}


def test_links_are_followed_inside_once_and_refused_outside(tmp_path: Path) -> None:
    """A link to a file inside is a file; one to a folder that is listed anyway, or to itself, adds nothing."""
    folder = tmp_path / "landing"
    inside = put(folder / "real" / "a.jpg")
    outside = put(tmp_path / "secret" / "b.jpg")
    (folder / "link.jpg").symlink_to(inside)
    (folder / "again").symlink_to(folder / "real")
    (folder / "real" / "loop").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (folder / "out.jpg").symlink_to(outside)
    (folder / "out").symlink_to(outside.parent)
    (folder / "landing-2").symlink_to(put(tmp_path / "landing-2" / "c.jpg").parent)
    (folder / "gone.jpg").symlink_to("nothing.jpg")
    hidden = put(folder / ".store" / "d.jpg")
    (folder / "pool").symlink_to(hidden.parent)
    files = {local_path(uri).relative_to(folder).as_posix() for uri in list_folder(str(folder)).files}
    assert files == {"real/a.jpg", "link.jpg", "pool/d.jpg"}
    assert reasons(folder) == {
        "out.jpg": "link out", "out": "link out", "landing-2": "link out",
        "gone.jpg": "broken link", "self": "broken link",
    }  # fmt: skip


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever; a folder with a picture's name is a folder."""
    os.mkfifo(tmp_path / "pipe.jpg")
    here = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        # a socket's path may have 107 bytes only
        listener.bind(f"/proc/self/fd/{here}/socket.jpg")
    os.close(here)
    inside = put(tmp_path / "a.jpg" / "b.jpg")
    listing = list_folder(str(tmp_path))
    assert list(listing.files) == [inside.as_uri()]
    assert reasons(tmp_path) == {"pipe.jpg": "not a file", "socket.jpg": "not a file"}


def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Between listing and reading anything may happen: it is no longer the file that was found."""
    path = put(tmp_path / "a.jpg")
    found = list_folder(str(tmp_path)).files[path.as_uri()]
    path.unlink()
    with pytest.raises(Unreadable, match="no such file"):
        content_sha256(path.as_uri(), found)
    os.mkfifo(path)
    assert content_sha256(path.as_uri(), found) is None


def test_a_file_that_is_written_to_has_no_hash(tmp_path: Path) -> None:
    """Same size and a set-back time of change do not hide that it was written again."""
    path = put(tmp_path / "a.jpg", b"one")
    state = path.stat()
    found = list_folder(str(tmp_path)).files[path.as_uri()]
    path.write_bytes(b"two")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert content_sha256(path.as_uri(), found) is None


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    """What lay in it may come back with it, so its prefix is among the unread ones."""
    for folder in (tmp_path / "gone", put(tmp_path / "file")):
        listing = list_folder(str(folder))
        assert listing.unread == (listing.prefix,) == (f"{folder.as_uri()}/",)
        assert [one.uri for one in listing.refused] == [folder.as_uri()]


def test_a_very_deep_folder_is_walked(tmp_path: Path) -> None:
    """No recursion: 1,200 folders in each other are one way of breaking a reader."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        found = [uri[-6:] for uri in list_folder(str(tmp_path)).files]
    finally:
        # pytest's own cleaning recurses, and would end this and later sessions with an error
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
    assert found == ["/a.jpg"]


def test_an_fsspec_folder_is_listed_like_a_local_one() -> None:
    """memory:// stands for every other file system: pictures, hidden ones, companions, annotations."""
    system = fsspec.filesystem("memory")
    for name in ("a #1 %20.jpg", "sub/b.png", ".hidden/c.jpg", "d.jpg.part", "notes.txt", "instances.json"):
        system.pipe_file(f"/folder-test/{name}", name.encode())
    listing = list_folder("memory://folder-test")
    assert set(listing.files) == {"memory:///folder-test/a #1 %20.jpg", "memory:///folder-test/sub/b.png"}
    assert {one.reason for one in listing.refused} == {"not a picture", "annotations elsewhere"}
    for uri, found in listing.files.items():
        name = uri.removeprefix("memory:///folder-test/")
        assert content_sha256(uri, found) == hashlib.sha256(name.encode()).hexdigest()
    first = listing.files["memory:///folder-test/sub/b.png"]
    system.pipe_file("/folder-test/sub/b.png", b"B" * first.byte_size)
    assert list_folder("memory://folder-test").files["memory:///folder-test/sub/b.png"].stamp != first.stamp


@pytest.mark.parametrize("folder", ["memory://nothing-here", "nosuchprotocol://x/y", "ftp://user:secret@127.0.0.1:1/x"])
def test_a_folder_out_of_reach_is_a_sentence(folder: str) -> None:
    """No bucket, no driver, no server: told without an error, and without a password."""
    listing = list_folder(folder)
    assert listing.unread
    assert not listing.files
    assert "secret" not in "".join(f"{one.uri} {one.detail}" for one in listing.refused)


def test_a_missing_object_cannot_be_read() -> None:
    """An object that went away since the listing."""
    with pytest.raises(Unreadable):
        content_sha256("memory:///folder-test/never.jpg", Found(1, "x"))
