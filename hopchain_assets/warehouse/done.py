"""What is done: the ledger that makes the line incremental.

A stage is done for an input when `stage_done` has a row with the stage's current version and the
hash of what it reads now. Rows and ledger change in one transaction, so a killed run leaves
whole batches or nothing, and what it left is pending again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.connect import WarehouseError, quoted
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.rows import append, utc_now

Source = Lake | duckdb.DuckDBPyConnection
# hash by input id, by batch
Inputs = dict[str, dict[str, str]]
Still = Callable[[duckdb.DuckDBPyConnection], Mapping[str, str]]

# when a row was written, and by which release, is not what it says
NOT_CONTENT = frozenset({"at", "landed_at", "ingested_at", "batch", "stage_version"})
LEDGER = {
    "input_id": pl.String, "input_hash": pl.String, "output_hash": pl.String, "outcome": pl.String, "n_rows": pl.Int64,
    "detail": pl.String,
}  # fmt: skip
NOTHING_TO_GO_ON_WITH = ("quarantined", "nothing", "failed")


@dataclass(frozen=True, slots=True)
class StageTables:
    """The tables that a stage writes, each with its column that holds the input id."""

    stage: str
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one input. "Nothing found" is an outcome too, so that it is not tried for ever.

    `detail` says why where the outcome is `failed`.
    """

    input_id: str
    input_hash: str
    outcome: str
    output_hash: str
    n_rows: int
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """What a stage owes a batch: inputs to do, in order, and inputs that are recorded but no longer there."""

    to_do: tuple[str, ...]
    gone: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.to_do) + len(self.gone)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What `replace` did: inputs recorded, done by another worker before, out of date, removed; rows by table.

    `pending` are the inputs that are not done with it; 0 where nobody says which inputs there are.
    """

    done: int
    skipped: int
    stale: int
    gone: int
    rows: Mapping[str, int]
    pending: int = 0


def pending(
    source: Source, stage: str, stage_version: str, inputs: Inputs, batches: Sequence[str] | None = None
) -> dict[str, Pending]:
    """Compares the ledger with the inputs that there are now, for these batches (for all).

    Returns:
        What is pending by batch; batches with nothing pending are left out.
    """
    with _reading(source) as connection:
        rows = connection.execute(
            "SELECT batch, input_id, stage_version, input_hash FROM stage_done "
            f"WHERE stage = ? AND {of_batches(batches)}",
            [stage],
        ).fetchall()
    recorded: dict[str, dict[str, tuple[str, str]]] = {}
    for batch, name, version, value in rows:
        recorded.setdefault(batch, {})[name] = (version, value)
    found: dict[str, Pending] = {}
    for batch in sorted(inputs.keys() | recorded.keys()):
        now, known = inputs.get(batch, {}), recorded.get(batch, {})
        to_do = tuple(name for name, value in now.items() if known.get(name) != (stage_version, value))
        gone = tuple(sorted(known.keys() - now.keys()))
        if to_do or gone:
            found[batch] = Pending(to_do, gone)
    return found


def of_batches(batches: Sequence[str] | None) -> str:
    """The SQL condition on the column `batch`; true for all when None is given."""
    return "true" if batches is None else f"batch IN ({', '.join(map(quoted, batches)) or 'NULL'})"


def replace(
    lake: Lake,
    tables: StageTables,
    batch: str,
    stage_version: str,
    frames: Mapping[str, pl.DataFrame],
    done: Sequence[Done],
    gone: Sequence[str] = (),
    still: Still | None = None,
    seconds: float = 0.0,
) -> Replaced:
    """Puts the rows of the done inputs in the place of their old ones, and drops those of the gone ones.

    One transaction under the lock of (stage, batch). An input is left alone when another worker
    recorded the same version and input hash meanwhile, or when `still` (which reads the current
    input hashes in the same transaction) says that it is out of date or not gone after all.

    Args:
        frames: new rows by table; `batch` and `stage_version` are filled in here, columns not given are NULL.
        done: one entry for each input, also for those without rows.
        seconds: how long the work took, for `stage_runs`.

    Raises:
        WarehouseError: when a frame has an unknown table or column, lacks its key, or a row belongs to no
            input of `done`; nothing is written then.
    """
    _check(tables, frames, done)

    def work(connection: duckdb.DuckDBPyConnection) -> Replaced:
        recorded = _recorded(connection, tables.stage, batch)
        current = still(connection) if still else None
        rival = {d.input_id for d in done if recorded.get(d.input_id) == (stage_version, d.input_hash)}
        keep = [d for d in done if d.input_id not in rival]
        if current is not None:
            keep = [d for d in keep if current.get(d.input_id) == d.input_hash]
        kept = {d.input_id for d in keep}
        removed = {name for name in recorded.keys() & set(gone) - kept if current is None or name not in current}
        stale = len(done) - len(rival) - len(keep)
        after = recorded | {d.input_id: (stage_version, d.input_hash) for d in keep}
        owed = sum(after.get(name) != (stage_version, value) for name, value in (current or {}).items())
        if not keep and not removed:
            return Replaced(0, len(rival), stale, 0, {}, owed)
        # every row came with its ledger row, so a first-time input has none to delete; each DELETE looks
        # through the files' statistics, 20 ms with some hundred batches
        _delete(connection, tables, batch, (kept | removed) & recorded.keys())
        rows = _insert(connection, tables, batch, stage_version, frames, kept)
        _record(connection, tables.stage, batch, stage_version, keep)
        connection.execute(
            "INSERT INTO stage_runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            [tables.stage, batch, stage_version, len(keep) + len(removed), sum(rows.values()), seconds, utc_now()],
        )
        return Replaced(len(keep), len(rival), stale, len(removed), rows, owed)

    return lake.transact(tables.stage, batch, work, f"{tables.stage} {batch}")


def output_hash(
    frames: Mapping[str, pl.DataFrame], key: str | Mapping[str, str], inputs: Iterable[str] = ()
) -> dict[str, str]:
    """A hash of each input's rows over all tables, whatever their order; times, batch and version do not count.

    Args:
        frames: rows by table.
        key: the column that holds the input id, or that column by table.
        inputs: ids that get the hash of "no rows" when they have none.
    """
    texts: dict[str, list[str]] = {name: [] for name in inputs}
    for table in sorted(frames):
        frame, column = frames[table], key if isinstance(key, str) else key[table]
        content = sorted(name for name in frame.columns if name not in NOT_CONTENT)
        # canonical JSON text and sha256, because polars' own hashes change from release to release
        text = pl.struct(content).struct.json_encode()
        rows = frame.select(key=column, row=text).sort("key", "row")
        # JSON escapes line breaks, so joined lines stay distinct
        joined = rows.group_by("key", maintain_order=True).agg(pl.col("row").str.join("\n"))
        for name, lines in joined.iter_rows():
            texts.setdefault(name, []).append(f"{table}\n{lines}")
    return {name: hashlib.sha256("\n\n".join(parts).encode()).hexdigest()[:20] for name, parts in texts.items()}


def upstream(source: Source, stages: Sequence[str], batches: Sequence[str] | None = None) -> Inputs:
    """The inputs of a later stage: ids that all named stages have done, with a hash of what they put out.

    Ids after which there is nothing to go on with are left out.

    Args:
        stages: the stages that it reads, in an order that stays the same.
        batches: the batches to look at, or all.
    """
    with _reading(source) as connection:
        rows = connection.execute(
            f"SELECT batch, input_id, stage, output_hash FROM stage_done WHERE {of_batches(batches)} "
            "AND list_contains(?, stage) AND NOT list_contains(?, outcome) ORDER BY batch, input_id",
            [list(stages), list(NOTHING_TO_GO_ON_WITH)],
        ).fetchall()
    by_id: dict[tuple[str, str], dict[str, str]] = {}
    for batch, name, stage, value in rows:
        by_id.setdefault((batch, name), {})[stage] = value
    found: Inputs = {}
    for (batch, name), by_stage in by_id.items():
        if len(by_stage) == len(stages):
            found.setdefault(batch, {})[name] = digest(*(by_stage[stage] for stage in stages))
    return found


@contextmanager
def _reading(source: Source) -> Iterator[duckdb.DuckDBPyConnection]:
    if isinstance(source, Lake):
        with source.reading() as connection:
            yield connection
    else:
        yield source


def _recorded(connection: duckdb.DuckDBPyConnection, stage: str, batch: str) -> dict[str, tuple[str, str]]:
    rows = connection.execute(
        "SELECT input_id, stage_version, input_hash FROM stage_done WHERE stage = ? AND batch = ?", [stage, batch]
    ).fetchall()
    return {name: (version, value) for name, version, value in rows}


def _check(tables: StageTables, frames: Mapping[str, pl.DataFrame], done: Sequence[Done]) -> None:
    names = {d.input_id for d in done}
    if len(names) != len(done):
        raise WarehouseError(f"stage {tables.stage}: an input is given twice in `done`")
    for table, frame in frames.items():
        key = tables.keys.get(table)
        if key is None:
            raise WarehouseError(f"stage {tables.stage} does not write the table {table}: name it in its StageTables")
        if key not in frame.columns:
            raise WarehouseError(f"the rows for {table} lack the column {key}, which says whose they are")
        strays = frame.filter(pl.col(key).is_null() | ~pl.col(key).is_in(list(names)))
        if strays.height:
            raise WarehouseError(
                f"{strays.height} rows for {table} belong to no input of this call, the first to {strays[key][0]!r}"
            )


def _delete(connection: duckdb.DuckDBPyConnection, tables: StageTables, batch: str, names: Collection[str]) -> None:
    if not names:
        return
    listed = sorted(names)
    for table, key in tables.keys.items():
        connection.execute(f'DELETE FROM "{table}" WHERE batch = ? AND list_contains(?, "{key}")', [batch, listed])
    connection.execute(
        "DELETE FROM stage_done WHERE stage = ? AND batch = ? AND list_contains(?, input_id)",
        [tables.stage, batch, listed],
    )


def _insert(
    connection: duckdb.DuckDBPyConnection,
    tables: StageTables,
    batch: str,
    stage_version: str,
    frames: Mapping[str, pl.DataFrame],
    kept: Collection[str],
) -> dict[str, int]:
    rows: dict[str, int] = {}
    for table, frame in frames.items():
        mine = frame.filter(pl.col(tables.keys[table]).is_in(list(kept)))
        rows[table] = mine.height
        if mine.height:
            filled = mine.with_columns(pl.lit(batch).alias("batch"), pl.lit(stage_version).alias("stage_version"))
            append(connection, table, filled)
    return rows


def _record(
    connection: duckdb.DuckDBPyConnection, stage: str, batch: str, stage_version: str, done: Sequence[Done]
) -> None:
    if not done:
        return
    rows = [(d.input_id, d.input_hash, d.output_hash, d.outcome, d.n_rows, d.detail) for d in done]
    ledger = pl.DataFrame(rows, schema=LEDGER, orient="row").with_columns(
        pl.lit(stage).alias("stage"),
        pl.lit(batch).alias("batch"),
        pl.lit(stage_version).alias("stage_version"),
        pl.lit(utc_now()).alias("at"),
    )
    append(connection, "stage_done", ledger)
