"""The two executors agree: the interpreter and the SQL of the warehouse."""

from __future__ import annotations

import duckdb
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from hopchain_assets.domain.interpreter import evaluate
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Facts
from hopchain_assets.warehouse.execute import execute_programs
from hopchain_assets.warehouse.program_sql import compile_program
from tests.strategies import facts, frames, programs

Case = tuple[Facts, Program]


@st.composite
def cases(draw: st.DrawFn) -> list[Case]:
    """Programs on several pictures at once, so that a query that forgets its picture is found out."""
    pictures = [draw(facts(image_id)) for image_id in ("p", "q'")]
    return [(picture, draw(programs(picture))) for picture in pictures for _ in range(3)]


def _by_sql(found: list[Case]) -> list[float | None]:
    pictures = list({picture.image_id: picture for picture, _ in found}.values())
    listed = [(str(k), picture.image_id, program, 40, 30) for k, (picture, program) in enumerate(found)]
    answers = execute_programs(*frames(pictures), listed)
    return [answers[str(k)] for k in range(len(found))]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_the_interpreter_equals_the_sql(found: list[Case]) -> None:
    """On random pictures and random programs both executors give the same number, or both none."""
    by_interpreter = [evaluate(program, picture) for picture, program in found]
    target(float(sum(answer is not None for answer in by_interpreter)))
    for (picture, program), expected, actual in zip(found, by_interpreter, _by_sql(found), strict=True):
        assert actual == expected, compile_program(program, picture.image_id, 40, 30)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_pasted_into_a_plain_duckdb_the_query_gives_the_same(found: list[Case]) -> None:
    """With DuckDB's own settings, all its optimizers on, the text gives what the fast path gives."""
    (picture, program), expected = found[0], _by_sql(found)[0]
    with duckdb.connect() as connection:
        for table, frame in zip(("instances", "pairs", "perceptions"), frames([picture, found[-1][0]]), strict=True):
            connection.register(table, frame)
        row = connection.execute(compile_program(program, picture.image_id, 40, 30)).fetchall()
    assert row == [(expected,)]
