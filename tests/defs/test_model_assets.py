"""SQL models and set-wide checks in Dagster: lineage, checks, and how a fault is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from hopchain_assets.defs.assets import GIVEN, LINE_ASSETS
from hopchain_assets.defs.models import SET_CHECKS, model_assets, set_checks, sql_definitions, table_writers
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.model_files import read_checks, read_models
from hopchain_assets.warehouse.model_header import ModelError
from tests.defs.conftest import landed

MODELS = {model.name: model for model in read_models()}
CHECKS = {check.name: check for check in read_checks()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Settings:
    """A home in which the line has done two scenes in a batch each."""
    made, batches = landed(tmp_path_factory.mktemp("models") / "home", scenes, 2, 1)
    line = made.line()
    for stage in STAGES:
        line.run(stage, batches)
    return made


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    assets, checks = sql_definitions(settings.line())
    return over(settings, assets, checks)


def over(
    settings: Settings, assets: Sequence[dg.AssetsDefinition], checks: Sequence[dg.AssetChecksDefinition]
) -> dg.Definitions:
    jobs = [dg.define_asset_job("models", dg.AssetSelection.groups("models"))] if assets else []
    jobs += [dg.define_asset_job("checks", dg.AssetSelection.checks(*checks))] if checks else []
    return dg.Definitions(
        assets=[*LINE_ASSETS, *GIVEN, *assets],
        asset_checks=checks,
        jobs=jobs,
        resources={"line": LineResource(settings)},
        executor=dg.in_process_executor,
    )


def run(definitions: dg.Definitions, job: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def spoil(lake: Lake, sql: str) -> None:
    lake.transact("test", "", lambda connection: connection.execute(sql))


def test_each_model_is_an_asset_under_what_it_reads(definitions: dg.Definitions) -> None:
    """Its parents are the assets that write its tables, and other models; its page tells what it is."""
    graph = definitions.get_repository_def().asset_graph
    parents = {name: {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys} for name in MODELS}
    assert parents["yield_funnel"] == {"yield_by_batch"}
    assert parents["category_frequency"] == {"categories", "instance_masks", "hop_chains"}
    assert parents["yield_by_batch"] == {"batch_members", *STAGES}
    assert parents["stage_seconds"] == set(STAGES)
    for name, model in MODELS.items():
        node = graph.get(dg.AssetKey(name))
        assert (node.group_name, node.kinds, node.code_version) == ("models", {"duckdb", "sql"}, model.version)
        assert node.description == model.description and node.partitions_def is None
        assert [column.name for column in node.metadata["dagster/column_schema"].columns] == [
            c for c, _ in model.columns
        ]
        assert {key.name for key in node.check_keys} == {test.name for test in model.tests}


def test_set_wide_checks_are_on_the_assets_that_write_the_tables(definitions: dg.Definitions) -> None:
    """One step for all, none of them blocking."""
    graph = definitions.get_repository_def().asset_graph
    keys = {key.name: key for key in graph.asset_check_keys if key.name in CHECKS}
    assert keys.keys() == CHECKS.keys()
    assert keys["images_unique"].asset_key == dg.AssetKey("raw_images")
    assert keys["batch_members_unique"].asset_key == dg.AssetKey("batch_members")
    assert keys["stage_done_unique"].asset_key == dg.AssetKey("training_shards")
    assert not any(graph.get(key).blocking for key in keys.values())
    assert [node.name for node in definitions.resolve_job_def("checks").nodes] == [SET_CHECKS]


def test_a_run_builds_and_tests_all(definitions: dg.Definitions, settings: Settings) -> None:
    """Rows, sample and tests are on each page; a second run builds nothing."""
    with dg.DagsterInstance.ephemeral() as instance:
        first = run(definitions, "models", instance)
        assert first.success
        seen = first.get_asset_check_evaluations()
        assert len(seen) == sum(len(model.tests) for model in MODELS.values()) and all(each.passed for each in seen)
        for name in MODELS:
            (event,) = first.asset_materializations_for_node(name)
            rows = settings.line().lake.query(f"SELECT count(*) FROM {name}").item()
            assert event.metadata["dagster/row_count"].value == rows
            sample = event.metadata["sample"].value
            assert isinstance(sample, str) and sample.startswith("| ")
        (event,) = run(definitions, "models", instance).asset_materializations_for_node("yield_by_batch")
        assert event.metadata["this run"].value == "nothing was out of date"
        assert run(definitions, "checks", instance).success


def test_pictures_are_shown_with_their_model(settings: Settings) -> None:
    """What is drawn of a model comes to its page."""
    pictures = {"rejects_by_rule": lambda lake: {"plot": dg.MetadataValue.md(f"{lake.shown}")}}
    assets = model_assets([MODELS["rejects_by_rule"]], table_writers(settings.line()), pictures)
    with dg.DagsterInstance.ephemeral() as instance:
        (event,) = run(over(settings, assets, []), "models", instance).asset_materializations_for_node(
            "rejects_by_rule"
        )
    assert event.metadata["plot"].value == settings.line().lake.shown


def test_a_failing_model_fails_alone_with_file_and_line(settings: Settings, tmp_path: Path) -> None:
    """The error is one sentence; other models are built, those that read it are not."""
    (tmp_path / "bad.sql").write_text("-- Fails on the rows.\nSELECT\n  batch::INTEGER AS x\nFROM images")
    (tmp_path / "below.sql").write_text("-- Reads it.\nSELECT x FROM bad")
    (tmp_path / "good.sql").write_text("-- Is well.\nSELECT batch AS x FROM images")
    assets = model_assets(read_models(tmp_path), table_writers(settings.line()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(over(settings, assets, []), "models", instance)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "bad" and failure.step_failure_data.user_failure_data is not None
    told = failure.step_failure_data.user_failure_data.description or ""
    assert re.match(rf"{re.escape(str(tmp_path))}/bad.sql:3: Conversion Error", told)
    assert result.asset_materializations_for_node("good")
    assert not [event for event in result.get_step_success_events() if event.step_key in ("bad", "below")]


def test_a_broken_test_of_a_model_is_shown_on_its_check(settings: Settings, tmp_path: Path) -> None:
    """The model is built; the check fails with the number of rows and the first of them."""
    (tmp_path / "mine.sql").write_text("-- X.\n-- unique: a\n-- not_null: a\nSELECT unnest([1, 1, 2]) AS a")
    assets = model_assets(read_models(tmp_path), table_writers(settings.line()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(over(settings, assets, []), "models", instance)
    seen = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert result.success and seen["not_null_a"].passed and not seen["unique_a"].passed
    assert seen["unique_a"].severity == dg.AssetCheckSeverity.ERROR
    assert seen["unique_a"].metadata["failing rows"].value == 1
    assert seen["unique_a"].metadata["first of them"].value == ["a=1, n=2"]


def test_a_broken_set_wide_check_is_shown_on_its_asset(definitions: dg.Definitions, settings: Settings) -> None:
    """The others hold, and nothing is stopped."""
    lake = settings.line().lake
    spoil(lake, "INSERT INTO verified_set FROM verified_set LIMIT 1")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(definitions, "checks", instance)
    spoil(lake, "DELETE FROM verified_set WHERE rowid = (SELECT max(rowid) FROM verified_set)")
    broken = {each.check_name: each for each in result.get_asset_check_evaluations() if not each.passed}
    assert result.success and "verified_set_unique" in broken and "images_unique" not in broken
    assert broken["verified_set_unique"].asset_key == dg.AssetKey("verified_set")
    shown = broken["verified_set_unique"].metadata["first of them"].value
    assert isinstance(shown, str) and "chain\\_id" in shown


def test_a_model_named_like_an_asset_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Two assets of one name could not be told apart."""
    (tmp_path / "raw_images.sql").write_text("-- X.\nSELECT 1 AS a")
    with pytest.raises(ModelError, match=r"raw_images.sql:1: there is an asset"):
        model_assets(read_models(tmp_path), table_writers(settings.line()))


def test_a_check_on_a_table_of_no_asset_is_refused(settings: Settings, tmp_path: Path) -> None:
    """It would have no page to be shown on."""
    (tmp_path / "mine.sql").write_text("-- X.\n-- table: parked\nSELECT batch FROM parked")
    with pytest.raises(ModelError, match=r"mine.sql:1: no asset writes parked"):
        set_checks(read_checks(tmp_path), table_writers(settings.line()))
