"""The line through real Dagster runs: all green, then nothing to do, and only what was asked for."""

from __future__ import annotations

import dagster as dg
from looking import CHECKS, Home, TwoRuns, evaluations, markdown, materialisations

from hopchain_assets.defs.launch import launch, open_instance
from hopchain_assets.defs.metadata import SHOWN
from hopchain_assets.defs.partitions import sync_partitions
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import Landed, batches, land

LARGEST = 300_000


def test_a_first_run_is_green_and_seen_in_the_web_ui(two_runs: TwoRuns) -> None:
    """One run of the job does all batches, one publishes; every check passes, for each batch and for all together."""
    names, launched = two_runs.batches, two_runs.first
    assert launched.success and launched.changed
    assert (launched.failures, launched.failed_checks) == ([], [])
    assert [(report.stage, report.batch) for report in launched.reports] == [(s, b) for s in STAGES for b in names]
    with open_instance(two_runs.settings) as instance:
        runs = [instance.get_run_by_id(run_id) for run_id in launched.run_ids]
        assert [(run.job_name, run.status) for run in runs if run] == [
            ("line", dg.DagsterRunStatus.SUCCESS),
            ("publish", dg.DagsterRunStatus.SUCCESS),
        ]
        seen = evaluations(instance, launched.run_ids[0])
    assert set(seen) == {(*check, batch) for check in CHECKS for batch in [*names, ""]}
    assert all(evaluation.passed for evaluation in seen.values())
    finished = {(stage, batch) for stage, batch, done, of in two_runs.told if done == of}
    assert finished == {(stage, batch) for stage in STAGES for batch in names}


def test_each_partition_tells_its_own_numbers(two_runs: TwoRuns) -> None:
    """Row counts are those of the tables; pending, seconds and outcomes are there for each batch."""
    lake = two_runs.settings.line().lake
    reports = {(report.stage, report.batch): report for report in two_runs.first.reports}
    with open_instance(two_runs.settings) as instance:
        for stage in STAGES:
            rows = lake.query(f'SELECT batch FROM "{SHOWN[stage].table}"')["batch"].to_list()
            events = materialisations(instance, stage, two_runs.first.run_ids[0])
            assert set(events) == set(two_runs.batches)
            for batch, event in events.items():
                told = {name: value.value for name, value in event.metadata.items()}
                report = reports[stage, batch]
                assert told["dagster/partition_row_count"] == rows.count(batch)
                assert told["dagster/row_count"] == len(rows)
                assert (told["pending before"], told["pending after"]) == (report.pending_before, report.pending_after)
                assert told["seconds"] == round(report.seconds, 3)
                assert {name: told[f"outcome: {name}"] for name in report.outcomes} == report.outcomes
                assert len(dg.serialize_value(event)) < LARGEST


def test_rejections_are_told_by_rule(two_runs: TwoRuns) -> None:
    """What the page of a batch's chains says of each rule is what `rejected_chains` holds."""
    sql = "SELECT batch, rule, count(*) FROM rejected_chains GROUP BY ALL"
    stored = {(batch, rule): count for batch, rule, count in two_runs.settings.line().lake.query(sql).iter_rows()}
    with open_instance(two_runs.settings) as instance:
        told = {
            (batch, name.removeprefix("rejected: ")): value.value
            for batch, event in materialisations(instance, "hop_chains", two_runs.first.run_ids[0]).items()
            for name, value in event.metadata.items()
            if name.startswith("rejected: ")
        }
    assert told == stored


def test_masks_and_chains_are_shown(two_runs: TwoRuns) -> None:
    """The outlines come as a picture; a chain with its picture, question, hops with results, and answer."""
    with open_instance(two_runs.settings) as instance:
        texts = markdown(instance, two_runs.first.run_ids[0])
    for batch in two_runs.batches:
        assert "(data:image/jpeg;base64," in texts[f"instance_masks {batch} mask outlines"]
        chain = texts[f"hop_chains {batch} chain 1"]
        assert "(data:image/jpeg;base64," in chain
        assert "**Question.**" in chain and "| hop | kind | level | words | result |" in chain and "**Answer:" in chain
        assert f"training_shards {batch} sample" in texts


def test_the_manifest_is_published(two_runs: TwoRuns) -> None:
    """Its page names the folder and the file; it is made once, over all batches."""
    folder = two_runs.settings.shard_folder
    with open_instance(two_runs.settings) as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey("manifest"), limit=10).records[-1:]
    event = record.asset_materialization
    assert event and record.run_id == two_runs.first.run_ids[1] and event.partition is None
    assert event.metadata["shard folder"].value == folder
    assert event.metadata["manifest"].value == f"{folder}/manifest.json"


def test_a_second_run_does_nothing_and_says_so(two_runs: TwoRuns) -> None:
    """Nothing is pending, no row changes, and the checks recognise the rows that they passed."""
    again = two_runs.second
    assert again.success and not again.changed
    assert all(report.pending_before == report.pending_after == 0 for report in again.reports)
    before, after = two_runs.ledgers
    assert after.equals(before)
    with open_instance(two_runs.settings) as instance:
        for stage in STAGES:
            for event in materialisations(instance, stage, again.run_ids[0]).values():
                assert "nothing was pending" in str(event.metadata["this run"].value)
        seen = evaluations(instance, again.run_ids[0])
    assert {evaluation.description for evaluation in seen.values()} == {
        "These rows passed before and have not changed since."
    }


def test_batches_apart_are_run_apart(three_batches: Home) -> None:
    """Of three batches two that are no neighbours are run, and the one between is left alone.

    One of them holds a broken picture: it goes to quarantine, its page says so, and its run is green.
    """
    settings, names = three_batches
    broken = settings.home / "broken.jpg"
    broken.write_bytes(b"no picture")
    lake = settings.line().lake
    land(lake, [Landed(str(broken), "0" * 64, None)], 1)
    last = batches(lake)[-1]
    with open_instance(settings) as instance:
        sync_partitions(instance, batches(lake))
    launched = launch(settings, [last, names[0]])
    assert launched.success, launched.failures
    *stretches, _published = launched.run_ids
    assert len(stretches) == 2
    assert {report.batch for report in launched.reports} == {names[0], last}
    with open_instance(settings) as instance:
        done = [set(materialisations(instance, "raw_images", run_id)) for run_id in stretches]
        told = materialisations(instance, "raw_images", stretches[-1])[last].metadata
    assert done == [{names[0]}, {last}]
    assert told["outcome: quarantined"].value == told["quarantined: changed since it landed"].value == 1
