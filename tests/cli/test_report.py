"""`hopchain report`: what the page says is what the tables say."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from hopchain_assets.export.report_data import Yields
from hopchain_assets.stages.reporting import read_report, samples
from hopchain_assets.warehouse import model_files
from tests.cli.conftest import Hopchain, line_of
from tests.export.test_contact_sheet import Page


def test_one_command_writes_the_page_and_says_where(hopchain: Hopchain, done_home: Path, tmp_path: Path) -> None:
    """The path, a line of figures, and a page with samples, rejects and checks that all pass."""
    path = tmp_path / "deep" / "page.html"
    ended = hopchain("report", "--out", str(path), home=done_home)
    assert (ended.code, ended.err) == (0, "")
    figures, where = ended.out.splitlines()
    assert where == f"Report  {path}" and figures.startswith("4 pictures, ") and figures.endswith("checks pass.")
    page = Page(path.read_text(encoding="utf-8"))
    sections = {attrs["id"] for tag, attrs in page.elements if tag == "section"}
    assert {"yields", "answers", "samples", "rejects", "checks"} <= sections
    assert path.stat().st_size < 3_000_000 and list(path.parent.iterdir()) == [path]


def test_the_default_place_is_the_home(hopchain: Hopchain, waiting_home: Path) -> None:
    """Without --out the page lies beside the contact sheet; what waits and why is on it."""
    assert hopchain("report", home=waiting_home).code == 0
    page = Page((waiting_home / "report.html").read_text(encoding="utf-8"))
    assert "category not audited" in page.text and "waiting" in page.text


def test_the_figures_are_those_of_the_tables(done_home: Path) -> None:
    """Each step of the funnel is counted from its table, and the batches add up to the whole."""
    line = line_of(done_home)
    report = read_report(line)

    def count(sql: str) -> int:
        return line.lake.query(f"SELECT count(*) FROM {sql}").item()

    certified, verified = count("hop_chains"), count("verified_set")
    rejected = count("rejected_chains WHERE question IS NOT NULL")
    with_instances = count("(SELECT DISTINCT image_id FROM instances)")
    with_questions = count("(SELECT DISTINCT image_id FROM hop_chains)")
    whole = (4, count("images"), with_instances, with_questions, certified + rejected, certified, verified, verified)
    assert report.total == Yields("", *whole)
    assert sum(one.certified for one in report.batches) == certified
    assert sum(loss.count for loss in report.losses) == rejected
    assert sum(number for _, number in report.answers) == verified == sum(number for _, number in report.splits)
    assert all(sum(number for _, number in rows) == certified for rows in report.mix.values())
    assert not report.pending and not report.troubles and report.snapshot == line.lake.snapshot()


def test_examples_are_of_their_rule_and_have_their_picture(done_home: Path) -> None:
    """Up to two rejects of each rule, with the words of the table and the bytes of the store."""
    line = line_of(done_home)
    report = read_report(line)
    rows = set(line.lake.query("SELECT rule, question, detail FROM rejected_chains").rows())
    pictures = {line.pictures.get(name) for name in line.lake.query("SELECT image_id FROM images")["image_id"]}
    assert report.losses
    for loss in report.losses:
        assert len(loss.examples) == min(2, loss.count)
        assert all((loss.rule, one.question, one.detail) in rows and one.picture in pictures for one in loss.examples)


def test_samples_are_verified_and_spread_over_pictures_and_forms(done_home: Path) -> None:
    """Eight of four pictures are two of each, and hardly two of one form."""
    found = samples(line_of(done_home))
    assert len({entry.chain.chain_id for entry in found}) == 8 and {entry.state for entry in found} == {"verified"}
    assert set(Counter(entry.chain.image_id for entry in found).values()) == {2}
    assert len({entry.chain.skeleton for entry in found}) >= 6
    assert [entry.chain for entry in found] == [entry.chain for entry in samples(line_of(done_home))]


def test_long_lists_end_with_the_sum_of_the_rest(waiting_home: Path) -> None:
    """However many reasons there are, the groups add up to all that waits."""
    line = line_of(waiting_home)

    def many(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(
            "INSERT INTO waiting_chains BY NAME SELECT 'c' || i AS chain_id, 'r' AS reason, 'd' || i AS detail, "
            "'b' AS batch FROM range(40) AS t(i)"
        )

    line.lake.transact("test", "", many)
    waiting = read_report(line).waiting
    assert len(waiting) == 13 and waiting[-1].name == "all others"
    assert sum(group.count for group in waiting) == line.lake.query("SELECT count(*) FROM waiting_chains").item()


def test_failed_and_parked_work_is_told(hopchain: Hopchain, waiting_home: Path) -> None:
    """What failed and what was parked is on the page with its reason; what was taken up again is not."""
    line = line_of(waiting_home)

    def fail(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(
            "INSERT INTO stage_done BY NAME SELECT 'hop_chains' AS stage, batch, content_sha256 AS input_id, "
            "'x' AS stage_version, 'h' AS input_hash, 'o' AS output_hash, 'failed' AS outcome, 0 AS n_rows, "
            "'it <b>broke</b>' AS detail FROM batch_members"
        )
        for batch, retried in (("parked-one", "NULL"), ("retried-one", "now()::TIMESTAMP")):
            connection.execute(
                f"INSERT INTO parked VALUES ('{batch}', 'h', 3, 'out of memory', 'run', now()::TIMESTAMP, {retried})"
            )

    line.lake.transact("test", "", fail)
    assert hopchain("report", home=waiting_home).code == 0
    page = Page((waiting_home / "report.html").read_text(encoding="utf-8"))
    assert "1 batch parked" in page.text and "out of memory (after 3 attempts)" in page.text
    assert "4 inputs failed" in page.text and "it <b>broke</b>" in page.text
    assert "retried-one" not in page.text


def test_a_picture_that_the_store_lost_is_left_out(hopchain: Hopchain, waiting_home: Path) -> None:
    """The report shows what there is, also where files are gone."""
    for file in (waiting_home / "pictures").rglob("*"):
        if file.is_file():
            file.unlink()
    assert hopchain("report", home=waiting_home).code == 0
    page = Page((waiting_home / "report.html").read_text(encoding="utf-8"))
    assert not any(tag == "article" for tag, _ in page.elements)


def test_a_check_that_fails_is_counted(
    hopchain: Hopchain, waiting_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are counted and one is shown; a check that cannot be run is a failure with its reason."""
    line_of(waiting_home).lake.transact(
        "test", "", lambda c: c.execute("INSERT INTO hop_chains FROM hop_chains ORDER BY chain_id LIMIT 1")
    )
    ended = hopchain("report", home=waiting_home)
    assert ended.code == 0 and "checks fail." in ended.out
    text = Page((waiting_home / "report.html").read_text(encoding="utf-8")).text
    assert "What does not hold" in text and "chain_id=" in text
    monkeypatch.setattr(model_files.read_checks, "__defaults__", (tmp_path / "none",))
    assert "1 of 1 checks fail." in hopchain("report", home=waiting_home).out


def test_an_empty_warehouse_has_a_page_that_says_so(hopchain: Hopchain, tmp_path: Path) -> None:
    """Nothing imported is a state, not an error; no warehouse at all is."""
    line_of(tmp_path / "home").lake.migrate()
    ended = hopchain("report", home=tmp_path / "home")
    assert ended.code == 0 and "Nothing has been imported yet" in ended.out
    assert "Nothing has been imported yet" in (tmp_path / "home" / "report.html").read_text(encoding="utf-8")
    none = hopchain("report", home=tmp_path / "none")
    assert none.code == 2 and "there is no warehouse" in none.err and not (tmp_path / "none").exists()


def test_a_place_that_cannot_be_written_is_one_sentence(hopchain: Hopchain, done_home: Path, tmp_path: Path) -> None:
    """A folder, a path below a file, a folder that may not be written: exit code 2, a sentence, no scrap."""
    (tmp_path / "file").write_text("kept")
    places = [tmp_path, tmp_path / "file" / "page.html", Path("/proc/page.html"), tmp_path / ("x" * 300)]
    if os.geteuid():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        places.append(closed / "page.html")
    for place in places:
        ended = hopchain("report", "--out", str(place), home=done_home)
        assert ended.code == 2 and ended.err.count("\n") == 1 and str(place) in ended.err, place
    assert (tmp_path / "file").read_text() == "kept"
