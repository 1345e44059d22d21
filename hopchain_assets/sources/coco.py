"""COCO files: annotated pictures in, one member a picture out.

Reading splits the file by picture; nothing is rasterised here, so that importing is quick and a bad
annotation is told apart when its picture is worked on. What is wrong with one picture leaves that picture out, what is
wrong with one annotation goes with it as its reason; only a file that is no COCO file at all is refused.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopchain_assets.sources.coco_marks import Id, Names, Row, cleaned, id_of, marks_of, shown
from hopchain_assets.sources.segmentation import SourceError, rasterise

__all__ = ["Imported", "Member", "SourceError", "rasterise", "read_coco"]

# every pair of instances is measured, so ten times as many cost a hundred times as much
MOST_MARKS = 500
LONGEST_TEXT = 500
LONGEST_PATH = 1000
LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class Member:
    """A picture that waits to come in. `annotations` is the JSON of all the source says about it.

    `audited` says who stands for it that every instance of the marked categories is marked, empty when nobody does.
    """

    source_uri: str
    content_sha256: str
    annotations: str
    audited: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a COCO file gave: members, for each picture left out a reason, and what is wrong with no picture of it."""

    members: tuple[Member, ...]
    left_out: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """The lists of a COCO file, by id. A name or licence that is not the only one of its id has rivals beside it."""

    pictures: Sequence[object]
    marks: Mapping[Id, Sequence[tuple[int, Row]]]
    names: Names
    licenses: Mapping[Id, Sequence[Row]]
    source: str
    astray: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What tells one picture of the file from another; equal entries say the same twice."""

    key: Id
    path: Path
    width: int
    height: int


def read_coco(
    images: Path,
    annotations: Path,
    exhaustive: bool,
    progress: Callable[[int, int], None] | None = None,
    hashes: Mapping[str, str | None] | None = None,
) -> Imported:
    """Reads a COCO file and hashes its pictures.

    Args:
        images: the folder that the file names are relative to.
        annotations: the COCO file.
        exhaustive: the user's own statement that all instances are marked; a file that carries
            `info.exhaustive` (rendered scenes do) makes it itself.
        progress: is told pictures done and in all.
        hashes: sha256 by address of pictures that need no reading; None for one that may still be written to.

    Raises:
        SourceError: when the file is not COCO or the folder is not there.
    """
    folder = _folder(images)
    document = _document(annotations)
    info = document.get("info")
    info = info if isinstance(info, dict) else {}
    rendered = info.get("exhaustive") is True
    stated = "import-coco --exhaustive" if exhaustive else ""
    audited = (_said(info.get("source")) or "the annotation file") if rendered else stated
    file = _sorted(document, "scene" if rendered else "annotation")
    entries = [_entry(folder, row) for row in file.pictures]
    clashes = _clashes([entry for entry in entries if isinstance(entry, _Entry)])
    members: list[Member] = []
    left_out: list[tuple[str, str]] = []
    known: set[_Entry] = set()
    for number, (row, entry) in enumerate(zip(file.pictures, entries, strict=True), start=1):
        try:
            members.append(_member(file, row, entry, known, clashes, audited, hashes or {}))
        except SourceError as error:
            left_out.append((_label(row, number), str(error)))
        if progress:
            progress(number, len(entries))
    return Imported(tuple(members), tuple(left_out), _remarks(file))


def _folder(images: Path) -> Path:
    try:
        if not images.is_dir():
            raise SourceError(f"there is no folder {images}: name the folder that holds the pictures")
        folder = images.resolve()
        str(folder).encode()
    except OSError as error:
        raise SourceError(f"cannot look into {images}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise SourceError("the name of the folder of pictures is not UTF-8: rename it") from error
    return folder


def _document(path: Path) -> dict[str, Any]:
    try:
        kind = path.stat().st_mode
        # a device has no end
        data = b"" if stat.S_ISCHR(kind) or stat.S_ISBLK(kind) else path.read_bytes()
        document = json.loads(data)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON: {error}") from error
    needed = "it needs the lists images, annotations and categories"
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise SourceError(f"{path} is not a COCO file: {needed}")
    for name in ("annotations", "categories"):
        if name in document and not isinstance(document[name], list):
            raise SourceError(f"{path} is not a COCO file, its {name} are no list: {needed}")
    return document


def _sorted(document: Row, source: str) -> _File:
    names: dict[Id, list[object]] = defaultdict(list)
    licenses: dict[Id, list[Row]] = defaultdict(list)
    marks: dict[Id, list[tuple[int, Row]]] = defaultdict(list)
    for row in _rows(document, "categories"):
        if (key := id_of(row.get("id"))) != "":
            names[key].append(row.get("name"))
    for row in _rows(document, "licenses"):
        if (key := id_of(row.get("id"))) != "":
            licenses[key].append(row)
    astray: list[int] = []
    for number, row in enumerate(document.get("annotations", []), start=1):
        picture = id_of(row.get("image_id")) if isinstance(row, dict) else ""
        if picture == "":
            astray.append(number)
        else:
            marks[picture].append((number, row))
    return _File(document["images"], marks, names, licenses, source, astray)


def _rows(document: Row, key: str) -> list[Row]:
    rows = document.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _entry(folder: Path, row: object) -> _Entry | SourceError:
    try:
        if not isinstance(row, dict):
            raise SourceError("it is not an object with id, file_name, width and height")
        path, key = _picture_path(folder, row.get("file_name")), id_of(row.get("id"))
        if key == "":
            raise SourceError(f"it has no id that annotations could name: {shown(row.get('id'))}")
        return _Entry(key, path, _side(row, "width"), _side(row, "height"))
    except SourceError as error:
        return error


def _picture_path(folder: Path, name: object) -> Path:
    if not isinstance(name, str) or not name:
        raise SourceError("it has no file_name")
    if len(name) > LONGEST_PATH:
        raise SourceError(f"its file_name is {len(name)} letters long, more than {LONGEST_PATH}")
    try:
        name.encode()
        path = (folder / name).resolve()
    except UnicodeEncodeError as error:
        raise SourceError("its file_name is not UTF-8: rename the file") from error
    except (ValueError, OSError, RuntimeError) as error:
        # a zero byte; a symbolic link that leads to itself
        raise SourceError(f"its file_name cannot be followed: {error}") from error
    if not path.is_relative_to(folder):
        raise SourceError("its file_name leads out of the folder of pictures")
    return path


def _side(row: Row, name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**31 or value != int(value):
        raise SourceError(f"its {name} is {shown(value)}: it must be a whole number of pixels")
    return int(value)


def _clashes(entries: Sequence[_Entry]) -> Mapping[_Entry, str]:
    """Entries that cannot be told from another one that says something else."""
    different = set(entries)
    keys = Counter(entry.key for entry in different)
    paths = Counter(entry.path for entry in different)
    reasons: dict[_Entry, str] = {}
    for entry in different:
        if keys[entry.key] > 1:
            reasons[entry] = f"its id {shown(entry.key)} is that of another picture too: give each its own"
        elif paths[entry.path] > 1:
            reasons[entry] = "another entry names the same file: put the two together"
    return reasons


def _member(
    file: _File,
    row: Any,
    entry: _Entry | SourceError,
    known: set[_Entry],
    clashes: Mapping[_Entry, str],
    audited: str,
    hashes: Mapping[str, str | None],
) -> Member:
    if isinstance(entry, SourceError):
        raise entry
    if entry in clashes:
        raise SourceError(clashes[entry])
    if entry in known:
        raise SourceError("the same entry is in the file before: it was taken once")
    known.add(entry)
    rows = file.marks.get(entry.key, [])
    if len(rows) > MOST_MARKS:
        raise SourceError(f"it has {len(rows)} annotations, more than {MOST_MARKS}: leave out what is not needed")
    marks, categories = marks_of(rows, file.names)
    text = json.dumps(_payload(file, row, entry, marks), sort_keys=True, separators=(",", ":"), allow_nan=False)
    address = entry.path.as_uri()
    content = hashes[address] if address in hashes else _content(entry.path)
    if content is None:
        raise SourceError("it is still being written, or cannot be read yet")
    return Member(address, content, text, audited, categories)


def _content(path: Path) -> str:
    name = cleaned(str(path))
    try:
        kind = path.stat().st_mode
        # a pipe would be waited for, a device has no end
        if not stat.S_ISREG(kind):
            raise SourceError(f"cannot read {name}: it is {'a folder' if stat.S_ISDIR(kind) else 'no file'}")
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror}") from error


def _payload(file: _File, row: Row, entry: _Entry, marks: list[dict[str, Any]]) -> dict[str, Any]:
    license_row = _license(file, row.get("license"))
    return {
        "source": file.source,
        "width": entry.width,
        "height": entry.height,
        "license": _said(license_row.get("name")),
        "license_url": _address(license_row.get("url")),
        "author": _said(row.get("author")),
        "source_page": _address(row.get("flickr_url")) or _address(row.get("coco_url")),
        "marks": marks,
    }


def _license(file: _File, value: object) -> Row:
    found = file.licenses.get(id_of(value), [])
    texts = {(_said(row.get("name")), _address(row.get("url"))) for row in found}
    if len(texts) > 1:
        raise SourceError(f"its licence {shown(value)} stands for several licences of the file: give each its own id")
    return found[0] if found else {}


def _said(value: object) -> str:
    """What the file says in words, for people to read."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return cleaned(str(value))[:LONGEST_TEXT]


def _address(value: object) -> str:
    """An address that a page may link to, or nothing."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return ""
    return value if len(value) <= LONGEST_ADDRESS and value.isprintable() and " " not in value else ""


def _label(row: object, number: int) -> str:
    name = row.get("file_name") if isinstance(row, dict) else None
    return (cleaned(name)[:LONGEST_TEXT] if isinstance(name, str) else "") or f"entry {number} of images"


def _remarks(file: _File) -> tuple[str, ...]:
    """Says of annotations that no picture of the file owns, for they can be reported with none of them."""
    ids = {id_of(row.get("id")) for row in file.pictures if isinstance(row, dict)}
    places = sorted([*file.astray, *(place for key, rows in file.marks.items() if key not in ids for place, _ in rows)])
    if not places:
        return ()
    number = f"{len(places)} annotations belong" if len(places) > 1 else "1 annotation belongs"
    return (f"{number} to no picture of the file, so nothing was done with it; see entry {places[0]} of annotations",)
