"""The blocking checks on real runs: a wrong answer stops what comes after it, and is told by its id."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from looking import evaluations, materialisations

from hopchain_assets.defs.launch import launch, open_instance
from hopchain_assets.settings import Settings

LandScenes = Callable[[int, int], tuple[Settings, list[str]]]


def _spoil(settings: Settings, table: str, batch: str, answer: str) -> str:
    """Gives the first chain of a batch another answer; returns its id."""
    lake = settings.line().lake
    chain = lake.query(f"SELECT min(chain_id) FROM {table} WHERE batch = ?", [batch]).item()
    lake.transact(
        "spoil", batch, lambda c: c.execute(f"UPDATE {table} SET answer = ? WHERE chain_id = ?", [answer, chain])
    )
    return chain


@pytest.mark.parametrize(
    ("table", "answer", "check", "rule"),
    [
        ("hop_chains", "seven", "answer_is_unique_number", "answer_canonical"),
        ("verified_set", "424242", "sql_execution_agrees", "execution_gives_the_answer"),
    ],
)
def test_a_planted_wrong_answer_stops_the_shards(
    land_scenes: LandScenes, table: str, answer: str, check: str, rule: str
) -> None:
    """Rows that passed before and were altered since fail by id, in their batch alone, and block the shards."""
    settings, names = land_scenes(2, 1)
    assert launch(settings, names).success
    with open_instance(settings) as instance:
        before = {batch: event.metadata for batch, event in materialisations(instance, "training_shards").items()}
        shard_run = instance.get_latest_materialization_event(_key("training_shards"))
    chain = _spoil(settings, table, names[1], answer)
    spoiled = launch(settings, names)
    assert not spoiled.success and spoiled.failures == []
    (failed,) = spoiled.failed_checks
    assert (failed.asset, failed.check, failed.batch, failed.failing_ids) == (table, check, names[1], (chain,))
    with open_instance(settings) as instance:
        seen = evaluations(instance, spoiled.run_id)
        assert seen[table, check, names[0]].passed and not seen[table, check, names[1]].passed
        metadata = seen[table, check, names[1]].metadata
        assert metadata["failing ids"].value == [chain] and metadata["failing rows"].value == 1
        assert rule.replace("_", r"\_") in str(metadata["broken rules"].value)
        latest = instance.get_latest_materialization_event(_key("training_shards"))
        assert shard_run and latest and latest.run_id == shard_run.run_id
        assert {b: e.metadata for b, e in materialisations(instance, "training_shards").items()} == before


def test_a_shard_that_says_otherwise_fails(land_scenes: LandScenes) -> None:
    """Shards are read from their files: a verified answer that changed after they were written is seen."""
    settings, names = land_scenes(1, 1)
    assert launch(settings, names).success
    lake = settings.line().lake
    chain = lake.query("SELECT min(chain_id) FROM verified_set").item()
    lake.transact("spoil", names[0], lambda c: c.execute("DELETE FROM verified_set WHERE chain_id = ?", [chain]))
    (failed,) = launch(settings, names).failed_checks
    assert (failed.asset, failed.check) == ("training_shards", "answers_are_verified_ones")
    example = lake.query("SELECT example_id FROM shard_examples WHERE chain_id = ?", [chain]).item()
    assert failed.failing_ids == (example,)


def _key(asset: str):
    import dagster as dg

    return dg.AssetKey(asset)
