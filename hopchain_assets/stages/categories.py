"""Stage `categories`: the names of what is in a picture (stage 1 of the paper). Annotated sources bring them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import members

CODE = 1


@dataclass(frozen=True, slots=True)
class Categories:
    """Reads the names off the annotations; a picture without annotations has none until a model is asked."""

    lake: Lake

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables("categories", {"categories": "image_id"})

    @property
    def version(self) -> str:
        """Raised by code alone."""
        return stage_version("categories", CODE)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures that were taken in; their annotations are part of the hash."""
        return with_annotations(connection, batches, upstream(connection, ["raw_images"], batches))

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """One row for each category that the source marks, with whether a crowd of it is marked."""
        said = said_of(self.lake, batch, inputs)
        rows: list[dict[str, object]] = []
        for number, name in enumerate(inputs, start=1):
            marks = said[name].get("marks", [])
            for category in sorted({mark["category"] for mark in marks}):
                crowd = any(mark["crowd"] for mark in marks if mark["category"] == category)
                rows.append({"image_id": name, "category": category, "source": said[name]["source"], "crowd": crowd})
            progress(number, len(inputs))
        named = {row["image_id"] for row in rows}
        outcomes = {name: "done" if name in named else "nothing" for name in inputs}
        return Work({"categories": pl.DataFrame(rows)} if rows else {}, outcomes)


def said_of(lake: Lake, batch: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the source says of each picture; nothing for one without annotations."""
    rows = lake.query("SELECT content_sha256, annotations FROM batch_members WHERE batch = ?", [batch])
    wanted = set(ids)
    return {name: json.loads(text) if text else {} for name, text in rows.iter_rows() if name in wanted}


def with_annotations(connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None, hashes: Inputs) -> Inputs:
    """Input hashes that also change with what the source says of the picture."""
    said = {content: value[:12] for _, content, value in members(connection, batches)}
    return {
        batch: {name: f"{value}{said.get(name, '')}" for name, value in of_batch.items()}
        for batch, of_batch in hashes.items()
    }
