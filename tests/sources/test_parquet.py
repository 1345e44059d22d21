"""Parquet files with pictures: the column is found, each row gives a picture or a reason, and nothing is skipped."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource
from hopchain_assets.sources.parquet import count_parquet, read_parquet
from tests.sources.tables import damaged, features, png, struct, write_parquet


def _read(path: Path, column: str | None = None) -> list[Picture | LeftOut]:
    return list(read_parquet([path], path.parent, column))


def _reasons(path: Path) -> list[str]:
    return [row.reason for row in _read(path) if isinstance(row, LeftOut)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([png(0), png(1), png(2)], pa.binary()),
        pa.array([png(0), png(1), png(2)], pa.large_binary()),
        pa.array([png(0), png(1), png(2)], pa.binary_view()),
        struct([{"bytes": png(number), "path": None} for number in range(3)]),
        pa.array([{"bytes": png(number)} for number in range(3)], pa.struct([("bytes", pa.large_binary())])),
    ],
    ids=["binary", "large binary", "binary view", "struct", "struct without a path"],
)
def test_each_row_gives_its_bytes_and_its_address(tmp_path: Path, column: pa.Array) -> None:
    """Whatever kind of bytes the column holds, and beside other columns; rows are counted from 0 over row groups."""
    path = write_parquet(tmp_path / "a b#1.parquet", {"label": [1, 2, 3], "picture": column}, rows_in_group=2)
    rows = _read(path)
    assert [row.data for row in rows if isinstance(row, Picture)] == [png(0), png(1), png(2)]
    last = rows[2]
    assert isinstance(last, Picture) and last.source_uri == f"{tmp_path.as_uri()}/a%20b%231.parquet#row=2"
    assert last.content_sha256 == hashlib.sha256(png(2)).hexdigest() and last.annotations is None
    assert count_parquet([path]) == 3


def test_many_rows_in_one_group_come_in_order(tmp_path: Path) -> None:
    """Reading by the piece loses nothing at the seams."""
    path = write_parquet(tmp_path / "a.parquet", {"image": [png(number) for number in range(150)]}, rows_in_group=150)
    assert [row.data for row in _read(path) if isinstance(row, Picture)] == [png(number) for number in range(150)]


def test_a_row_without_a_picture_has_its_reason(tmp_path: Path) -> None:
    """Null, empty, a struct of nulls; the others come in."""
    values = [None, {"bytes": b"", "path": None}, {"bytes": None, "path": None}, {"bytes": png(1), "path": "x.png"}]
    path = write_parquet(tmp_path / "a.parquet", {"image": struct(values)})
    assert _reasons(path) == ["its 'image' is null", "its 'image' is empty: 0 bytes", "its 'image' is null"]
    assert [row.name.partition("#")[2] for row in _read(path) if isinstance(row, LeftOut)] == [
        "row=0",
        "row=1",
        "row=2",
    ]


def test_a_row_that_names_a_file_is_read_inside_the_folder_only(tmp_path: Path) -> None:
    """`../`, absolute paths, links that lead out, folders and files that are not there give a reason."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(png(5))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "round.png").symlink_to("round.png")
    names = [
        "images/a.png", str(folder / "images" / "a.png"), "../secret.png", "/etc/passwd", "link.png", "images",
        "none.png", "round.png", "a\0b.png", "x" * 5_000, "https://example.com/a.png",
    ]  # fmt: skip
    path = write_parquet(folder / "a.parquet", {"image": struct([{"bytes": None, "path": name} for name in names])})
    assert [row.data for row in _read(path) if isinstance(row, Picture)] == [png(5), png(5)]
    reasons = _reasons(path)
    assert len(reasons) == len(names) - 2 and all(reason.startswith("it holds no bytes") for reason in reasons)
    assert ["leads out of" in reason for reason in reasons[:3]] == [True] * 3


def test_licence_and_author_come_along(tmp_path: Path) -> None:
    """Texts only, by the names that datasets use; rows without any say nothing."""
    columns: dict[str, Any] = {
        "image": [png(0), png(1)],
        "License": ["CC-BY-4.0", None],
        "license_url": pa.array(["https://cc.example", None]).dictionary_encode(),
        "author": [" Ada ", ""],
        "url": ["https://photos.example/1", None],
    }
    first, second = _read(write_parquet(tmp_path / "a.parquet", columns))
    assert isinstance(first, Picture) and isinstance(second, Picture) and second.annotations is None
    assert json.loads(first.annotations or "") == {
        "source": "dataset", "marks": [], "license": "CC-BY-4.0", "license_url": "https://cc.example", "author": "Ada",
        "source_page": "https://photos.example/1",
    }  # fmt: skip


def test_a_licence_that_is_a_number_is_no_licence(tmp_path: Path) -> None:
    """A class label would need the names that it stands for."""
    (row,) = _read(write_parquet(tmp_path / "a.parquet", {"image": [png(0)], "license": [3]}))
    assert isinstance(row, Picture) and row.annotations is None


def test_of_several_columns_one_must_be_named(tmp_path: Path) -> None:
    """The sentence lists them; the named one is read."""
    path = write_parquet(tmp_path / "a.parquet", {"image": [png(0)], "mask": [png(1)], "n": [1]})
    with pytest.raises(UnusableSource, match=r"image, mask; name one with --column"):
        _read(path)
    (row,) = _read(path, "mask")
    assert isinstance(row, Picture) and row.data == png(1)


@pytest.mark.parametrize(
    ("columns", "named", "words"),
    [
        ({"n": [1], "text": ["a"]}, None, "no column that holds pictures as bytes; its columns: n, text"),
        ({"image": [b"a"], "n": [1]}, "n", "'n' holds no bytes in .*; columns that can: image"),
        ({"image": [b"a"]}, "picture", "'picture' is not there"),
        ({"n": [1]}, "n", "its columns: n"),
        ({"images": [[b"a"]]}, None, "no column"),
    ],
)
def test_a_column_that_cannot_be_is_told(
    tmp_path: Path, columns: dict[str, Any], named: str | None, words: str
) -> None:
    """The sentence says what there is instead."""
    with pytest.raises(UnusableSource, match=words):
        _read(write_parquet(tmp_path / "a.parquet", columns), named)


def test_a_sound_is_no_picture(tmp_path: Path) -> None:
    """Hugging Face keeps both in the same struct; the features tell them apart."""
    table = pa.table({"audio": struct([{"bytes": b"RIFF", "path": None}]), "image": struct([{"bytes": png(1)}])})
    table = table.replace_schema_metadata(features(audio="Audio", image="Image"))
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    (row,) = _read(path)
    assert isinstance(row, Picture) and row.data == png(1)


def test_a_broken_file_among_good_ones_has_its_reason(tmp_path: Path) -> None:
    """Cut off, of other columns: told, and the others come in. A name that stands twice is of no use."""
    good = write_parquet(tmp_path / "a.parquet", {"image": [png(0)]})
    cut = tmp_path / "b.parquet"
    cut.write_bytes(good.read_bytes()[:-20])
    other = write_parquet(tmp_path / "c.parquet", {"picture": [png(1)]})
    twice = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([b"a"]), pa.array([b"b"])], ["image", "image"]), twice)
    last = write_parquet(tmp_path / "e.parquet", {"image": [png(2)]})
    files = [good, cut, other, twice, last]
    rows = list(read_parquet(files, tmp_path))
    assert [row.data for row in rows if isinstance(row, Picture)] == [png(0), png(2)]
    reasons = {row.name.rpartition("/")[2]: row.reason for row in rows if isinstance(row, LeftOut)}
    assert reasons.keys() == {"b.parquet", "c.parquet", "d.parquet"} and "no whole Parquet" in reasons["b.parquet"]
    assert count_parquet(files) == 4


def test_a_file_that_breaks_in_the_middle_gives_its_rows_up_to_there(tmp_path: Path) -> None:
    """What is damaged is told with the row before which it was well."""
    data = [bytes([number]) * 40_000 for number in range(60)]
    path = write_parquet(
        tmp_path / "a.parquet", {"image": data}, rows_in_group=20, compression="none", use_dictionary=False,
        write_page_checksum=True,
    )  # fmt: skip
    spoilt = bytearray(path.read_bytes())
    middle = spoilt.index(bytes([25]) * 1000) - 5_000
    spoilt[middle - 200_000 : middle] = b"\xff" * 200_000
    path.write_bytes(spoilt)
    rows = _read(path)
    assert len([row for row in rows if isinstance(row, Picture)]) >= 16
    assert rows and isinstance(rows[-1], LeftOut) and "cannot be read beyond row" in rows[-1].reason


def test_damage_anywhere_is_a_reason(tmp_path: Path) -> None:
    """Whatever bytes change: rows, reasons, or a sentence on the columns; a column's name once was no text."""
    columns = {"image": struct([{"bytes": png(n), "path": f"{n}"} for n in range(12)]), "author": ["Ada"] * 12}
    path = write_parquet(tmp_path / "a.parquet", columns, rows_in_group=5)
    sound, chance = path.read_bytes(), random.Random(7)
    damages = [sound.replace(b"author", b"\xffuthor"), *(damaged(sound, chance) for _ in range(200))]
    for data in damages:
        path.write_bytes(data)
        count_parquet([path])
        with suppress(UnusableSource):
            assert all(isinstance(row, Picture | LeftOut) for row in _read(path))
