"""`hopchain audit`: answers are recorded at once, and release the chains that waited for them."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.cli.conftest import Hopchain, line_of, run_stages


def _audits(home: Path) -> list[tuple[str, str, bool, str]]:
    sql = 'SELECT image_id, category, exhaustive, "by" FROM category_audit ORDER BY "at", image_id, category'
    return line_of(home).lake.query(sql).rows()


def _count(home: Path, table: str) -> int:
    return line_of(home).lake.query(f"SELECT count(*) FROM {table}").item()


def test_answers_are_recorded_and_quitting_loses_none(hopchain: Hopchain, waiting_home: Path) -> None:
    """Yes and no are kept with the name of who said so; skipping and what is no answer are not."""
    ended = hopchain("audit", "--by", "ann", home=waiting_home, answers="y\nwhat?\ns\nno\nq\n")
    assert ended.code == 0 and "2 answers recorded" in ended.out and "Please answer" in ended.out
    assert [(yes, by) for _, _, yes, by in _audits(waiting_home)] == [(True, "ann"), (False, "ann")]


def test_the_end_of_the_input_is_the_end_of_the_work(hopchain: Hopchain, waiting_home: Path) -> None:
    """A closed terminal keeps what was said before."""
    assert hopchain("audit", "--by", "ann", home=waiting_home, answers="y\n").code == 0
    assert len(_audits(waiting_home)) == 1


def test_each_question_shows_a_drawing(hopchain: Hopchain, waiting_home: Path) -> None:
    """The path that is printed is a picture."""
    ended = hopchain("audit", "--by", "ann", home=waiting_home, answers="q\n")
    (path,) = [word for word in ended.out.split() if word.endswith(".png")]
    with Image.open(path) as picture:
        picture.load()


def test_yes_to_all_releases_what_waited(hopchain: Hopchain, waiting_home: Path) -> None:
    """After the audit the same chains are verified, and nothing is asked again."""
    waiting = _count(waiting_home, "waiting_chains")
    assert waiting and not _count(waiting_home, "verified_set")
    hopchain("audit", "--by", "ann", home=waiting_home, answers="y\n" * 99)
    run_stages(waiting_home)
    assert _count(waiting_home, "verified_set") == waiting and not _count(waiting_home, "waiting_chains")
    assert "Nothing is left" in hopchain("audit", "--by", "ann", home=waiting_home).out


def test_a_category_or_a_picture_can_be_chosen(hopchain: Hopchain, waiting_home: Path) -> None:
    """`--category` and `--image` narrow what is asked."""
    image, category = (
        line_of(waiting_home)
        .lake.query("SELECT image_id, category FROM instances GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1")
        .row(0)
    )
    arguments = ("audit", "--by", "ann", "--image", image[:10], "--category", category)
    assert "1 of 1" in hopchain(*arguments, home=waiting_home, answers="n\n").out
    assert [(row[0], row[1]) for row in _audits(waiting_home)] == [(image, category)]


def test_answers_travel_in_a_file(hopchain: Hopchain, waiting_home: Path, tmp_path: Path) -> None:
    """What one exports another imports, by the sha256 or by the name; what fits nothing is told."""
    kept, path = tmp_path / "kept.json", tmp_path / "answers.json"
    hopchain("audit", "--by", "ann", home=waiting_home, answers="y\nn\n")
    assert hopchain("audit", "--export", str(kept), home=waiting_home).code == 0
    rows = json.loads(kept.read_text())
    assert [row["by"] for row in rows] == ["ann", "ann"]
    again = hopchain("audit", "--from", str(kept), "--by", "bob", home=waiting_home)
    assert "0 new, 2 known before" in again.out
    named = {key: rows[0][key] for key in ("file_name", "category")} | {"exhaustive": not rows[0]["exhaustive"]}
    strange = [
        {"file_name": "[bold]no\x1bwhere.jpg", "category": "cat", "exhaustive": True},
        {**named, "category": "unicorn"},
        {**named, "exhaustive": "yes"},
        {**named, "sha256": "0" * 64},
    ]
    path.write_text(json.dumps([named, *strange]))
    ended = hopchain("audit", "--from", str(path), "--by", "bob", home=waiting_home)
    assert ended.code == 0 and "1 new, 0 known before, 4 left out" in ended.out
    assert "\x1b" not in ended.out and "[bold]no where.jpg" in ended.out
    assert _audits(waiting_home)[-1][2:] == (named["exhaustive"], "bob")


def test_a_file_of_something_else_is_refused(hopchain: Hopchain, waiting_home: Path, tmp_path: Path) -> None:
    """One sentence, and nothing is recorded."""
    path = tmp_path / "answers.json"
    for text in ("", "{}", "[1]", "[[]]", "\xff"):
        path.write_text(text)
        ended = hopchain("audit", "--from", str(path), "--by", "bob", home=waiting_home)
        assert ended.code == 2 and ended.err.count("\n") == 1, text
    assert not _audits(waiting_home)
