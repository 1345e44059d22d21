"""SQL models as tables of the warehouse: what is out of date is built, each model in one transaction.

A model is up to date for a batch (or as a whole) when `model_done` has its version and the hash of the state of what it
may read: the ledger, which tells every row of the stages by its hash, and the tables that are written beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from hopchain_assets.warehouse.connect import is_busy, quoted
from hopchain_assets.warehouse.done import of_batches
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.model_files import Model, SetCheck
from hopchain_assets.warehouse.model_header import ModelError, told_by_duckdb, told_of_test
from hopchain_assets.warehouse.model_state import WHOLE, Ledger, Plan, States, planned, read_recorded, read_states
from hopchain_assets.warehouse.rows import append, begin_statistics, utc_now

SAMPLE_ROWS = 5
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What building a model did. `batches_rebuilt` are those of an incremental model; `rows` it has in all."""

    model: Model
    rows: int
    batches_rebuilt: int
    seconds: float
    skipped: bool


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model in this warehouse. `built_at` is None, and `rows` 0, where it was never built."""

    model: Model
    rows: int
    built_at: datetime | None
    up_to_date: bool


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test of a model: how many rows break it, the first of them, and the SELECT that finds them."""

    name: str
    passed: bool
    failing: int
    sample: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A set-wide check: how many rows break it, and the first of them."""

    check: SetCheck
    passed: bool
    failing: int
    sample: tuple[Mapping[str, Any], ...]
    seconds: float


def build_models(
    lake: Lake,
    models: Sequence[Model],
    names: Collection[str] | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> list[Built]:
    """Builds what is out of date of the models, or of the named ones alone, in their order.

    Args:
        models: as `read_models` gives them.
        names: these only; what they read is not built with them, see `with_upstream`.
        full: build all anew, whatever is recorded.
        progress: is told how many models are done, and of how many.

    Raises:
        ModelError: when a name is unknown, or a model fails: its file and line. Those before it are kept.
        WarehouseError: when there is no warehouse, or it stays busy.
    """
    unknown = set(names or ()) - {model.name for model in models}
    if unknown:
        raise ModelError(f"there is no model {', '.join(sorted(unknown))}: `hopchain models` lists them")
    wanted = [model for model in models if names is None or model.name in names]
    built: list[Built] = []
    with lake.reading() as connection:
        states = read_states(connection, wanted)
    for model in wanted:
        built.append(_build(lake, model, states, full))
        if progress:
            progress(len(built), len(wanted))
    return built


def model_states(lake: Lake, models: Sequence[Model]) -> list[ModelState]:
    """What there is of each model, of one snapshot."""
    with lake.reading() as connection:
        states, recorded = read_states(connection, models), read_recorded(connection)
    found: list[ModelState] = []
    for model in models:
        rows = recorded.get(model.name, {}).values()
        plan = planned(model, states, recorded)
        last = max((row.at for row in rows), default=None)
        current = last is not None and not plan
        found.append(ModelState(model, sum(row.n_rows for row in rows), last, current))
    return found


def remove_gone(lake: Lake, models: Sequence[Model]) -> list[str]:
    """Drops the tables of models that were built once and whose files are no longer there; returns their names."""

    def gone(connection: duckdb.DuckDBPyConnection) -> list[str]:
        built = connection.execute("SELECT DISTINCT model FROM model_done").fetchall()
        return sorted({name for (name,) in built} - {model.name for model in models})

    def work(connection: duckdb.DuckDBPyConnection) -> list[str]:
        for name in (names := gone(connection)):
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')
            connection.execute("DELETE FROM model_done WHERE model = ?", [name])
        return names

    with lake.reading() as connection:
        if not gone(connection):
            return []
    return lake.transact("models", "", work, "models that are gone")


def run_tests(lake: Lake, model: Model) -> list[TestResult]:
    """The tests of the model's header, on its table as it is.

    Raises:
        ModelError: when the model was not built, or one of its tests fails to run.
    """
    found: list[TestResult] = []
    with lake.reading() as connection:
        for test in model.tests:
            try:
                failing, rows = _failing(connection, test.sql)
            except duckdb.Error as error:
                raise told_of_test(model.file, error, test) from error
            sample = tuple(", ".join(f"{name}={value}" for name, value in row.items()) for row in rows)
            found.append(TestResult(test.name, not failing, failing, sample, test.sql))
    return found


def run_checks(lake: Lake, checks: Sequence[SetCheck], names: Collection[str] | None = None) -> list[CheckResult]:
    """The set-wide checks, or the named ones alone, of one snapshot.

    Raises:
        ModelError: when a name is unknown, or a check fails to run: its file and line.
    """
    unknown = set(names or ()) - {check.name for check in checks}
    if unknown:
        raise ModelError(f"there is no check {', '.join(sorted(unknown))}: `hopchain models check` lists them")
    found: list[CheckResult] = []
    with lake.reading() as connection:
        for check in checks:
            if names is not None and check.name not in names:
                continue
            started = time.perf_counter()
            try:
                failing, rows = _failing(connection, check.sql)
            except duckdb.Error as error:
                raise told_by_duckdb(check.file, error, check.line) from error
            found.append(CheckResult(check, not failing, failing, tuple(rows), time.perf_counter() - started))
    return found


def sample_of(lake: Lake, model: Model, most: int = 12) -> pl.DataFrame:
    """The model's first rows in its own order; the last batches of an incremental one."""
    order = "ORDER BY batch DESC" if model.materialized == "incremental" else ""
    return lake.query(f'SELECT * FROM "{model.name}" {order} LIMIT {most}')


def _failing(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, list[dict[str, Any]]]:
    count = connection.execute(f"SELECT count(*) FROM ({sql}\n)").fetchall()[0][0]
    if not count:
        return 0, []
    return count, connection.execute(f"SELECT * FROM ({sql}\n) LIMIT {SAMPLE_ROWS}").pl().to_dicts()


def _build(lake: Lake, model: Model, states: States, full: bool) -> Built:
    """Builds one model; `states` were read before, so at worst it is built once more than needed."""
    started = time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - started

    def work(connection: duckdb.DuckDBPyConnection) -> Built:
        recorded = read_recorded(connection)
        plan = planned(model, states, recorded, full)
        if not plan:
            return _skipped(model, recorded, seconds())
        try:
            _replace_rows(connection, model, plan)
        except duckdb.Error as error:
            # another writer was faster: that is no fault of the model's
            raise error if is_busy(error) else told_by_duckdb(model.file, error, model.line) from error
        rows = _record(connection, model, plan, seconds())
        batches = len(plan.changed) if model.materialized == "incremental" else 0
        return Built(model, rows, batches, seconds(), False)

    with lake.reading() as connection:
        recorded = read_recorded(connection)
    if not planned(model, states, recorded, full):
        # most often so, and then nobody has to wait for the writers' lock
        return _skipped(model, recorded, seconds())
    return lake.transact("models", model.name, work, f"model {model.name}")


def _skipped(model: Model, recorded: Ledger, seconds: float) -> Built:
    rows = sum(row.n_rows for row in recorded.get(model.name, {}).values())
    return Built(model, rows, 0, seconds, True)


def _replace_rows(connection: duckdb.DuckDBPyConnection, model: Model, plan: Plan) -> None:
    """Puts the rows of the changed batches in the place of theirs, or all rows of a model that is built whole."""
    by_batch = model.materialized == "incremental"
    if _columns(connection, model) != model.columns:
        connection.execute(f'CREATE OR REPLACE TABLE "{model.name}" AS SELECT * FROM ({model.sql}\n) LIMIT 0')
        begin_statistics(connection, model.name)
    else:
        old = of_batches([*plan.changed, *plan.gone]) if by_batch else "true"
        connection.execute(f'DELETE FROM "{model.name}" WHERE {old}')
    new = of_batches(plan.changed) if by_batch else "true"
    # the model begins on the first line of the statement, so that DuckDB's line numbers are the file's
    connection.execute(f'INSERT INTO "{model.name}" SELECT * FROM ({model.sql}\n) WHERE {new}')


def _columns(connection: duckdb.DuckDBPyConnection, model: Model) -> tuple[tuple[str, str], ...]:
    """Name and type of the columns that its table has; none where there is no table."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND table_name = ? ORDER BY column_index",
        [model.name],
    ).fetchall()
    return tuple((name, kind) for name, kind in rows)


def _record(connection: duckdb.DuckDBPyConnection, model: Model, plan: Plan, seconds: float) -> int:
    """Writes down what is up to date now; returns how many rows the model has."""
    batch = "batch" if model.materialized == "incremental" else quoted(WHOLE)
    counted = dict(connection.execute(f'SELECT {batch}, count(*) FROM "{model.name}" GROUP BY 1').fetchall())
    touched = [*plan.changed, *plan.gone]
    connection.execute(f"DELETE FROM model_done WHERE model = ? AND {of_batches(touched)}", [model.name])
    now = utc_now()
    rows = [(model.name, b, model.version, plan.now[b], counted.get(b, 0), seconds, now) for b in plan.changed]
    schema = ["model", "batch", "model_version", "input_hash", "n_rows", "seconds", "at"]
    append(connection, "model_done", pl.DataFrame(rows, schema=schema, orient="row"))
    return sum(counted.values())
