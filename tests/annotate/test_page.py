"""The annotator's page in a real browser: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hopchain_assets.domain.review import ReviewRules
from tests.annotate.serving import Served, Visitor, chromium, item, needs_browser, served

pytestmark = needs_browser
RULES = ReviewRules(practice=0, gold_share=0.0, sample_share=0.0)
FOUR = ("Ada", "Ben", "Cleo", "Dan")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, RULES) as running:
        running.invite(*FOUR)
        yield running


def _four(browser: Browser, service: Served) -> list[Visitor]:
    return [Visitor.at(browser, service.link(name)) for name in FOUR]


def _state(service: Served, question_id: str) -> tuple[str, str]:
    service.clock.pass_seconds(RULES.undo_seconds + 1)
    service.book.mark()
    told = service.book.told(question_id)
    return (told.closed.state, told.closed.answer) if told else ("open", "")


def test_four_who_agree_by_mouse_and_by_keyboard_close_a_question(browser: Browser, service: Served) -> None:
    """Two type and click, two use keys alone; all say 3, and half a minute later it is unanimous."""
    service.book.push([item("q1")], ["b00001"])
    four = _four(browser, service)
    for visitor in four[:2]:
        visitor.answer("3")
    for visitor in four[2:]:
        # the number field has the focus from the start
        visitor.page.keyboard.type("3.0")
        expect(visitor.page.locator("#understood")).to_have_text("Understood: 3")
        visitor.press_and_go("Enter")
    assert service.book.told("q1") is None, "an answer that can be undone has closed the question"
    assert _state(service, "q1") == ("unanimous", "3")
    for visitor in four:
        assert visitor.question == "Nothing is left for you now."
        assert not visitor.complaints


def test_who_disagrees_closes_it_early_and_the_others_are_not_asked(browser: Browser, service: Served) -> None:
    """After 3 and 4 nobody needs to look again."""
    service.book.push([item("q1")], ["b00001"])
    first, second = (Visitor.at(browser, service.link(name)) for name in FOUR[:2])
    first.answer("3")
    second.answer("4")
    assert _state(service, "q1") == ("disagreed", "")
    third = Visitor.at(browser, service.link("Cleo"))
    assert third.question == "Nothing is left for you now."


def test_a_defect_is_reported_by_keys_alone_with_a_note(browser: Browser, service: Served) -> None:
    """Escape, C, a digit for the reason, Enter: the question is closed as defective."""
    service.book.push([item("q1")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"))
    visitor.press("Escape", "c", "2")
    expect(visitor.page.get_by_label("A description fits several objects")).to_be_checked()
    visitor.page.get_by_label("Note, if you like").fill("two <b>men</b> stand there")
    with visitor.page.expect_navigation():
        visitor.page.get_by_role("button", name="Report it").click()
    assert _state(service, "q1") == ("defect", "")
    told = service.book.told("q1")
    assert told and [(vote.defect, vote.note) for vote in told.votes] == [("several", "two <b>men</b> stand there")]
    assert not visitor.complaints


def test_enter_among_the_reasons_reports_and_does_not_send_a_number(browser: Browser, service: Served) -> None:
    """A form's first button would be pressed by Enter; there it is the number's."""
    service.book.push([item("q1")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"))
    visitor.page.keyboard.type("3")
    visitor.press("Escape", "c", "1")
    visitor.press_and_go("Enter")
    assert _state(service, "q1") == ("defect", "")


def test_an_answer_is_undone_and_the_question_comes_back(browser: Browser, service: Served) -> None:
    """Within half a minute the last answer can be taken back, by a click or by a key; then no more."""
    service.book.push([item("q1")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"))
    asked = visitor.question
    visitor.answer("8")
    with visitor.page.expect_navigation():
        visitor.page.get_by_role("button", name="Undo my last answer").click()
    assert visitor.question == asked
    visitor.answer("3")
    service.clock.pass_seconds(RULES.undo_seconds + 1)
    visitor.page.reload()
    expect(visitor.page.get_by_role("button", name="Undo my last answer")).to_have_count(0)


def test_a_lease_that_ran_out_while_others_answered_is_told(browser: Browser, service: Served) -> None:
    """Who comes back too late reads why their answer was not taken, and goes on."""
    service.book.push([item("q1"), item("q2")], ["b00001"])
    service.invite("Eve")
    late = Visitor.at(browser, service.link("Eve"))
    asked = late.question
    service.clock.pass_seconds(RULES.lease_seconds + 1)
    for name in FOUR:
        quick = Visitor.at(browser, service.link(name))
        quick.answer("3")
        quick.answer("3")
    late.answer("3")
    assert late.question == "Your time for this question ran out, and others have answered it. On to the next."
    with late.page.expect_navigation():
        late.page.get_by_role("link", name="Go on").click()
    assert asked != late.question == "Nothing is left for you now."
    # the browser notes the status 409, and nothing else
    assert all("409" in told for told in late.complaints)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("1,5", "Understood: 1.5"),
        ("7.0", "Understood: 7"),
        ("1/2", "Understood: 0.5"),
        ("1,500", "Write 1500 or 1.500: a comma can mean both."),
        ("two", "Write one number in digits, without words or units."),
    ],
)
def test_the_field_says_at_once_what_it_understood(browser: Browser, service: Served, typed: str, told: str) -> None:
    """Before anything is sent."""
    service.book.push([item("q1")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"))
    visitor.page.keyboard.type(typed)
    expect(visitor.page.locator("#understood")).to_have_text(told)


def test_what_is_no_number_is_not_taken_and_stays_in_the_field(browser: Browser, service: Served) -> None:
    """The field is marked as wrong, and says why."""
    service.book.push([item("q1")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"))
    visitor.answer("three dots")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Write one number in digits")
    expect(visitor.page.get_by_label("Your answer, one number")).to_have_value("three dots")
    assert service.book.own_count(service.ids["Ada"]).ever == 0


def test_the_picture_is_zoomed_and_moved_by_wheel_keys_and_buttons(browser: Browser, service: Served) -> None:
    """100% is the least; what is under the pointer stays there."""
    service.book.push([item("q1")], ["b00001"])
    page = Visitor.at(browser, service.link("Ada")).page
    shown, image = page.locator("#zoomed"), page.locator("#image")
    page.mouse.move(200, 300)
    page.mouse.wheel(0, -500)
    expect(shown).not_to_have_text("100%")
    page.get_by_role("button", name="Whole picture").click()
    expect(shown).to_have_text("100%")
    page.locator("#picture").focus()
    page.keyboard.press("+")
    expect(shown).to_have_text("150%")
    before = image.get_attribute("style")
    page.keyboard.press("ArrowRight")
    assert image.get_attribute("style") != before
    page.keyboard.press("0")
    page.keyboard.press("-")
    expect(shown).to_have_text("100%")
    assert re.search(r"scale\(1\)", image.get_attribute("style") or "")


def test_known_questions_come_unmarked_and_are_counted(tmp_path: Path, browser: Browser) -> None:
    """A question with a known answer looks like any other; a wrong answer to it stops who gives it."""
    rules = ReviewRules(practice=0, gold_share=1.0, gold_least=1, sample_share=0.0)
    with served(tmp_path, rules) as service:
        service.invite("Ada")
        service.book.push([item("work"), item("known", "5", "gold")], ["b00001"])
        visitor = Visitor.at(browser, service.link("Ada"))
        assert "known" in visitor.question
        assert visitor.page.get_by_text("Practice").count() == 0
        visitor.answer("4")
        service.clock.pass_seconds(rules.undo_seconds + 1)
        visitor.page.reload()
        assert visitor.question == "No more questions for you just now."


def test_practice_comes_first_and_tells_the_answer(tmp_path: Path, browser: Browser) -> None:
    """It is said to be practice, and counts for nothing."""
    with served(tmp_path, ReviewRules(practice=1, gold_share=0.0, sample_share=0.0)) as service:
        service.invite("Ada")
        service.book.push([item("work"), item("try", "5", "practice")], ["b00001"])
        visitor = Visitor.at(browser, service.link("Ada"))
        expect(visitor.page.get_by_text("Practice: the answer is shown afterwards.")).to_be_visible()
        visitor.answer("4")
        assert visitor.question == "The answer is 5."
        with visitor.page.expect_navigation():
            visitor.page.get_by_role("link", name="Next question").click()
        assert "work" in visitor.question


def test_on_a_phone_nothing_is_cut_off_and_fingers_zoom(browser: Browser, service: Served) -> None:
    """At 360 points the page does not scroll sideways, buttons are large enough, and two fingers zoom."""
    service.book.push([item("q1", question="Count the " + "very " * 60 + "small dots.")], ["b00001"])
    visitor = Visitor.at(browser, service.link("Ada"), 360, 740, touch=True)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for name in ("Send", "Smaller", "Larger", "Whole picture"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box
        assert box["height"] >= 36
        assert box["x"] + box["width"] <= 360
    page.evaluate(_PINCH)
    assert page.locator("#zoomed").inner_text() == "200%"
    visitor.answer("3")
    assert not visitor.complaints


_PINCH = """() => {
  const frame = document.getElementById("picture");
  frame.setPointerCapture = () => {};
  const box = frame.getBoundingClientRect();
  const touch = (kind, id, x) => frame.dispatchEvent(new PointerEvent(kind, {
    pointerId: id, pointerType: "touch", clientX: box.left + x, clientY: box.top + 100, bubbles: true,
  }));
  touch("pointerdown", 1, 140); touch("pointerdown", 2, 220);
  touch("pointermove", 1, 100); touch("pointermove", 2, 260);
  touch("pointerup", 1, 100); touch("pointerup", 2, 260);
}"""
