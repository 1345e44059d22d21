"""`hopchain query`: one SELECT on the warehouse, to the screen or into a file."""

from __future__ import annotations

import sys
from io import BytesIO, StringIO
from pathlib import Path

import click
import duckdb
import polars as pl
from rich.console import Console

from hopchain_assets.cli.ending import Refusal, printable
from hopchain_assets.cli.machine import machine_trouble
from hopchain_assets.cli.output import check_output, write_output
from hopchain_assets.cli.screen import load_settings, notes, out, plain, plural, readable, say, show, table
from hopchain_assets.warehouse.connect import extension_file, quoted
from hopchain_assets.warehouse.lake import Lake

FORMATS = ("table", "json", "csv", "parquet")
SHOWN_ROWS = 40
NARROWEST_CELL = 8
# counted from 1970-01-01, as Arrow does
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
CAST = "write it as text, such as the_column::VARCHAR"
GAP = 2


@click.command()
@click.argument("sql", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: table, or by the suffix of --output]")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--attach", is_flag=True, help="Print what to paste into duckdb, Python or a notebook instead.")
def query(sql: str | None, form: str | None, output: Path | None, attach: bool) -> None:
    """Run one SELECT on the warehouse; nothing can be changed by it.

    `hopchain query "FROM images LIMIT 5"`; the tables are told in docs/tables.md, `SHOW TABLES` lists them. The calls
    to models are in `operations.calls` (docs/ledger.md).
    """
    sql = readable(sql, "the query") if sql else sql
    settings = load_settings()
    lake = settings.lake()
    if attach:
        if sql or form or output:
            raise click.UsageError("--attach goes alone.")
        _print_attach(lake.attach_sql())
        return
    if not sql or not sql.strip():
        raise click.UsageError('Give a query, such as "SELECT count(*) FROM images".')
    chosen = form or _form_of(output)
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for the screen: name a file with --output.")
    if output:
        check_output(output)
    _check(sql)
    frame = _answer(lake, sql, settings.operations)
    try:
        data = b"" if chosen == "table" else _encoded(frame, chosen)
        if chosen == "table":
            _show(frame, output)
    except pl.exceptions.PanicException as error:
        raise Refusal(f"a list holds a value that has no place here; {CAST}") from error
    if chosen != "table":
        _write(data, output)
    if output:
        say(notes(), f"{plural(frame.height, 'row')} in {output}")


def _form_of(output: Path | None) -> str:
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return suffix if suffix in FORMATS else "table"


def _check(sql: str) -> None:
    """Only a single statement that reads.

    Raises:
        Refusal: for anything else.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise Refusal(_told(error)) from error
    if len(statements) != 1:
        raise Refusal(f"one query at a time, please; these are {len(statements)} statements")
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        kind = statements[0].type.name.replace("_", " ")
        raise Refusal(f"{kind} is refused: this command only reads; use SELECT, FROM, DESCRIBE, SUMMARIZE or SHOW")


def _answer(lake: Lake, sql: str, operations: str) -> pl.DataFrame:
    """The rows.

    Raises:
        Refusal: when the query is wrong, or a value has no place in a table of ours.
        duckdb.Error: when the warehouse itself cannot be read.
    """
    try:
        if "operations" in sql.lower():
            frame = _with_operations(lake, sql, operations)
        else:
            # attaching takes a moment that most queries need not wait for
            frame = lake.query(sql, all_cores=True)
    except duckdb.Error as error:
        if "from DuckLake" in str(error) and machine_trouble(error):
            # the catalog is broken, not the query
            raise
        raise Refusal(_told(error)) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise Refusal(f"a column is of a type that has no place here; {CAST}") from error
    for column in frame:
        if column.dtype.is_temporal() and not _in_our_years(column):
            raise Refusal(f"the column {column.name} has a time outside of the years 1 to 9999; {CAST}")
    return frame


def _with_operations(lake: Lake, sql: str, url: str) -> pl.DataFrame:
    """The rows of a query that may also read the operations database, where there is one."""
    from hopchain_assets.operations.database import NAME, Database

    database = Database(url)
    if database.file is not None and not database.file.is_file():
        return lake.query(sql, all_cores=True)
    scanner = "sqlite_scanner" if database.file is not None else "postgres_scanner"
    with lake.open(all_cores=True) as connection:
        connection.execute(f"LOAD {quoted(str(extension_file(scanner)))}")
        connection.execute(database.attach_sql())
        try:
            return connection.execute(sql).pl()
        finally:
            # connections share what is attached
            connection.execute(f"DETACH {NAME}")


def _in_our_years(times: pl.Series) -> bool:
    # nanoseconds reach from 1677 to 2262 only
    day = {"Date": 1, "ms": 86_400_000, "us": 86_400_000_000}.get(getattr(times.dtype, "time_unit", str(times.dtype)))
    if day is None or times.dtype == pl.Duration:
        return True
    return bool(
        times.to_physical().is_between(FIRST_DAY * day, (LAST_DAY + 1) * day, closed="left").fill_null(True).all()
    )


def _told(error: duckdb.Error) -> str:
    """DuckDB's message without its drawing of the place."""
    told = str(error).partition("\n\nLINE ")[0]
    return printable(told)


def _print_attach(sql: str) -> None:
    console = out()
    say(console, sql)
    if console.is_terminal:
        remarks = notes()
        say(remarks, "")
        say(remarks, "Paste it into the duckdb command line (1.5 or later) while the line runs. In Python:")
        say(remarks, 'import duckdb; db = duckdb.connect(); db.execute("""<that line>"""); db.sql("SHOW TABLES")')


def _show(frame: pl.DataFrame, output: Path | None) -> None:
    if output:
        page = StringIO()
        _print_table(Console(file=page, width=200, highlight=False, emoji=False, markup=False), frame)
        write_output(output, page.getvalue().encode())
        return
    _print_table(out(), frame)


def _print_table(console: Console, frame: pl.DataFrame) -> None:
    """As many columns as fit, and the first rows; what is not shown is said."""
    shown = frame.head(SHOWN_ROWS)
    cells = {name: [_cell(value) for value in shown[name].to_list()] for name in shown.columns}
    widths = _widths(console.width, {name: max([len(name), *map(len, texts)]) for name, texts in cells.items()})
    grid = table()
    for name, width in widths.items():
        side = "right" if frame[name].dtype.is_numeric() else "left"
        grid.add_column(plain(name), justify=side, no_wrap=True, overflow="ellipsis", width=width)
    for row in zip(*(cells[name] for name in widths), strict=True):
        grid.add_row(*map(plain, row))
    show(console, grid)
    more = [plural(frame.height, "row")]
    if frame.height > shown.height:
        more.append(f"the first {SHOWN_ROWS} are shown")
    hidden = [name for name in frame.columns if name not in widths]
    if hidden:
        more.append(f"not shown: {', '.join(map(printable, hidden))}")
    say(console, "; ".join(more), "dim")


def _widths(room: int, wanted: dict[str, int]) -> dict[str, int]:
    """Columns in order while each gets a width that can be read; what is left over goes to those cut most."""
    widths: dict[str, int] = {}
    for name, wide in wanted.items():
        least = min(wide, max(NARROWEST_CELL, len(name)))
        if widths and least + GAP > room:
            break
        widths[name] = least
        room -= least + GAP
    while room > 0 and any(widths[name] < wanted[name] for name in widths):
        narrow = min((name for name in widths if widths[name] < wanted[name]), key=lambda name: widths[name])
        widths[narrow] += 1
        room -= 1
    return widths


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return printable(str(value))


def _encoded(frame: pl.DataFrame, form: str) -> bytes:
    buffer = BytesIO()
    if form == "parquet":
        frame.write_parquet(buffer)
        return buffer.getvalue()
    frame = _without_bytes(frame)
    for name, kind in frame.schema.items():
        if "Binary" in str(kind) or str(kind).startswith("ext["):
            raise Refusal(f"the column {name} holds bytes, which {form.upper()} cannot; {CAST}")
    if form == "csv":
        _flat(frame).write_csv(buffer)
        return buffer.getvalue()
    # polars writes decimals as texts, but `SELECT 2.5` is a number to whoever asks
    lines = frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64)).write_ndjson().splitlines()
    return ("[" + ",".join(f"\n  {line}" for line in lines) + ("\n]\n" if lines else "]\n")).encode()


def _without_bytes(frame: pl.DataFrame) -> pl.DataFrame:
    """Blobs as hexadecimal text: neither JSON nor CSV holds bytes."""
    return frame.with_columns(pl.col(pl.Binary).bin.encode("hex"))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structs as JSON text."""
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    texts = {
        name: pl.Series(name, [None if v is None else pl.Series([v]).to_frame("v").write_ndjson() for v in frame[name]])
        for name in nested
    }
    # {"v":[...]} without its wrapping is the value's own JSON
    return frame.with_columns([series.str.slice(5).str.strip_suffix("\n").str.head(-1) for series in texts.values()])


def _write(data: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_output(output, data)
