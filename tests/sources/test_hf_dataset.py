"""Directories of `save_to_disk`: laid out as the `datasets` package does it, read without it."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from hopchain_assets.sources.hf_dataset import count_dataset, is_dataset, read_dataset
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource
from tests.sources.tables import damaged, features, png, struct, write_dataset


def _table(*numbers: int) -> pa.Table:
    images = struct([{"bytes": png(number), "path": f"{number}.png"} for number in numbers])
    table = pa.table({"image": images, "label": list(numbers), "author": [f"author {number}" for number in numbers]})
    return table.replace_schema_metadata(features(image="Image", label="ClassLabel", author="Value"))


def _data(folder: Path) -> list[bytes | None]:
    return [row.data for row in read_dataset(folder) if isinstance(row, Picture)]


def _left_out(folder: Path) -> dict[str, str]:
    return {row.name.rpartition("/")[2]: row.reason for row in read_dataset(folder) if isinstance(row, LeftOut)}


def test_a_dataset_gives_its_rows_in_order(tmp_path: Path) -> None:
    """Over record batches and files; each row has an address in its file, and its author."""
    folder = write_dataset(tmp_path / "set", [_table(0, 1, 2), _table(3)])
    assert is_dataset(folder) and count_dataset(folder) == 4
    assert _data(folder) == [png(number) for number in range(4)]
    rows = [row for row in read_dataset(folder) if isinstance(row, Picture)]
    assert [row.source_uri.rpartition("/")[2] for row in rows] == [
        "data-00000-of-00002.arrow#row=0", "data-00000-of-00002.arrow#row=1", "data-00000-of-00002.arrow#row=2",
        "data-00001-of-00002.arrow#row=0",
    ]  # fmt: skip
    assert json.loads(rows[3].annotations or "")["author"] == "author 3"


def test_a_dictionary_of_datasets_gives_all_its_splits(tmp_path: Path) -> None:
    """In the order in which they are listed."""
    folder = tmp_path / "dict"
    write_dataset(folder / "train", [_table(0, 1)])
    write_dataset(folder / "test", [_table(2)])
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert is_dataset(folder) and _data(folder) == [png(0), png(1), png(2)] and count_dataset(folder) == 3


def test_a_split_or_a_file_that_is_missing_or_outside_has_its_reason(tmp_path: Path) -> None:
    """The others come in; nothing outside the folder is opened."""
    write_dataset(tmp_path / "other", [_table(9)])
    folder = tmp_path / "dict"
    train = write_dataset(folder / "train", [_table(0)])
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "gone", "../other"]}))
    state = json.loads((train / "state.json").read_text())
    outside = ["../../other/data-00000-of-00001.arrow", str(tmp_path / "other" / "data-00000-of-00001.arrow")]
    state["_data_files"] += [{"filename": name} for name in ["gone.arrow", *outside]]
    (train / "state.json").write_text(json.dumps(state))
    assert _data(folder) == [png(0)] and len([row for row in read_dataset(folder) if isinstance(row, LeftOut)]) == 5


def test_nulls_empty_values_and_paths_are_told_by_row(tmp_path: Path) -> None:
    """A path is read inside the dataset only."""
    values = [
        None,
        {"bytes": b"", "path": None},
        {"bytes": None, "path": "a.png"},
        {"bytes": None, "path": "/etc/passwd"},
    ]
    folder = write_dataset(tmp_path / "set", [pa.table({"image": struct(values)})])
    (folder / "a.png").write_bytes(png(7))
    assert _data(folder) == [png(7)]
    assert [reason.partition(",")[0] for reason in _left_out(folder).values()] == [
        "its 'image' is null", "its 'image' is empty: 0 bytes", "it holds no bytes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("state.json", "{", "is not JSON"),
        ("state.json", "[]", "is not what"),
        ("state.json", "{}", "lists no data files"),
        ("state.json", '{"_data_files": [{"filename": 1}]}', "lists no data files"),
        (
            "state.json",
            '{"_data_files": [{"filename": "a"}], "_indices_data_files": [{"filename": "b"}]}',
            "before 2.0",
        ),
        ("dataset_dict.json", '{"splits": "train"}', "lists no splits"),
    ],
)
def test_a_directory_that_says_nothing_of_use_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """The sentence names the file."""
    folder = write_dataset(tmp_path / "set", [_table(0)])
    (folder / name).write_text(text)
    with pytest.raises(UnusableSource, match=words):
        list(read_dataset(folder))


def test_a_broken_stream_among_good_ones_has_its_reason(tmp_path: Path) -> None:
    """No stream at all, or cut off: told; its rows up to there and the other files come in."""
    folder = write_dataset(tmp_path / "set", [_table(0), _table(1, 2, 3, 4, 5), _table(6)], rows_in_batch=2)
    first, second, _ = sorted(folder.glob("*.arrow"))
    first.write_bytes(b"no arrow")
    second.write_bytes(second.read_bytes()[:-500])
    assert _data(folder) == [png(1), png(2), png(3), png(4), png(6)]
    assert list(_left_out(folder)) == [first.name, second.name]
    assert count_dataset(folder) == 1


def test_a_stream_that_lies_about_its_lengths_is_not_read_past_its_end(tmp_path: Path) -> None:
    """Arrow believes a file's offsets; read unchecked, they show what lies elsewhere in memory, or end the process."""
    table = pa.table({"image": struct([{"bytes": b"abc"}, {"bytes": b"defg"}])})
    folder = write_dataset(tmp_path / "set", [table])
    (path,) = folder.glob("*.arrow")
    honest, lying = (b"".join(n.to_bytes(4, "little") for n in ends) for ends in ((0, 3, 7), (0, 1_000_000, 7)))
    assert path.read_bytes().count(honest) == 1
    path.write_bytes(path.read_bytes().replace(honest, lying))
    assert _data(folder) == [] and "cannot be read beyond row 0" in _left_out(folder)[path.name]


def test_damage_anywhere_is_a_reason(tmp_path: Path) -> None:
    """Whatever bytes change: rows, reasons, or a sentence on the columns; a column's name once was no text."""
    folder = write_dataset(tmp_path / "set", [_table(*range(12))], rows_in_batch=5)
    (path,) = folder.glob("*.arrow")
    sound, chance = path.read_bytes(), random.Random(7)
    for data in [sound.replace(b"author\0", b"\xffuthor\0"), *(damaged(sound, chance) for _ in range(200))]:
        path.write_bytes(data)
        count_dataset(folder)
        with suppress(UnusableSource):
            assert all(isinstance(row, Picture | LeftOut) for row in read_dataset(folder))
