"""The lead's overview and people, over a real book; and what holds for all the lead's pages."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape

import polars as pl
from starlette.testclient import TestClient

from hopchain_assets.annotate.app import create_app
from hopchain_assets.annotate.lead_questions import LIST_WORDS
from hopchain_assets.domain.review import DEFECTS, ReviewRules
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.listing import LISTS
from hopchain_assets.operations.review.voting import Answer
from tests.annotate.house import ADDRESS, ANNOTATOR, LEAD, OTHER, REMOVED, Bare, House, close, text_of, told_of
from tests.annotate.markup import read
from tests.annotate.seeding import drawn_pictures, seeded
from tests.annotate.serving import SECRET, Clock

KEY = "a-key-of-a-form-1"
EVIL = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)> \u202egnp.exe {{7*7}}"
HOSTILE = f"{EVIL} {'w' * 3000}"


def _pages(house: House) -> list[str]:
    other = house.seeded.ids[OTHER]
    house.post("/lead/people", once=KEY, name="Nora")
    lists = [f"/lead/questions?show={name}" for name in LIST_WORDS]
    questions = [f"/lead/questions/{house.an(name)}" for name in ("people", "disagreed", "defect", "unanimous")]
    asked = [f"/lead/people/{other}/aside", f"/lead/people/{other}/remove", f"/lead/links/{KEY}"]
    return ["/lead", "/lead/people", "/lead/trail", *asked, *lists, *questions]


def test_every_page_is_well_made(house: House) -> None:
    """One title, headings in order, labelled fields, tables with captions and scopes, nothing inline, ids once."""
    for path in _pages(house):
        reply = house.get(path)
        assert reply.status_code == 200, path
        assert read(reply.text).faults() == [], path


def test_the_overview_tells_what_the_book_knows(house: House) -> None:
    """Every count of the queue, votes needed, agreement with its interval and the sample that it rests on."""
    known, text = house.book.figures(), text_of(house.get("/lead").text)
    assert known.sample > 1
    assert known.alpha is not None
    low, high = known.unanimous_interval
    for words in (
        f"Unanimous {known.states['unanimous']}",
        f"People disagree {known.states['disagreed']}",
        f"Defect reported {known.states['defect']}",
        f"Open, no votes yet {known.begun[0]}",
        f"Votes needed, if nobody disagrees {known.votes_needed}",
        f"({100 * low:.0f} to {100 * high:.0f}%)",
        f"{known.alpha:.2f} on {known.sample} questions of the random sample",
        f"{len(house.seeded.of('people'))} questions wait for you",
    ):
        assert words in text, words


def test_the_overview_of_nothing_says_not_yet(bare: Bare) -> None:
    """Before there is a question: no share, no alpha, no pace, and nobody has to join for nothing."""
    text = text_of(bare.get("/lead").text)
    assert text.count("not yet") == 2
    assert "Nothing yet." in text
    assert "to join" not in text


def test_it_is_told_how_many_people_are_missing(house: House) -> None:
    """Four answer each question; nobody answers one twice, so a reopened one needs others than those who did."""
    assert house.book.figures().short_of_people == 0
    question = house.an("unanimous")
    # those whom it measured have seen it too
    voted = {vote.name for vote in told_of(house, question).votes}
    house.book.reopen(question, "test")
    able = {one.name for one in house.book.figures().people if one.role == "annotator" and one.status == "active"}
    missing = 4 - len(able - voted)
    assert missing > 0, "everybody needed is there: this shows nothing"
    assert house.book.figures().short_of_people == missing
    assert f"{missing} more {'person has' if missing == 1 else 'people have'} to join" in text_of(
        house.get("/lead").text
    )


def test_each_plot_can_be_heard_and_read(house: House) -> None:
    """Each picture has a title, a description with its figures, and the same figures in a table beside it."""
    page = house.get("/lead").text
    figures = house.book.figures()
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert 'role="img"' in picture
        assert "style" not in picture
        ids = re.findall(r'aria-labelledby="(\S+) (\S+)"', picture)
        assert all(f'id="{one}"' in picture for one in ids[0])
    told = [unescape(one) for one in re.findall(r"<desc[^>]*>(.*?)</desc>", page)]
    for day, count in figures.by_day:
        assert f"{day[5:]}: {count}" in told[1]
        assert re.search(rf"{day}</th><td[^>]*>{count}</td>", page)
    for one in figures.people:
        if one.gold_of:
            assert f"{one.name}: {one.gold_right} of {one.gold_of}" in told[2]
    for reason, count in figures.defects.items():
        assert f"{DEFECTS[reason]}: {count}" in told[4]


def test_days_without_votes_are_shown_as_such(house: House) -> None:
    """A week in which nobody answered is a gap in the plot, not hidden."""
    house.clock.pass_seconds(7 * 24 * 3600)
    question, _ = house.hand(ANNOTATOR)
    house.post("/vote", ANNOTATOR, question_id=question, number="3")
    days = [day for day, _ in house.book.figures().by_day]
    counts = re.findall(r'<th scope="row">(2026-\d\d-\d\d)</th><td class="figure">(\d+)</td>', house.get("/lead").text)
    assert len(counts) == len(days) + 6
    assert [count for _, count in counts].count("0") == 6


def test_an_invited_person_gets_in_by_a_link_that_is_shown_once(house: House) -> None:
    """The link works, stands in no address, and is gone when its page is loaded again."""
    sent = house.post("/lead/people", once=KEY, name="  Nora   Noether ", role="annotator")
    assert sent.status_code == 303
    shown = house.get(sent.headers["location"]).text
    link = re.search(r'value="(http://testserver/enter/[^"]+)"', shown)
    assert link
    assert "readonly" in shown
    assert "Nora Noether" in shown
    assert link[1].rpartition("/")[2] not in sent.headers["location"]
    again = house.get(sent.headers["location"])
    assert again.status_code == 404
    assert "shown already" in again.text
    assert link[1] not in again.text
    entered = house.client("").post("/enter", data={"token": link[1].rpartition("/")[2]})
    assert entered.status_code == 303


def test_a_double_click_invites_once(house: House) -> None:
    """The same form again leads to the same link; so does a new link, and both are in the trail once."""
    before = len(house.book.figures().people)
    first, second = (house.post("/lead/people", once=KEY, name="Nora") for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert len(house.book.figures().people) == before + 1
    assert house.get(second.headers["location"]).status_code == 200
    for _ in range(2):
        house.post(f"/lead/people/{house.seeded.ids[OTHER]}/link", once=KEY + "b")
    assert [row.action for row in house.book.trail(10)].count("new link") == 1


def test_a_name_that_cannot_be_is_told_and_kept(house: House) -> None:
    """Taken, empty, too long or not printable: the page says so, and what was typed is still there."""
    for number, name in enumerate([OTHER, " ", "x" * 81, "a\u202eb"]):
        reply = house.post("/lead/people", once=f"{KEY}{number}", name=name, role="lead")
        assert reply.status_code == 409, name
        found = read(reply.text)
        assert found.values["name"] == name
        assert 'value="lead" selected' in reply.text
        assert 'role="alert"' in reply.text


def test_pausing_and_letting_go_on(house: House) -> None:
    """Paused people get no questions; the button then lets them go on. Twice is as once."""
    path = f"/lead/people/{house.seeded.ids[OTHER]}/status"
    for _ in range(2):
        assert house.post(path, status="paused").headers["location"] == "/lead/people?done=paused"
    assert "No more questions for you" in house.get("/next", OTHER).text
    assert [row.action for row in house.book.trail(10)].count("paused") == 2, "the other is of the seeding"
    assert 'name="status" value="active"' in house.get("/lead/people").text
    assert house.post(path, status="active").status_code == 303
    assert "No more questions for you" not in house.get("/next", OTHER).text
    assert house.post(path, status="removed").status_code == 422
    assert house.post(f"/lead/people/{house.seeded.ids[LEAD]}/status", status="paused").status_code == 409


def test_setting_votes_aside_says_first_what_it_concerns(house: House) -> None:
    """The page of its own tells the votes and the closed questions; only the button there does it."""
    who = house.seeded.ids[OTHER]
    of = house.book.concerned(who)
    assert of
    assert of.votes > 3
    text = text_of(house.get(f"/lead/people/{who}/aside").text)
    assert f"{of.votes} votes on {of.votes} different questions" in text
    assert f"{of.on_closed} of these questions are closed" in text
    assert house.book.concerned(who) == of, "looking has changed something"
    closed = house.book.closed_counts()["all"]
    assert house.post(f"/lead/people/{who}/aside").status_code == 303
    after = house.book.concerned(who)
    assert after
    assert (after.votes, after.status) == (0, "stopped")
    assert house.book.closed_counts()["all"] < closed
    house.post(f"/lead/people/{who}/aside")
    assert [row.action for row in house.book.trail(200)].count("set votes aside") == 1


def test_a_removed_person_is_named_nowhere(house: House) -> None:
    """Pages, trail and sheets know an id; their votes stay. The last lead stays too."""
    for path in [*_pages(house), "/lead/votes.csv", "/lead/questions.csv"]:
        assert REMOVED not in house.get(path).text, path
    kept = pl.read_csv(house.get("/lead/votes.csv").content)
    assert house.seeded.ids[REMOVED] in kept["person_id"]
    refused = house.post(f"/lead/people/{house.seeded.ids[LEAD]}/remove")
    assert refused.status_code == 409
    assert "invite another lead first" in text_of(refused.text)
    assert house.get(f"/lead/people/{house.seeded.ids[REMOVED]}/remove").status_code == 404
    assert house.post(f"/lead/people/{house.seeded.ids[REMOVED]}/remove").status_code == 303


def test_hostile_texts_are_texts(bare: Bare) -> None:
    """In questions, notes, names and categories nothing runs, nothing leaves its place, nothing is evaluated."""
    book = bare.book
    shown = drawn_pictures(1)[0].shown
    (question,) = close(
        book,
        [HOSTILE],
        Answer(defect="ambiguous", note=HOSTILE[:1000]),
        replace(shown, categories=(EVIL[-70:], HOSTILE), generator=HOSTILE).to_json(),
    )
    book.invite('<b onmouseover="x">"Mallory"</b>', "annotator", "test")
    book.report_not_marked(question, EVIL[-70:], "test")
    for path in ("", "/people", "/trail", "/questions?show=all", f"/questions/{question}"):
        page = bare.get(f"/lead{path}").text
        found = read(page)
        assert found.faults() == [], path
        assert "script" not in found.tags.keys() - {"script"}
        assert found.tags["script"] == 1, "the page's own"
        assert not found.tags["b onmouseover"]
        assert ("{{7*7}}" in page) == (path not in ("", "/people")), "it is not there, or was evaluated"
        assert not re.search(r"<(img|script)[^>]*(onerror|alert)", page)


def test_postgres_gives_the_same_pages_and_sheets(postgres_catalog: str) -> None:
    """Figures, lists, trail and sheets come from there as well; ids with a NUL find nothing there either."""
    clock = Clock()
    rules = ReviewRules(practice=0, sample_share=0.3, gold_share=1.0, gold_least=1000)
    book = ReviewBook(postgres_catalog, rules, clock)
    made = seeded(book, clock, drawn_pictures(6), questions=8, rounds=8)
    client = TestClient(create_app(book, made.picture, SECRET, ADDRESS), base_url=ADDRESS)
    client.post("/enter", data={"token": made.secrets[LEAD]})
    try:
        paths = ["", "/people", "/trail", *(f"/questions?show={name}" for name in LISTS)]
        paths += [f"/questions/{question}" for question in made.of("all")]
        for path in paths:
            page = client.get(f"/lead{path}")
            assert (page.status_code, read(page.text).faults()) == (200, []), path
        known = book.figures()
        assert sum(count for _, count in known.by_day) == sum(one.answered for one in known.people) > 20
        votes = pl.read_parquet(io.BytesIO(client.get("/lead/votes.parquet").content))
        assert set(votes["question_id"]) == set(made.of("all")) != set()
        assert [client.get(f"/{path}/%00").status_code for path in ("pictures", "lead/questions")] == [404, 404]
    finally:
        book.close()
