"""Label Studio's form and tasks, and votes out of its exports.

Two of these are real ones of version 1.23.2: answers 1 and 2 were given in its page, 3 and 4 over its API.
"""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from hopchain_assets.annotate.label_studio import config, write
from hopchain_assets.annotate.label_studio_votes import Unreadable, read_votes
from hopchain_assets.domain.review import DEFECTS
from hopchain_assets.operations.review.book import Answer
from hopchain_assets.operations.review.handing_out import Bundle, Out
from hopchain_assets.operations.review.voting import LONGEST_NOTE

HERE = Path(__file__).parent
REAL, REAL_MIN = HERE / "label_studio_export.json", HERE / "label_studio_export_min.json"
HOSTILE = '<img src=x onerror=alert(1)> "How many" & $image </View>]]> \N{RIGHT-TO-LEFT OVERRIDE}dots\nare there?'
LOCAL = "/data/local-files/?d="


def picture(_: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (4, 4), "#336699").save(held, "PNG")
    return held.getvalue()


def bundle(*questions: Out, name: str = "Ann", person_id: str = "p1") -> Bundle:
    return Bundle(person_id, name, questions)


def task(*results: dict[str, object], **of_annotation: object) -> dict[str, object]:
    annotation = {"id": 7, "completed_by": 1, "was_cancelled": False, "result": list(results), **of_annotation}
    return {"id": 1, "project": 3, "data": {"question_id": "q", "person_id": "p"}, "annotations": [annotation]}


def typed(text: object, name: str = "answer") -> dict[str, object]:
    return {"from_name": name, "to_name": "image", "type": "textarea", "value": {"text": text}}


def chosen(*reasons: str) -> dict[str, object]:
    return {"from_name": "defect", "to_name": "image", "type": "choices", "value": {"choices": list(reasons)}}


def read(*tasks: object, server: str = "") -> tuple[list[Answer], list[str]]:
    """The answers of an export, and the reasons why others are none."""
    told = read_votes(json.dumps(tasks).encode(), server)
    return [vote.answer for vote in told.votes], [reason for _, reason in told.left_out]


def test_the_form_has_all_that_our_own_page_has() -> None:
    """A picture to zoom, the question, a field for the number, each reason, and a note; digits choose no reason."""
    view = ET.fromstring(config())
    assert view[0].get("value") == "$question"
    (image,) = view.iter("Image")
    assert (image.get("value"), image.get("zoom"), image.get("zoomControl")) == ("$image", "true", "true")
    assert {one.get("name"): one.get("toName") for one in view.iter("TextArea")} == {"answer": "image", "note": "image"}
    assert {one.get("alias"): one.get("value") for one in view.iter("Choice")} == DEFECTS
    assert all(str(one.get("hotkey")).startswith("alt+") for one in view.iter("Choice"))


def test_a_task_tells_the_question_and_nothing_of_its_answer(tmp_path: Path) -> None:
    """Hostile words come through as they are; each picture is a file that is named by its id."""
    written = write(tmp_path, [bundle(Out("q1", "abc", HOSTILE), Out("q2", "abc", "Two?"))], picture)
    (project,) = written.projects
    told = json.loads(project.tasks.read_text())
    where = f"{LOCAL}pictures/abc.png"
    assert told == [
        {"data": {"image": where, "question": HOSTILE, "question_id": "q1", "person_id": "p1"}},
        {"data": {"image": where, "question": "Two?", "question_id": "q2", "person_id": "p1"}},
    ]
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["abc.png"]
    assert (tmp_path / "pictures" / "abc.png").read_bytes() == picture("abc")
    ET.fromstring(project.config.read_text())


def test_everybody_has_a_folder_of_their_own(tmp_path: Path) -> None:
    """A project holds one person's tasks; names lead nowhere else."""
    names = ["Ann", "../../etc", "a/b\\c\0", "", "x" * 200, "Zoë 王"]
    people = [bundle(Out("q", "abc", "?"), name=name, person_id=f"p{at}") for at, name in enumerate(names)]
    written = write(tmp_path / "out", people, picture)
    assert [one.tasks.parent.parent for one in written.projects] == [tmp_path / "out"] * len(names)
    told = [json.loads(one.tasks.read_text()) for one in written.projects]
    assert [{one["data"]["person_id"] for one in tasks} for tasks in told] == [{f"p{at}"} for at in range(len(names))]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_later_export_overwrites_no_tasks(tmp_path: Path) -> None:
    """They may not be in Label Studio yet."""
    names = [write(tmp_path, [bundle(Out(f"q{at}", "abc", "?"))], picture).projects[0].tasks.name for at in range(3)]
    assert names == ["tasks.json", "tasks-2.json", "tasks-3.json"]


def test_an_id_leads_out_of_no_folder(tmp_path: Path) -> None:
    """Ids are text: one with slashes is a name all the same, and the address leads to that file."""
    written = write(tmp_path / "out", [bundle(Out("q", "../../up & ?d=x", "?"))], picture)
    (copied,) = (tmp_path / "out" / "pictures").iterdir()
    (told,) = json.loads(written.projects[0].tasks.read_text())
    assert parse_qs(urlsplit(told["data"]["image"]).query)["d"] == [f"pictures/{copied.name}"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_pictures_that_are_served_elsewhere_are_not_copied(tmp_path: Path) -> None:
    """PREFIX/ID, and no picture is read."""

    def refuses(_: str) -> bytes:
        raise AssertionError("a picture was read")

    written = write(tmp_path, [bundle(Out("q", "a b", "?"))], refuses, "https://pictures.example.org/all/")
    (told,) = json.loads(written.projects[0].tasks.read_text())
    assert told["data"]["image"] == "https://pictures.example.org/all/a%20b"
    assert not (tmp_path / "pictures").exists()


def test_a_picture_that_is_gone_takes_only_its_questions_along(tmp_path: Path) -> None:
    """The others are written."""

    def some(image_id: str) -> bytes:
        if image_id == "gone":
            raise FileNotFoundError(image_id)
        return picture(image_id)

    people = [bundle(Out("q1", "gone", "?"), Out("q2", "abc", "?")), bundle(Out("q1", "gone", "?"), person_id="p2")]
    written = write(tmp_path, people, some)
    assert written.missing == ("gone",)
    assert [(one.name, one.count) for one in written.projects] == [("Ann", 1)]


def test_a_real_export_is_read() -> None:
    """What was typed in Label Studio's page is understood, skipped and unclear answers are left out with the reason."""
    told = read_votes(REAL.read_bytes())
    assert [(one.origin, one.person_id, one.question_id, one.answer) for one in told.votes] == [
        ("label-studio:1/1", "p1", "q0", Answer(number="12")),
        ("label-studio:1/2", "p1", "q1", Answer(defect="several", note="two\nof <b>them</b>")),
    ]
    assert (told.votes[0].seconds, told.votes[0].at) == (1.661, datetime(2026, 11, 29, 3, 59, 8, 688490))
    (skipped, unclear) = told.left_out
    assert skipped == ("label-studio:1/3", "It was skipped.")
    assert unclear[0] == "label-studio:1/4" and "a comma can mean both" in unclear[1]


def test_a_real_short_export_says_the_same() -> None:
    """JSON-MIN names no project and leaves out what was skipped."""
    told = read_votes(REAL_MIN.read_bytes())
    full = read_votes(REAL.read_bytes())
    assert [one.answer for one in told.votes] == [one.answer for one in full.votes]
    assert [one.origin for one in told.votes] == ["label-studio:-/1", "label-studio:-/2"]
    assert [name for name, _ in told.left_out] == ["label-studio:-/4"]


@pytest.mark.parametrize(
    ("results", "answer"),
    [
        ([typed(["3"])], Answer(number="3")),
        ([typed("3.0")], Answer(number="3")),
        ([typed(["1/2"])], Answer(number="0.5")),
        ([typed(["3"]), typed(["3 "])], Answer(number="3")),
        ([{"from_name": "answer", "type": "number", "value": {"number": 3}}], Answer(number="3")),
        ([typed(["3"]), typed(["sure"], "note")], Answer(number="3", note="sure")),
        ([chosen("offensive")], Answer(defect="offensive")),
        ([chosen(DEFECTS["knowledge"])], Answer(defect="knowledge")),
        ([typed([""]), chosen("several")], Answer(defect="several")),
    ],
)
def test_answers_are_read_as_the_page_reads_them(results: Sequence[dict[str, object]], answer: Answer) -> None:
    """Whichever tag they come from."""
    assert read(task(*results)) == ([answer], [])


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], "neither"),
        ([typed(["  "])], "neither"),
        ([typed(["a", "note"], "note")], "neither"),
        ([typed(["3"]), chosen("several")], "both"),
        ([typed(["3"]), typed(["4"])], "several answers"),
        ([typed(["three"])], "no number"),
        ([typed(["1,500"])], "comma"),
        ([typed([{"not": "text"}])], "no number"),
        ([chosen("several", "ambiguous")], "several answers"),
        ([chosen("not_marked")], "not known here"),
        ([chosen("several"), typed(["x" * (LONGEST_NOTE + 1)], "note")], "longer than"),
        ([{"from_name": "answer", "value": "3"}, {"from_name": ["x"]}, None], "neither"),
    ],
)
def test_what_is_no_answer_is_left_out_with_the_reason(results: Sequence[dict[str, object]], words: str) -> None:
    """It stops nothing: the good one beside it is read."""
    good = task(typed(["5"]), id=8)
    answers, reasons = read(task(*results), good)
    assert answers == [Answer(number="5")]
    assert len(reasons) == 1 and words in reasons[0]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"data": {}, "annotations": [{"id": 1, "result": []}]},
        {"data": {"question_id": 5, "person_id": None}, "annotations": [{"result": [typed("3")]}]},
        {"data": "text", "annotations": "text"},
        task(typed("3"), id=None),
        {**task(), "annotations": [None, "x"]},
    ],
)
def test_odd_tasks_stop_nothing(odd: dict[str, object]) -> None:
    """Tasks of another project, or of nobody."""
    answers, _ = read(odd, task(typed(["5"]), id=8))
    assert answers == [Answer(number="5")]


@pytest.mark.parametrize("data", [b"", b"nothing", b"{}", b"[1]", b'"x"', b"[" * 5_000, b"\xff\xfe", b"[NaN]"])
def test_what_is_no_export_is_refused(data: bytes) -> None:
    """With a sentence, whatever it is."""
    with pytest.raises(Unreadable):
        read_votes(data)


def test_one_person_cannot_answer_for_another() -> None:
    """Several accounts in a person's project, or one for several people: nobody can tell whose answers these are."""
    mine, other = task(typed("3")), task(typed("3"), id=8, completed_by={"id": 2, "email": "b@example.org"})
    answers, reasons = read(mine, other)
    assert answers == [] and all("Several accounts" in reason for reason in reasons)
    theirs = task(typed("3"), id=8)
    theirs["data"] = {"question_id": "q", "person_id": "another"}
    answers, reasons = read(mine, theirs)
    assert answers == [] and all("for several people" in reason for reason in reasons)
    assert read(mine, task(id=8, completed_by=2, was_cancelled=True))[0] == [Answer(number="3")]


def test_times_and_seconds_that_make_no_sense_are_not_known() -> None:
    """An offset is taken off; what is no time is none."""
    told = read_votes(json.dumps([task(typed("3"), lead_time=-1, updated_at="2026-03-01T13:00:00+01:00")]).encode())
    assert (told.votes[0].seconds, told.votes[0].at) == (None, datetime(2026, 3, 1, 12))
    told = read_votes(json.dumps([task(typed("3"), lead_time="x", updated_at="yesterday", created_at=5)]).encode())
    assert (told.votes[0].seconds, told.votes[0].at) == (None, None)
