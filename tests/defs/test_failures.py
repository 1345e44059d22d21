"""Failures in real runs: a wrong answer stops what comes after it and is told by its id; errors are told by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb
import pytest
from looking import Home, evaluations, materialisations

from hopchain_assets.defs.launch import launch, open_instance
from hopchain_assets.warehouse.lake import Lake


@contextmanager
def _spoiled(lake: Lake, table: str, batch: str, sql: str, parameters: list[str]) -> Iterator[None]:
    """The table changed behind the stages' back, for the time of the block."""
    rows = lake.query(f'SELECT * FROM "{table}" WHERE batch = ?', [batch]).to_arrow()

    def mend(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f'DELETE FROM "{table}" WHERE batch = ?', [batch])
        connection.register("_saved", rows)
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM _saved')
        connection.unregister("_saved")

    lake.transact("spoil", batch, lambda connection: connection.execute(sql, parameters))
    try:
        yield
    finally:
        lake.transact("spoil", batch, mend)


def _first_chain(lake: Lake, table: str, batch: str) -> str:
    return lake.query(f'SELECT min(chain_id) FROM "{table}" WHERE batch = ?', [batch]).item()


@pytest.mark.parametrize(
    ("table", "answer", "check", "rule"),
    [
        ("hop_chains", "seven", "answer_is_unique_number", r"answer\_canonical"),
        ("verified_set", "424242", "sql_execution_agrees", r"execution\_gives\_the\_answer"),
    ],
)
def test_a_planted_wrong_answer_stops_the_shards(mended: Home, table: str, answer: str, check: str, rule: str) -> None:
    """Rows that passed before and were altered since fail by id, in their batch alone, and block the shards."""
    settings, (good, bad) = mended
    lake = settings.line().lake
    chain = _first_chain(lake, table, bad)
    with _spoiled(lake, table, bad, f"UPDATE {table} SET answer = ? WHERE chain_id = ?", [answer, chain]):
        launched = launch(settings, [good, bad])
    assert not launched.success and launched.failures == []
    (failed,) = launched.failed_checks
    assert (failed.asset, failed.check, failed.batch, failed.failing_ids) == (table, check, bad, (chain,))
    with open_instance(settings) as instance:
        seen = evaluations(instance, launched.run_id)
        assert materialisations(instance, table, launched.run_id)
        assert not materialisations(instance, "training_shards", launched.run_id)
    assert seen[table, check, good].passed and not seen[table, check, bad].passed
    metadata = seen[table, check, bad].metadata
    assert metadata["failing ids"].value == [chain] and metadata["failing rows"].value == 1
    assert rule in str(metadata["broken rules"].value)


def test_a_shard_is_read_from_its_file(mended: Home) -> None:
    """An example whose verified row is gone is seen, though the stage has nothing to do."""
    settings, (_, bad) = mended
    lake = settings.line().lake
    chain = _first_chain(lake, "verified_set", bad)
    with _spoiled(lake, "verified_set", bad, "DELETE FROM verified_set WHERE chain_id = ?", [chain]):
        launched = launch(settings, [bad])
    (failed,) = launched.failed_checks
    assert (failed.asset, failed.check, failed.batch) == ("training_shards", "answers_are_verified_ones", bad)
    example = lake.query("SELECT example_id FROM shard_examples WHERE chain_id = ?", [chain]).item()
    assert failed.failing_ids == (example,)


def test_a_step_that_fails_is_told(mended: Home) -> None:
    """Without its pictures a shard cannot be written: the step, the reason, no success; mended, it goes on."""
    settings, (_, bad) = mended
    lake = settings.line().lake
    lake.transact(
        "forget",
        bad,
        lambda connection: connection.execute(
            "DELETE FROM stage_done WHERE stage = 'training_shards' AND batch = ?", [bad]
        ),
    )
    store, away = settings.home / "pictures", settings.home / "away"
    store.rename(away)
    try:
        failed = launch(settings, [bad])
    finally:
        away.rename(store)
    assert not failed.success
    ((step, message),) = failed.failures
    assert step == "training_shards" and "FileNotFoundError" in message
    with open_instance(settings) as instance:
        run = instance.get_run_by_id(failed.run_id)
        assert run and run.status == dg.DagsterRunStatus.FAILURE
    lake.transact(
        "forget", bad, lambda connection: connection.execute("DELETE FROM shard_examples WHERE batch = ?", [bad])
    )
    lake.transact("forget", bad, lambda connection: connection.execute("DELETE FROM shards WHERE batch = ?", [bad]))
    again = launch(settings, [bad])
    assert again.success, (again.failures, again.failed_checks)
