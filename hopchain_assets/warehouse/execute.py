"""Runs programs as SQL: loads the facts into DuckDB in memory and asks one query for each program."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl

from hopchain_assets.domain.program import Program
from hopchain_assets.warehouse.program_sql import compile_program

_COLUMNS = {
    "instances": {
        "instance_id": "VARCHAR",
        "image_id": "VARCHAR",
        "category": "VARCHAR",
        "cx": "DOUBLE",
        "cy": "DOUBLE",
        "area": "DOUBLE",
        "attributes": "VARCHAR",
    },
    "pairs": {"image_id": "VARCHAR", "a": "VARCHAR", "b": "VARCHAR", "inside_share": "DOUBLE", "edge_gap": "DOUBLE"},
    "perceptions": {"instance_id": "VARCHAR", "image_id": "VARCHAR", "predicate": "VARCHAR", "value": "VARCHAR"},
}

# On tables this small the planner costs more than the query; of its passes only these two repay themselves
_USEFUL_OPTIMIZERS = frozenset({"filter_pushdown", "unused_columns"})


def execute_programs(
    instances: pl.DataFrame,
    pairs: pl.DataFrame,
    perceptions: pl.DataFrame,
    programs: Sequence[tuple[str, str, Program, int, int]],
) -> dict[str, float | None]:
    """Runs (chain_id, image_id, program, width, height) each as its own query; gives the answers by chain.

    The frames hold the rows of the warehouse's tables, `attributes` as JSON text; they are loaded once
    into DuckDB in memory. None stands for an undefined answer.

    Raises:
        ProgramError: from `compile_program`.
        ValueError: when a frame lacks a column.
    """
    answers: dict[str, float | None] = {}
    with duckdb.connect(config={"threads": 1}) as connection:
        for table, frame in (("instances", instances), ("pairs", pairs), ("perceptions", perceptions)):
            _load(connection, table, frame)
        _plan_briefly(connection)
        for chain_id, image_id, program, width, height in programs:
            row = connection.execute(compile_program(program, image_id, width, height)).fetchone()
            answers[chain_id] = row[0] if row else None
    return answers


def _load(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    columns = _COLUMNS[table]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame of {table} has no column {missing[0]!r}; select it from the warehouse too")
    connection.register("frame", frame.select(list(columns)))
    casts = ", ".join(f"{name}::{kind} AS {name}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} AS SELECT {casts} FROM frame")
    connection.unregister("frame")


def _plan_briefly(connection: duckdb.DuckDBPyConnection) -> None:
    names = [row[0] for row in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
    useless = ",".join(name for name in names if name not in _USEFUL_OPTIMIZERS)
    connection.execute(f"SET disabled_optimizers = '{useless}'")
