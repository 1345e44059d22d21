"""The review service over real HTTP on loopback, with a clock that tests move, and a browser to look at it."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from hopchain_assets.annotate.app import create_app
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.ports.reviews import Kind, ReviewItem

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
NOON = datetime(2026, 3, 1, 12)
SECRET = "a secret of the tests, long enough"
BATCH = "b00001"

needs_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Served:
    """A running service: its book, its clock, and where it answers."""

    book: ReviewBook
    clock: Clock
    address: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def invite(self, *names: str) -> None:
        for name in names:
            self.ids[name], self.tokens[name] = self.book.invite(name, "annotator", "test")

    def link(self, name: str) -> str:
        return f"{self.address}/enter/{self.tokens[name]}"


def picture(_: str) -> bytes:
    """Three dots on a ground: enough to look at."""
    drawn = Image.new("RGB", (640, 400), "#dfe7ef")
    pen = ImageDraw.Draw(drawn)
    for x in (120, 320, 520):
        pen.ellipse((x - 40, 160, x + 40, 240), fill="#3b6fd8")
    held = io.BytesIO()
    drawn.save(held, "PNG")
    return held.getvalue()


def item(name: str, answer: str = "3", kind: Kind = "work", question: str = "") -> ReviewItem:
    return ReviewItem(
        question_id=name,
        image_id=f"picture-of-{name}",
        batch=BATCH,
        source="scene",
        question=question or f"How many dots are there in the picture {name}?",
        executed=answer,
        shown="{}",
        kind=kind,
    )


@contextmanager
def served(folder: Path, rules: ReviewRules, pictures: Callable[[str], bytes] = picture) -> Iterator[Served]:
    """A service of its own on a free port, in a thread of this process."""
    clock = Clock()
    book = ReviewBook(f"sqlite:///{folder / 'operations.sqlite'}", rules, clock)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(create_app(book, pictures, SECRET, address), log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.02)
        try:
            yield Served(book, clock, address)
        finally:
            server.should_exit = True
            thread.join(20)
            book.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield found
        found.close()


@dataclass
class Visitor:
    """Somebody at the pages in a browser window of their own; what the page complains about is kept."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, browser: Browser, link: str, width: int = 1280, height: int = 800, touch: bool = False) -> Visitor:
        window = browser.new_context(viewport={"width": width, "height": height}, has_touch=touch)
        visitor = cls(window.new_page())
        visitor.page.on("console", lambda told: visitor.complaints.append(told.text))
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.goto(link)
        visitor.page.get_by_role("button", name="Begin").click()
        visitor.page.wait_for_url("**/next")
        return visitor

    @property
    def question(self) -> str:
        return self.page.locator("h1").inner_text()

    def answer(self, number: str) -> None:
        """By mouse: types the number and clicks."""
        self.page.get_by_label("Your answer, one number").fill(number)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Send").click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def press_and_go(self, key: str) -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
