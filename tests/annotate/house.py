"""The service in this process, over a copy of a book in which every role and every kind of question is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from hopchain_assets.annotate.app import create_app
from hopchain_assets.annotate.sessions import COOKIE
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.figures import Told
from hopchain_assets.operations.review.voting import Answer
from hopchain_assets.ports.reviews import ReviewItem
from tests.annotate.seeding import LEAD, Seeded, drawn_pictures, seeded
from tests.annotate.serving import BATCH, SECRET, Clock

ADDRESS = "http://testserver"
RULES = ReviewRules(practice=0, sample_share=0.3, gold_share=0.0)
# one person closes a question at once
ONE = ReviewRules(people=1, practice=0, undo_seconds=0.0)
# whose turn it is to be measured hangs on random ids: while seeding it is everybody's, so that each run has the same
SEEDING = replace(RULES, gold_share=1.0, gold_least=1000)
ANNOTATOR, OTHER, PAUSED, REMOVED = "Ada Lovelace", "Chioma Okafor", "Daniyar", "Benoît Mandelbrot"
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A seeded database file to copy, who is in it, and what their browsers carry."""

    file: Path
    seeded: Seeded
    cookies: Mapping[str, str]
    forms: Mapping[str, str]


@dataclass
class House:
    """A service of one's own."""

    book: ReviewBook
    clock: Clock
    seeded: Seeded
    app: FastAPI
    cookies: Mapping[str, str]
    forms: Mapping[str, str]

    def client(self, name: str = LEAD) -> TestClient:
        """A browser of somebody; of nobody for ""."""
        client = TestClient(self.app, base_url=ADDRESS, follow_redirects=False)
        if name:
            client.cookies.set(COOKIE, self.cookies[name])
        return client

    def get(self, path: str, name: str = LEAD) -> Response:
        """A page as somebody sees it."""
        return self.client(name).get(path)

    def post(self, path: str, name: str = LEAD, /, **fields: Any) -> Response:
        """Sends a form of somebody's own pages."""
        return self.client(name).post(path, data={"form_token": self.forms.get(name, ""), **fields})

    def an(self, kind: str) -> str:
        """The id of a closed question of one of the lists."""
        return self.seeded.of(kind)[0]

    def hand(self, name: str) -> tuple[str, str]:
        """Ids of the question in somebody's hands, and of its picture."""
        handed = self.book.hand(self.seeded.ids[name])
        assert handed, f"nothing is left for {name}"
        return handed.question_id, handed.image_id


def draw_up(folder: Path) -> Blueprint:
    """Seeds a database; then one person is paused and one removed, both signed in until then."""
    file, clock = folder / "operations.sqlite", Clock()
    book = ReviewBook(f"sqlite:///{file}", SEEDING, clock)
    made = seeded(book, clock, drawn_pictures(24))
    app = create_app(book, made.picture, SECRET, ADDRESS)
    cookies, forms = {}, {}
    for name, secret in made.secrets.items():
        client = TestClient(app, base_url=ADDRESS, follow_redirects=False)
        assert client.post("/enter", data={"token": secret}).status_code == 303
        cookies[name] = client.cookies[COOKIE]
        person = book.person(made.ids[name])
        assert person
        forms[name] = app.state.service.sessions.form_token(person)
    book.set_status(made.ids[PAUSED], "paused", made.ids[LEAD])
    book.remove_person(made.ids[REMOVED], made.ids[LEAD])
    book.close()
    return Blueprint(file, made, cookies, forms)


def build(blueprint: Blueprint, folder: Path) -> House:
    """A service over a copy of the blueprint's database."""
    file, clock = folder / "operations.sqlite", Clock(blueprint.seeded.clock.now)
    shutil.copy(blueprint.file, file)
    book = ReviewBook(f"sqlite:///{file}", RULES, clock)
    of = blueprint.seeded
    own = Seeded(book, clock, of.pictures, of.truths, of.ids, of.secrets)
    app = create_app(book, own.picture, SECRET, ADDRESS)
    return House(book, clock, own, app, blueprint.cookies, blueprint.forms)


@dataclass
class Bare:
    """A service with a lead at it, and nothing else."""

    book: ReviewBook
    client: TestClient

    def get(self, path: str) -> Response:
        return self.client.get(path)


def told_of(house: House, question_id: str) -> Told:
    """A closed question."""
    told = house.book.told(question_id)
    assert told
    return told


def text_of(page: str) -> str:
    """What a page says, as one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace(" ,", ",")


def close(book: ReviewBook, questions: list[str], answer: Answer | None = None, shown: str = "{}") -> list[str]:
    """Pushes questions, and has one person answer each; their ids."""
    items = [ReviewItem(f"q{k}", f"i{k}", BATCH, "photos", text, "3", shown) for k, text in enumerate(questions)]
    book.push(items, [BATCH])
    who, _ = book.invite("Only One", "annotator", "test")
    while handed := book.hand(who):
        book.vote(who, handed.question_id, answer or Answer(number="3"))
    book.mark()
    return [one.question_id for one in items]
