"""What was paid for, counted: for `hopchain cost` and `hopchain plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from hopchain_assets.operations.tables import calls

_BY: dict[str, Any] = {
    "stage": calls.c.stage,
    "model": calls.c.model,
    "day": sa.func.date(calls.c.at),
    "purpose": calls.c.purpose,
    "run": calls.c.run,
}
COLUMNS = tuple(_BY)
_UNPRICED = calls.c.cost.is_(None)


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls of one group. `cost` adds up those whose price was known; `unpriced_*` count the others.

    `group` has one text for each column that was asked for; `reasoning_tokens` are part of `completion_tokens`.
    """

    group: tuple[str, ...]
    calls: int
    unusable: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    seconds: float
    cost: float
    unpriced_calls: int
    unpriced_prompt_tokens: int
    unpriced_completion_tokens: int


class Average(NamedTuple):
    """A purpose's calls for each input that had any, and of a call the cost (None where unknown), tokens, seconds."""

    calls_per_input: float
    cost: float | None
    prompt_tokens: float
    completion_tokens: float
    seconds: float


def spent_by(connection: sa.Connection, columns: Sequence[str], run: str | None = None) -> list[Spent]:
    """The calls by these columns (of `COLUMNS`), in their order; of one run alone, where it is given.

    Raises:
        ValueError: for a column that is none of them.
    """
    unknown = [name for name in columns if name not in _BY]
    if unknown:
        raise ValueError(f"calls are not told by {unknown[0]!r}: choose of {', '.join(COLUMNS)}")
    by = [_BY[name] for name in columns]
    query = sa.select(
        *by,
        sa.func.count(),
        _sum(sa.case((calls.c.outcome == "unusable", 1), else_=0)),
        _sum(calls.c.prompt_tokens),
        _sum(calls.c.completion_tokens),
        _sum(calls.c.reasoning_tokens),
        _sum(sa.case((_UNPRICED, 1), else_=0)),
        _sum(sa.case((_UNPRICED, calls.c.prompt_tokens), else_=0)),
        _sum(sa.case((_UNPRICED, calls.c.completion_tokens), else_=0)),
        _sum(calls.c.seconds),
        _sum(calls.c.cost),
    ).select_from(calls)
    if run is not None:
        query = query.where(calls.c.run == run)
    rows = connection.execute(query.group_by(*by).order_by(*by)).all() if by else connection.execute(query).all()
    return [_spent(tuple(map(str, row[: len(by)])), row[len(by) :]) for row in rows]


def averages(connection: sa.Connection, model: str | None = None) -> dict[str, Average]:
    """By purpose, what its calls were like; of one model only, where it is given.

    Calls for each input are those of the last run that asked about it: runs with other prompts or settings asked anew.
    """
    asked = sa.true() if model is None else calls.c.model == model
    each = _last_runs(asked)
    each = sa.select(each.c.purpose, sa.func.avg(each.c.number).label("mean")).where(each.c.place == 1)
    each = each.group_by(each.selected_columns.purpose).subquery()
    query = (
        sa.select(
            calls.c.purpose,
            # one for each purpose, like the purpose itself
            sa.func.max(each.c.mean),
            sa.func.avg(calls.c.cost),
            sa.func.avg(calls.c.prompt_tokens),
            sa.func.avg(calls.c.completion_tokens),
            sa.func.avg(calls.c.seconds),
        )
        .join(each, each.c.purpose == calls.c.purpose)
        .where(asked)
        .group_by(calls.c.purpose)
    )
    return {
        purpose: Average(float(ratio), None if cost is None else float(cost), *map(float, (tokens_in, out, seconds)))
        for purpose, ratio, cost, tokens_in, out, seconds in connection.execute(query)
    }


def _last_runs(asked: sa.ColumnElement[bool]) -> sa.Subquery:
    """How many calls each run made for a purpose and an input, and the run's place for them: 1 is the last."""
    per_run = (
        sa.select(
            calls.c.purpose,
            calls.c.input_id,
            calls.c.run,
            sa.func.count().label("number"),
            sa.func.max(calls.c.at).label("last"),
        )
        .where(asked)
        .group_by(calls.c.purpose, calls.c.input_id, calls.c.run)
        .subquery()
    )
    latest = (per_run.c.last.desc(), per_run.c.run.desc())
    place = sa.func.row_number().over(partition_by=(per_run.c.purpose, per_run.c.input_id), order_by=latest)
    return sa.select(per_run.c.purpose, per_run.c.number, place.label("place")).subquery()


def run_total(connection: sa.Connection, run: str) -> tuple[int, float]:
    """Calls and known cost of a run so far."""
    query = sa.select(sa.func.count(), _sum(calls.c.cost)).where(calls.c.run == run)
    count, cost = connection.execute(query).one()
    return int(count), float(cost)


def total_since(connection: sa.Connection, when: datetime) -> tuple[int, float]:
    """Calls and known cost of all runs since a time (naive UTC)."""
    query = sa.select(sa.func.count(), _sum(calls.c.cost)).where(calls.c.at >= when)
    count, cost = connection.execute(query).one()
    return int(count), float(cost)


def _sum(what: Any) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(what), 0)


def _spent(group: tuple[str, ...], row: Sequence[Any]) -> Spent:
    # Postgres adds up whole numbers to decimals
    number, unusable, prompt, completion, reasoning, unpriced, blank_prompt, blank_completion = map(int, row[:-2])
    seconds, cost = map(float, row[-2:])
    return Spent(
        group, number, unusable, prompt, completion, reasoning, seconds, cost, unpriced, blank_prompt, blank_completion
    )
