"""Folders that are watched: what lies in them, and the hash of a file's bytes. On a local disk, or behind fsspec.

Local folders are walked by `os.scandir`: 50,000 files take a third of a second, through fsspec many times that.
Nothing but regular files is ever opened, since a pipe would never answer.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from fsspec.core import url_to_fs

NOT_A_PICTURE = "not a picture"
UNREADABLE = "cannot be read"
PARTIAL = (".part", ".partial", ".tmp", ".crdownload", ".download", "~")
IGNORED = frozenset({"thumbs.db", "desktop.ini"})
_ALONE = "it is left alone; remove it from the folder to be told no more"
_UNPACK = "unpack it into the folder"
_IMPORT = "take it in with `hopchain import`"
_FRAMES = "films are not read; put pictures taken from it into the folder"
COMPANIONS: Mapping[str, str] = {
    **dict.fromkeys((".txt", ".md", ".csv", ".tsv", ".html", ".htm", ".xml", ".yaml", ".yml"), _ALONE),
    **dict.fromkeys((".jsonl", ".log", ".pdf", ".py", ".npy", ".npz", ".sha256", ".md5"), _ALONE),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"), _UNPACK),
    **dict.fromkeys((".parquet", ".arrow"), _IMPORT),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), _FRAMES),
}
VERSIONS = ("ETag", "etag", "VersionId", "md5Hash", "LastModified", "last_modified", "mtime", "updated", "created")


class Unreadable(ValueError):
    """A file that cannot be read; the message says why and what to do."""


class Found(NamedTuple):
    """A file: its size in bytes, and a stamp that differs when it was written again."""

    byte_size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that is not taken in: a short reason and a sentence."""

    uri: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder: files by address, what is refused, and where nobody could look.

    `prefix` begins every address in the folder. What is below a prefix in `unread` may still be there.
    """

    prefix: str
    files: Mapping[str, Found]
    refused: tuple[Refused, ...]
    unread: tuple[str, ...] = ()


def is_local(folder: str) -> bool:
    """Whether the folder is a path or a file:// address, not behind another fsspec file system."""
    return folder.startswith(("file://", "local://")) or not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:(//|:)", folder)


def local_path(uri: str) -> Path:
    """The path of a file:// address, as `Path.as_uri` makes it; of anything else the path that it is."""
    if not uri.startswith(("file://", "local://")):
        return Path(uri).expanduser()
    return Path(os.fsdecode(unquote_to_bytes(uri.partition("://")[2])))


def is_annotations(uri: str) -> bool:
    """Whether the file is one that may hold annotations, by its name."""
    return uri.lower().endswith(".json")


def list_folder(folder: str) -> Listing:
    """All files below a folder, hidden and partial ones left out. Raises nothing: a folder may be out of reach."""
    if is_local(folder):
        return _Walk(os.path.realpath(local_path(folder))).listing()
    return _list_remote(folder)


def content_sha256(uri: str, found: Found) -> str | None:
    """The sha256 of a file's bytes; None when it is no longer the file that was found.

    Raises:
        Unreadable: when it cannot be read.
    """
    if not uri.startswith("file://"):
        return _remote_sha256(uri)
    try:
        # the file may have become a pipe since it was listed, and opening one waits for a writer
        with os.fdopen(os.open(local_path(uri), os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if _found(os.fstat(file.fileno())) != found:
                return None
            content = hashlib.file_digest(file, "sha256").hexdigest()
            return content if _found(os.fstat(file.fileno())) == found else None
    except OSError as error:
        raise Unreadable(f"{_because(error)}; make it readable, then run `hopchain land`") from error


class _Walk:
    """One walk over a local folder. Links are looked at when all that lies there itself is known."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.uri = "file://" + quote_from_bytes(os.fsencode(root)).rstrip("/")
        self.files: dict[str, Found] = {}
        self.refused: list[Refused] = []
        self.unread: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.walked: set[tuple[int, int]] = set()

    def listing(self) -> Listing:
        self.below(self.root, self.uri)
        while self.links:
            links, self.links = sorted(self.links), []
            for path, uri in links:
                self.follow(path, uri)
        return Listing(f"{self.uri}/", self.files, tuple(self.refused), tuple(self.unread))

    def below(self, path: str, uri: str) -> None:
        waiting = [(path, uri)]
        while waiting:
            path, uri = waiting.pop()
            try:
                state = Path(path).stat()
                if (state.st_dev, state.st_ino) in self.walked:
                    continue
                self.walked.add((state.st_dev, state.st_ino))
                with os.scandir(path) as entries:
                    waiting += self.folder(entries, uri)
            except OSError as error:
                if isinstance(error, FileNotFoundError) and path != self.root:
                    continue
                self.refuse(uri, UNREADABLE, f"the folder cannot be read ({_because(error)}); mend that or remove it")
                self.unread.append(f"{uri}/")

    def folder(self, entries: Any, uri: str) -> list[tuple[str, str]]:
        folders: list[tuple[str, str]] = []
        for entry in entries:
            if _hidden(entry.name):
                continue
            inside = f"{uri}/{quote_from_bytes(os.fsencode(entry.name))}"
            if entry.is_symlink():
                self.links.append((entry.path, inside))
            elif entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, inside))
            else:
                self.file(entry, inside)
        return folders

    def file(self, entry: os.DirEntry[str] | Path, uri: str) -> None:
        try:
            state = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self.refuse(uri, UNREADABLE, f"{_because(error)}; mend that or remove it")
            return
        if not stat.S_ISREG(state.st_mode):
            self.refuse(uri, *_NO_FILE)
        elif why := _companion(uri):
            self.refuse(uri, NOT_A_PICTURE, why)
        else:
            self.files[uri] = _found(state)

    def follow(self, path: str, uri: str) -> None:
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(self.root):
            self.refuse(uri, "link out", "the link leads out of the folder; copy the file in, or watch its folder too")
        elif target.is_dir():
            self.below(str(target), uri)
        elif target.exists():
            self.file(target, uri)
        else:
            self.refuse(uri, "broken link", "the link leads to nothing; remove it, or put the file there")

    def refuse(self, uri: str, reason: str, detail: str) -> None:
        self.refused.append(Refused(uri, reason, detail))


def _found(state: os.stat_result) -> Found:
    # the inode's own time too: `cp -p` and rsync write a file and then set the time of its content back
    return Found(state.st_size, f"{state.st_mtime_ns}-{state.st_ctime_ns}")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED or name.lower().endswith(PARTIAL)


def _companion(uri: str) -> str | None:
    _, dot, suffix = uri.rpartition("/")[2].rpartition(".")
    return COMPANIONS.get(f"{dot}{suffix.lower()}")


def _because(error: OSError) -> str:
    # the full message repeats the name, which need not be text that a table can hold
    return (error.strerror or type(error).__name__).lower()


def _list_remote(folder: str) -> Listing:
    prefix = f"{_without_password(folder).rstrip('/')}/"
    try:
        system, path = url_to_fs(folder)
        prefix = f"{system.unstrip_protocol(path).rstrip('/')}/"
        if url_to_fs(prefix)[0] != system:
            return _out_of_reach(prefix, "its files would have addresses without their server; mount it instead")
        system.invalidate_cache()
        infos: dict[str, dict[str, Any]] = system.find(path, detail=True)
        if not infos and not system.isdir(path):
            return _out_of_reach(prefix, "there is no such folder; make it, or mend HOPCHAIN_LANDING")
    except Exception as error:  # each of fsspec's file systems raises errors of its own kind, ImportError included
        why = f"{type(error).__name__}: {error}"[:300]
        return _out_of_reach(prefix, f"the folder is out of reach ({why}); mend that, or HOPCHAIN_LANDING")
    files: dict[str, Found] = {}
    refused: list[Refused] = []
    for name, info in infos.items():
        inside = name[len(path.rstrip("/")) :].strip("/")
        if not inside or info.get("type") == "directory" or any(map(_hidden, inside.split("/"))):
            continue
        uri = system.unstrip_protocol(name)
        if info.get("type") != "file":
            refused.append(Refused(uri, *_NO_FILE))
        elif why := _companion(name):
            refused.append(Refused(uri, NOT_A_PICTURE, why))
        elif is_annotations(name):
            refused.append(Refused(uri, *_ELSEWHERE))
        else:
            stamp = " ".join(str(info[key]) for key in VERSIONS if info.get(key) is not None)
            files[uri] = Found(int(info.get("size") or 0), stamp)
    return Listing(prefix, files, tuple(refused))


_NO_FILE = ("not a file", "it is a pipe, a socket or a device, and is never opened; remove it")
_ELSEWHERE = (
    "annotations elsewhere",
    "COCO files are read on local disks only; copy it here with its pictures, and use `hopchain import-coco`",
)


def _out_of_reach(prefix: str, why: str) -> Listing:
    return Listing(prefix, {}, (Refused(prefix.rstrip("/"), UNREADABLE, why),), (prefix,))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _remote_sha256(uri: str) -> str:
    try:
        system, path = url_to_fs(uri)
        digest = hashlib.sha256()
        with system.open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()
    except Exception as error:  # as above: the kinds of errors are each file system's own
        why = f"{type(error).__name__}: {error}"[:300]
        raise Unreadable(f"{why}; mend that, then run `hopchain land`") from error
