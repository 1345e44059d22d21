"""Rows of Arrow tables that hold pictures: which column it is, and what a row gives.

Parquet files and saved datasets share it. A picture is a column of bytes, or a struct of `bytes` and `path` as
Hugging Face's `Image` is kept. Of a list of pictures in a row nothing is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from hopchain_assets.sources.incoming import CREDITS, LeftOut, Picture, UnusableSource, held

# how datasets name what we keep; the first that is there counts
NAMES: Mapping[str, tuple[str, ...]] = {
    "license": ("license", "licence", "license_name"),
    "license_url": ("license_url", "licence_url"),
    "author": ("author", "creator", "artist", "photographer"),
    "source_page": ("source_page", "source_url", "page_url", "url"),
}
LONGEST_CREDIT = 2_000
# what Arrow raises of a damaged file; the last of a column's name, which it takes as it stands
BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Columns:
    """The column with the pictures, and by what we call it each column with a licence or an author."""

    image: str
    credits: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """All that have to be read."""
        return [self.image, *self.credits.values()]


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows: its address, and the folder in which a row may refer to files."""

    path: Path
    root: Path

    def row(self, number: int) -> str:
        """The address of a row, counted from 0."""
        return f"{self.path.as_uri()}#row={number}"


def choose(schema: pa.Schema, named: str | None, path: Path) -> Columns:
    """The columns to read: the picture's by the name given, or the only one that can hold pictures.

    Raises:
        UnusableSource: when there is none, there are several, or the named one holds no pictures.
    """
    candidates = _candidates(schema)
    listed = ", ".join(candidates)
    if named is not None and named not in candidates:
        there = f"columns that can: {listed}" if candidates else f"its columns: {', '.join(schema.names)}"
        what = "holds no bytes" if named in schema.names else "is not there"
        raise UnusableSource(f"the column {named!r} {what} in {path}; {there}")
    if not candidates:
        raise UnusableSource(
            f"{path} has no column that holds pictures as bytes; its columns: {', '.join(schema.names)}"
        )
    if named is None and len(candidates) > 1:
        raise UnusableSource(f"several columns of {path} can hold pictures: {listed}; name one with --column")
    return Columns(named or candidates[0], _credit_columns(schema))


def pictures(batches: Iterable[pa.RecordBatch], columns: Columns, table: Table) -> Iterator[Picture | LeftOut]:
    """What each row gives. A file that breaks off gives its rows up to there, and then a reason."""
    number = 0
    try:
        for batch in batches:
            read = batch.select(columns.names)
            # Arrow believes what a file says of its own lengths: a wrong one would be read past the end
            read.validate(full=True)
            for row in range(read.num_rows):
                yield _row(read, row, columns, table, number)
                number += 1
    except BROKEN as error:
        yield LeftOut(table.path.as_uri(), f"it cannot be read beyond row {number}: {error}; mend or replace the file")


def _row(batch: pa.RecordBatch, row: int, columns: Columns, table: Table, number: int) -> Picture | LeftOut:
    name = table.row(number)
    value = batch.column(columns.image)[row].as_py()
    data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if data is None and path:
        data = _beside(str(path), table.root)
        if isinstance(data, str):
            return LeftOut(name, data)
    if data is None:
        return LeftOut(name, f"its {columns.image!r} is null")
    if not data:
        return LeftOut(name, f"its {columns.image!r} is empty: 0 bytes")
    return held(name, data, {key: _text(batch.column(column)[row]) for key, column in columns.credits.items()})


def _beside(name: str, root: Path) -> bytes | str:
    """The bytes of a file that a row refers to, or why there are none."""
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()):
            return f"it holds no bytes, and its path {name!r} leads out of {root}"
        if not path.is_file():
            return f"it holds no bytes, and there is no file {name!r} in {root}"
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        return f"it holds no bytes, and its path {name!r} cannot be read: {error}"


def _text(value: Any) -> str:
    try:
        text = value.as_py()
    except UnicodeDecodeError:
        return ""
    return text.strip()[:LONGEST_CREDIT] if isinstance(text, str) else ""


def _candidates(schema: pa.Schema) -> list[str]:
    features = _features(schema)
    return [
        field.name
        for field in _distinct(schema)
        if _holds_bytes(field.type) and features.get(field.name, "Image") in _MAY_BE
    ]


def _distinct(schema: pa.Schema) -> list[pa.Field]:
    """The columns that can be named: a name may stand twice."""
    return [field for field in schema if schema.names.count(field.name) == 1]


# a sound is kept as the same struct, and only the features tell it from a picture
_MAY_BE = ("Image", "Value")


def _features(schema: pa.Schema) -> dict[str, str]:
    """The kind of each column, where Hugging Face's `datasets` wrote the file."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
        return {name: str(feature["_type"]) for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _holds_bytes(kind: pa.DataType) -> bool:
    if kinds.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(kind.field(index).type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind)


def _credit_columns(schema: pa.Schema) -> dict[str, str]:
    texts = {field.name.lower(): field.name for field in _distinct(schema) if _is_text(field.type)}
    found = {key: next((texts[name] for name in NAMES[key] if name in texts), None) for key in CREDITS}
    return {key: name for key, name in found.items() if name is not None}


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)
