"""Stage `categories`: the names of what is in a picture (stage 1 of the paper). Annotated sources bring them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.warehouse.done import StageTables, upstream
from hopchain_assets.warehouse.lake import Lake

CODE = 1


@dataclass(frozen=True, slots=True)
class Categories:
    """Reads the names off the annotations; a picture without annotations has none until a model is asked."""

    lake: Lake

    tables: ClassVar[StageTables] = StageTables("categories", {"categories": "image_id"})

    @property
    def version(self) -> str:
        """Raised by code alone."""
        return stage_version("categories", CODE)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batch: str) -> Mapping[str, str]:
        """Pictures that were taken in; their annotations are part of the hash."""
        taken = upstream(connection, ["raw_images"], batch)
        return with_annotations(connection, batch, taken)

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


def with_annotations(connection: duckdb.DuckDBPyConnection, batch: str, hashes: Mapping[str, str]) -> dict[str, str]:
    """Input hashes that also change with what the source says of the picture."""
    rows = connection.execute(
        "SELECT content_sha256, coalesce(sha256(annotations), '') FROM batch_members WHERE batch = ?", [batch]
    ).fetchall()
    said = dict(rows)
    return {name: f"{value}{said.get(name, '')[:12]}" for name, value in hashes.items()}
