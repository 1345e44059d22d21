"""The line through real Dagster runs: all green, then nothing to do, and only what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
from looking import CHECKS, evaluations, markdown, materialisations

from hopchain_assets.defs.launch import Launched, launch, open_instance
from hopchain_assets.defs.metadata import SHOWN
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import Landed, batches, land

FirstRun = tuple[Settings, list[str], Launched, list[tuple[str, str, int, int]]]
LandScenes = Callable[[int, int], tuple[Settings, list[str]]]
LARGEST = 300_000


def test_a_first_run_is_green_and_seen_in_the_web_ui(first_run: FirstRun) -> None:
    """One run of the job does all batches; every check passes, for each batch and for all together."""
    settings, names, launched, told = first_run
    assert launched.success and launched.changed
    assert (launched.failures, launched.failed_checks) == ([], [])
    assert [(report.stage, report.batch) for report in launched.reports] == [(s, b) for s in STAGES for b in names]
    with open_instance(settings) as instance:
        (run,) = instance.get_runs()
        assert (run.run_id, run.job_name, run.status) == (launched.run_id, "line", dg.DagsterRunStatus.SUCCESS)
        seen = evaluations(instance, launched.run_id)
        assert set(seen) == {(*check, batch) for check in CHECKS for batch in [*names, ""]}
        assert all(evaluation.passed for evaluation in seen.values())
    assert {(stage, batch) for stage, batch, done, of in told if done == of} == {(s, b) for s in STAGES for b in names}


def test_each_partition_tells_its_own_numbers(first_run: FirstRun) -> None:
    """Row counts are those of the tables; pending, seconds and outcomes are there for each batch."""
    settings, names, _, _ = first_run
    with open_instance(settings) as instance:
        for stage in STAGES:
            counts = settings.line().lake.query(f'SELECT batch FROM "{SHOWN[stage].table}"')["batch"]
            events = materialisations(instance, stage)
            assert set(events) == set(names)
            for batch, event in events.items():
                found = {name: value.value for name, value in event.metadata.items()}
                assert found["dagster/partition_row_count"] == counts.to_list().count(batch)
                assert found["dagster/row_count"] == len(counts)
                assert found["pending before"] == (1 if stage == "training_shards" else found["pending before"]) > 0
                assert found["pending after"] == 0
                assert found["seconds"] > 0 and found["outcome: done"] > 0
                assert len(dg.serialize_value(event)) < LARGEST


def test_rejections_are_told_by_rule(first_run: FirstRun) -> None:
    """What the page of a batch's chains says of each rule is what `rejected_chains` holds."""
    settings, _, _, _ = first_run
    sql = "SELECT batch, rule, count(*) FROM rejected_chains GROUP BY ALL"
    stored = {(batch, rule): count for batch, rule, count in settings.line().lake.query(sql).iter_rows()}
    with open_instance(settings) as instance:
        told = {
            (batch, name.removeprefix("rejected: ")): value.value
            for batch, event in materialisations(instance, "hop_chains").items()
            for name, value in event.metadata.items()
            if name.startswith("rejected: ")
        }
    assert told == stored


def test_masks_and_chains_are_shown(first_run: FirstRun) -> None:
    """The outlines come as a picture; a chain with its picture, question, hops with results, and answer."""
    settings, names, _, _ = first_run
    with open_instance(settings) as instance:
        texts = markdown(instance)
    for batch in names:
        assert "(data:image/jpeg;base64," in texts[f"instance_masks {batch} mask outlines"]
        chain = texts[f"hop_chains {batch} chain 1"]
        assert "(data:image/jpeg;base64," in chain
        assert "**Question.**" in chain and "| hop | kind | level | words | result |" in chain and "**Answer:" in chain
        assert f"training_shards {batch} sample" in texts


def test_the_manifest_is_published(first_run: FirstRun) -> None:
    """The page of the shards names the folder and the manifest, which is there."""
    settings, _, _, _ = first_run
    with open_instance(settings) as instance:
        for event in materialisations(instance, "training_shards").values():
            assert event.metadata["shard folder"].value == settings.shard_folder
            assert event.metadata["manifest"].value == f"{settings.shard_folder}/manifest.json"


def test_a_second_run_does_nothing_and_says_so(land_scenes: LandScenes) -> None:
    """Nothing is pending, no row changes, and the checks recognise the rows that they passed."""
    settings, names = land_scenes(1, 2)
    launch(settings, names)
    lake = settings.line().lake
    before = lake.query("FROM stage_done").sort("stage")
    again = launch(settings, names)
    assert again.success and not again.changed
    assert all(report.pending_before == report.pending_after == 0 for report in again.reports)
    assert lake.query("FROM stage_done").sort("stage").equals(before)
    with open_instance(settings) as instance:
        for stage in STAGES:
            event = materialisations(instance, stage)[names[0]]
            assert "nothing was pending" in str(event.metadata["this run"].value)
        seen = evaluations(instance, again.run_id)
        assert {evaluation.description for evaluation in seen.values()} == {
            "These rows passed before and have not changed since."
        }


def test_batches_apart_are_run_apart(land_scenes: LandScenes) -> None:
    """Of three batches the first and the last are run, and the one between is left alone."""
    settings, names = land_scenes(3, 1)
    with open_instance(settings) as instance:
        from hopchain_assets.defs.partitions import sync_partitions

        sync_partitions(instance, names)
    launched = launch(settings, [names[2], names[0]])
    assert launched.success and len(launched.run_ids) == 2
    assert {report.batch for report in launched.reports} == {names[0], names[2]}
    with open_instance(settings) as instance:
        assert set(materialisations(instance, "raw_images")) == {names[0], names[2]}


def test_nothing_asked_is_nothing_run(land_scenes: LandScenes) -> None:
    """A launch without batches makes no run."""
    settings, _ = land_scenes(1, 1)
    launched = launch(settings, [])
    assert launched.success and not launched.run_ids and not launched.changed


def test_a_broken_picture_does_not_fail_the_run(land_scenes: LandScenes) -> None:
    """It goes to quarantine, its page says so, and the run stays green though nothing can follow."""
    settings, _ = land_scenes(1, 1)
    lake = settings.line().lake
    broken = settings.home / "broken.jpg"
    broken.write_bytes(b"no picture")
    land(lake, [Landed(str(broken), "0" * 64, None)], 1)
    batch = batches(lake)[-1]
    launched = launch(settings, [batch])
    assert launched.success, launched.failures
    with open_instance(settings) as instance:
        told = materialisations(instance, "raw_images")[batch].metadata
    assert told["outcome: quarantined"].value == 1
    assert told["quarantined: changed since it landed"].value == 1


def test_a_step_that_fails_is_told(land_scenes: LandScenes) -> None:
    """Without its picture a shard cannot be written: the step, the reason, and no success."""
    settings, names = land_scenes(1, 1)
    first = launch(settings, names)
    assert first.success
    for file in (settings.home / "pictures").rglob("*"):
        if file.is_file():
            file.unlink()
    settings.line().lake.transact(
        "training_shards", names[0], lambda c: c.execute("DELETE FROM stage_done WHERE stage = 'training_shards'")
    )
    failed = launch(settings, names)
    assert not failed.success
    ((step, message),) = failed.failures
    assert step == "training_shards" and "FileNotFoundError" in message
