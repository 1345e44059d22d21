"""Votes and closed questions as CSV and Parquet, written a few thousand rows at a time.

People stand in both as `person_id`, never by name: a sheet outlives whoever is removed from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as pq

from hopchain_assets.operations.review.book import ReviewBook

Format = Literal["csv", "parquet"]
Rows = Sequence[Mapping[str, object]]
Sheet = SpooledTemporaryFile[bytes]

ROWS = 5_000
# of a sheet; what is larger lies on the disk while it is sent
_IN_MEMORY = 4 << 20
_CHUNK = 1 << 16
# what a spreadsheet takes for the beginning of a formula, also after a space, and as it is written in East Asia
_FORMULA = re.compile(r"^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

VOTES: Mapping[str, Any] = {
    "question_id": pl.String, "vote_id": pl.String, "image_id": pl.String, "batch": pl.String, "source": pl.String,
    "person_id": pl.String, "purpose": pl.String, "number": pl.String, "defect": pl.String, "note": pl.String,
    "seconds": pl.Float64, "at": pl.Datetime("us"), "origin": pl.String, "state": pl.String,
}  # fmt: skip
QUESTIONS: Mapping[str, Any] = {
    "question_id": pl.String, "image_id": pl.String, "batch": pl.String, "source": pl.String, "question": pl.String,
    "state": pl.String, "answer": pl.String, "executed": pl.String, "accepted_by": pl.String, "sampled": pl.Boolean,
    "withdrawn": pl.String, "pushed_at": pl.Datetime("us"), "closed_at": pl.Datetime("us"),
}  # fmt: skip


def votes_sheet(book: ReviewBook, form: Format) -> Sheet:
    """All votes on closed questions that are final, or were set aside. Close it."""

    def after(last: Mapping[str, object]) -> Rows:
        return book.votes_after(str(last.get("question_id", "")), str(last.get("vote_id", "")), ROWS)

    return _sheet(after, VOTES, form)


def questions_sheet(book: ReviewBook, form: Format) -> Sheet:
    """All closed questions. Close it."""
    return _sheet(lambda last: book.questions_after(str(last.get("question_id", "")), ROWS), QUESTIONS, form)


def chunks(sheet: Sheet) -> Iterator[bytes]:
    """A sheet's bytes in pieces; closes it at the end."""
    with sheet:
        while piece := sheet.read(_CHUNK):
            yield piece


def _sheet(after: Callable[[Mapping[str, object]], Rows], schema: Mapping[str, Any], form: Format) -> Sheet:
    """Written whole before the first byte is sent, so that trouble on the way is told and not a sheet cut short."""
    with ExitStack() as held:
        sheet: Sheet = held.enter_context(SpooledTemporaryFile(max_size=_IN_MEMORY))
        (_write_csv if form == "csv" else _write_parquet)(sheet, _frames(after, schema))
        sheet.seek(0)
        # whoever sends it closes it
        held.pop_all()
    return sheet


def _frames(after: Callable[[Mapping[str, object]], Rows], schema: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """The rows in order, the first frame also where there are none."""
    rows = after({})
    yield pl.DataFrame(rows, schema=schema)
    while len(rows) == ROWS:
        rows = after(rows[-1])
        yield pl.DataFrame(rows, schema=schema)


def _write_csv(sheet: Sheet, frames: Iterator[pl.DataFrame]) -> None:
    """With a byte order mark: without it a spreadsheet reads notes in another alphabet wrong."""
    for number, frame in enumerate(frames):
        texts = pl.col(pl.String).map_elements(_plain, return_dtype=pl.String)
        told = frame.with_columns(texts).write_csv(include_header=not number, include_bom=not number)
        sheet.write(told.encode())


def _write_parquet(sheet: Sheet, frames: Iterator[pl.DataFrame]) -> None:
    first = next(frames).to_arrow()
    with pq.ParquetWriter(sheet, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(frame.to_arrow())


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers stay."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
