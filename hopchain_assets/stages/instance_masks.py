"""Stage `instance_masks`: where each instance is, as mask, box and measures (stage 2 of the paper)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.masks import decode
from hopchain_assets.domain.printed import NUMBER, Judged, Text, printed
from hopchain_assets.domain.records import digest
from hopchain_assets.ports.segmenter import Segmented
from hopchain_assets.sources.coco import SourceError, rasterise
from hopchain_assets.stages.categories import said_of, with_annotations
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.found_masks import PictureMasks, found_masks
from hopchain_assets.stages.measuring import measures, pair_frame, read_masks
from hopchain_assets.stages.one_ask import annotated
from hopchain_assets.stages.segmenting import Keeping, Sight
from hopchain_assets.stages.spread import Failed, spread
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 3
SMALLEST_PIXELS = 16
# of run lengths that a picture's masks are read from at once: a chessboard of 120 megapixels would take gigabytes
MOST_CHARACTERS = 4_000_000
# how many pictures are measured while one is looked at, for the progress that is told
LOOK = 9
# the truth of a rendered scene has its numbers
READ_IN = frozenset({"scene"})
NOBODY = "nobody is set to find instances in plain pictures: HOPCHAIN_SEGMENTER (docs/segmenting.md)"
NOTHING_SEGMENTABLE = "nothing segmentable: none of its names was found"
NOTHING_MARKED = "none of its marks can be used"


@dataclass(frozen=True, slots=True)
class _Picture:
    """All that is known of a picture before its masks are measured; `segmented` and `texts` where somebody looked."""

    image_id: str
    width: int
    height: int
    said: Mapping[str, Any]
    segmented: Segmented | None
    texts: Sequence[Text]


@dataclass(frozen=True, slots=True)
class InstanceMasks:
    """Draws the annotated masks, has those of plain pictures found, and measures how each pair of them lies."""

    lake: Lake
    workers: int
    pictures: PictureStore
    sight: Sight

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables(
        "instance_masks",
        {
            "instances": "image_id",
            "pairs": "image_id",
            "bad_annotations": "image_id",
            "groundings": "image_id",
            "left_out": "image_id",
            "texts": "image_id",
        },
    )

    @property
    def version(self) -> str:
        """Raised by code, and by who looks and what of it is kept."""
        return stage_version("instance_masks", CODE, *self.sight.version)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures with named categories; their annotations are part of the hash."""
        return with_annotations(connection, batches, upstream(connection, ["raw_images", "categories"], batches))

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Instances, pairs and what had to be left out, picture by picture.

        Raises:
            SegmenterUnavailable, TextReaderUnavailable: when somebody is to look and cannot.
        """
        said = said_of(self.lake, batch, inputs)
        names = self._names(batch) if self.sight.segmenter else {}
        plain = {name: names[name] for name in inputs if names.get(name) and not annotated(said[name])}
        to_read = [name for name in inputs if said[name].get("source") not in READ_IN] if self.sight.reader else []
        found_at, read_at = LOOK * len(plain), LOOK * (len(plain) + len(to_read))

        def tell(before: int, each: int, done: int, _: int) -> None:
            # all are done once, at the end
            so_far = len(inputs) * (before + each * done) // (read_at + len(inputs))
            progress(min(so_far, len(inputs) - 1), len(inputs))

        segmented = self.sight.segmented(self.pictures, plain, partial(tell, 0, LOOK))
        texts = self.sight.read(self.pictures, to_read, partial(tell, found_at, LOOK))
        failed = {name: told.error for name, told in segmented.items() if told.error}
        failed |= {name: told.error for name, told in texts.items() if isinstance(told, Failed)}
        sizes = self.lake.query("SELECT image_id, width, height FROM images WHERE batch = ?", [batch])
        size = {name: (width, height) for name, width, height in sizes.iter_rows()}
        items = [
            _Picture(name, *size[name], said[name], segmented.get(name), [] if isinstance(told, Failed) else told)
            for name, told in ((name, texts.get(name, ())) for name in inputs)
            if name not in failed
        ]
        results = spread(partial(_masks, self.sight.keeping), items, self.workers, partial(tell, read_at, 1))
        progress(len(inputs), len(inputs))
        made: dict[str, PictureMasks] = {}
        for item, result in zip(items, results, strict=True):
            if isinstance(result, Failed):
                failed[item.image_id] = result.error
            else:
                made[item.image_id] = result
        reasons = {name: self._why_nothing(said[name]) for name, masks in made.items() if not masks.instances}
        outcomes = {name: "nothing" if name in reasons else "done" for name in made}
        return Work(_frames(list(made.values())), outcomes, failed, reasons=reasons)

    def _names(self, batch: str) -> dict[str, list[str]]:
        """The names to look for in each picture, by the alphabet."""
        names: dict[str, list[str]] = defaultdict(list)
        rows = self.lake.query("SELECT image_id, category FROM categories WHERE batch = ? ORDER BY ALL", [batch])
        for image_id, category in rows.iter_rows():
            names[image_id].append(category)
        return names

    def _why_nothing(self, said: Mapping[str, Any]) -> str:
        if annotated(said):
            return NOTHING_MARKED
        return NOTHING_SEGMENTABLE if self.sight.segmenter else NOBODY


def _frames(made: Sequence[PictureMasks]) -> dict[str, pl.DataFrame]:
    """The rows of all pictures, table by table; a table without rows is left out."""
    frames: dict[str, pl.DataFrame] = {}
    for table in (field.name for field in fields(PictureMasks) if field.name != "pairs"):
        rows = [row for masks in made for row in getattr(masks, table)]
        if rows:
            frames[table] = pl.DataFrame(rows, infer_schema_length=None)
    pairs = [masks.pairs for masks in made if masks.pairs is not None]
    return frames | ({"pairs": pl.concat(pairs)} if pairs else {})


def _masks(keeping: Keeping, item: _Picture) -> PictureMasks:
    """The rows of one picture."""
    if item.segmented is None:
        made = _drawn(item)
    else:
        made = found_masks(item.segmented, keeping.segmenter, item.height, item.width, keeping.sift)
    if item.texts:
        _read(made, item, keeping)
    return made


def _drawn(item: _Picture) -> PictureMasks:
    """The masks that people, or the renderer, marked."""
    made = PictureMasks()
    drawn: list[tuple[Mapping[str, Any], str]] = []
    characters = 0
    for mark in (mark for mark in item.said.get("marks", []) if not mark["crowd"]):
        try:
            counts = rasterise(mark["segmentation"], item.height, item.width)
            characters += len(counts)
            if characters > MOST_CHARACTERS:
                raise SourceError("with those before it is too much to compare: scale the picture down")
            drawn.append((mark, counts))
        except SourceError as error:
            made.bad_annotations.append(_bad(item.image_id, mark, str(error)))
    strips, unreadable = read_masks([counts for _, counts in drawn], item.height, item.width)
    ids: dict[str, int] = {}
    usable: list[tuple[Mapping[str, Any], str]] = []
    for place, ((mark, counts), area) in enumerate(zip(drawn, strips.areas.tolist(), strict=True)):
        name = digest(item.image_id, mark["category"], counts)
        reason = unreadable.get(place, "")
        if not reason and area < SMALLEST_PIXELS:
            reason = f"its mask covers fewer than {SMALLEST_PIXELS} pixels of the picture"
        elif name in ids:
            reason = "it marks the same pixels as another one of its category"
        if reason:
            made.bad_annotations.append(_bad(item.image_id, mark, reason))
        else:
            ids[name] = place
            usable.append((mark, counts))
    chosen = strips.chosen(list(ids.values()))
    made.instances = [
        {"instance_id": name, "image_id": item.image_id, "category": mark["category"], **measured}
        | {"score": 1.0, "presence": 1.0, "mask_rle": counts, "source": item.said["source"]}
        | {"attributes": json.dumps(mark["attributes"], sort_keys=True)}
        for name, (mark, counts), measured in zip(ids, usable, measures(chosen), strict=True)
    ]
    made.pairs = pair_frame(item.image_id, list(ids), chosen)
    return made


def _bad(image_id: str, mark: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {"image_id": image_id, "annotation_id": mark["id"], "category": mark["category"], "reason": reason}


def _read(made: PictureMasks, item: _Picture, keeping: Keeping) -> None:
    """Judges the printed texts, and gives numbers to the instances that have none yet."""
    by_id = {row["instance_id"]: row for row in made.instances}
    shapes = {
        name: shape
        for name, row in by_id.items()
        if (shape := decode(row["mask_rle"], item.height, item.width)) is not None
    }
    categories = {name: row["category"] for name, row in by_id.items()}
    found = printed(shapes, categories, item.texts, item.width, item.height, keeping.printed)
    for name, number in found.numbers.items():
        # what people or a renderer said of it stands
        attributes = {NUMBER: number, **json.loads(by_id[name]["attributes"])}
        by_id[name]["attributes"] = json.dumps(attributes, sort_keys=True)
    made.texts = [_text(item.image_id, judged, keeping.reader) for judged in found.texts]


def _text(image_id: str, judged: Judged, reader: str) -> dict[str, Any]:
    x0, y0, x1, y1 = judged.text.box
    return {
        "image_id": image_id,
        "instance_ids": list(judged.instance_ids),
        "text": judged.text.text,
        "x0": x0, "y0": y0, "x1": x1, "y1": y1,
        "confidence": judged.text.confidence,
        "decisive": judged.decisive,
        "reason": judged.reason or None,
        "source": reader,
    }  # fmt: skip
