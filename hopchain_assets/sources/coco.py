"""COCO files: annotated pictures in, one member a picture out.

Reading splits the file by picture; nothing is rasterised here, so that importing is quick and a bad
annotation is told apart when its picture is worked on. Polygons and both kinds of run lengths are read.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

ATTRIBUTES = ("color", "number", "dots", "facing")


class SourceError(ValueError):
    """The file or a part of it cannot be used; the message says which and what to do."""


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
    """What a COCO file gave: members, and for each picture left out a reason."""

    members: tuple[Member, ...]
    left_out: tuple[tuple[str, str], ...]


def read_coco(
    images: Path, annotations: Path, exhaustive: bool, progress: Callable[[int, int], None] | None = None
) -> Imported:
    """Reads a COCO file and hashes its pictures.

    `exhaustive` is the user's own statement that all instances are marked; a file that carries
    `info.exhaustive` (rendered scenes do) makes it itself. `progress` is told pictures done and in all.

    Raises:
        SourceError: when the file is not COCO or the folder is not there.
    """
    if not images.is_dir():
        raise SourceError(f"there is no folder {images}: name the folder that holds the pictures")
    document = _document(annotations)
    info = document.get("info")
    info = info if isinstance(info, dict) else {}
    rendered = info.get("exhaustive") is True
    audited = str(info.get("source") or "the annotation file") if rendered else "import-coco --exhaustive"
    names = {row.get("id"): row.get("name") for row in _rows(document, "categories")}
    licenses = {row.get("id"): row for row in _rows(document, "licenses")}
    marks: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(document, "annotations"):
        marks[row.get("image_id")].append(row)
    members: list[Member] = []
    left_out: list[tuple[str, str]] = []
    pictures = _rows(document, "images")
    for number, row in enumerate(pictures, start=1):
        try:
            path = _picture_path(images, row)
            payload = _payload(
                row, marks.get(row.get("id"), []), names, licenses, "scene" if rendered else "annotation"
            )
            members.append(_member(path, payload, audited if exhaustive or rendered else ""))
        except SourceError as error:
            left_out.append((str(row.get("file_name")), str(error)))
        if progress:
            progress(number, len(pictures))
    return Imported(tuple(members), tuple(left_out))


def rasterise(segmentation: object, height: int, width: int) -> str:
    """COCO's compressed run lengths of a polygon list or of run lengths of either kind.

    Raises:
        SourceError: when it describes no mask of this picture.
    """
    try:
        if isinstance(segmentation, dict):
            counts, size = segmentation.get("counts"), segmentation.get("size")
            if size != [height, width]:
                raise SourceError(f"its mask is of size {size}, the picture of [{height}, {width}]")
            if isinstance(counts, str):
                return counts
            if isinstance(counts, list) and all(isinstance(n, int) and n >= 0 for n in counts):
                if sum(counts) != height * width:
                    raise SourceError("its run lengths do not fill the picture")
                runs: Any = segmentation
                return _text(coco_mask.frPyObjects(runs, height, width))
            raise SourceError("its run lengths are neither text nor a list of whole numbers")
        return _from_polygons(segmentation, height, width)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"its segmentation cannot be read: {error}") from error


def _from_polygons(segmentation: object, height: int, width: int) -> str:
    if not isinstance(segmentation, list) or not segmentation:
        raise SourceError("it has no segmentation")
    polygons: Any = []
    for polygon in segmentation:
        points = np.asarray(polygon, float)
        if points.ndim != 1 or points.size < 6 or points.size % 2 or not np.isfinite(points).all():
            raise SourceError("a polygon needs three points or more, as one flat list of finite numbers")
        # far outside, the rasteriser would walk for minutes along an edge nobody sees
        bound = np.tile([width, height], points.size // 2)
        polygons.append(np.clip(points, -bound, 2 * bound).tolist())
    return _text(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _text(runs: Any) -> str:
    counts = runs["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise SourceError(f"{path} is not a COCO file: it needs the lists images, annotations and categories")
    return document


def _rows(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = document.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _picture_path(images: Path, row: Mapping[str, Any]) -> Path:
    name = row.get("file_name")
    if not isinstance(name, str) or not name:
        raise SourceError("it has no file_name")
    path = (images / name).resolve()
    if not path.is_relative_to(images.resolve()):
        raise SourceError("its file_name leads out of the folder of pictures")
    return path


def _member(path: Path, payload: dict[str, Any], audited: str) -> Member:
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    categories = tuple(sorted({mark["category"] for mark in payload["marks"]}))
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return Member(path.as_uri(), content, text, audited, categories)


def _payload(
    row: Mapping[str, Any],
    marks: list[dict[str, Any]],
    names: Mapping[Any, Any],
    licenses: Mapping[Any, Mapping[str, Any]],
    source: str,
) -> dict[str, Any]:
    license_row = licenses.get(row.get("license"), {})
    return {
        "source": source,
        "width": row.get("width"),
        "height": row.get("height"),
        "license": str(license_row.get("name") or ""),
        "license_url": str(license_row.get("url") or ""),
        "author": str(row.get("author") or ""),
        "source_page": str(row.get("flickr_url") or row.get("coco_url") or ""),
        "marks": [_mark(mark, names) for mark in marks],
    }


def _mark(mark: Mapping[str, Any], names: Mapping[Any, Any]) -> dict[str, Any]:
    name = names.get(mark.get("category_id"))
    attributes = mark.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    return {
        "id": str(mark.get("id")),
        "category": name if isinstance(name, str) and name.strip() else f"category {mark.get('category_id')}",
        "crowd": bool(mark.get("iscrowd")),
        "segmentation": mark.get("segmentation"),
        "attributes": {key: str(attributes[key]) for key in ATTRIBUTES if attributes.get(key) not in (None, "")},
    }
