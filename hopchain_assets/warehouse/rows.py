"""Rows on their way into a table: appended by name, and stamped with the time; and tables without any."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import polars as pl

from hopchain_assets.warehouse.connect import WarehouseError


def utc_now() -> datetime:
    """The time in UTC, without its zone: so the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def append(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    """Adds the rows to a table; columns that the frame lacks are NULL.

    Raises:
        WarehouseError: when there is no such table, or it has no such column, or one of another type.
    """
    if frame.is_empty():
        return
    connection.register("_new_rows", frame.to_arrow())
    try:
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM _new_rows')
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.CatalogException) as error:
        raise WarehouseError(f"the rows for {table} do not fit it (see docs/tables.md): {error}") from error
    finally:
        connection.unregister("_new_rows")


def begin_statistics(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Lets an empty table have statistics, which DuckLake begins with its first row. Call it in a transaction.

    Without them it asks the catalog once for each column that is read: 170 ms for an empty table of 19 columns, and
    6 ms with them.
    """
    if connection.execute(f'FROM "{table}" LIMIT 1').fetchone():
        return
    connection.execute(f'INSERT INTO "{table}" DEFAULT VALUES')
    connection.execute(f'DELETE FROM "{table}"')
