"""Stage `image_ratings`: whether a picture holds enough to ask about (stage 0 of the paper)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.export.words import clean_text
from hopchain_assets.ports.vlm import Reply, Vlm
from hopchain_assets.stages.asking import AskSettings, version_of
from hopchain_assets.stages.categories import said_of, with_annotations
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.one_ask import Question, ask_of_plain, source_of
from hopchain_assets.stages.replies import Rating
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 1
QUESTION = Question("image_ratings", "rate", "rate", "rating", Rating)


@dataclass(frozen=True, slots=True)
class ImageRatings:
    """Has a model rate the pictures that nobody annotated; without a model none is rated, and all go on."""

    lake: Lake
    pictures: PictureStore
    vlm: Vlm | None
    asking: AskSettings

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables("image_ratings", {"image_ratings": "image_id"})

    @property
    def version(self) -> str:
        """Raised by code, and where a model is asked by the model, the prompt and how it is asked."""
        asked = (version_of(self.vlm), QUESTION.version, self.asking) if self.vlm else ()
        return stage_version("image_ratings", CODE, *asked)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures that were taken in; what their source says is part of the hash."""
        return with_annotations(connection, batches, upstream(connection, ["raw_images"], batches))

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """A rating for each picture without annotations. One that is not kept ends here.

        Raises:
            ServerUnavailable: when the model cannot be asked.
        """
        said = said_of(self.lake, batch, inputs)
        replies = ask_of_plain(QUESTION, self.vlm, self.pictures, self.asking.sent_pixels, said, progress)
        rows = [_row(name, reply, self.asking.least_complexity) for name, reply in replies.found.items()]
        # "skipped" leaves no rows, so what comes after an annotated picture does not hang on whether a model is set
        outcomes = dict.fromkeys(inputs, "skipped")
        outcomes |= {row["image_id"]: "done" if row["kept"] else "nothing" for row in rows}
        frames = {"image_ratings": pl.DataFrame(rows)} if rows else {}
        return Work(frames, outcomes, replies.failures, replies.left)


def _row(name: str, reply: Reply[Rating], least_complexity: int) -> dict[str, Any]:
    rating = reply.value
    objects = [{"name": clean_text(found.name), "why": found.why} for found in rating.complex_objects]
    return {
        "image_id": name,
        "complexity": rating.complexity,
        "quality": rating.quality,
        "complex_objects": json.dumps(objects),
        "reason": clean_text(rating.reason),
        "kept": rating.quality != "Low" and rating.complexity >= least_complexity,
        "source": source_of(reply),
    }
