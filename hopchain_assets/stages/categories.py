"""Stage `categories`: the names of what is in a picture (stage 1 of the paper). Annotated sources bring them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.ports.vlm import Reply, Vlm
from hopchain_assets.stages.asking import AskSettings, version_of
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.one_ask import Question, ask_of_plain, source_of
from hopchain_assets.stages.replies import Named
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import members
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 1
QUESTION = Question("categories", "name", "categories", "categories", Named)
MOST_NAMES = 24
LONGEST_NAME = 40
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Categories:
    """Reads the names off the annotations; those of a picture without annotations are a model's, where one is set."""

    lake: Lake
    pictures: PictureStore
    vlm: Vlm | None
    asking: AskSettings

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables("categories", {"categories": "image_id"})

    @property
    def version(self) -> str:
        """Raised by code, and where a model is asked by the model, the prompt and what is sent."""
        asked = (version_of(self.vlm), QUESTION.version, self.asking.sent_pixels) if self.vlm else ()
        return stage_version("categories", CODE, *asked)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures that were taken in and not rated out; their annotations are part of the hash."""
        return with_annotations(connection, batches, upstream(connection, ["raw_images", "image_ratings"], batches))

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """One row for each category that the source marks, or that the model names.

        Raises:
            ServerUnavailable: when the model cannot be asked.
        """
        said = said_of(self.lake, batch, inputs)
        replies = ask_of_plain(QUESTION, self.vlm, self.pictures, self.asking.sent_pixels, said, progress)
        rows = [row for name in inputs for row in _marked(name, said[name])]
        rows += [row for name, reply in replies.found.items() for row in _named(name, reply)]
        with_rows = {row["image_id"] for row in rows}
        outcomes = {name: "done" if name in with_rows else "nothing" for name in inputs}
        return Work({"categories": pl.DataFrame(rows)} if rows else {}, outcomes, replies.failures, replies.left)


def _marked(image_id: str, said: Mapping[str, Any]) -> Rows:
    """What the source marks, each with whether a crowd of it is marked."""
    marks = said.get("marks", [])
    crowds = {mark["category"] for mark in marks if mark["crowd"]}
    names = sorted({mark["category"] for mark in marks})
    return [{"image_id": image_id, "category": n, "source": said["source"], "crowd": n in crowds} for n in names]


def _named(image_id: str, reply: Reply[Named]) -> Rows:
    source, names = source_of(reply), plain_names(reply.value.categories)
    return [{"image_id": image_id, "category": name, "source": source, "crowd": False} for name in names]


def plain_names(names: Sequence[str]) -> list[str]:
    """The names as the table holds them: in lower case, on one line, each once, the first `MOST_NAMES`.

    What is empty, longer than `LONGEST_NAME` letters or cannot be printed is no name, and is left out.
    """
    plain = (" ".join(name.lower().split()) for name in names)
    fit = dict.fromkeys(name for name in plain if 0 < len(name) <= LONGEST_NAME and name.isprintable())
    return list(fit)[:MOST_NAMES]


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
