"""`hopchain query` in its four forms."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import SCENES, Hopchain, line_of

MIXED = (
    "SELECT 7 AS n, 2.5 AS x, 'a,\"b\"\n' AS t, [1, 2] AS l, {'k': 'v'} AS s, "
    "NULL AS nothing, DATE '2026-01-02' AS d, '\\xAB'::BLOB AS b, true AS yes"
)


def test_a_table_shows_the_rows_and_says_how_many(hopchain: Hopchain, done_home: Path) -> None:
    """Rows, then a line with their number."""
    ended = hopchain("query", "SELECT image_id, width FROM images", home=done_home)
    assert ended.code == 0 and f"{SCENES} rows" in ended.out and "width" in ended.out


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_no_line_of_a_table_is_wider_than_the_terminal(hopchain: Hopchain, done_home: Path, columns: int) -> None:
    """Long texts are cut, columns that have no room are named instead."""
    ended = hopchain("query", "FROM hop_chains", home=done_home, settings={"COLUMNS": str(columns)})
    table, _, last = ended.out.rstrip("\n").rpartition("\n\n")
    assert max(map(len, table.splitlines())) <= columns
    assert "chain_id" in table and ("stage_version" in table or "stage_version" in last.partition("not shown: ")[2])


def test_a_long_result_is_cut_and_the_cut_is_told(hopchain: Hopchain, done_home: Path) -> None:
    """Nobody reads a thousand rows on a screen."""
    ended = hopchain("query", "FROM range(1000)", home=done_home)
    assert "1,000 rows; the first 40 are shown" in ended.out and len(ended.out.splitlines()) < 50


def test_text_from_outside_cannot_steer_the_terminal(hopchain: Hopchain, done_home: Path) -> None:
    """Escape sequences, markup and line breaks in a cell stay text."""
    ended = hopchain("query", "SELECT chr(27) || '[2J' || chr(10) || '[bold]x[/] :smile:' AS t", home=done_home)
    assert "\x1b" not in ended.out and "[2J [bold]x[/] :smile:" in ended.out


def test_json_is_a_list_of_objects(hopchain: Hopchain, done_home: Path) -> None:
    """Every type arrives as JSON has it; bytes as hexadecimal digits."""
    (row,) = json.loads(hopchain("query", MIXED, "--format", "json", home=done_home).out)
    assert row == {
        "n": 7, "x": 2.5, "t": 'a,"b"\n', "l": [1, 2], "s": {"k": "v"},
        "nothing": None, "d": "2026-01-02", "b": "ab", "yes": True,
    }  # fmt: skip


def test_json_of_no_rows_is_an_empty_list(hopchain: Hopchain, done_home: Path) -> None:
    """Nothing found is an answer, too."""
    assert json.loads(hopchain("query", "FROM images WHERE false", "--format", "json", home=done_home).out) == []


def test_csv_keeps_texts_and_writes_lists_as_json(hopchain: Hopchain, done_home: Path) -> None:
    """A reader of CSV gets back what was there."""
    out = hopchain("query", MIXED, "--format", "csv", home=done_home).out
    (row,) = csv.DictReader(io.StringIO(out, newline=""))
    assert row["t"] == 'a,"b"\n' and json.loads(row["l"]) == [1, 2] and json.loads(row["s"]) == {"k": "v"}


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_the_suffix_of_the_file_chooses_the_form(
    hopchain: Hopchain, done_home: Path, tmp_path: Path, suffix: str
) -> None:
    """`--output` needs no `--format`, and leaves no other file."""
    path = tmp_path / f"rows.{suffix}"
    sql = "SELECT image_id FROM images ORDER BY 1"
    ended = hopchain("query", sql, "--output", str(path), home=done_home)
    frame = {"json": pl.read_json, "csv": pl.read_csv, "parquet": pl.read_parquet}[suffix](path)
    assert ended.code == 0 and ended.out == "" and str(path) in ended.err
    assert frame["image_id"].to_list() == line_of(done_home).lake.query(sql)["image_id"].to_list()
    assert list(tmp_path.iterdir()) == [path]


def test_the_attach_line_attaches_the_warehouse(hopchain: Hopchain, done_home: Path) -> None:
    """What is printed is one line; pasted into another process's DuckDB it shows the tables, read-only."""
    line = hopchain("query", "--attach", home=done_home).out
    assert line.count("\n") == 1
    # the extensions come from wheels here, so what the line installs from the network is left out
    program = """
import duckdb, sys
from hopchain_assets.warehouse.connect import extension_file
db = duckdb.connect()
for name in ("sqlite_scanner", "ducklake"):
    db.execute(f"LOAD '{extension_file(name)}'")
db.execute(sys.argv[1][sys.argv[1].index("ATTACH"):])
print(db.execute("SELECT count(*) FROM images").fetchone()[0])
try:
    db.execute("DELETE FROM images")
except duckdb.Error as error:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program, line], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(SCENES), "refused"], done.stderr


READING = ("FROM images", "DESCRIBE images", "SUMMARIZE images", "SHOW TABLES", "EXPLAIN SELECT 1")


@pytest.mark.parametrize("sql", READING)
def test_reading_statements_are_let_through(hopchain: Hopchain, done_home: Path, sql: str) -> None:
    """SELECT has relatives that only read."""
    assert hopchain("query", sql, home=done_home).code == 0
