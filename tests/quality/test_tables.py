"""The suites of the tables: which tables and values they are about, beside what the line really writes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hopchain_assets.domain.masks import decode
from hopchain_assets.domain.review import State
from hopchain_assets.ports import Evidence
from hopchain_assets.ports.reviews import Reviewed
from hopchain_assets.quality import tables
from hopchain_assets.quality.columns import BY_MODEL, run_sums
from hopchain_assets.quality.people import STATES
from hopchain_assets.quality.suite import MAX_IDS, CheckOutcome, Suite, check_table, merged, nothing_to_check, unique
from hopchain_assets.quality.tables import BESIDE, SUITES, check_tables, told
from hopchain_assets.settings import Settings
from hopchain_assets.sources import picture_file
from hopchain_assets.stages import instance_masks, one_ask, policies
from hopchain_assets.stages.facts import GROUND_TRUTH
from hopchain_assets.stages.line import STAGES
from hopchain_assets.stages.policies import Executed, Human
from hopchain_assets.stages.replies import Quality, Rating, Replied
from tests.builders import picture, program, rle, squares, stated

# tables of which no stage writes a row
GIVEN = {"batch_members", "votes", "reviews"}
DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def documented() -> dict[str, set[str]]:
    """The columns of each table, as docs/tables.md has them."""
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {text.split("\n", 1)[0]: set(re.findall(r"^\| (\w+) \| [A-Z]", text, re.MULTILINE)) for text in sections}


def test_every_table_that_a_stage_writes_has_a_suite(tmp_path: Path) -> None:
    """A new table of a stage cannot be forgotten; tables that are given to the line have suites too."""
    stages = Settings.load({"HOPCHAIN_HOME": str(tmp_path)}).line().stages()
    judged = {name: {suite.table for suite in suites} for name, suites in SUITES.items()}
    assert tuple(judged) == STAGES
    for name, stage in stages.items():
        assert stage.tables.keys.keys() <= judged[name]
    rows_of_batches = {table for table, columns in documented().items() if {"batch", "stage_version"} <= columns}
    assert set().union(*judged.values()) == rows_of_batches - {"stage_done", "stage_runs"} | GIVEN


def test_suites_ask_for_columns_that_there_are() -> None:
    """What names a row, what it must have and what it is compared with are columns of the documented tables."""
    columns = documented()
    for suites in SUITES.values():
        for suite in suites:
            assert {*suite.named_by, *suite.wanted} <= columns[suite.table], suite.table
            assert set(suite.named_by) & set(suite.wanted)
            names = [rule.name for rule in suite.rules]
            assert len(names) == len(set(names))
    for beside in BESIDE.values():
        assert all(set(names) <= columns[table] for table, names in beside.items())


def test_the_limits_are_those_of_the_line() -> None:
    """A format, size or source that the line takes in is none that a check refuses."""
    assert set(tables.FORMATS) == {name.lower() for name in picture_file.FORMATS}
    assert tables.MOST_PIXELS == picture_file.MOST_PIXELS
    assert tables.SMALLEST_PIXELS == instance_masks.SMALLEST_PIXELS
    assert set(tables.SOURCES) == GROUND_TRUTH
    assert BY_MODEL == one_ask.BY_MODEL
    assert set(tables.QUALITIES) == set(get_args(Quality))
    assert {"minimum": 1, "maximum": tables.MOST_COMPLEX}.items() <= _property(Rating, "complexity").items()


def _property(reply: type[Replied], name: str) -> Mapping[str, object]:
    return reply.schema_sent()["properties"][name]


def test_every_reason_to_wait_is_known() -> None:
    """Each verdict of the policies names a reason that the suite knows, and the suite knows no other."""
    facts = picture(*squares("cup", (50, 50), (150, 80), (250, 60)))
    count = program("n", {"id": "s", "op": "objects", "category": "cup"}, {"id": "n", "op": "count", "of": "s"})
    chain = stated(count, facts, "How many cups are there?")
    told = [None, *(Reviewed("q", "p", "b", state, "4", "", 4) for state in get_args(State))]
    verdicts = [
        policy.judge(chain, Evidence(audited, ground_truth, executed, review=review))
        for policy in (Executed(), Human())
        for review in told
        for audited, ground_truth, executed in [
            ({}, True, 9.0),
            ({}, False, 3.0),
            ({"cup": False}, True, 3.0),
            ({"cup": True}, True, 3.0),
            ({}, True, 3.0),
        ]
    ]
    assert {verdict.waits_for for verdict in verdicts} - {""} == set(tables.WAITING_REASONS)
    # these are all that the policies can say
    assert inspect.getsource(policies).count("waits_for=") == len(tables.WAITING_REASONS)
    assert {verdict.answer_source for verdict in verdicts} - {""} == set(tables.ANSWER_SOURCES)
    assert set(STATES) == set(get_args(State)) - {"open"}


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_lengths_give_the_area_without_the_mask(mask: np.ndarray) -> None:
    """The sums of the runs are the pixels of the picture and of the decoded mask."""
    shape = decode(rle(mask), *mask.shape)
    assert run_sums(rle(mask)) == (mask.size, shape.area if shape else 0)


@pytest.mark.parametrize("counts", [None, "", "~", "no run lengths", "\u00e9"])
def test_what_is_no_run_lengths_has_no_sums(counts: str | None) -> None:
    """It raises nothing: an unreadable mask is a row that fails."""
    assert run_sums(counts) == (None, None)


LETTERS = Suite("letters", ("name", "sort"), ("name", "sort", "size"), (unique("size"),))


def test_a_row_without_its_values_is_named_by_what_it_has() -> None:
    """Null, blank and not finite are all missing; a row of which nothing is known is told by its place."""
    rows = [("a", "x", 1.0), ("b", " ", 2.0), ("c", "x", float("nan")), (None, "y", 3.0), (None, None, float("inf"))]
    frame = pl.DataFrame(rows, schema=["name", "sort", "size"], orient="row")
    outcome = check_table(LETTERS, {"letters": frame})
    assert outcome.failing_ids == ("b  ", "c x", "y", "(row 4, no name and sort)")
    observed = outcome.details["values_present"]["observed"]
    assert observed == [f"lacking='{names}'" for names in ("sort", "size", "name", "name, sort, size")]


def failed(table: str, count: int) -> CheckOutcome:
    ids = tuple(f"{table}{n}" for n in range(count))
    return CheckOutcome(False, f"{table}: {count} fail.", ids, count, {"rule": {"passed": False}})


def test_several_tables_come_to_one_outcome() -> None:
    """It fails when one fails, tells those alone, keeps the rules apart by table and names few rows of many."""
    good = CheckOutcome(True, "good: none fails.", (), 0, {"rule": {"passed": True}})
    outcome = merged({"good": good, "a": failed("a", 2), "none": nothing_to_check("none"), "b": failed("b", 60)})
    assert (outcome.passed, outcome.summary, outcome.n_failing) == (False, "a: 2 fail. b: 60 fail.", 62)
    assert outcome.failing_ids == (*failed("a", 2).failing_ids, *failed("b", 60).failing_ids)[:MAX_IDS]
    assert set(outcome.details) == {"good.rule", "a.rule", "b.rule"}
    passed = merged({"good": good, "none": nothing_to_check("none")})
    assert (passed.passed, passed.summary) == (True, "good: none fails.")


def test_tables_without_rows_need_no_great_expectations() -> None:
    """A batch of which nothing came is answered at once, whatever the columns."""
    empty = {suite.table: pl.DataFrame() for suite in SUITES["hop_chains"]}
    assert check_tables("hop_chains", empty) == merged({name: nothing_to_check(name) for name in empty})


@pytest.mark.parametrize("stage", STAGES)
def test_a_check_says_what_it_asks_of_each_table(stage: str) -> None:
    """Its description names every table and every fault."""
    text = told(stage)
    for suite in SUITES[stage]:
        assert f"No row of {suite.table}:" in text
        assert all(rule.fault in text for rule in suite.rules)
