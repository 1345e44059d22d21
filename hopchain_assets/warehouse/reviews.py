"""What people made of questions, as the operations database told it last: `votes` and `reviews`.

Both are written outside the stages and never removed by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

import duckdb
import polars as pl

from hopchain_assets.ports.reviews import Cast, Reviewed
from hopchain_assets.warehouse.done import of_batches
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.rows import append

Schema = dict[str, pl.DataType | type[pl.DataType]]

# columns of the tables in order; where there is nothing to say the tables have NULL, the port ""
_VOTES: Schema = {
    "question_id": pl.String, "image_id": pl.String, "person_id": pl.String, "number": pl.String, "defect": pl.String,
    "note": pl.String, "seconds": pl.Float64, "at": pl.Datetime("us"), "origin": pl.String, "batch": pl.String,
}  # fmt: skip
_REVIEWS: Schema = {
    "question_id": pl.String, "image_id": pl.String, "state": pl.String, "answer": pl.String,
    "accepted_by": pl.String, "needed": pl.Int32, "batch": pl.String,
}  # fmt: skip
_TABLES = {"votes": _VOTES, "reviews": _REVIEWS}


def put_reviews(lake: Lake, reviewed: Sequence[Reviewed], cast: Sequence[Cast]) -> list[str]:
    """Makes both tables hold these rows and no others; the batches in which anything was different, in order.

    One transaction a batch; batches that are as told are left alone. Rows of batches that are not of this warehouse are
    left out, as somebody else's.
    """
    told = {"votes": _frame(cast, _VOTES), "reviews": _frame(reviewed, _REVIEWS)}
    with lake.reading() as connection:
        stored = {name: _stored(connection, name) for name in _TABLES}
    now, before = _by_batch(told), _by_batch(stored)
    changed = [batch for batch in batches(lake) if not _same(now.get(batch, {}), before.get(batch, {}))]
    for batch in changed:
        _put(lake, batch, now.get(batch, {}))
    return changed


def current_reviews(
    connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None
) -> dict[str, dict[str, Reviewed]]:
    """What people made of the questions of these batches (of all), by picture and question; closed ones alone."""
    rows = connection.execute(
        "SELECT question_id, image_id, batch, state, coalesce(answer, ''), coalesce(accepted_by, ''), needed "
        f"FROM reviews WHERE {of_batches(batches)} ORDER BY image_id, question_id"
    ).fetchall()
    found: dict[str, dict[str, Reviewed]] = defaultdict(dict)
    for row in rows:
        found[row[1]][row[0]] = Reviewed(*row)
    return found


def _put(lake: Lake, batch: str, frames: dict[str, pl.DataFrame]) -> None:
    def work(connection: duckdb.DuckDBPyConnection) -> None:
        for name in _TABLES:
            connection.execute(f"DELETE FROM {name} WHERE batch = ?", [batch])
            if name in frames:
                append(connection, name, frames[name])

    lake.transact("reviews", batch, work, f"reviews {batch}")


def _frame(rows: Sequence[Cast] | Sequence[Reviewed], schema: Schema) -> pl.DataFrame:
    made = pl.DataFrame([asdict(row) for row in rows], schema=schema)
    return made.with_columns(pl.col(pl.String).replace("", None))


def _stored(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    columns = ", ".join(f'"{column}"' for column in _TABLES[name])
    return connection.execute(f"SELECT {columns} FROM {name}").pl()


def _by_batch(frames: dict[str, pl.DataFrame]) -> dict[str, dict[str, pl.DataFrame]]:
    found: dict[str, dict[str, pl.DataFrame]] = defaultdict(dict)
    for name, frame in frames.items():
        keys = [column for column in ("question_id", "person_id") if column in frame.columns]
        for (batch,), rows in frame.sort(keys).group_by("batch", maintain_order=True):
            found[str(batch)][name] = rows
    return found


def _same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return one.keys() == other.keys() and all(rows.equals(other[name]) for name, rows in one.items())
