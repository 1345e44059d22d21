"""Parquet files and saved datasets as others write them, with pictures or without."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(number: int) -> bytes:
    """A small picture, another one for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), (number % 256, number // 256 % 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def struct(values: Sequence[dict[str, Any] | None]) -> pa.Array:
    """A column as Hugging Face keeps pictures."""
    return pa.array(values, IMAGE)


def write_parquet(path: Path, columns: dict[str, Any], rows_in_group: int = 100, **options: Any) -> Path:
    """A Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows_in_group, **options)
    return path


def features(**kinds: str) -> dict[bytes, bytes]:
    """The metadata by which `datasets` tells its columns."""
    told = {name: {"_type": kind} for name, kind in kinds.items()}
    return {b"huggingface": json.dumps({"info": {"features": told}}).encode()}


def write_dataset(folder: Path, tables: Sequence[pa.Table], rows_in_batch: int = 2) -> Path:
    """A folder as `Dataset.save_to_disk` of release 3 and 4 lays it out, one Arrow stream for each table."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05d}-of-{len(tables):05d}.arrow" for number in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows_in_batch)
    state = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "0123456789abcdef",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    info = {"citation": "", "description": "", "features": {"image": {"_type": "Image"}}, "homepage": "", "license": ""}
    (folder / "state.json").write_text(json.dumps(state, indent=2))
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2))
    return folder


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes with a few changed or gone, half of them near the end, where Parquet describes itself."""
    spoilt = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        near_end = len(spoilt) - 1 - chance.randrange(min(900, len(spoilt)))
        place = near_end if chance.random() < 0.5 else chance.randrange(len(spoilt))
        if chance.random() < 0.85:
            spoilt[place] = chance.randrange(256)
        else:
            del spoilt[place : place + chance.randrange(1, 9)]
    return bytes(spoilt)
