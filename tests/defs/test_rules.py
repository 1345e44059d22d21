"""Every row rule over real tables: what the line writes passes, and one altered value is found and named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from hopchain_assets.defs.rules import RULES, Rule
from hopchain_assets.quality.suite import CheckOutcome, check_table, merged
from hopchain_assets.quality.tables import SUITES
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes.dataset import render_scenes
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits

SOUND: dict[str, Rule] = {rule.asset: rule for rule in RULES if rule.name == "rows_are_sound"}
STAGE_OF = {suite.table: stage for stage, suites in SUITES.items() for suite in suites}
RULED = {f"{suite.table}.{rule.name}" for suites in SUITES.values() for suite in suites for rule in suite.rules}
SUITE = {suite.table: suite for suites in SUITES.values() for suite in suites}

# a table, altered values of one of its rows, and all rules that these break (those of another table with its name)
ALTERED = [
    (
        "batch_members",
        "source_uri = ' ', content_sha256 = 'g'",
        "values_present content_sha256_length content_sha256_hexadecimal",
    ),
    (
        "images",
        "split_group = NULL, width = 0, format = 'exe', byte_size = 0, perceptual_hash = 'abc'",
        "values_present width_positive format_known bytes_positive perceptual_hash_length",
    ),
    (
        "images",
        "image_id = upper(image_id), height = -1, perceptual_hash = 'an eye for an ey'",
        "image_id_hexadecimal height_positive perceptual_hash_hexadecimal",
    ),
    (
        "images",
        "image_id = image_id || chr(10), width = 2000000000, height = 2000000000",
        "image_id_hexadecimal image_id_length pixels_within_limit",
    ),
    ("quarantine", "reason = NULL", "values_present"),
    ("quarantine", "detail = ''", "values_present"),
    ("quarantine", "source_uri = NULL", "values_present"),
    (
        "image_ratings",
        "complexity = 11, quality = 'Great', complex_objects = '{}', source = 'vlm/'",
        "complexity_in_range quality_known low_not_kept objects_listed rated_by_model",
    ),
    ("image_ratings", "quality = 'Low', complex_objects = '[\"cup\"]'", "low_not_kept objects_listed"),
    ("image_ratings", "complexity = NULL, kept = NULL", "values_present"),
    ("categories", "category = ''", "values_present"),
    ("categories", "source = 'vlm/'", "source_known"),
    ("categories", "category = ' cup', source = 'rumour'", "category_plain source_known"),
    ("categories", "category = 'Cup', crowd = NULL", "category_plain values_present"),
    ("category_audit", "exhaustive = NULL", "values_present"),
    (
        "instances",
        "category = ' ', score = 1.01, mask_rle = '~', attributes = '[]', source = 'rumour'",
        "values_present score_a_share mask_readable attributes_are_texts source_known",
    ),
    ("instances", "cx = 'nan', score = -0.01, attributes = '{'", "values_present score_a_share attributes_are_texts"),
    ("instances", "x1 = 'inf'", "values_present box_inside"),
    ("instances", "presence = 1.5", "presence_a_share"),
    (
        "groundings",
        "presence = 2, best_score = -1, n_found = 0, n_kept = 3, source = 'rumour'",
        "presence_a_share best_a_share kept_were_found grounded_found found_by_segmenter",
    ),
    ("groundings", "grounded = false", "not_grounded_empty"),
    ("groundings", "category = NULL", "values_present"),
    ("left_out", "score = 1.1, reason = 'a whim'", "score_a_share reason_known"),
    ("left_out", "doubtful = NULL", "values_present"),
    ("texts", "confidence = 1.1, decisive = false, reason = NULL", "confidence_a_share reason_told"),
    ("texts", "source = ''", "values_present"),
    ("instances", "x1 = x0, cx = x0", "box_ordered area_fits_box"),
    (
        "instances",
        """x0 = -1, area = area - 1, attributes = '{"number": 7}'""",
        "box_inside area_of_mask attributes_are_texts",
    ),
    ("instances", "y1 = 99999, mask_rle = '04'", "box_inside mask_fills_picture area_of_mask"),
    ("instances", "cy = y1 + 1, area = 15", "centre_in_box area_large_enough area_of_mask"),
    ("instances", "area = 1e9", "area_fits_box area_of_mask"),
    ("instances", "image_id = 'nowhere'", "picture_known paired_with_all pairs.ends_known"),
    ("instances", "instance_id = NULL", "values_present paired_with_all pairs.ends_known"),
    ("pairs", "edge_gap = NULL, inside_share = 1.5", "values_present inside_a_share"),
    ("pairs", "b = 'nobody', inside_share = 'nan'", "ends_known values_present"),
    ("pairs", "b = a", "ends_known"),
    ("pairs", "overlap_px = -1", "overlap_positive mirrored"),
    ("pairs", "overlap_px = 1e9, edge_gap = 0", "overlap_fits mirrored"),
    ("pairs", "overlap_px = 1, edge_gap = 1", "no_gap_in_overlap mirrored"),
    ("pairs", "overlap_px = 0, edge_gap = -1", "gap_positive mirrored"),
    ("bad_annotations", "reason = ''", "values_present"),
    ("perceptions", "value = NULL, samples = 0", "values_present samples_positive"),
    (
        "hop_chains",
        "query_type = 'D', skeleton = ' ', n_hops = n_hops + 1, instance_ids = instance_ids[1:2]",
        "query_type_known values_present hops_counted instances_enough",
    ),
    (
        "hop_chains",
        "query_type = NULL, question = question || ' now', program = '{}', hops = '{'",
        "values_present words_give_question_id program_readable hops_numbered",
    ),
    (
        "hop_chains",
        "question_id = 'e', hops = '[1]', instance_ids = instance_ids || instance_ids[1:1]",
        "words_give_question_id program_gives_chain_id hops_numbered instances_known",
    ),
    (
        "hop_chains",
        "chain_id = 'e', hops = '[]', instance_ids = instance_ids || ['nobody']",
        "program_gives_chain_id hops_counted instances_known",
    ),
    ("hop_chains", """hops = replace(hops, '"number":2', '"number":7')""", "hops_numbered"),
    ("rejected_chains", "rule = 'gut feeling', detail = NULL", "rule_known values_present"),
    ("rejected_chains", "rule = 'number', chain_id = NULL", "chain_named"),
    (
        "verified_set",
        "answer_source = 'guessed', verified_by = '', held = 'why'",
        "answer_source_known values_present held_of_people",
    ),
    ("verified_set", "answer_source = 'people'", "people_verified"),
    ("votes", "person_id = '', number = '7.0'", "values_present number_canonical"),
    ("votes", "number = NULL", "number_or_defect"),
    ("votes", "defect = 'several'", "number_or_defect"),
    ("reviews", "state = 'open', needed = 0", "state_known needed_positive"),
    ("reviews", "answer = NULL", "answer_of_unanimous"),
    ("waiting_chains", "reason = 'tired', detail = NULL", "reason_known values_present"),
    ("waiting_chains", "chain_id = (SELECT min(chain_id) FROM verified_set)", "not_verified"),
    ("shard_examples", "split = 'test'", "split_known shard_listed"),
    ("shard_examples", "shard_path = 'elsewhere'", "shard_listed shards.rows_listed"),
    (
        "shards",
        "sha256 = 'e', n_rows = n_rows + 1, byte_size = byte_size + 1",
        "sha256_length rows_listed file_of_that_size",
    ),
    (
        "shards",
        "sha256 = upper(sha256), n_rows = 0, byte_size = 0",
        "sha256_hexadecimal rows_positive rows_listed bytes_positive file_of_that_size",
    ),
    ("shards", "split = 'test'", "split_known shard_examples.shard_listed"),
]
# a table with a key, and the rules that a row breaks which is there twice
REPEATED = [
    ("batch_members", "content_sha256_unique"),
    ("images", "image_id_unique"),
    ("image_ratings", "image_id_unique"),
    ("categories", "row_once"),
    ("instances", "instance_id_unique paired_with_all"),
    ("pairs", "row_once instances.paired_with_all"),
    ("groundings", "row_once"),
    ("perceptions", "row_once"),
    ("waiting_chains", "chain_id_unique"),
    ("votes", "row_once"),
    ("reviews", "question_id_unique"),
    ("shard_examples", "example_id_unique shards.rows_listed"),
    ("shards", "shard_path_unique shard_examples.shard_listed"),
]
# a change of each table that leaves the row its name
STORED = {
    "batch_members": ("source_uri = ' '", "values_present"),
    "images": ("width = 0", "width_positive"),
    "quarantine": ("detail = ''", "values_present"),
    "image_ratings": ("complexity = 0", "complexity_in_range"),
    "categories": ("source = 'rumour'", "source_known"),
    "category_audit": ("exhaustive = NULL", "values_present"),
    "instances": ("area = area - 1", "area_of_mask"),
    "pairs": ("inside_share = 1.5", "inside_a_share"),
    "bad_annotations": ("reason = ''", "values_present"),
    "groundings": ("presence = 2", "presence_a_share"),
    "left_out": ("score = 2", "score_a_share"),
    "texts": ("confidence = 2", "confidence_a_share"),
    "perceptions": ("samples = 0", "samples_positive"),
    "hop_chains": ("n_hops = n_hops + 1", "hops_counted"),
    "rejected_chains": ("rule = 'gut feeling'", "rule_known"),
    "verified_set": ("answer_source = 'guessed'", "answer_source_known"),
    "waiting_chains": ("reason = 'tired'", "reason_known"),
    "votes": ("origin = ''", "values_present"),
    "reviews": ("needed = 0", "needed_positive"),
    "shard_examples": ("split = 'test'", "split_known"),
    "shards": ("byte_size = byte_size + 1", "file_of_that_size"),
}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A batch that went through all stages, with rows in every table."""
    home = tmp_path_factory.mktemp("rules")
    document = render_scenes(home / "scenes", 6, seed=3)
    coco = json.loads(document.read_text())
    (document.parent / "images" / coco["images"][0]["file_name"]).write_text("no picture")
    coco["annotations"][-1]["segmentation"] = [[1, 2]]
    document.write_text(json.dumps(coco))
    line = Settings.load({"HOPCHAIN_HOME": str(home / "home")}).line()
    line.lake.migrate()
    members = read_coco(document.parent / "images", document, exhaustive=False).members
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], 64)
    # one picture stays without a word, so that its chains wait
    record_audits(line.lake, [Audit(m.content_sha256, c, True, "me") for m in members[:-2] for c in m.categories])
    for stage in STAGES:
        line.run(stage, batches(line.lake))
    line.lake.transact("perceive", "", lambda connection: connection.execute(PERCEIVED))
    line.lake.transact("rate", "", lambda connection: connection.execute(RATED))
    for sql in (*FOUND, *VOTED):
        line.lake.transact("find", "", lambda connection, sql=sql: connection.execute(sql))
    return line


PERCEIVED = """
INSERT INTO perceptions BY NAME
SELECT instance_id, image_id, 'material' AS predicate, 'wood' AS value, 3 AS samples, 'me' AS source, batch
FROM instances
"""
# as if a segmenter had found the instances, and left one more out for each
FOUND = (
    """
    INSERT INTO groundings BY NAME
    SELECT image_id, category, 0.9 AS presence, 0.8 AS best_score, count(*)::INTEGER AS n_found,
        count(*)::INTEGER AS n_kept, true AS grounded, 'segmenter/stand-in' AS source, any_value(batch) AS batch
    FROM instances GROUP BY image_id, category
    """,
    """
    INSERT INTO left_out BY NAME
    SELECT * EXCLUDE (attributes, source, stage_version, instance_id, score),
        'not ' || instance_id AS instance_id, 0.4 AS score, 'found twice' AS reason, instance_id AS rival_id,
        false AS doubtful, 'segmenter/stand-in' AS source
    FROM instances
    """,
    """
    INSERT INTO texts BY NAME
    SELECT image_id, [instance_id] AS instance_ids, '7' AS text, x0, y0, x1, y1, 0.99 AS confidence, true AS decisive,
        'rapidocr' AS source, batch
    FROM instances
    """,
)
# as if people had closed a question that nothing follows from
VOTED = (
    """
    INSERT INTO votes BY NAME
    SELECT question_id, image_id, p.person_id, answer AS number, now()::TIMESTAMP AS "at", 'page' AS origin, batch
    FROM (FROM waiting_chains JOIN hop_chains USING (chain_id, question_id, image_id, batch) LIMIT 1),
        (VALUES ('one'), ('two')) AS p(person_id)
    """,
    """
    INSERT INTO reviews BY NAME
    SELECT DISTINCT question_id, image_id, 'unanimous' AS state, number AS answer, 2 AS needed, batch FROM votes
    """,
)
RATED = """
INSERT INTO image_ratings BY NAME
SELECT image_id, 7 AS complexity, 'High' AS quality, '[{"name": "cup", "why": "pose"}]' AS complex_objects,
    'Many things.' AS reason, true AS kept, 'vlm/stand-in' AS source, batch
FROM images
"""


@pytest.fixture(scope="module")
def frames(line: Line) -> Mapping[str, Mapping[str, pl.DataFrame]]:
    """What the rule of each stage reads of the batch."""
    (batch,) = batches(line.lake)
    return {stage: rule.read(line, batch) for stage, rule in SOUND.items()}


def broken(outcome: CheckOutcome) -> set[str]:
    return {name for name, seen in outcome.details.items() if not seen["passed"]}


def expected(table: str, rules: str) -> set[str]:
    return {rule if "." in rule else f"{table}.{rule}" for rule in rules.split()}


def judged(frames: Mapping[str, pl.DataFrame], table: str, rules: str) -> CheckOutcome:
    """What the suites of the table and of those that the rules name come to; the others would cost a minute in all."""
    tables = {table, *(rule.partition(".")[0] for rule in rules.split() if "." in rule)}
    return merged({name: check_table(SUITE[name], frames) for name in sorted(tables)})


def name_of(table: str) -> str:
    return f"concat_ws(' ', {', '.join(SUITE[table].named_by)})"


def altered(frames: Mapping[str, pl.DataFrame], table: str, sql: str) -> tuple[dict[str, pl.DataFrame], str]:
    """The frames after the statement, which may say `spoiled` for the table's first row, and that row's name now."""
    with duckdb.connect() as connection:
        for name, frame in frames.items():
            connection.register(f"_{name}", frame.to_arrow())
            connection.execute(f"CREATE TABLE {name} AS SELECT row_number() OVER () = 1 AS spoiled, * FROM _{name}")
        connection.execute(sql)
        rows = connection.execute(f"SELECT {name_of(table)} FROM {table} WHERE spoiled").fetchall()
        found = {name: connection.execute(f"SELECT * EXCLUDE (spoiled) FROM {name}").pl() for name in frames}
    return found, rows[0][0] or f"(row 0, no {SUITE[table].named_by[0]})" if rows else ""


@pytest.mark.parametrize("stage", STAGES)
def test_what_the_line_writes_is_sound(frames: Mapping[str, Mapping[str, pl.DataFrame]], stage: str) -> None:
    """Every table of the stage has rows in this batch, and every one of them keeps every rule."""
    assert all(frames[stage][suite.table].height for suite in SUITES[stage])
    outcome = SOUND[stage].judge(frames[stage])
    assert (outcome.passed, outcome.failing_ids, broken(outcome)) == (True, (), set()), outcome.summary
    rules = {
        f"{suite.table}.{name}"
        for suite in SUITES[stage]
        for name in ("values_present", *(rule.name for rule in suite.rules))
    }
    assert outcome.details.keys() == rules


@pytest.mark.parametrize(("table", "change", "rules"), ALTERED)
def test_altered_values_break_their_rules_only(
    frames: Mapping[str, Mapping[str, pl.DataFrame]], table: str, change: str, rules: str
) -> None:
    """The row is named, and no rule of its table is broken but those that the values are about."""
    stage = STAGE_OF[table]
    spoiled, row = altered(frames[stage], table, f"UPDATE {table} SET {change} WHERE spoiled")
    outcome = judged(spoiled, table, rules)
    assert broken(outcome) == expected(table, rules), outcome.summary
    assert row in outcome.failing_ids


def test_every_rule_is_tried() -> None:
    """No rule of any suite is without a fault that it finds: here, or with its row missing or its file gone."""
    tried = {each for table, _, rules in ALTERED for each in expected(table, rules)}
    tried |= {each for table, rules in REPEATED for each in expected(table, rules)}
    assert RULED - tried == {"shards.file_there"}


@pytest.mark.parametrize(("table", "rules"), REPEATED)
def test_a_row_that_is_there_twice_is_found(
    frames: Mapping[str, Mapping[str, pl.DataFrame]], table: str, rules: str
) -> None:
    """Keys are unique, and what counts rows of another table notices as well."""
    stage = STAGE_OF[table]
    spoiled, row = altered(frames[stage], table, f"INSERT INTO {table} SELECT * FROM {table} WHERE spoiled")
    outcome = judged(spoiled, table, rules)
    assert broken(outcome) == expected(table, rules), outcome.summary
    assert row in outcome.failing_ids


@pytest.mark.parametrize(
    ("table", "column", "rule"),
    [
        ("pairs", "a", "instances.paired_with_all"),
        ("shard_examples", "shard_path", "shards.rows_listed"),
        ("shards", "shard_path", "shard_examples.shard_listed"),
    ],
)
def test_a_row_that_is_missing_is_found(
    frames: Mapping[str, Mapping[str, pl.DataFrame]], table: str, column: str, rule: str
) -> None:
    """The row that counts on it is named."""
    stage = STAGE_OF[table]
    lost = frames[stage][table][column][0]
    spoiled, _ = altered(frames[stage], table, f"DELETE FROM {table} WHERE spoiled")
    outcome = SOUND[stage].judge(spoiled)
    assert broken(outcome) == {rule}, outcome.summary
    (other,) = (suite.table for suite in SUITES[stage] if rule.startswith(f"{suite.table}."))
    key = "instance_id" if table == "pairs" else "shard_path"
    counting = frames[stage][other].filter(pl.col(key) == lost)
    assert set(outcome.failing_ids) == set(counting[SUITE[other].named_by[0]])


def test_batches_are_judged_together(frames: Mapping[str, Mapping[str, pl.DataFrame]]) -> None:
    """Rows of two batches in one frame, as the checks hand them over: sound together, and a fault is still found."""
    columns = ["image_id", "instance_id", "a", "b"]
    one = frames["instance_masks"]
    other = {
        name: frame.with_columns(pl.col([c for c in columns if c in frame.columns]) + "-2")
        for name, frame in one.items()
    }
    both = {name: pl.concat([one[name], other[name]], how="vertical_relaxed") for name in one}
    assert SOUND["instance_masks"].judge(both).passed
    both["pairs"] = both["pairs"].slice(1)
    assert broken(SOUND["instance_masks"].judge(both)) == {"instances.paired_with_all"}


def test_no_rows_are_sound(frames: Mapping[str, Mapping[str, pl.DataFrame]]) -> None:
    """A batch of which a stage made nothing passes, and the sentence says that there was nothing."""
    for stage, rule in SOUND.items():
        outcome = rule.judge({name: frame.clear() for name, frame in frames[stage].items()})
        assert outcome.passed
        assert outcome.summary.count("nothing to check") == len(SUITES[stage])


def test_a_shard_without_its_file_is_found(line: Line) -> None:
    """The rows alone do not make a shard: its file is looked for, and its size compared."""
    rule, (batch,) = SOUND["training_shards"], batches(line.lake)
    path = line.lake.query("SELECT min(shard_path) FROM shards").item()
    file = Path(line.shard_folder) / path
    content = file.read_bytes()
    try:
        file.write_bytes(content[:-1])
        cut_short = rule.judge(rule.read(line, batch))
        file.unlink()
        gone = rule.judge(rule.read(line, batch))
    finally:
        file.write_bytes(content)
    assert (broken(cut_short), cut_short.failing_ids) == ({"shards.file_of_that_size"}, (path,))
    assert (broken(gone), gone.failing_ids) == ({"shards.file_there"}, (path,))


def test_values_altered_in_the_warehouse_are_found(line: Line) -> None:
    """A row of each table is altered where it is stored: the checks read it anew and name it, and pass mended rows."""
    (batch,) = batches(line.lake)
    first = {table: line.lake.query(f"SELECT min({name_of(table)}) FROM {table}").item() for table in STORED}
    before = {table: line.lake.query(f"SELECT * FROM {table}").to_arrow() for table in STORED}

    def spoil(connection: duckdb.DuckDBPyConnection) -> None:
        for table, (change, _) in STORED.items():
            connection.execute(f"UPDATE {table} SET {change} WHERE {name_of(table)} = ?", [first[table]])

    line.lake.transact("spoil", "", spoil)
    outcomes = {stage: rule.judge(rule.read(line, batch)) for stage, rule in SOUND.items()}
    line.lake.transact("mend", "", lambda connection: _put_back(connection, before))
    for table, (_, rules) in STORED.items():
        outcome = outcomes[STAGE_OF[table]]
        assert expected(table, rules) <= broken(outcome), outcome.summary
        assert first[table] in outcome.failing_ids
    assert all(rule.judge(rule.read(line, batch)).passed for rule in SOUND.values())


def _put_back(connection: duckdb.DuckDBPyConnection, before: Mapping[str, pa.Table]) -> None:
    for table, rows in before.items():
        connection.execute(f"DELETE FROM {table}")
        connection.register("_saved", rows)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM _saved")
        connection.unregister("_saved")
