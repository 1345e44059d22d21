"""What Dagster loads: keys, dependencies, groups, partitions, checks, schemas, versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from looking import CHECKS

from hopchain_assets.defs.build import build_definitions
from hopchain_assets.defs.launch import prepare_home
from hopchain_assets.defs.metadata import SHOWN
from hopchain_assets.defs.partitions import PARTITIONS, ranges, sync_partitions
from hopchain_assets.defs.resource import LineResource
from hopchain_assets.defs.schema import table_schemas
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES

PROJECT = Path(__file__).parents[2]
GIVEN = {"batch_members", "category_audit", "votes", "reviews"}


def _repository(home: Path, **environ: str) -> dg.RepositoryDefinition:
    settings = Settings.load({"HOPCHAIN_HOME": str(home), **environ})
    return build_definitions(LineResource(settings)).get_repository_def()


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return _repository(tmp_path_factory.mktemp("graph"))


def test_seven_assets_and_what_is_given_to_them(graph: dg.RepositoryDefinition) -> None:
    """The line has its seven assets and the manifest; four tables that it is given stand beside them."""
    nodes = graph.asset_graph
    ours = {key for key in nodes.materializable_asset_keys if nodes.get(key).group_name != "models"}
    assert {key.to_user_string() for key in ours} == {*STAGES, "manifest"}
    assert {key.to_user_string() for key in nodes.external_asset_keys} == GIVEN


def test_each_asset_depends_on_the_tables_that_it_reads(graph: dg.RepositoryDefinition) -> None:
    """The edges are those of the stages, in the line's order."""
    parents = {
        name: {key.to_user_string() for key in graph.asset_graph.get(dg.AssetKey(name)).parent_keys} for name in STAGES
    }
    assert parents == {
        "raw_images": {"batch_members"},
        "image_ratings": {"batch_members", "raw_images"},
        "categories": {"batch_members", "raw_images", "image_ratings"},
        "instance_masks": {"batch_members", "raw_images", "categories"},
        "hop_chains": {"raw_images", "categories", "instance_masks", "category_audit"},
        "verified_set": {
            "raw_images",
            "categories",
            "instance_masks",
            "hop_chains",
            "category_audit",
            "reviews",
            "votes",
        },
        "training_shards": {"raw_images", "hop_chains", "verified_set"},
    }
    assert graph.asset_graph.get(dg.AssetKey("manifest")).parent_keys == {dg.AssetKey("training_shards")}


def test_every_asset_is_told_of_whole(graph: dg.RepositoryDefinition) -> None:
    """Each asset has group, kinds, owner, description, code version, one run for a range, and its real columns."""
    for name in STAGES:
        node = graph.asset_graph.get(dg.AssetKey(name))
        assert node.group_name != "default"
        assert node.kinds and node.owners and node.description and node.code_version
        assert node.partitions_def == dg.DynamicPartitionsDefinition(name=PARTITIONS)
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        schema = node.metadata["dagster/column_schema"]
        assert {"batch", "stage_version"} <= {column.name for column in schema.columns}
        assert all(column.description for column in schema.columns)


def test_the_checks_of_a_batch_block_and_are_partitioned(graph: dg.RepositoryDefinition) -> None:
    """What is said of a batch blocks what comes after it, with one evaluation for each batch."""
    nodes = [graph.asset_graph.get(key) for key in graph.asset_graph.asset_check_keys]
    by_batch = [node for node in nodes if node.partitions_def is not None]
    assert {(node.key.asset_key.to_user_string(), node.key.name) for node in by_batch} == CHECKS
    assert all(node.blocking for node in by_batch)


def test_the_job_is_the_whole_line(graph: dg.RepositoryDefinition) -> None:
    """The job `line` runs all seven assets and all checks, in one process."""
    job = graph.get_job("line")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(STAGES)
    assert len(job.nodes) == len(STAGES) + len(CHECKS)
    assert job.executor_def.name == "in_process"


def test_what_writes_shares_a_pool_and_is_not_retried_by_dagster(graph: dg.RepositoryDefinition) -> None:
    """The sensor tries again, and counts; a retry policy would bring back a step that somebody terminates."""
    for name in (*STAGES, "manifest"):
        asset = graph.assets_defs_by_key[dg.AssetKey(name)]
        assert asset.op.pool == "writer" and asset.op.retry_policy is None
    (upkeep,) = graph.get_job("maintenance").nodes
    assert upkeep.definition.pools == {"writer"}


def test_what_is_published_is_one_unpartitioned_job(graph: dg.RepositoryDefinition) -> None:
    """The manifest and the models, over all batches."""
    job = graph.get_job("publish")
    assert dg.AssetKey("manifest") in job.asset_layer.executable_asset_keys
    assert not {dg.AssetKey(stage) for stage in STAGES} & set(job.asset_layer.executable_asset_keys)


def test_the_line_runs_itself_from_the_start(graph: dg.RepositoryDefinition) -> None:
    """Sensors and schedules are on without a click, and look at the pace that is wanted."""
    sensors = {sensor.name: sensor for sensor in graph.sensor_defs}
    assert set(sensors) == {"landing", "pending", "reviews", "failed_checks"}
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in sensors.values())
    paces = {name: sensor.minimum_interval_seconds for name, sensor in sensors.items()}
    assert paces == {"landing": 5, "pending": 5, "reviews": 30, "failed_checks": 5}
    assert {sensors[name].job_name for name in ("landing", "pending")} == {"line"}
    schedules = {schedule.name: schedule for schedule in graph.schedule_defs}
    assert {name: (one.job_name, one.cron_schedule) for name, one in schedules.items()} == {
        "publish": ("publish", "* * * * *"),
        "maintenance": ("maintenance", "30 3 * * *"),
    }
    assert all(one.default_status == dg.DefaultScheduleStatus.RUNNING for one in schedules.values())


def test_a_setting_changes_the_code_version_of_its_stage_alone(tmp_path: Path) -> None:
    """Dagster shows what a change of settings made stale."""

    def versions(graph: dg.RepositoryDefinition) -> dict[str, str | None]:
        return {name: graph.asset_graph.get(dg.AssetKey(name)).code_version for name in STAGES}

    before, after = versions(_repository(tmp_path)), versions(_repository(tmp_path, HOPCHAIN_CHAINS_PER_PICTURE="3"))
    assert {name for name in STAGES if before[name] != after[name]} == {"hop_chains"}


def test_column_schemas_are_those_of_the_tables(tmp_path: Path) -> None:
    """What the asset pages say of the main tables is what the warehouse has."""
    lake = Settings.load({"HOPCHAIN_HOME": str(tmp_path)}).line().lake
    lake.migrate()
    schemas = table_schemas()
    for shown in SHOWN.values():
        real = lake.query(f'DESCRIBE "{shown.table}"')
        told = [(column.name, column.type) for column in schemas[shown.table].columns]
        assert told == list(zip(real["column_name"], real["column_type"], strict=True))
        assert set(shown.columns) <= set(real["column_name"])


def test_without_the_page_there_are_no_schemas(tmp_path: Path) -> None:
    """A wheel does not carry docs/tables.md, and its definitions load all the same."""
    assert table_schemas(tmp_path / "tables.md") == {}


def test_ranges_hold_the_wanted_partitions_and_no_other() -> None:
    """Neighbours share a stretch, whatever the order in which they are asked for."""
    assert ranges("abcde", "dab") == [("a", "b"), ("d", "d")]
    assert ranges("abcde", "") == []
    assert ranges("abc", "abc") == [("a", "c")]
    with pytest.raises(KeyError):
        ranges("abc", "z")


def test_partitions_are_added_once_and_in_order() -> None:
    """What is known already stays where it is."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert sync_partitions(instance, ["b1", "b2"]) == ["b1", "b2"]
        assert sync_partitions(instance, ["b3", "b1", "b3"]) == ["b3"]
        assert list(instance.get_dynamic_partitions(PARTITIONS)) == ["b1", "b2", "b3"]


def test_the_shipped_instance_settings_are_kept_once_changed(tmp_path: Path) -> None:
    """dagster.yaml comes into a new home, and is the user's own afterwards."""
    settings = Settings.load({"HOPCHAIN_HOME": str(tmp_path)})
    config = prepare_home(settings) / "dagster.yaml"
    assert "telemetry" in config.read_text()
    config.write_text("telemetry: {enabled: false}\n")
    prepare_home(settings)
    assert config.read_text() == "telemetry: {enabled: false}\n"


def test_the_workspace_loads_as_dagster_loads_it(tmp_path: Path) -> None:
    """`dagster` finds the code location by workspace.yaml, under its name, and without Great Expectations."""
    home = {"HOPCHAIN_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).parent / "dagster"), "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | home, capture_output=True, text=True, timeout=120)
    assert "Validation successful for code location hopchain_assets" in done.stdout + done.stderr
    code = "import hopchain_assets.definitions, sys; assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=os.environ | home, check=True, timeout=60)
