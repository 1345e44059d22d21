"""COCO files that lie beside pictures in the landing folders: which to read, where their pictures are, what they say.

A COCO file speaks for the pictures below its own folder; one in a folder without pictures (`annotations/`) for those
below the folder around it.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hopchain_assets.sources.coco import Imported, Member, SourceError, read_coco
from hopchain_assets.sources.folder import is_annotations, local_path

NO_COCO = "no COCO file"
IN_PART = "COCO file in part"
LOCAL = "file://"
# names that are looked up to find the folder of pictures
TRIED = 500

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Said:
    """What COCO files say: a member for each picture by content, and of each file that was read what to tell of it."""

    members: dict[str, Member] = field(default_factory=dict)
    remarks: dict[str, tuple[str, str] | None] = field(default_factory=dict)


def read_beside(
    annotations: Collection[str],
    fresh: Collection[str],
    wanted: Collection[str],
    present: Mapping[str, str | None],
    progress: Progress | None = None,
) -> Said:
    """Reads the COCO files that are new, and those that may speak for pictures that are wanted.

    All arguments are addresses: of the COCO files, of those that are new or changed, of pictures whose annotations are
    wanted, of all files in the folders, with the sha256 of those whose bytes are known. A COCO file that cannot be read
    is told of in the remarks and stops no other.
    """
    said = Said()
    if not annotations or not (fresh or wanted):
        return said
    folders = _folders_above(uri for uri in present if uri.startswith(LOCAL) and not is_annotations(uri))
    scopes = {uri: _scope(uri, folders) for uri in sorted(annotations)}
    asked = _folders_above(wanted)
    first = {scope for uri, scope in scopes.items() if uri in fresh or scope in asked}
    for uri, scope in scopes.items():
        # with a rival that names the same pictures, or which of the two holds would hang on which was read last
        if any(_meet(scope, other) for other in first):
            _read(uri, present, folders, said, progress)
    return said


def _read(
    uri: str, present: Mapping[str, str | None], folders: Collection[str], said: Said, progress: Progress | None
) -> None:
    path = local_path(uri)
    try:
        images = _images(uri, path, present, folders)
        imported = read_coco(images, path, exhaustive=False, progress=progress, hashes=present)
    except SourceError as error:
        said.remarks[uri] = (NO_COCO, f"{_plain(str(error))}; mend it or remove it")
        return
    except Exception as error:  # whatever a hostile file breaks, the other files still come in
        told = _plain(f"{type(error).__name__}: {error}")[:300]
        said.remarks[uri] = (NO_COCO, f"reading it failed ({told}); mend it or remove it")
        return
    said.remarks[uri] = _in_part(imported)
    for member in imported.members:
        other = said.members.get(member.content_sha256)
        if other is None or _masks(member) > _masks(other):
            said.members[member.content_sha256] = member


def _images(uri: str, path: Path, present: Collection[str], folders: Collection[str]) -> Path:
    """The folder in which most of the file's pictures lie; its own where none is found."""
    own = _parent(uri)
    around = _parent(own)
    near = [own, f"{own}/images", *_below(own, folders), around, f"{around}/images", *_below(around, folders)]
    names = _names(path)
    best = max(near, key=lambda folder: sum(f"{folder}/{name}" in present for name in names))
    return local_path(best) if best in folders else path.parent


def _names(path: Path) -> list[str]:
    """Some of the file names, as they stand in addresses."""
    try:
        document: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        # reading it in earnest says what is wrong
        return []
    rows = document.get("images") if isinstance(document, dict) else None
    names = [row.get("file_name") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    texts = [name for name in names if isinstance(name, str) and name]
    some = texts[:: max(1, len(texts) // TRIED)]
    return [quote(posixpath.normpath(name), errors="replace") for name in some]


def _in_part(imported: Imported) -> tuple[str, str] | None:
    parts = [_plain(remark) for remark in imported.remarks]
    if imported.left_out:
        total = len(imported.left_out) + len(imported.members)
        name, reason = imported.left_out[0]
        number = f"{len(imported.left_out)} of its {total} pictures are left out"
        parts.insert(0, f"{number}, the first is {_plain(name)}: {_plain(reason)}")
    return (IN_PART, "; ".join(parts)) if parts else None


def _masks(member: Member) -> int:
    """How many of the marks have a mask that can be read: captions of the same pictures have none."""
    marks = json.loads(member.annotations)["marks"]
    shapes = [mark["segmentation"] for mark in marks]
    return sum(isinstance(shape, list) or (isinstance(shape, Mapping) and "counts" in shape) for shape in shapes)


def _scope(uri: str, folders: Collection[str]) -> str:
    own = _parent(uri)
    return own if own in folders else _parent(own)


def _meet(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _folders_above(uris: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for uri in uris:
        folder = _parent(uri)
        while folder not in found and len(folder) > len(LOCAL):
            found.add(folder)
            folder = _parent(folder)
    return found


def _below(folder: str, folders: Collection[str]) -> list[str]:
    return sorted(one for one in folders if _parent(one) == folder)


def _parent(uri: str) -> str:
    return uri.rpartition("/")[0]


def _plain(text: str) -> str:
    """Text that a table can hold: JSON may contain half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")
