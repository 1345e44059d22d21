"""What is true of the pictures: read from COCO files, measured from the masks, looked up by the bytes that are sent."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote, urlsplit

from hopchain_assets.domain.countable import CountLimits, uncountable
from hopchain_assets.domain.masks import MaskError, decode
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.records import Facts, Instance, Pair
from hopchain_assets.domain.strips import Strips
from hopchain_assets.sources.coco import SourceError, rasterise, read_coco

SMALLEST_PIXELS = 16
ANNOTATIONS = "instances.json"


class TruthError(ValueError):
    """There is nothing to answer from; the message says what to name instead."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a picture: `box` is xyxy in pixels, `cx`, `cy` the centre of its mask, `area` its pixels.

    `mask_rle` is COCO's compressed run lengths of the whole picture.
    """

    category: str
    box: tuple[float, float, float, float]
    cx: float
    cy: float
    area: float
    attributes: Mapping[str, str]
    mask_rle: str = field(default="", repr=False)


@dataclass(frozen=True)
class Known:
    """All that is true of one picture.

    `closed` are categories that may be neither counted nor searched, with why, `crowds` the categories of which regions
    are marked, each with its mask, and `unusable` those with a mark that cannot be used.
    """

    image_id: str
    width: int
    height: int
    things: tuple[Thing, ...]
    closed: Mapping[str, str]
    pairs: Mapping[tuple[int, int], Pair] = field(repr=False)
    crowds: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    unusable: frozenset[str] = frozenset()

    @cached_property
    def categories(self) -> Mapping[str, tuple[int, ...]]:
        """Positions of the objects of each category that is there."""
        found: dict[str, list[int]] = {}
        for k, thing in enumerate(self.things):
            found.setdefault(thing.category, []).append(k)
        return {category: tuple(members) for category, members in found.items()}

    def facts(self) -> Facts:
        """The same as the composer takes it; the instance at position k is called `str(k)`."""
        items = tuple(
            Instance(str(k), t.category, t.box, t.cx, t.cy, t.area, attributes=t.attributes)
            for k, t in enumerate(self.things)
        )
        pairs = {(str(a), str(b)): pair for (a, b), pair in self.pairs.items()}
        return Facts(self.image_id, self.width, self.height, items, pairs, {}, self.closed)


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    said: str


class Truth:
    """Pictures with known truth, by the sha256 of their files. What is measured of them is kept for the last `kept`."""

    def __init__(self, sources: Sequence[Path], kept: int = 512) -> None:
        self._entries: dict[str, _Entry] = {}
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._kept = kept
        for source in sources:
            self._read(source)
        if not self._entries:
            raise TruthError("no annotated picture was found: name a folder with instances.json and its pictures")

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._entries

    def names(self) -> list[str]:
        """The sha256 of every picture, in the order of the files."""
        return list(self._entries)

    def path(self, sha256: str) -> Path:
        """Where the picture's file is."""
        return self._entries[sha256].path

    def known(self, sha256: str) -> Known:
        """What is true of the picture. KeyError where it is not one of ours."""
        if sha256 in self._known:
            self._known.move_to_end(sha256)
            return self._known[sha256]
        made = self._known[sha256] = measured(sha256, json.loads(self._entries[sha256].said))
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
        return made

    def _read(self, source: Path) -> None:
        annotations = source / ANNOTATIONS if source.is_dir() else source
        if not annotations.is_file():
            raise TruthError(f"there is no {annotations}: name a COCO file, or a folder with {ANNOTATIONS} in it")
        folder = annotations.parent / "images"
        images = folder if folder.is_dir() else annotations.parent
        imported = read_coco(images, annotations, exhaustive=False, hashes=_stated_hashes(images, annotations))
        for member in imported.members:
            path = Path(unquote(urlsplit(member.source_uri).path))
            self._entries[member.content_sha256] = _Entry(path, member.annotations)


def _stated_hashes(images: Path, annotations: Path) -> dict[str, str | None]:
    """The sha256 that rendered scenes carry in their file: thousands of pictures need not be read at the start."""
    try:
        document = json.loads(annotations.read_bytes())
        if document["info"]["source"] != "rendered scenes":
            return {}
        return {(images / row["file_name"]).resolve().as_uri(): row["sha256"] for row in document["images"]}
    except (OSError, ValueError, KeyError, TypeError):
        # not of ours: what is wrong with it is told where it is read
        return {}


def scattered(known: Known, count: int, seed: int) -> Iterator[Known]:
    """Pictures with the same objects, strewn anew. How masks lie to each other is not known of them."""
    random = Random(seed)
    for _ in range(count):
        things = tuple(
            replace(thing, cx=random.uniform(0, known.width), cy=random.uniform(0, known.height))
            for thing in known.things
        )
        yield replace(known, things=things, pairs={})


def measured(image_id: str, said: Mapping[str, Any]) -> Known:
    """The truth of a picture from what its annotations say; marks that cannot be used close their category."""
    width, height = int(said["width"]), int(said["height"])
    things: list[Thing] = []
    crowds: list[tuple[str, str]] = []
    unusable: dict[str, str] = {}
    drawn: set[tuple[str, str]] = set()
    for mark in said["marks"]:
        category = mark["category"]
        try:
            counts = rasterise(mark["segmentation"], height, width)
            if mark["crowd"]:
                crowds.append((category, counts))
                continue
            shape = decode(counts, height, width)
            if shape is None or shape.area < SMALLEST_PIXELS or (category, counts) in drawn:
                raise SourceError("its mask is empty, or that of another one")
        except (SourceError, MaskError) as error:
            unusable[category] = str(error)
            continue
        drawn.add((category, counts))
        cx, cy = shape.center
        things.append(Thing(category, shape.box, cx, cy, shape.area, dict(mark["attributes"]), counts))
    table = pair_table([str(k) for k in range(len(things))], Strips.decode([t.mask_rle for t in things], height, width))
    pairs = {(int(a), int(b)): pair for (a, b), pair in table.items()}
    known = Known(image_id, width, height, tuple(things), {}, pairs, tuple(crowds), frozenset(unusable))
    regions = [category for category, _ in crowds]
    closed = uncountable(known.facts().instances, regions, width, height, CountLimits()) | unusable
    return replace(known, closed=closed)
