"""What a source is, told from what lies there: names alone are not believed."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hopchain_assets.sources.hf_dataset import is_dataset
from hopchain_assets.sources.incoming import UnusableSource

# fmt: off
SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif",
    ".jp2", ".ppm", ".pgm", ".qoi",
))
# fmt: on
LISTS = (".txt", ".lst")
HEAD_BYTES = 1 << 16
_PICTURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|BM.{4}\0{4}|II\*\0|MM\0\*|RIFF.{4}WEBP|.{4}ftyp(avi|hei|mif)"
    rb"|\0\0\0\x0cjP  ",
    re.DOTALL,
)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_KINDS = "Parquet files, a directory that `datasets` saved, pictures, or a text file with an https address on each line"


class Kind(Enum):
    """The kinds of source; the value is its name for people."""

    PARQUET = "Parquet"
    DATASET = "a saved dataset"
    PICTURES = "pictures"
    ADDRESSES = "a list of addresses"


@dataclass(frozen=True, slots=True)
class Source:
    """A source: its kind, its files in order, the folder in which rows may refer to files, files of other kinds."""

    kind: Kind
    files: tuple[Path, ...]
    root: Path
    passed_over: int = 0


def tell(name: str) -> Source:
    """What lies at a path or under a glob pattern.

    Raises:
        UnusableSource: when nothing does, or it is of no kind that is read, or of several.
    """
    if _ADDRESS.match(name):
        raise UnusableSource(f"{name} is an address: a source is a path; put addresses into a text file, one a line")
    if not name.strip():
        raise UnusableSource("the name of the source is empty: give a path")
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            folder = path.resolve()
            return Source(Kind.DATASET, (), folder) if is_dataset(folder) else _of(_below(folder), folder, name)
        if path.exists() or path.is_symlink():
            return _of_file(path.absolute(), name)
        path = path.absolute()
        found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    except (OSError, ValueError, RuntimeError, re.error) as error:
        raise UnusableSource(f"cannot read {name!r}: {error}") from error
    if not found:
        raise UnusableSource(f"there is nothing at {name!r}")
    return _of([one for one in found if one.is_file()], Path(os.path.commonpath([one.parent for one in found])), name)


def _of_file(path: Path, name: str) -> Source:
    if not path.is_file():
        raise UnusableSource(f"{name} is neither a file nor a folder")
    head = _head(path)
    if not _is_parquet(head) and not _PICTURES.match(head) and _is_list(head, path):
        return Source(Kind.ADDRESSES, (path,), path.parent)
    return _of([path], path.resolve().parent, name)


def _of(files: list[Path], root: Path, name: str) -> Source:
    heads = {path: _head(path, 16) for path in files}
    tables = tuple(path for path in files if _is_parquet(heads[path]))
    pictures = tuple(path for path in files if _PICTURES.match(heads[path]) or path.suffix.lower() in SUFFIXES)
    if tables and pictures:
        raise UnusableSource(
            f"{name} holds Parquet files and pictures: name the ones or the others, such as '*.parquet'"
        )
    if tables:
        return Source(Kind.PARQUET, tables, root, len(files) - len(tables))
    if pictures:
        return Source(Kind.PICTURES, pictures, root, len(files) - len(pictures))
    raise UnusableSource(f"{name} is of no kind that is read: give {_KINDS}")


def _below(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, hidden ones left out. Links to folders are not followed."""
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        paths = [Path(where, one) for one in sorted(names) if not one.startswith(".")]
        # a link to nothing is told of; a pipe would be waited for without end
        found += [path for path in paths if path.is_file() or not path.exists()]
    return found


def _head(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first bytes; none of a file that may not be read, which is told when its turn comes."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _is_parquet(head: bytes) -> bool:
    return head.startswith((b"PAR1", b"PARE"))


def _is_list(head: bytes, path: Path) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return "\0" not in text and (path.suffix.lower() in LISTS or bool(_ADDRESS.match(first)))
