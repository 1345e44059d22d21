"""Directories that Hugging Face's `datasets` wrote with `save_to_disk`.

A dataset is Arrow streams with `state.json`, which lists them, and `dataset_info.json`; a dictionary of datasets is a
folder with `dataset_dict.json`, which lists its splits, and a dataset for each. The package itself is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from hopchain_assets.sources.arrow_rows import BROKEN, Columns, Table, choose, pictures
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource

STATE, SPLITS = "state.json", "dataset_dict.json"


def is_dataset(folder: Path) -> bool:
    """Whether the folder is one that `save_to_disk` wrote."""
    return (folder / SPLITS).is_file() or ((folder / STATE).is_file() and (folder / "dataset_info.json").is_file())


def count_dataset(folder: Path) -> int:
    """How many rows it has; a file that cannot be read counts none."""
    return sum(_rows(path) for path in _files(folder) if isinstance(path, Path))


def read_dataset(folder: Path, column: str | None = None) -> Iterator[Picture | LeftOut]:
    """The rows of all splits, in order.

    A row that holds no bytes but a path is read from below the folder. Of a file that is missing or broken a reason is
    told.

    Raises:
        UnusableSource: when `state.json` cannot be used, no column can be told to hold pictures, or there are several.
    """
    columns: Columns | None = None
    for path in _files(folder):
        if isinstance(path, LeftOut):
            yield path
            continue
        try:
            with _stream(path) as reader:
                columns = choose(reader.schema, columns.image if columns else column, path)
                yield from pictures(reader, columns, Table(path, folder))
        except BROKEN as error:
            yield LeftOut(path.as_uri(), f"it is no Arrow stream: {error}; save the dataset again")
        except UnusableSource as error:
            if columns is None:
                raise
            yield LeftOut(path.as_uri(), str(error))


def _files(folder: Path) -> Iterator[Path | LeftOut]:
    if not (folder / SPLITS).is_file():
        yield from _data_files(folder, folder)
        return
    splits = _json(folder / SPLITS).get("splits")
    if not isinstance(splits, list) or not all(isinstance(name, str) for name in splits):
        raise UnusableSource(f"{folder / SPLITS} lists no splits: save the dataset again")
    for name in splits:
        split = _inside(folder, name)
        if split is None or not (split / STATE).is_file():
            yield LeftOut(name, f"there is no split {name!r} in {folder}")
        else:
            yield from _data_files(split, folder)


def _data_files(split: Path, root: Path) -> Iterator[Path | LeftOut]:
    state = _json(split / STATE)
    listed = state.get("_data_files")
    names = [entry.get("filename") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise UnusableSource(f"{split / STATE} lists no data files: save the dataset again")
    if state.get("_indices_data_files"):
        # before release 2 a selection of rows was kept beside all rows, and we would read those that were dropped
        raise UnusableSource(f"{split} was saved by a release of `datasets` before 2.0: load and save it again")
    for name in names:
        path = _inside(root, str(split / str(name)))
        yield path if path and path.is_file() else LeftOut(str(name), f"there is no such file in {split}")


def _inside(folder: Path, name: str) -> Path | None:
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):
        return None
    return path if path.is_relative_to(folder.resolve()) else None


def _rows(path: Path) -> int:
    try:
        with _stream(path) as reader:
            return sum(batch.num_rows for batch in reader)
    except BROKEN:
        return 0


def _stream(path: Path) -> pa.ipc.RecordBatchStreamReader:
    # mapped, a batch takes no memory of ours before one of its rows is looked at
    return pa.ipc.open_stream(pa.memory_map(str(path)))


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UnusableSource(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnusableSource(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnusableSource(f"{path} is not what `save_to_disk` writes: save the dataset again")
    return document
