"""The files of SQL models and set-wide checks: their header, what they read, and how mistakes are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hopchain_assets.warehouse.model_files import MODELS_FOLDER, read_checks, read_models, with_upstream
from hopchain_assets.warehouse.model_header import CHECK_KEYS, MODEL_KEYS, ModelError

MODELS = {model.name: model for model in read_models()}
CHECKS = {check.name: check for check in read_checks()}
PAGE = (MODELS_FOLDER.parent / "docs" / "models.md").read_text()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1 AS a", 1, "no description"),
        ("", 1, "no description"),
        ("-- X.\n", 1, "0 statements"),
        ("-- X.\n-- uniqe: a\nSELECT 1 AS a", 2, "uniqe is no key"),
        ("-- X.\n-- unique:\nSELECT 1 AS a", 2, "unique has no value"),
        ("-- X.\n-- unique: a b\nSELECT 1 AS a", 2, "takes columns"),
        ("-- X.\n-- unique: a\n-- unique: a\nSELECT 1 AS a", 3, "said twice"),
        ("-- X.\n--\n-- not_null: b\nSELECT 1 AS a", 3, 'not_null: b: .*"b" not found'),
        ("-- X.\n-- materialized: view\nSELECT 1 AS a", 2, "table or incremental"),
        ("-- X.\n-- materialized: incremental\nSELECT 1 AS a", 2, "a column batch"),
        ("-- X.\n-- accepted_values: a (1)\nSELECT 1 AS a", 2, "takes such words"),
        ("-- X.\n-- accepted_values: a in (SELECT 1)\nSELECT 1 AS a", 2, "takes such words"),
        ("-- X.\n-- accepted_values: a in (b)\nSELECT 1 AS a", 2, "takes such words"),
        ("-- X.\n-- relationships: a = images.a\nSELECT 1 AS a", 2, "takes such words"),
        ("-- X.\n-- relationships: a -> nowhere.a\nSELECT 1 AS a", 2, "nowhere does not exist"),
        ("-- X.\n-- relationships: a -> images.nothing\nSELECT '1' AS a", 2, "nothing"),
        ("-- X.\nSELECT 1 AS a;\n\nSELECT 2 AS b", 2, "holds 2 statements"),
        ("-- X.\n\nDELETE FROM images", 3, "begins with DELETE"),
        ("-- X.\nDESCRIBE images", 2, "begins with DESCRIBE"),
        ("-- X.\nSELECT batch\nFROM images\nWHERE (batch = = 1)", 4, "syntax error"),
        ("-- X.\n\nSELECT batch\nFROM\n  pictures", 5, "pictures does not exist"),
        ("-- X.\n\nSELECT\n  image,\n  batch\nFROM images", 4, '"image" not found'),
        ("-- X.\nSELECT batch\nFROM model_done", 3, "cannot read model_done"),
        ("-- X.\nFROM read_parquet('/tmp/x.parquet')", 2, "disabled"),
        ("-- X.\nFROM '/tmp/x.parquet'", 2, "x.parquet"),
        ("-- X\xff.\nSELECT 1", 1, "UTF-8"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Before any warehouse is touched; the lines of the header count."""
    file = tmp_path / "mine.sql"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError) as told:
        read_models(tmp_path)
    assert str(told.value).startswith(f"{file}:{line}: ")
    assert re.search(words, str(told.value))


def test_models_that_read_each_other_are_told(tmp_path: Path) -> None:
    """The circle is written out, at the line where it is entered."""
    (tmp_path / "a.sql").write_text("-- A.\nSELECT 1 AS x\nFROM b")
    (tmp_path / "b.sql").write_text("-- B.\nSELECT 1 AS x FROM c")
    (tmp_path / "c.sql").write_text("-- C.\nWITH t AS (FROM a) SELECT 1 AS x FROM t")
    with pytest.raises(ModelError, match=r"(a.sql:3|b.sql:2|c.sql:2): models read each other: .*a -> b.*"):
        read_models(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("images", "has a table images"), ("Mine", "lower-case"), ("1st", "lower-case")]
)
def test_a_name_that_cannot_be_a_table_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """A model never takes the place of a table of the line."""
    (tmp_path / f"{name}.sql").write_text("-- X.\nSELECT 1 AS a")
    with pytest.raises(ModelError, match=rf"{name}.sql:1: .*{words}"):
        read_models(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wheel has no models."""
    with pytest.raises(ModelError, match="no folder"):
        read_models(tmp_path / "nothing")


def test_dependencies_are_read_from_the_sql(tmp_path: Path) -> None:
    """Tables anywhere in a statement are found, names that a WITH defines are none, what is read comes first."""
    (tmp_path / "first.sql").write_text(
        "-- Reads the last one.\nWITH images AS (FROM zz), n AS (SELECT count(*) AS c FROM pairs)\n"
        "SELECT c FROM n WHERE c IN (SELECT count(*) FROM Shards) AND EXISTS (FROM images); -- done"
    )
    (tmp_path / "zz.sql").write_text(
        "-- Reads tables.\nSELECT i.batch FROM images AS i ANTI JOIN hop_chains USING (image_id)"
    )
    models = read_models(tmp_path)
    assert [model.name for model in models] == ["zz", "first"]
    assert models[0].tables == {"images", "hop_chains"} and models[0].models == frozenset()
    assert models[1].tables == {"pairs", "shards"} and models[1].models == {"zz"}
    assert with_upstream(models, ["first"]) == ["zz", "first"]
    assert with_upstream(models, ["zz"]) == ["zz"]


def test_a_version_is_that_of_the_sql_and_of_what_it_reads(tmp_path: Path) -> None:
    """Words of a header change nothing; SQL changes the model and those that read it."""
    for name, sql in {"a": "SELECT 1 AS x", "b": "SELECT x FROM a", "c": "SELECT 2 AS x"}.items():
        (tmp_path / f"{name}.sql").write_text(f"-- {name}.\n{sql}\n")

    def versions() -> dict[str, str]:
        return {model.name: model.version for model in read_models(tmp_path)}

    before = versions()
    (tmp_path / "a.sql").write_text("-- Other words.\n-- unique: x\nSELECT 1 AS x;\n")
    assert versions() == before
    (tmp_path / "a.sql").write_text("-- Other words.\nSELECT 3 AS x\n")
    assert {name for name, version in versions().items() if version != before[name]} == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("-- X.\nSELECT 1 AS a", 1, "which table"),
        ("-- X.\n-- table: pictures\nSELECT 1 AS a", 2, "no table pictures"),
        ("-- X.\n-- unique: a\nSELECT 1 AS a", 2, "unique is no key"),
        ("-- X.\n-- table: images\nSELECT a\nFROM images", 3, "not found"),
    ],
)
def test_a_check_that_cannot_run_is_told(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Like a model."""
    (tmp_path / "mine.sql").write_text(text)
    with pytest.raises(ModelError, match=f"mine.sql:{line}: .*{words}"):
        read_checks(tmp_path)


def test_the_page_lists_every_model_check_and_key() -> None:
    """docs/models.md says what the headers say."""
    listed = re.findall(r"^\| `(\w+)` \| (table|incremental) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert listed == [
        (model.name, model.materialized, model.description.partition(". ")[0] + ".")
        for model in sorted(MODELS.values(), key=lambda model: model.name)
    ]
    checks = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \|$", PAGE, re.MULTILINE)
    assert checks == [
        (check.name, check.table, check.description.partition(". ")[0].rstrip(".") + ".") for check in CHECKS.values()
    ]
    assert set(re.findall(r"^\| `(\w+): ", PAGE, re.MULTILINE)) == set(MODEL_KEYS)
    assert all(f"`{key}:`" in PAGE for key in CHECK_KEYS)


def test_the_example_of_the_page_is_a_model(tmp_path: Path) -> None:
    """Whoever copies it has a model that can be built."""
    (example,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.sql").write_text(example)
    (model,) = read_models(tmp_path)
    assert model.materialized == "incremental" and len(model.tests) == 6
