"""The lead's pages in a real browser: on a phone, in the dark, by keyboard, with an impatient finger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from hopchain_assets.domain.review import ReviewRules
from tests.annotate.house import OTHER
from tests.annotate.seeding import LEAD, Seeded, drawn_pictures, seeded
from tests.annotate.serving import Served, chromium, needs_browser, served

pytestmark = needs_browser
RULES = ReviewRules(practice=0, sample_share=0.3, gold_share=0.0)
# what WCAG asks of text; letters of 18.7 px in bold, or 24 px, need 3
CONTRAST = """() => {
  const light = (c) => { const v = c / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const sum = (c) => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!walk.currentNode.data.trim() || box.width < 2 || style.visibility === "hidden") continue;
    if (["TITLE", "DESC", "OPTION"].includes(e.tagName.toUpperCase())) continue;
    const a = sum(parse(e.tagName === "text" ? style.fill : style.color)), b = sum(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 600;
    const needed = size >= 24 || (bold && size >= 18.7) ? 3 : 4.5;
    if (ratio < needed) poor.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
  }
  return poor;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def leads(tmp_path: Path) -> Iterator[tuple[Served, Seeded]]:
    seen = drawn_pictures(24)
    pictures = {one.image_id: one.data for one in seen}
    with served(tmp_path, RULES, pictures.__getitem__) as running:
        yield running, seeded(running.book, running.clock, seen)


class Lead:
    """A lead at the pages; what the browser complains about is kept."""

    def __init__(self, browser: Browser, running: Served, made: Seeded, **window: Any) -> None:
        self.page: Page = browser.new_context(**window).new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda told: self.complaints.append(told.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.address = running.address
        self.page.goto(f"{running.address}/enter/{made.secrets[LEAD]}")
        self.page.get_by_role("button", name="Begin").click()
        self.page.wait_for_url("**/lead")

    def at(self, path: str) -> Page:
        """A page with all its menus of actions open."""
        self.page.goto(self.address + path)
        self.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        return self.page


def _paths(made: Seeded) -> list[str]:
    questions = [f"/lead/questions/{made.of(name)[0]}" for name in ("people", "disagreed", "defect")]
    asked = [f"/lead/people/{made.ids[OTHER]}/{act}" for act in ("aside", "remove")]
    return ["/lead", "/lead/people", "/lead/questions", "/lead/questions?show=all", "/lead/trail", *asked, *questions]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_and_can_be_read(
    browser: Browser, leads: tuple[Served, Seeded], width: int, scheme: Literal["light", "dark"]
) -> None:
    """At 360 pixels only tables in their own boxes are wider than the page; all text has contrast; no complaint."""
    running, made = leads
    lead = Lead(browser, running, made, viewport={"width": width, "height": 740}, color_scheme=scheme)
    for path in _paths(made):
        page = lead.at(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(CONTRAST) == [], path
        broken = "[...document.images].filter((one) => !one.complete || !one.naturalWidth).map((one) => one.src)"
        page.wait_for_load_state("networkidle")
        assert page.evaluate(broken) == [], path
    assert lead.complaints == []


def test_two_clicks_invite_once_and_the_link_lets_in(browser: Browser, leads: tuple[Served, Seeded]) -> None:
    """An impatient finger; the link that is shown is good, and the field is selected by its focus."""
    running, made = leads
    lead = Lead(browser, running, made)
    page = lead.at("/lead/people")
    page.get_by_label("Name").fill("Nora <i>Noether</i>")
    page.get_by_role("button", name="Invite").dblclick()
    page.wait_for_url("**/lead/links/**")
    expect(page.locator("h1")).to_have_text("A link for Nora <i>Noether</i>")
    field = page.get_by_label("Send it to them alone")
    link = field.input_value()
    field.focus()
    assert page.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart") == len(link)
    assert [one.name for one in running.book.figures().people].count("Nora <i>Noether</i>") == 1
    guest = browser.new_page()
    guest.goto(link)
    guest.get_by_role("button", name="Begin").click()
    guest.wait_for_url("**/next")
    assert lead.complaints == []


def test_a_question_is_accepted_by_keys_alone(browser: Browser, leads: tuple[Served, Seeded]) -> None:
    """From the overview to the first question that waits, and accepted; what has the focus can always be seen."""
    running, made = leads
    question = made.of("people")[0]
    closed = running.book.told(question)
    assert closed
    answer = closed.closed.answer
    page = Lead(browser, running, made).page

    def to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            told: str = page.evaluate("document.activeElement.textContent.trim()")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", told
            if told.startswith(name):
                page.keyboard.press("Enter")
                return
        raise AssertionError(f"no way by keys to {name}")

    to("Look at")
    page.wait_for_url("**/lead/questions?show=people")
    to("Find the")
    page.wait_for_url(f"**/lead/questions/{question}")
    with page.expect_navigation():
        to(f"Accept {answer}")
    expect(page.get_by_role("status")).to_have_text("Accepted: people's number is the answer now.")
    told = running.book.told(question)
    assert told
    assert told.closed.accepted_by == made.ids[LEAD]
