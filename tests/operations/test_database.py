"""The operations database: its tables, its troubles, and who else reads it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.tables import STEPS, metadata
from hopchain_assets.operations.trouble import OperationsError
from hopchain_assets.warehouse.connect import extension_file
from tests.operations.answering import Model, ask_all, paid, question

SECRET = "pass/word"
HIDDEN = "pass%2Fword"


def _open(url: str) -> None:
    ask_all(paid(Model(), url), [question()])


def test_duckdb_reads_the_calls_while_they_are_written(url: str) -> None:
    """With the statement that we give; each look finds the rows committed by then, and stops no writer."""

    async def work() -> list[int]:
        seen: list[int] = []
        database = duckdb.connect()
        for name in ("sqlite_scanner", "postgres_scanner"):
            database.execute(f"LOAD '{extension_file(name)}'")
        async with paid(Model(), url) as vlm:
            await vlm.ask(question())
            database.execute(Database(url).attach_sql())
            for start in range(1, 101, 20):
                asking = asyncio.gather(*[vlm.ask(question(n)) for n in range(start, start + 20)])
                seen.append(_count(database))
                await asking
                assert _count(database) == start + 20
        return seen

    assert len(asyncio.run(work())) == 5


def _count(database: duckdb.DuckDBPyConnection) -> int:
    row = database.execute(
        "SELECT count(*) FILTER (typeof(\"at\") LIKE 'TIMESTAMP%' AND cost > 0 AND prompt_tokens = 1000) "
        "FROM operations.calls WHERE outcome = 'answered'"
    ).fetchone()
    assert row is not None
    return row[0]


def test_what_is_attached_cannot_be_changed(sqlite_url: str) -> None:
    """Read-only."""
    _open(sqlite_url)
    database = duckdb.connect()
    database.execute(f"LOAD '{extension_file('sqlite_scanner')}'")
    database.execute(Database(sqlite_url).attach_sql())
    with pytest.raises(duckdb.Error, match="read-only"):
        database.execute("DELETE FROM operations.calls")


def test_a_path_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Blanks, quotes, question marks and percent signs are parts of its name."""
    file = tmp_path / "a b?c%41'd#" / "operations.sqlite"
    _open(f"sqlite:///{file}")
    assert file.is_file()
    database = duckdb.connect()
    database.execute(f"LOAD '{extension_file('sqlite_scanner')}'")
    database.execute(Database(f"sqlite:///{file}").attach_sql())
    assert _count(database) == 1


def test_a_password_is_never_shown() -> None:
    """Not in the statement for DuckDB, not in the URL, not in what the server says."""
    for url in (
        f"postgresql://me:{HIDDEN}@127.0.0.1:1/hopchain?sslmode=disable",
        f"postgresql://me@127.0.0.1:1/hopchain?password={HIDDEN}",
    ):
        assert (
            "dbname=hopchain" in Database(url).attach_sql()
            and "port=1" in Database(url).attach_sql()
            and "user=me" in Database(url).attach_sql()
        )
        with pytest.raises(OperationsError, match="start the server or mend HOPCHAIN_OPERATIONS") as caught:
            _open(url)
        for told in (Database(url).attach_sql(), Ledger(url).shown, str(caught.value)):
            assert SECRET not in told and HIDDEN not in told and "hopchain" in told


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite:///", "mysql://me:secret@host/db", "postgresql://host", "postgresql://h:x/db", "/a"]
)
def test_an_address_that_is_none_of_ours_is_refused(url: str) -> None:
    """At once, with an example, and without what may be a password."""
    with pytest.raises(OperationsError, match=r"sqlite:////path/operations\.sqlite") as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A folder, a file in the way, a file that is something else: the sentence says which, and what to do."""
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8 a picture" * 999)
    for path, told in (
        (tmp_path, "unable to open"),
        (tmp_path / "picture.jpg" / "operations.sqlite", "cannot be made"),
        (tmp_path / "picture.jpg", "the file is something else"),
    ):
        with pytest.raises(OperationsError, match=told) as caught:
            _open(f"sqlite:///{path}")
        assert str(path) in str(caught.value)


def test_a_ledger_that_breaks_stops_the_run_and_hangs_nobody(file: Path, sqlite_url: str) -> None:
    """All who wait are told, before anything more is paid for."""

    async def work() -> None:
        model = Model()
        async with paid(model, sqlite_url) as vlm:
            await vlm.ask(question())
            with sqlite3.connect(file) as connection:
                connection.execute("DROP TABLE claims")
            connection.close()
            ended = await asyncio.gather(*[vlm.ask(question(n)) for n in range(1, 9)], return_exceptions=True)
            assert all(isinstance(error, OperationsError) and str(file) in str(error) for error in ended)
        assert len(model.asked) == 1

    asyncio.run(work())


def test_tables_of_another_program_are_left_alone(file: Path, sqlite_url: str) -> None:
    """A table of the same name that we did not make is not written to."""
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE calls (phone TEXT)")
    connection.close()
    with pytest.raises(OperationsError, match="'calls' that is not ours"):
        _open(sqlite_url)


def test_steps_of_a_later_release_are_applied_once_and_in_order(url: str) -> None:
    """A new database has all of them at once; an older one is brought up; an older program refuses a newer one."""
    database, done = Database(url), []

    def colour(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE claims ADD COLUMN colour TEXT"))
        done.append("colour")

    def size(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE claims ADD COLUMN size TEXT"))
        done.append("size")

    database.migrate()
    for _ in range(2):
        database.migrate([*STEPS, colour])
    for _ in range(2):
        database.migrate([*STEPS, colour, size])
    assert done == ["colour", "size"]
    with pytest.raises(OperationsError, match="later release"):
        database.migrate()
    with pytest.raises(OperationsError, match="later release"):
        Ledger(url).spent_by(["stage"])


def test_a_step_that_fails_leaves_nothing_behind(url: str) -> None:
    """All of the steps or none."""

    def half(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE claims ADD COLUMN colour TEXT"))
        connection.execute(sa.text("ALTER TABLE nothing ADD COLUMN colour TEXT"))

    database = Database(url)
    database.migrate()
    with pytest.raises(OperationsError, match="nothing"):
        database.migrate([*STEPS, half])
    with database.reading() as connection:
        assert connection is not None
        columns = {column["name"] for column in sa.inspect(connection).get_columns("claims")}
    assert columns == {"key", "holder", "until"}


def test_the_page_tells_every_table_and_column() -> None:
    """docs/ledger.md, and docs/review.md for what people do, list the columns that there are, in their order."""
    docs = Path(__file__).parents[2] / "docs"
    for name, table in metadata.tables.items():
        page = (docs / ("review.md" if name.startswith("review_") else "ledger.md")).read_text()
        section = page.partition(f"\n### {name}\n")[2].partition("\n#")[0]
        told = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
        assert told[2:] == [column.name for column in table.columns], name
