"""The warehouse itself: migrations, transactions, errors, and what others need to read it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import psycopg
import pytest

from hopchain_assets.warehouse import locks
from hopchain_assets.warehouse.connect import WarehouseError, extension_file, extensions_for
from hopchain_assets.warehouse.lake import Lake

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def _columns(lake: Lake) -> dict[str, list[tuple[str, str]]]:
    rows = lake.query(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'hopchain' AND schema_name = 'main' ORDER BY table_name, column_index"
    ).rows()
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        tables.setdefault(table, []).append((column, kind))
    return tables


def _documented() -> dict[str, list[tuple[str, str]]]:
    tables: dict[str, list[tuple[str, str]]] = {}
    for section in DOCS.read_text(encoding="utf-8").split("\n## ")[1:]:
        name, _, body = section.partition("\n")
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:1] == "|"]
        assert cells[0] == ["column", "type", "meaning"] and all(len(row) == 3 and row[2] for row in cells), name
        tables[name.strip()] = [(row[0], row[1]) for row in cells[2:]]
    return tables


def test_docs_are_the_schema(lake: Lake) -> None:
    """docs/tables.md names every table and column, with its type, in order."""
    assert _documented() == _columns(lake)


def test_migrations_are_applied_once(lake: Lake) -> None:
    """A second migrate finds nothing to do, and keeps what is stored."""
    lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id) VALUES ('x')"))
    assert lake.migrate() == []
    assert lake.query("SELECT image_id FROM images").rows() == [("x",)]


def test_a_later_release_is_not_overwritten(sqlite_lake: Lake) -> None:
    """A warehouse with a migration that this release does not know is refused with the way out."""
    sqlite_lake.transact("s", "b", lambda c: c.execute("INSERT INTO migrations VALUES ('0999_later.sql', NULL)"))
    with pytest.raises(WarehouseError, match=r"later release \(0999_later\.sql\): use that release"):
        sqlite_lake.migrate()


def test_no_warehouse_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Reading or writing before the first run says what to do, and creates nothing."""
    lake = Lake(f"sqlite:{tmp_path}/none.sqlite", str(tmp_path / "data"), tmp_path / "locks")
    with pytest.raises(WarehouseError, match=r"no warehouse at sqlite:.* yet: run `hopchain run` first"):
        lake.query("SELECT 1")
    with pytest.raises(WarehouseError, match="no warehouse"):
        lake.transact("s", "b", lambda _: None)
    assert not (tmp_path / "none.sqlite").exists()


def test_no_warehouse_in_postgres(postgres_catalog: str, tmp_path: Path) -> None:
    """An empty Postgres database is no warehouse either, and stays empty."""
    lake = Lake(postgres_catalog, str(tmp_path / "data"), tmp_path / "locks")
    for _ in range(2):
        with pytest.raises(WarehouseError, match="no warehouse"):
            lake.transact("s", "b", lambda _: None)


def test_a_warehouse_made_anew_at_the_same_place_is_read_anew(sqlite_lake: Lake) -> None:
    """A process that had the old one open does not go on with what it remembers of it."""
    sqlite_lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id) VALUES ('old')"))
    assert sqlite_lake.query("FROM images").height == 1
    catalog = Path(sqlite_lake.catalog.removeprefix("sqlite:"))
    for file in catalog.parent.glob(catalog.name + "*"):
        file.unlink()
    sqlite_lake.migrate()
    assert sqlite_lake.query("FROM images").height == 0


def test_a_broken_postgres_session_is_replaced(postgres_catalog: str, tmp_path: Path) -> None:
    """After a restart of Postgres a process goes on with new sessions."""
    lake = Lake(postgres_catalog, str(tmp_path / "data"), tmp_path / "locks")
    lake.migrate()
    lake.snapshot()
    with psycopg.connect(postgres_catalog) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
    assert ended, "the process kept no session, so this shows nothing"
    assert lake.query("FROM images").is_empty()
    lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id) VALUES ('x')"))
    assert lake.query("FROM images").height == 1


def test_a_failing_transaction_leaves_nothing(lake: Lake) -> None:
    """What was written before the failure is rolled back, and the error comes through as it is."""
    before = lake.snapshot()

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("INSERT INTO images (image_id) VALUES ('x')")
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        lake.transact("s", "b", work)
    assert lake.query("FROM images").is_empty()
    assert lake.snapshot() == before


def test_a_conflict_is_tried_again_as_a_whole(lake: Lake) -> None:
    """When another writer commits to the same rows first, the work runs again on what is there then."""
    lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id, width) VALUES ('x', 1)"))
    runs: list[int] = []

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        (width,) = connection.execute("SELECT width FROM images").fetchall()[0]
        runs.append(width)
        if len(runs) == 1:
            with lake.open(read_only=False) as rival:
                rival.execute("UPDATE images SET width = 10")
        connection.execute("UPDATE images SET width = ?", [width + 1])

    lake.transact("s", "b", work)
    assert runs == [1, 10]
    assert lake.query("SELECT width FROM images").rows() == [(11,)]


def test_reading_cannot_write(lake: Lake) -> None:
    """`query` is read-only."""
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        lake.query("DELETE FROM images")


def test_a_reader_keeps_its_snapshot(lake: Lake) -> None:
    """A reader inside a transaction and a writer do not wait for each other."""
    with lake.reading() as reader:
        assert reader.execute("SELECT count(*) FROM images").fetchall() == [(0,)]
        lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id) VALUES ('x')"))
        assert reader.execute("SELECT count(*) FROM images").fetchall() == [(0,)]
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM images").fetchall() == [(1,)]


def test_empty_tables_have_statistics(lake: Lake) -> None:
    """So that DuckLake need not ask for those of each column; no row is there, and what is another's stays as it is."""
    kept = "SELECT count(*), sum(record_count) FROM __ducklake_metadata_hopchain.ducklake_table_stats"
    tables = len(lake.query("SHOW TABLES"))
    assert lake.query(kept).rows() == [(tables, len(lake.query("FROM migrations")))]
    with lake.open(read_only=False) as connection:
        connection.execute("CREATE TABLE empty (a INTEGER)")
        connection.execute("CREATE TABLE strict (a INTEGER NOT NULL)")
    assert lake.migrate() == []
    assert lake.query(kept).item(0, 0) == tables + 1
    assert lake.query("FROM empty").is_empty()


def test_a_held_lock_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits too long for another says what it could not write, and writes when the lock is free."""
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.2)
    with (
        locks.writing(lake.catalog, lake.lock_folder, "masks", "b1"),
        pytest.raises(WarehouseError, match="could not write stage 'masks' of batch 'b1': another writer has held"),
    ):
        lake.transact("masks", "b1", lambda _: None)
    lake.transact("masks", "b1", lambda _: None)


def test_attach_sql_works_in_a_plain_duckdb(lake: Lake, tmp_path: Path) -> None:
    """The copyable line attaches the warehouse read-only, while a writer is at work."""
    lake.transact("s", "b", lambda c: c.execute("INSERT INTO images (image_id) VALUES ('x')"))
    with duckdb.connect(config={"extension_directory": str(tmp_path / "extensions")}) as plain:
        # INSTALL by name is a download; from the wheels' files it leaves the same state without a network
        for name in extensions_for(lake.catalog, lake.data_path):
            plain.execute(f"INSTALL '{extension_file(name)}'")
        with lake.open(read_only=False) as writer:
            writer.execute("BEGIN; DELETE FROM images")
            plain.execute(lake.attach_sql())
            assert plain.execute("SELECT image_id FROM images").fetchall() == [("x",)]
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            plain.execute("DELETE FROM images")


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    """Neither the copyable line nor an error repeats the password of a Postgres catalog."""
    for catalog in ("postgresql://me:hush@127.0.0.1:1/db", "postgres:host=127.0.0.1 port=1 user=me password=hush"):
        lake = Lake(catalog, str(tmp_path), tmp_path)
        assert re.search(r"'ducklake:postgres:.*user=me", lake.attach_sql())
        messages = [lake.attach_sql(), lake.shown]
        for call in (lake.snapshot, lake.migrate):
            with pytest.raises(WarehouseError) as caught:
                call()
            messages.append(str(caught.value))
        assert not any("hush" in message for message in messages)


def test_an_object_store_needs_httpfs(tmp_path: Path) -> None:
    """With Parquet in an object store the line to copy loads httpfs too."""
    lake = Lake("sqlite:/data/catalog.sqlite", "s3://bucket/warehouse", tmp_path)
    assert "LOAD httpfs" in lake.attach_sql()
    assert extensions_for(lake.catalog, lake.data_path)[-1] == "httpfs"


def test_an_unknown_catalog_is_refused(tmp_path: Path) -> None:
    """A catalog that is neither SQLite nor Postgres is refused with the two forms."""
    with pytest.raises(WarehouseError, match=r"use sqlite:/path/catalog\.sqlite or postgresql://"):
        Lake("mysql:db", str(tmp_path), tmp_path).query("SELECT 1")
