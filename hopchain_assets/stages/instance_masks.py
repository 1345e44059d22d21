"""Stage `instance_masks`: where each instance is, as mask, box and measures (stage 2 of the paper)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.masks import MaskError, Shape, decode, pair_table
from hopchain_assets.domain.records import digest
from hopchain_assets.sources.coco import SourceError, rasterise
from hopchain_assets.stages.categories import said_of, with_annotations
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.spread import Failed, spread
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake

CODE = 2
SMALLEST_PIXELS = 16
# the masks of a picture are compared in memory, a byte for each pixel of their boxes
MOST_BOX_PIXELS = 1_000_000_000
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class InstanceMasks:
    """Draws the annotated masks, measures them and how each pair of them lies to each other."""

    lake: Lake
    workers: int = 1

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables(
        "instance_masks", {"instances": "image_id", "pairs": "image_id", "bad_annotations": "image_id"}
    )

    @property
    def version(self) -> str:
        """Raised by code alone."""
        return stage_version("instance_masks", CODE)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures with named categories; their annotations are part of the hash."""
        return with_annotations(connection, batches, upstream(connection, ["raw_images", "categories"], batches))

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Instances, pairs and what had to be left out, picture by picture."""
        sizes = self.lake.query("SELECT image_id, width, height FROM images WHERE batch = ?", [batch])
        size = {name: (width, height) for name, width, height in sizes.iter_rows()}
        said = said_of(self.lake, batch, inputs)
        results = spread(_measure, [(name, said[name], *size[name]) for name in inputs], self.workers, progress)
        rows: dict[str, Rows] = {"instances": [], "pairs": [], "bad_annotations": []}
        outcomes: dict[str, str] = {}
        failures: dict[str, str] = {}
        for name, result in zip(inputs, results, strict=True):
            if isinstance(result, Failed):
                failures[name] = result.error
                continue
            for table, found in zip(rows, result, strict=True):
                rows[table] += found
            outcomes[name] = "done" if result[0] else "nothing"
        return Work({table: pl.DataFrame(found) for table, found in rows.items() if found}, outcomes, failures)


def _measure(item: tuple[str, Mapping[str, Any], int, int]) -> tuple[Rows, Rows, Rows]:
    """Rows of instances, pairs and bad annotations of one picture: its id, what is said of it, width, height."""
    image_id, said, width, height = item
    shapes: dict[str, Shape] = {}
    covered = 0
    instances: Rows = []
    bad: Rows = []
    for mark in said.get("marks", []):
        if mark["crowd"]:
            continue
        try:
            counts = rasterise(mark["segmentation"], height, width)
            shape = decode(counts, height, width)
            if shape is None or shape.area < SMALLEST_PIXELS:
                raise SourceError(f"its mask covers fewer than {SMALLEST_PIXELS} pixels of the picture")
            name = digest(image_id, mark["category"], counts)
            if name in shapes:
                raise SourceError("it marks the same pixels as another one of its category")
            x0, y0, x1, y1 = shape.box
            covered += int((x1 - x0) * (y1 - y0))
            if covered > MOST_BOX_PIXELS:
                raise SourceError("with those before it is too much to compare: scale the picture down")
        except (SourceError, MaskError) as error:
            row = {"image_id": image_id, "annotation_id": mark["id"], "category": mark["category"]}
            bad.append(row | {"reason": str(error)})
            continue
        shapes[name] = shape
        instances.append(_instance(name, image_id, mark, shape, counts, said["source"]))
    table = pair_table(list(shapes), list(shapes.values())) if len(shapes) > 1 else {}
    pairs = [
        {"image_id": image_id, "a": a, "b": b}
        | {"overlap_px": pair.overlap_px, "inside_share": pair.inside_share, "edge_gap": pair.edge_gap}
        for (a, b), pair in table.items()
    ]
    return instances, pairs, bad


def _instance(
    name: str, image_id: str, mark: Mapping[str, Any], shape: Shape, counts: str, source: str
) -> dict[str, Any]:
    x0, y0, x1, y1 = shape.box
    cx, cy = shape.center
    return {
        "instance_id": name, "image_id": image_id, "category": mark["category"],
        "x0": x0, "y0": y0, "x1": x1, "y1": y1, "cx": cx, "cy": cy, "area": shape.area,
        "score": 1.0, "mask_rle": counts, "source": source,
        "attributes": json.dumps(mark["attributes"], sort_keys=True),
    }  # fmt: skip
