"""`hopchain review export` and `import`: out to Label Studio's files and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.review_label_studio import export, import_votes
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.settings import Settings
from hopchain_assets.warehouse.pictures import PictureStore
from tests.annotate.serving import item
from tests.annotate.serving import picture as drawn
from tests.voters import PLAIN


def typed(text: str) -> dict[str, object]:
    return {"from_name": "answer", "to_name": "image", "type": "textarea", "value": {"text": [text]}}


@dataclass
class Home:
    """A home with a book and pictures, and the two commands in it."""

    folder: Path
    book: ReviewBook
    people: list[str]

    def call(self, command: click.Command, *arguments: object) -> str:
        """What it prints.

        Raises:
            Refusal: as it does.
        """
        environment = {"HOPCHAIN_HOME": str(self.folder), "COLUMNS": "200", **PLAIN}
        done = CliRunner().invoke(command, [str(one) for one in arguments], env=environment)
        if done.exception:
            raise done.exception
        return done.output

    def answered(self, tasks: Path, answer: Callable[[str], str], project: int) -> Path:
        """An export in which somebody has answered their tasks."""
        told = json.loads(tasks.read_text())
        for number, one in enumerate(told):
            results = [typed(answer(one["data"]["question_id"]))]
            one |= {"id": number, "project": project}
            one["annotations"] = [{"id": 100 * project + number, "completed_by": 1, "result": results}]
        path = tasks.with_name("export.json")
        path.write_text(json.dumps(told))
        return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    settings = Settings.load({"HOPCHAIN_HOME": str(tmp_path / "home"), **PLAIN})
    book = ReviewBook(settings.operations, settings.review.rules)
    people = [book.invite(f"Person {number}", "annotator", "test")[0] for number in range(4)]
    questions = [item("a"), item("b", question='<b>"How many"</b> & why?')]
    book.push(questions, [questions[0].batch])
    for one in questions:
        PictureStore(settings.picture_folder).put(one.image_id, drawn(one.image_id))
    return Home(tmp_path / "home", book, people)


def test_out_to_label_studio_and_back(home: Home, tmp_path: Path) -> None:
    """Four people answer in projects of their own: what they agree on is verified, and a second import is nothing."""
    out = tmp_path / "out"
    told = home.call(export, "--to", "label-studio", "--out", out)
    assert str(out) in told and "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT" in told
    tasks = sorted(out.glob("*/tasks.json"))
    assert len(tasks) == 4
    files = [
        home.answered(path, lambda name, at=at: "3" if name == "a" else str(at % 2), at)
        for at, path in enumerate(tasks)
    ]
    assert "Votes: 8 new, 0 known before, 0 left out" in home.call(import_votes, "--from", "label-studio", *files)
    closed, cast = home.book.reviewed()
    assert {one.question_id: one.state for one in closed} == {"a": "unanimous", "b": "disagreed"}
    assert all(one.origin.startswith("label-studio:") for one in cast)
    again = home.call(import_votes, "--from", "label-studio", *files)
    assert "Votes: 0 new, 8 known before, 0 left out" in again
    assert "Nobody can be given" in home.call(export, "--to", "label-studio", "--out", out)


def test_two_label_studios_can_be_told_apart(home: Home, tmp_path: Path) -> None:
    """Each on a machine of its own numbers its annotations from 1: `--server` names them."""
    home.call(export, "--to", "label-studio", "--out", tmp_path / "out")
    mine, theirs, *_ = [
        home.answered(path, lambda _: "3", 1) for path in sorted((tmp_path / "out").glob("*/tasks.json"))
    ]
    assert "2 new" in home.call(import_votes, "--from", "label-studio", mine)
    told = home.call(import_votes, "--from", "label-studio", theirs)
    assert "0 new" in told and "same number" in told
    assert "2 new" in home.call(import_votes, "--from", "label-studio", "--server", "laptop", theirs)


def test_a_file_that_cannot_be_read_stops_no_other(home: Home, tmp_path: Path) -> None:
    """It is told with the reason; where none can be read, that is refused."""
    home.call(export, "--to", "label-studio", "--out", tmp_path / "out")
    good = home.answered(min((tmp_path / "out").glob("*/tasks.json")), lambda _: "3", 1)
    bad = tmp_path / "bad.json"
    bad.write_text("nothing")
    told = home.call(import_votes, "--from", "label-studio", tmp_path / "gone.json", bad, tmp_path, good)
    assert "2 new" in told and "3 left out" in told and "No such file" in told and "not JSON" in told
    with pytest.raises(Refusal, match="not JSON"):
        home.call(import_votes, "--from", "label-studio", bad)


def test_lost_files_are_written_again_and_questions_taken_back(home: Home, tmp_path: Path) -> None:
    """`--again` writes the same; after `--take-back` the page has them."""
    home.call(export, "--to", "label-studio", "--out", tmp_path / "first", "--pictures-url", "https://example.org/p")
    home.call(export, "--to", "label-studio", "--out", tmp_path / "second", "--again", "--pictures-url", "http://e.org")
    first, second = (
        {path.parent.name for path in (tmp_path / one).glob("*/tasks.json")} for one in ("first", "second")
    )
    assert first == second and len(first) == 4
    assert home.book.hand(home.people[0]) is None
    assert "8 questions" in home.call(export, "--to", "label-studio", "--take-back")
    assert home.book.hand(home.people[0])


def test_questions_whose_picture_is_gone_are_not_kept_from_others(home: Home, tmp_path: Path) -> None:
    """They are in no file, and have their places again."""
    missing = Settings.load({"HOPCHAIN_HOME": str(home.folder)}).picture_folder
    for path in Path(missing).rglob("picture-of-b"):
        path.unlink()
    told = home.call(export, "--to", "label-studio", "--out", tmp_path / "out")
    assert "1 picture cannot be read" in told
    for path in (tmp_path / "out").glob("*/tasks.json"):
        assert [one["data"]["question_id"] for one in json.loads(path.read_text())] == ["a"]
    handed = home.book.hand(home.people[0])
    assert handed and handed.question_id == "b"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--pictures-url", "file:///etc"], "https://"), (["--again", "--take-back"], "contradict")],
)
def test_what_makes_no_sense_is_refused(home: Home, arguments: list[str], words: str) -> None:
    """Before anything is handed out."""
    with pytest.raises(Refusal, match=words):
        home.call(export, "--to", "label-studio", *arguments)
    assert home.book.hand(home.people[0])
