"""The lead's lists of closed questions, the page of one, and what can be done there."""

from __future__ import annotations

import io
import re
from html import unescape

import numpy as np
from PIL import Image

from hopchain_assets.annotate.lead_questions import A_PAGE, LIST_WORDS
from hopchain_assets.operations.review.listing import LISTS
from tests.annotate.house import LEAD, Bare, House, close, text_of, told_of
from tests.annotate.seeding import drawn_pictures


def test_the_lists_hold_every_closed_question_once(house: House) -> None:
    """The kinds share them out, the counts are right, and what waits for the lead is shown first."""
    counts = house.book.closed_counts()
    assert list(LIST_WORDS) == list(LISTS)
    names = [name for name in LISTS if name != "all"]
    assert sum(counts[name] for name in names) == counts["all"] > 20
    for name in LISTS:
        page = house.get(f"/lead/questions?show={name}").text
        ids = re.findall(r'href="/lead/questions/([^"?]+)"', page)
        assert ids == house.seeded.of(name)
        assert len(ids) == counts[name]
    for path in ("/lead/questions", "/lead/questions?show=nonsense"):
        first = house.get(path).text
        assert re.findall(r'href="/lead/questions/([^"?]+)"', first) == house.seeded.of("people")


def test_long_lists_come_in_pages(bare: Bare) -> None:
    """120 closed questions are on three pages, none twice and none left out; beyond them is nothing, and says so."""
    book = bare.book
    close(book, [f"How many, {number}?" for number in range(120)])
    pages = [bare.get(f"/lead/questions?show=all&page={number}").text for number in (1, 2, 3, 4)]
    assert bare.get("/lead/questions?page=0").status_code == 422
    assert bare.get("/lead/questions?page=99999999999999999999").status_code == 422
    found = [re.findall(r'href="/lead/questions/([^"?]+)"', page) for page in pages]
    assert [len(ids) for ids in found] == [A_PAGE, A_PAGE, 20, 0]
    assert len({one for ids in found for one in ids}) == 120
    assert 'rel="next"' in pages[0]
    assert 'rel="next"' not in pages[2]
    assert "This page is empty" in pages[3]


def test_a_closed_question_is_told_whole(house: House) -> None:
    """Question, both numbers, each vote with name, note and time, each hop with its margins."""
    told = told_of(house, house.an("people"))
    text = text_of(house.get(f"/lead/questions/{told.closed.question_id}").text)
    for words in (
        told.closed.question,
        f"People say {told.closed.answer}",
        f"The program says {told.closed.executed}",
        "people disagree with the program",
        "largest by 2.4 times (needed: 1.3)",
        "nothing to choose",
        *(f"{vote.name} {vote.number}" for vote in told.votes),
    ):
        assert words in text, words


def test_marks_are_drawn_where_the_objects_are(house: House) -> None:
    """The picture has its size, is changed at the border of each mark, and is as it was far from them."""
    question = house.an("people")
    told = told_of(house, question)
    seen = next(one for one in drawn_pictures(24) if one.image_id == told.closed.image_id)
    reply = house.get(f"/lead/questions/{question}/marks.png")
    assert reply.headers["content-type"] == "image/png"
    was = np.asarray(Image.open(io.BytesIO(seen.data)).convert("RGB")).astype(int)
    now = np.asarray(Image.open(io.BytesIO(reply.content)).convert("RGB")).astype(int)
    assert now.shape == was.shape
    changed = np.abs(now - was).sum(axis=2) > 40
    for mark in (*seen.shown.instances, *seen.shown.others):
        x0, y0, x1, y1 = (round(value) for value in mark.box)
        border = changed[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3]
        assert border.any(axis=0).mean() > 0.9, mark
    assert not changed[:100].any()


def test_a_question_without_marks_has_a_page_all_the_same(bare: Bare) -> None:
    """What was pushed with nothing to show, or whose picture is gone, is shown without."""
    (question,) = close(bare.book, ["How many?"], shown="[]")
    assert "Nothing was kept of it" in bare.get(f"/lead/questions/{question}").text
    assert bare.get(f"/lead/questions/{question}/marks.png").status_code == 404


def test_accepting_takes_peoples_number(house: House) -> None:
    """Once; the question leaves the list of those that wait. One that the program agrees on cannot be accepted."""
    question = house.an("people")
    for _ in range(2):
        assert house.post(f"/lead/questions/{question}/accept").status_code == 303
    told = told_of(house, question)
    assert told.closed.accepted_by == house.seeded.ids[LEAD]
    page = house.get(f"/lead/questions/{question}?done=accepted").text
    assert f"accepted by {LEAD}" in text_of(page)
    assert "Accepted: people" in unescape(page)
    assert "/accept" not in page
    assert question in house.seeded.of("accepted")
    assert [row.action for row in house.book.trail(10)].count("accepted") == 1
    assert house.post(f"/lead/questions/{house.an('unanimous')}/accept").status_code == 409


def test_reopening_hides_the_question_again(house: House) -> None:
    """It is asked anew, so that nobody sees what was said; not even the trail tells."""
    question = house.an("people")
    answer = next(row for row in house.book.trail(10_000) if row.question_id == question and row.detail)
    assert answer.action in ("unanimous", "voted")
    assert house.post(f"/lead/questions/{question}/reopen").headers["location"] == "/lead/questions?done=reopened"
    assert house.get(f"/lead/questions/{question}").status_code == 404
    assert house.post(f"/lead/questions/{question}/reopen").status_code == 404
    trail = house.get("/lead/trail").text
    assert f"/lead/questions/{question}" not in trail
    rows = re.findall(rf"<tr>(?:(?!</tr>).)*{question}(?:(?!</tr>).)*</tr>", trail, re.DOTALL)
    assert rows
    assert not [row for row in rows if re.search(r"unanimous on .\d", row)]


def test_removing_and_reporting_a_missing_mark(house: House) -> None:
    """Both take it out, once; what is reported is one of the question's categories."""
    removed, unmarked = house.seeded.of("disagreed")[:2]
    for _ in range(2):
        assert house.post(f"/lead/questions/{removed}/remove").status_code == 303
        assert house.post(f"/lead/questions/{unmarked}/not-marked", category="dot").status_code == 303
    assert house.seeded.of("withdrawn") and set(house.seeded.of("withdrawn")) == {removed, unmarked}
    assert [(one.category, one.by) for one in house.book.not_marked()] == [("dot", house.seeded.ids[LEAD])]
    actions = [row.action for row in house.book.trail(10)]
    assert (actions.count("withdrawn: removed"), actions.count("not marked")) == (2, 1)
    assert house.post(f"/lead/questions/{house.an('defect')}/not-marked", category="elephant").status_code == 409
    assert house.post(f"/lead/questions/{house.an('defect')}/not-marked", category="").status_code == 422
