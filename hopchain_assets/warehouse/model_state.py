"""What is up to date: a hash of all that models may read, against what `model_done` has recorded.

Of the stages' tables the ledger is hashed, which tells every row of them by its own hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.connect import quoted
from hopchain_assets.warehouse.model_files import Model

# the batch under which a model is recorded that is built whole
WHOLE = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of `model_done`, without its model and batch."""

    version: str
    input_hash: str
    n_rows: int
    at: datetime


@dataclass(frozen=True, slots=True)
class States:
    """A hash of all that the stages know of each batch, and of each table beside them."""

    batches: Mapping[str, str]
    beside: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """The hash of the inputs by batch as they are now, which of them are to be built, and which are gone.

    `missing` is whether there is no table of the model yet.
    """

    now: Mapping[str, str]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    missing: bool

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone or self.missing)


# rows of `model_done` by model and batch; every table that there is has an entry
Ledger = Mapping[str, Mapping[str, Recorded]]


def read_states(connection: duckdb.DuckDBPyConnection, models: Sequence[Model]) -> States:
    """What the models may read as it is now, in one query."""
    beside = sorted({table for model in models for table in model.tables & _BESIDE.keys()})
    parts = [f"SELECT '' AS source, * FROM ({sql}) AS t(batch, state)" for sql in _BY_BATCH]
    parts += [f"SELECT {quoted(table)}, '', * FROM ({_BESIDE[table]})" for table in beside]
    rows = connection.execute(
        f"SELECT source, batch, md5(concat_ws(' ', count(*), sum(state))) FROM ({' UNION ALL '.join(parts)}) "
        "WHERE batch IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return States(
        {batch: state for source, batch, state in sorted(rows) if not source},
        {source: state for source, _, state in rows if source},
    )


def read_recorded(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Recorded]]:
    """What `model_done` has of the tables that there are; that of a table that is gone counts for nothing."""
    found: dict[str, dict[str, Recorded]] = {name: {} for (name,) in connection.execute(_TABLES).fetchall()}
    rows = connection.execute(
        'SELECT model, batch, model_version, input_hash, n_rows, "at" FROM model_done ORDER BY model, batch'
    ).fetchall()
    for model, batch, *rest in rows:
        if model in found:
            found[model][batch] = Recorded(*rest)
    return found


def planned(model: Model, states: States, recorded: Ledger, full: bool = False) -> Plan:
    """What is to be built of a model; all of it when `full`."""
    read = [recorded.get(name, {}) for name in sorted(model.models)]
    beside = [states.beside.get(table, "") for table in sorted(model.tables & _BESIDE.keys())]
    if model.materialized == "incremental":
        # of a model that is kept by batch too, only the same batch is read
        now = {
            batch: digest(state, *beside, *(_mark({batch: rows[batch]} if batch in rows else rows) for rows in read))
            for batch, state in states.batches.items()
        }
    else:
        of_all = (f"{batch} {state}" for batch, state in states.batches.items())
        now = {WHOLE: digest(*of_all, *beside, *map(_mark, read))}
    done = recorded.get(model.name, {})
    current = {batch: row.input_hash for batch, row in done.items() if row.version == model.version}
    changed = [batch for batch, value in now.items() if full or current.get(batch) != value]
    return Plan(now, tuple(changed), tuple(sorted(done.keys() - now.keys())), model.name not in recorded)


def _mark(rows: Mapping[str, Recorded]) -> str:
    return digest(*(f"{batch} {row.version} {row.input_hash}" for batch, row in rows.items()))


# of all catalog functions the only one that does not count the rows of every table
_TABLES = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = current_database()"
# DuckDB's hash may change with its release: then everything is built once more
_BY_BATCH = (
    "SELECT batch, hash('done', stage, input_id, stage_version, output_hash, outcome, n_rows, detail) FROM stage_done",
    "SELECT batch, hash('member', content_sha256, source_uri, annotations_sha256) FROM batch_members",
    'SELECT batch, hash(\'audit\', image_id, category, exhaustive, "by", "at") FROM category_audit',
    "SELECT batch, hash('vote', question_id, person_id, number, defect, note, seconds, \"at\", origin) FROM votes",
    "SELECT batch, hash('review', question_id, state, answer, accepted_by, needed) FROM reviews",
    "SELECT batch, hash('seen', instance_id, predicate, value, samples, source, stage_version) FROM perceptions",
)
_BESIDE = {
    "parked": 'SELECT hash(batch, pending_hash, attempts, error, run_id, "at", retried_at) FROM parked',
    "stage_runs": 'SELECT hash(count(*), max("at")) FROM stage_runs',
    "landing_files": "SELECT hash(uri, byte_size, stamp, content_sha256, seen_at) FROM landing_files",
}
