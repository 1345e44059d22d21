"""Two processes over the same batches share the work: all is done, and nothing twice."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import batches
from tests.stages.conftest import take_in


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hopchain_assets.settings", "psycopg"])
    return context


def run_with_another(environ: dict[str, str], start: Barrier) -> None:
    """All stages over all batches, as `hopchain run` goes through them."""
    line = Settings.load(environ).line()
    names = batches(line.lake)
    start.wait(60)
    for stage in STAGES:
        line.run(stage, names)
        left = [owed for owed in line.backlog() if owed.stage == stage and owed.pending]
        assert not left, f"{stage} is not done when its turn is over: {left}"
    line.publish()


@pytest.mark.parametrize("catalog", ["sqlite", "postgres"])
def test_two_runs_at_once_do_each_input_once(
    catalog: str, tmp_path: Path, scenes: Path, request: pytest.FixtureRequest
) -> None:
    """Over all runs of a stage, its inputs are counted once; both go on only when the stage is done everywhere."""
    environ = {"HOPCHAIN_HOME": str(tmp_path), "HOPCHAIN_WORKERS": "1"}
    if catalog == "postgres":
        environ["HOPCHAIN_CATALOG"] = request.getfixturevalue("postgres_catalog")
    line = Settings.load(environ).line()
    line.lake.migrate()
    take_in(line, scenes, 2)
    names = batches(line.lake)
    start = _context().Barrier(2)
    pair = [_context().Process(target=run_with_another, args=(environ, start), daemon=True) for _ in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join(180)
        assert process.exitcode == 0
    counted = line.lake.query("SELECT stage, sum(n_inputs)::INT, count(*) FROM stage_runs GROUP BY stage").rows()
    pictures, shards = (6, len(names)), (len(names), len(names))
    wanted = dict.fromkeys(STAGES, pictures) | {"training_shards": shards}
    assert {stage: tuple(numbers) for stage, *numbers in counted} == wanted
    assert not any(owed.pending for owed in line.backlog())
    assert not list((tmp_path / "locks" / "work").glob("*"))
