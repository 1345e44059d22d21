"""A real Label Studio takes our form and tasks and shows them; its exports are read. See `make test-label-studio`."""

from __future__ import annotations

import os
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Dialog

from hopchain_assets.annotate.label_studio import PICTURES, Project, config, write
from hopchain_assets.annotate.label_studio_votes import read_votes
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.elsewhere import TakenIn
from tests.annotate.label_studio_server import ACCOUNT, LabelStudio, label_studio
from tests.annotate.serving import chromium, item, needs_browser, picture

PYTHON = "HOPCHAIN_TEST_LABEL_STUDIO"
RULES = ReviewRules(people=4, sample_share=0.0, practice=0, gold_share=0.0)
HOSTILE = '<img src=x onerror=alert(1)> "How many" & $image {{7*7}} </View> dots\nare there?'
# one number, written as four people may write it
THREE = ("3", " 3.0 ", "\N{ARABIC-INDIC DIGIT THREE}", "6/2")


@dataclass(frozen=True)
class Work:
    """A book whose questions are out, and what was written for each person."""

    book: ReviewBook
    projects: tuple[Project, ...]
    pictures: Path
    folder: Path

    def take_in(self, server: LabelStudio, projects: list[int], form: str = "JSON") -> list[TakenIn]:
        """What becomes of each project's export."""
        paths = [server.export(one, form, self.folder / f"{one}-{form}.json") for one in projects]
        return [self.book.take_in(read_votes(path.read_bytes()).votes) for path in paths]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    told = os.environ.get(PYTHON)
    if not told:
        pytest.skip(f"asks a real Label Studio: `make test-label-studio`, or set {PYTHON} to a Python that has it")
    # not resolved: the link in bin/ is what tells Python its environment
    with label_studio(Path(told).absolute(), tmp_path_factory.mktemp("label-studio")) as running:
        yield running


@pytest.fixture
def work(server: LabelStudio, tmp_path: Path) -> Iterator[Work]:
    book = ReviewBook(f"sqlite:///{tmp_path / 'operations.sqlite'}", RULES)
    for number in range(RULES.people):
        book.invite(f"Person <b>{number}</b>", "annotator", "test")
    questions = [item("same"), item("hostile", question=HOSTILE), item("split"), item("skipped")]
    book.push(questions, [questions[0].batch])
    written = write(server.root, book.hand_out(100, 7.0, "test"), picture)
    assert len(written.projects) == RULES.people
    yield Work(book, written.projects, server.root / PICTURES, tmp_path)
    book.close()


def typed(text: str, name: str = "answer") -> dict[str, object]:
    return {"from_name": name, "to_name": "image", "type": "textarea", "value": {"text": [text]}}


def test_four_people_answer_in_projects_of_their_own(server: LabelStudio, work: Work) -> None:
    """Form, tasks and pictures are taken; what was answered comes back as votes, once."""
    made: list[int] = []
    for place, project in enumerate(work.projects):
        made.append(server.project(project.tasks, project.config, work.pictures))
        tasks = server.tasks(made[-1])
        assert sorted(tasks) == ["hostile", "same", "skipped", "split"]
        shown = server.call("GET", f"/api/tasks/{tasks['hostile']}")["data"]
        assert shown["question"] == HOSTILE
        server.answer(tasks["same"], [typed(THREE[place])])
        server.answer(tasks["split"], [typed(str(place // 2))])
        reason: dict[str, object] = {"from_name": "defect", "to_name": "image", "type": "choices"}
        server.answer(tasks["hostile"], [{**reason, "value": {"choices": ["offensive"]}}, typed("why\nnot", "note")])
        server.answer(tasks["skipped"], [], skipped=True)
    assert [(done.taken, done.left_out) for done in work.take_in(server, made)] == [(3, ())] * 4
    closed, cast = work.book.reviewed()
    assert {one.question_id: (one.state, one.answer) for one in closed} == {
        "same": ("unanimous", "3"),
        "hostile": ("defect", ""),
        "split": ("disagreed", ""),
    }
    assert {one.origin.rpartition("/")[0] for one in cast} == {f"label-studio:{one}" for one in made}
    assert all(one.seconds == 4.25 for one in cast)
    again = work.take_in(server, made)
    assert [(done.taken, done.known, done.left_out) for done in again] == [(0, 3, ())] * 4
    short = work.take_in(server, made, "JSON_MIN")
    assert all(done.taken == 0 and len(done.left_out) == 3 for done in short)


def test_pictures_are_served_as_they_are(server: LabelStudio, work: Work) -> None:
    """Through its local files, under the address that the task gives."""
    project = server.project(work.projects[0].tasks, work.projects[0].config, work.pictures)
    for task in server.tasks(project).values():
        address = server.call("GET", f"/api/tasks/{task}")["data"]["image"]
        assert server.get(address) == picture("")


def test_a_broken_form_would_be_refused(server: LabelStudio) -> None:
    """So that one which is taken has been looked at."""
    broken = config().replace('toName="image"', 'toName="nothing"')
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.call("POST", "/api/projects", {"title": "broken", "label_config": broken})


def test_a_changed_answer_changes_no_vote(server: LabelStudio, work: Work) -> None:
    """Edited in Label Studio after it was taken down: left out, and told."""
    made = server.project(work.projects[0].tasks, work.projects[0].config, work.pictures)
    server.answer(server.tasks(made)["same"], [typed("3")])
    assert work.take_in(server, [made])[0].taken == 1
    (told,) = [one for one in server.call("GET", f"/api/projects/{made}/export?exportType=JSON") if one["annotations"]]
    server.call("PATCH", f"/api/annotations/{told['annotations'][0]['id']}/", {"result": [typed("4")]})
    (done,) = work.take_in(server, [made])
    assert (done.taken, done.known) == (0, 0)
    assert "changed after" in done.left_out[0][1]


def dismissed(dialog: Dialog, alerts: list[str]) -> None:
    alerts.append(dialog.message)
    dialog.dismiss()


@needs_browser
def test_what_people_type_into_its_page_is_read(server: LabelStudio, work: Work) -> None:
    """A digit beside the field chooses no reason, hostile words are words, and what was typed comes back."""
    made = server.project(work.projects[0].tasks, work.projects[0].config, work.pictures)
    tasks = server.tasks(made)
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 1200}).new_page()
        alerts: list[str] = []
        page.on("dialog", lambda dialog: dismissed(dialog, alerts))
        # its fonts and figures from elsewhere are not needed
        page.route("**/*", lambda route: route.continue_() if server.url in route.request.url else route.abort())
        page.goto(f"{server.url}/user/login/")
        page.fill("input[name=email]", ACCOUNT)
        page.fill("input[name=password]", server.password)
        page.click("button[type=submit]")
        page.wait_for_load_state()
        number, note = page.get_by_placeholder("such as 7"), page.get_by_placeholder("A note")
        for name in ("same", "hostile"):
            page.goto(f"{server.url}/projects/{made}/data?task={tasks[name]}")
            number.wait_for(timeout=120_000)
            # its keys are there a moment after its form
            page.wait_for_timeout(1_500)
            if name == "same":
                page.keyboard.press("2")
                number.fill(" \N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT TWO} ")
            else:
                assert page.get_by_text('onerror=alert(1)> "How many" & $image {{7*7}}').is_visible()
                page.get_by_text("A description fits several").click()
                note.fill("two\nof <b>them</b>")
            with page.expect_response(lambda reply: "/annotations" in reply.url and reply.request.method == "POST"):
                page.get_by_role("button", name="Submit").click()
        assert alerts == []
    read = read_votes(server.export(made, "JSON", work.folder / "typed.json").read_bytes())
    said = {one.question_id: (one.answer.number, one.answer.defect, one.answer.note) for one in read.votes}
    assert said == {"same": ("12", "", ""), "hostile": ("", "several", "two\nof <b>them</b>")}
    assert read.left_out == ()
