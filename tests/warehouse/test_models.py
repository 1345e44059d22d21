"""SQL models and set-wide checks: what is built when, and what they say of a real line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from hopchain_assets.settings import Settings
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import Audit, batches, record_audits
from hopchain_assets.warehouse.model_files import read_checks, read_models
from hopchain_assets.warehouse.model_header import ModelError
from hopchain_assets.warehouse.models import build_models, model_states, remove_gone, run_checks, run_tests, sample_of
from tests.stages.conftest import new_line, run_all, take_in

MODELS = {model.name: model for model in read_models()}
CHECKS = {check.name: check for check in read_checks()}
BOOKS = ("batch_members", "category_audit", "stage_done", "stage_runs")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the line has done four scenes in two batches. For copying."""
    home = tmp_path_factory.mktemp("line") / "home"
    render_scenes(home / "scenes", 4, seed=3)
    line = new_line(home)
    take_in(line, home / "scenes", batch_size=2)
    run_all(line)
    return home


@pytest.fixture(scope="module")
def done(made: Path) -> Line:
    """The line of that home, its models built. For reading only."""
    line = new_line(made)
    build_models(line.lake, list(MODELS.values()))
    return line


@pytest.fixture
def line(done: Line, tmp_path: Path) -> Line:
    """A line of one's own with the same rows, no model built."""
    made = new_line(tmp_path / "home", HOPCHAIN_PICTURES=done.pictures.folder)
    stages = {table for stage in done.stages().values() for table in stage.tables.keys}
    frames = {table: done.lake.query(f"FROM {table}") for table in (*BOOKS, *sorted(stages))}

    def copy(connection: duckdb.DuckDBPyConnection) -> None:
        for table, frame in frames.items():
            connection.register("_rows", frame.to_arrow())
            connection.execute(f"INSERT INTO {table} BY NAME FROM _rows")
            connection.unregister("_rows")

    made.lake.transact("copy", "", copy)
    return made


@pytest.mark.parametrize("name", sorted(CHECKS | MODELS))
def test_no_row_is_held_against_each_other_row(done: Line, name: str) -> None:
    """A join by an OR takes hours on a large warehouse. What holds rows against one value says `(SELECT`."""
    sql = (CHECKS | MODELS)[name].sql
    with done.lake.reading() as connection:
        ((_, plan),) = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    loops = len(re.findall("NL_JOIN|NESTED_LOOP|CROSS_PRODUCT", plan))
    assert loops <= sql.upper().count("(SELECT"), plan


def contents(lake: Lake, model: str) -> list[tuple[object, ...]]:
    return sorted(lake.query(f"FROM {model}").rows(), key=repr)


@contextmanager
def spoilt(lake: Lake, *statements: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables as they are after these statements, which are rolled back."""
    with lake.open(read_only=False) as connection:
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        yield connection


# --- building


def test_a_new_warehouse_has_models_without_rows(tmp_path: Path) -> None:
    """Nothing landed yet: everything is built, nothing is told, no check fails."""
    lake = Settings.load({"HOPCHAIN_HOME": str(tmp_path)}).line().lake
    lake.migrate()
    built = build_models(lake, list(MODELS.values()))
    assert {one.model.name for one in built} == MODELS.keys() and not any(one.rows or one.skipped for one in built)
    assert all(result.passed for result in run_checks(lake, list(CHECKS.values())))
    assert all(one.skipped for one in build_models(lake, list(MODELS.values())))


def test_what_is_up_to_date_is_left_alone(done: Line) -> None:
    """A second look builds nothing, and every model says that it is up to date."""
    assert all(one.skipped for one in build_models(done.lake, list(MODELS.values())))
    states = model_states(done.lake, list(MODELS.values()))
    # nobody looked for names in rendered scenes
    empty = {"grounding"}
    assert all(state.up_to_date and isinstance(state.built_at, datetime) for state in states)
    assert {state.model.name for state in states if not state.rows} == empty
    assert [state.rows for state in states] == [len(contents(done.lake, state.model.name)) for state in states]


def test_only_the_changed_batch_is_built_anew(line: Line) -> None:
    """A late word on the categories of one picture: its batch alone, and the result is that of building all."""
    models = [MODELS["yield_by_batch"], MODELS["yield_funnel"]]
    told: list[tuple[int, int]] = []
    by_batch, _ = build_models(line.lake, models, progress=lambda n, of: told.append((n, of)))
    assert by_batch.batches_rebuilt == 2 and told == [(1, 2), (2, 2)]
    before = contents(line.lake, "yield_by_batch")
    picture, batch = line.lake.query("SELECT image_id, batch FROM verified_set LIMIT 1").row(0)
    named = line.lake.query("SELECT category FROM categories WHERE image_id = ?", [picture])["category"]
    record_audits(line.lake, [Audit(picture, category, False, "me") for category in named])
    assert not any(state.up_to_date for state in model_states(line.lake, models))
    line.run("verified_set", [batch])
    by_batch, funnel = build_models(line.lake, models)
    assert by_batch.batches_rebuilt == 1 and not funnel.skipped
    after = contents(line.lake, "yield_by_batch")
    assert [a == b for a, b in zip(before, after, strict=True)] == [row[0] != batch for row in before]
    kept = contents(line.lake, "yield_funnel")
    assert [one.skipped for one in build_models(line.lake, models, full=True)] == [False, False]
    assert (contents(line.lake, "yield_by_batch"), contents(line.lake, "yield_funnel")) == (after, kept)


def test_a_batch_that_is_gone_leaves_the_models(line: Line) -> None:
    """Its rows go, the others stay."""
    model = MODELS["yield_by_batch"]
    build_models(line.lake, [model])
    gone, kept = batches(line.lake)
    tables = ("batch_members", "stage_done", "category_audit", *sorted(model.tables - {"batch_members"}))

    def forget(connection: duckdb.DuckDBPyConnection) -> None:
        for table in tables:
            connection.execute(f"DELETE FROM {table} WHERE batch = ?", [gone])

    line.lake.transact("test", "", forget)
    (built,) = build_models(line.lake, [model])
    assert (built.skipped, built.batches_rebuilt, built.rows) == (False, 0, 1)
    assert [row[0] for row in contents(line.lake, "yield_by_batch")] == [kept]
    assert line.lake.query("SELECT batch FROM model_done")["batch"].to_list() == [kept]


def test_other_sql_and_other_columns_build_all(line: Line, tmp_path: Path) -> None:
    """A changed SELECT is built for every batch, with its columns; a table that was dropped by hand comes back."""
    file = tmp_path / "mine.sql"

    def build(sql: str) -> tuple[int, list[tuple[object, ...]]]:
        file.write_text(f"-- X.\n-- materialized: incremental\n{sql}")
        (one,) = build_models(line.lake, read_models(tmp_path))
        return one.batches_rebuilt, contents(line.lake, "mine")

    first, second = batches(line.lake)
    assert build("SELECT batch, count(*) AS n FROM images GROUP BY batch") == (2, [(first, 2), (second, 2)])
    assert build("SELECT batch, -count(*) AS n FROM images GROUP BY batch") == (2, [(first, -2), (second, -2)])
    assert build("SELECT 'x' AS t, batch FROM images") == (2, [("x", first)] * 2 + [("x", second)] * 2)
    assert build("SELECT 'x' AS t, batch FROM images")[0] == 0
    line.lake.transact("test", "", lambda connection: connection.execute("DROP TABLE mine"))
    assert build("SELECT 'x' AS t, batch FROM images") == (2, [("x", first)] * 2 + [("x", second)] * 2)


def test_a_failing_model_is_told_and_keeps_its_rows(line: Line, tmp_path: Path) -> None:
    """File and line of what fails on the rows; what was there stays, what comes before it is built."""
    (tmp_path / "a.sql").write_text("-- A.\nSELECT count(*) AS n FROM images")
    file = tmp_path / "b.sql"
    file.write_text("-- B.\nSELECT width AS n FROM images")
    build_models(line.lake, read_models(tmp_path))
    before = contents(line.lake, "b")
    (tmp_path / "a.sql").write_text("-- A.\nSELECT count(*) + 1 AS n FROM images")
    file.write_text("-- B.\nSELECT\n  batch::INTEGER AS n\nFROM images")
    with pytest.raises(ModelError, match=rf"{re.escape(str(file))}:3: Conversion Error"):
        build_models(line.lake, read_models(tmp_path))
    assert contents(line.lake, "b") == before and contents(line.lake, "a") == [(5,)]


def test_rows_of_no_batch_are_left_out(line: Line, tmp_path: Path) -> None:
    """They would never be replaced."""
    (tmp_path / "mine.sql").write_text(
        "-- X.\n-- materialized: incremental\nSELECT unnest(['b0', NULL, max(batch)]) AS batch FROM images"
    )
    build_models(line.lake, read_models(tmp_path))
    assert contents(line.lake, "mine") == [(batches(line.lake)[-1],)]


def test_a_model_alone_is_built_again_when_what_it_reads_was_built_later(line: Line) -> None:
    """Dagster builds one model at a time, in any order: the reader is out of date until it has read the newest."""
    models = [MODELS["yield_by_batch"], MODELS["yield_funnel"]]
    build_models(line.lake, models)
    undone = "DELETE FROM verified_set; DELETE FROM stage_done WHERE stage = 'verified_set'"
    line.lake.transact("test", "", lambda connection: connection.execute(undone))
    (early,) = build_models(line.lake, models, ["yield_funnel"])
    (upstream,) = build_models(line.lake, models, ["yield_by_batch"])
    (late,) = build_models(line.lake, models, ["yield_funnel"])
    assert not early.skipped and not upstream.skipped and not late.skipped
    assert ("chains", 3, "verified", 0) in [row[:4] for row in contents(line.lake, "yield_funnel")]


def test_two_builders_at_once_do_it_once(line: Line) -> None:
    """The second finds it done; no row is there twice."""
    models = [MODELS["yield_by_batch"], MODELS["yield_funnel"]]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: build_models(line.lake, models), range(2)))
    for one, other in zip(*both, strict=True):
        assert one.skipped != other.skipped, one.model.name
    assert len(contents(line.lake, "yield_by_batch")) == 2
    assert line.lake.query("SELECT count(*) FROM model_done").item() == 3


def test_the_table_of_a_model_without_a_file_is_dropped(line: Line, tmp_path: Path) -> None:
    """Its rows would never change again."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.sql").write_text(f"-- {name}.\nSELECT 1 AS x")
    build_models(line.lake, read_models(tmp_path))
    (tmp_path / "b.sql").unlink()
    assert remove_gone(line.lake, read_models(tmp_path)) == ["b"]
    assert remove_gone(line.lake, read_models(tmp_path)) == []
    tables = line.lake.query("SHOW TABLES")["name"].to_list()
    assert "a" in tables and "b" not in tables and "images" in tables


def test_batches_are_built_on_either_catalog(lake: Lake, tmp_path: Path) -> None:
    """A batch that is new is built, the others are left alone, in SQLite and in Postgres."""
    (tmp_path / "mine.sql").write_text(
        "-- X.\n-- materialized: incremental\nSELECT batch, count(*) AS n FROM batch_members GROUP BY batch"
    )
    models = read_models(tmp_path)
    for batch in ("b1", "b2"):
        add = f"INSERT INTO batch_members BY NAME SELECT '{batch}' AS batch, 'x' AS content_sha256"
        lake.transact("test", "", lambda connection, add=add: connection.execute(add))
        (built,) = build_models(lake, models)
        assert built.batches_rebuilt == 1
    assert contents(lake, "mine") == [("b1", 1), ("b2", 1)]
    assert build_models(lake, models)[0].skipped


def test_unknown_names_are_refused(done: Line) -> None:
    """Of models and of checks."""
    with pytest.raises(ModelError, match="no model nix"):
        build_models(done.lake, list(MODELS.values()), ["nix"])
    with pytest.raises(ModelError, match="no check nix"):
        run_checks(done.lake, list(CHECKS.values()), ["nix"])


# --- tests of headers


def test_each_kind_of_test_finds_its_rows(done: Line, tmp_path: Path) -> None:
    """How many break it and which; NULL is for not_null alone."""
    (tmp_path / "mine.sql").write_text(
        "-- X.\n-- unique: a, b\n-- unique: a\n-- not_null: a, b\n-- accepted_values: a in ('x', 'it''s')\n"
        "-- accepted_values: b in (1, -2)\n-- relationships: a -> images.format\n"
        "SELECT * FROM (VALUES ('x', 1), ('x', -2), ('it''s', 3), (NULL, 1)) AS t(a, b)"
    )
    with_one = read_models(tmp_path)
    build_models(done.lake, with_one)
    results = {result.name: result for result in run_tests(done.lake, with_one[0])}
    remove_gone(done.lake, list(MODELS.values()))
    assert {name: result.failing for name, result in results.items()} == {
        "unique_a_b": 0, "unique_a": 1, "not_null_a": 1, "not_null_b": 0,
        "accepted_values_a": 0, "accepted_values_b": 1, "relationships_a_images": 3,
    }  # fmt: skip
    assert results["unique_a"].sample == ("a=x, n=2",) and not results["unique_a"].passed
    assert results["accepted_values_b"].sample == ("a=it's, b=3",)
    assert results["unique_a_b"].passed and results["unique_a_b"].sample == ()


def test_a_model_that_was_not_built_cannot_be_tested(line: Line) -> None:
    """The line of the header is told."""
    with pytest.raises(ModelError, match=r"yield_funnel.sql:\d+: unique: unit, step: .*yield_funnel"):
        run_tests(line.lake, MODELS["yield_funnel"])


# --- what the models say


def test_the_tests_of_all_models_pass_on_a_real_line(done: Line) -> None:
    """And all set-wide checks."""
    broken = [result for model in MODELS.values() for result in run_tests(done.lake, model) if not result.passed]
    assert not broken
    assert [result.check.name for result in run_checks(done.lake, list(CHECKS.values())) if not result.passed] == []


def test_yields_are_those_of_the_tables(done: Line) -> None:
    """By batch and over all; the funnel never widens."""
    rows = {row["batch"]: row for row in done.lake.query("FROM yield_by_batch").to_dicts()}
    assert list(rows) == batches(done.lake) or set(rows) == set(batches(done.lake))
    for column, table in {
        "landed": "batch_members", "images": "images", "instances": "instances", "certified": "hop_chains",
        "verified": "verified_set", "waiting": "waiting_chains", "examples": "shard_examples", "shards": "shards",
    }.items():  # fmt: skip
        counted = dict(done.lake.query(f"SELECT batch, count(*) FROM {table} GROUP BY batch").rows())
        assert {batch: row[column] for batch, row in rows.items()} == {batch: counted.get(batch, 0) for batch in rows}
    funnel = done.lake.query("FROM yield_funnel").to_dicts()
    for unit in ("pictures", "chains"):
        steps = [row["n"] for row in sorted(funnel, key=lambda row: row["step"]) if row["unit"] == unit]
        assert steps == sorted(steps, reverse=True) and steps[0] > 0
    proposed = sum(row["proposed"] for row in rows.values())
    rejected = done.lake.query("SELECT count(*) FROM rejected_chains WHERE question IS NOT NULL").item()
    assert proposed == rejected + done.lake.query("SELECT count(*) FROM hop_chains").item()


def test_distributions_add_up(done: Line) -> None:
    """Shares sum to one, counts to the rows that they are of."""
    lake = done.lake
    for model, column, table in (
        ("answer_distribution", "chains", "verified_set"),
        ("question_mix", "chains", "hop_chains"),
        ("question_mix", "verified", "verified_set"),
        ("rejects_by_rule", "rejected", "rejected_chains"),
        ("category_frequency", "instances", "instances"),
        ("category_frequency", "pictures", "categories"),
    ):
        total = lake.query(f"SELECT sum({column}) FROM {model}").item()
        assert total == lake.query(f"SELECT count(*) FROM {table}").item(), model
    for model in ("answer_distribution", "question_mix"):
        assert lake.query(f"SELECT sum(share) FROM {model}").item() == pytest.approx(1)


def test_branches_are_counted_with_the_relation_of_their_own_condition(done: Line) -> None:
    """Checked against each hop's own grounds, one by one."""
    expected = done.lake.query(
        """
        SELECT skeleton, node ->> 'relation' AS relation, count(*) AS conditions,
            count(*) FILTER (hop ->> 'result' = 'yes') AS yes
        FROM (
            SELECT skeleton, unnest(json_extract(hops, '$[*]')) AS hop, json_extract(program, '$.nodes[*]') AS nodes
            FROM hop_chains
        ), unnest(nodes) AS n(node)
        WHERE node ->> 'op' = 'compare' AND list_contains(json_extract_string(hop, '$.grounds[*]'), node ->> 'id')
        GROUP BY ALL ORDER BY ALL
        """
    )
    found = done.lake.query("SELECT skeleton, relation, conditions, yes FROM branch_balance ORDER BY ALL")
    assert found.rows() == expected.rows() and found.height


def test_pending_work_is_that_of_the_line(made: Path, tmp_path: Path) -> None:
    """Half way through it counts as `hopchain status` does; failures and parked batches come with their reason."""
    line = new_line(tmp_path / "home")
    take_in(line, made / "scenes", batch_size=2)
    first, second = batches(line.lake)
    for stage in STAGES[:4]:
        line.run(stage, [first])
    sql = MODELS["pending_work"].sql
    told = {(row["batch"], row["stage"]): row for row in line.lake.query(sql).to_dicts()}
    owed = {(row.batch, row.stage): (row.done, row.pending) for row in line.backlog()}
    assert {key: (row["done"], row["not_done"]) for key, row in told.items()} == owed
    failed = "UPDATE stage_done SET outcome = 'failed', detail = 'no memory' WHERE stage = 'instance_masks'"
    parked = f"INSERT INTO parked VALUES ('{second}', 'h', 3, 'disk full', 'r', now()::TIMESTAMP, NULL)"
    again = f"INSERT INTO parked VALUES ('{first}', 'h', 3, 'old', 'r', now()::TIMESTAMP, now()::TIMESTAMP)"
    with spoilt(line.lake, failed, parked, again) as connection:
        rows = {(row["batch"], row["stage"]): row for row in connection.execute(sql).pl().to_dicts()}
    masks, later = rows[first, "instance_masks"], rows[second, "raw_images"]
    assert (masks["failed"], masks["done"], masks["failure"]) == (2, 0, "no memory")
    assert rows[first, "hop_chains"]["ready"] == 0
    assert (later["parked_error"], later["attempts"], masks["parked_error"]) == ("disk full", 3, None)


def test_a_sample_is_in_the_models_order(done: Line) -> None:
    """The most frequent first, the last batch first."""
    chains = sample_of(done.lake, MODELS["answer_distribution"])["chains"].to_list()
    assert chains == sorted(chains, reverse=True)
    assert sample_of(done.lake, MODELS["yield_by_batch"], 1)["batch"].to_list() == batches(done.lake)[-1:]


# --- set-wide checks

A_CHAIN = "chain_id = (SELECT min(chain_id) FROM verified_set)"
SPOILS = {
    "batch_members_unique": "INSERT INTO batch_members FROM batch_members LIMIT 1",
    "boxes_inside_picture": "UPDATE instances SET x1 = 1e6 WHERE x0 = (SELECT min(x0) FROM instances)",
    "categories_have_picture": "INSERT INTO categories BY NAME SELECT 'x' AS image_id, 'dog' AS category",
    "groundings_count_instances": """
        INSERT INTO groundings BY NAME SELECT image_id, category, 9 AS n_kept, batch FROM instances LIMIT 1
    """,
    "hop_chains_rest_on_instances": f"UPDATE hop_chains SET instance_ids = ['nobody'] WHERE {A_CHAIN}",
    "hop_chains_unique": "INSERT INTO hop_chains FROM hop_chains LIMIT 1",
    "images_unique": "INSERT INTO images BY NAME SELECT * REPLACE ('b2' AS batch) FROM images LIMIT 1",
    "instances_have_picture": "UPDATE instances SET batch = 'b0' WHERE x0 = (SELECT min(x0) FROM instances)",
    "instances_unique": "INSERT INTO instances FROM instances LIMIT 1",
    "left_out_have_picture": "INSERT INTO left_out BY NAME SELECT instance_id, image_id, batch FROM instances LIMIT 1",
    "pairs_have_picture": "DELETE FROM images WHERE image_id = (SELECT min(image_id) FROM pairs)",
    "rated_out_ends_there": """
        INSERT INTO image_ratings BY NAME
        SELECT image_id, false AS kept, batch FROM categories WHERE category = (SELECT min(category) FROM categories)
    """,
    "reviews_rest_on_votes": """
        INSERT INTO reviews BY NAME SELECT question_id, 'defect' AS state, batch FROM hop_chains LIMIT 1
    """,
    "rows_match_ledger": "DELETE FROM pairs WHERE a = (SELECT min(a) FROM pairs)",
    "shard_examples_unique": "INSERT INTO shard_examples FROM shard_examples LIMIT 1",
    "shard_examples_verified": f"UPDATE verified_set SET held = 'why' WHERE {A_CHAIN}",
    "shards_count_their_examples": f"DELETE FROM shard_examples WHERE {A_CHAIN}",
    "splits_disjoint": f"UPDATE shard_examples SET split = 'other' WHERE {A_CHAIN}",
    "stage_done_unique": "INSERT INTO stage_done FROM stage_done LIMIT 1",
    "texts_lie_on_instances": """
        INSERT INTO texts BY NAME SELECT image_id, ['nobody'] AS instance_ids, batch FROM instances LIMIT 1
    """,
    "verified_answers_agree": f"""
        INSERT INTO verified_set SELECT * REPLACE (answer || '1' AS answer) FROM verified_set WHERE {A_CHAIN}
    """,
    "verified_chains_certified": f"UPDATE hop_chains SET answer = '1234' WHERE {A_CHAIN}",
    "verified_or_waiting": f"""
        INSERT INTO waiting_chains BY NAME SELECT chain_id, batch FROM verified_set WHERE {A_CHAIN}
    """,
    "verified_set_unique": f"INSERT INTO verified_set FROM verified_set WHERE {A_CHAIN}",
    "votes_unique": """
        INSERT INTO votes BY NAME SELECT 'q' AS question_id, 'me' AS person_id FROM range(2)
    """,
    "waiting_chains_certified": "INSERT INTO waiting_chains BY NAME SELECT 'gone' AS chain_id",
}


def test_every_check_has_a_fault_that_it_finds() -> None:
    """None is there that was never seen to fail."""
    assert SPOILS.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", SPOILS)
def test_a_check_finds_its_fault(done: Line, name: str) -> None:
    """It holds before, and names a row afterwards."""
    with spoilt(done.lake) as connection:
        assert connection.execute(CHECKS[name].sql).fetchall() == []
        connection.execute(SPOILS[name])
        assert connection.execute(CHECKS[name].sql).fetchall()


def test_a_chain_of_an_earlier_version_is_not_certified_now(done: Line) -> None:
    """One batch is certified anew under other settings: the verified chains of the other are told, with the reason."""
    first, second = batches(done.lake)
    anew = [
        f"UPDATE {table} SET stage_version = 'new' WHERE batch = '{second}' {more}"
        for table, more in (("hop_chains", ""), ("stage_done", "AND stage = 'hop_chains'"))
    ]
    later = f'UPDATE stage_done SET "at" = "at" + INTERVAL 1 HOUR WHERE batch = \'{second}\''
    with spoilt(done.lake, *anew, later) as connection:
        told = connection.execute(CHECKS["verified_chains_certified"].sql).pl()
    assert set(told["batch"]) == {first} and set(told["why"]) == {"certified under an earlier version"}


def test_the_ledger_check_knows_every_table_of_every_stage(done: Line) -> None:
    """A stage that gets another table is not forgotten."""
    tables = {table for stage in done.stages().values() for table in stage.tables.keys}
    assert all(re.search(rf"FROM {table}\b", CHECKS["rows_match_ledger"].sql) for table in tables)
    assert all(f"'{stage}'" in MODELS["pending_work"].sql for stage in STAGES)


def test_a_failing_check_shows_its_rows(line: Line) -> None:
    """How many, and the first five."""
    line.lake.transact("test", "", lambda c: c.execute("INSERT INTO images FROM images"))
    (result,) = run_checks(line.lake, list(CHECKS.values()), ["images_unique"])
    assert not result.passed and result.failing == 4 and len(result.sample) == 4
    assert result.sample[0]["n"] == 2 and len(result.sample[0]["image_id"]) == 64
