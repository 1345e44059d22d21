"""A book of questions and people who work on it, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.database import Database
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.operations.review.elsewhere import VoteElsewhere
from hopchain_assets.operations.tables import review_items, review_votes
from hopchain_assets.ports.reviews import Kind, ReviewItem

NOON = datetime(2026, 3, 1, 12)
BATCH = "b00001"
PEOPLE = 4
RULES = ReviewRules(people=PEOPLE, sample_share=0.0, practice=0, gold_share=0.0)
DAYS = 7.0
ME = "test"


@dataclass
class Office:
    """A book, people, and a clock that stands until a test moves it."""

    url: str
    rules: ReviewRules = RULES
    now: datetime = NOON
    people: list[str] = field(default_factory=list)
    book: ReviewBook = field(init=False)
    pushed: list[ReviewItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = ReviewBook(self.url, self.rules, lambda: self.now)

    def join(self, many: int) -> None:
        for number in range(len(self.people), len(self.people) + many):
            self.people.append(self.book.invite(f"Person {number}", "annotator", ME)[0])

    def push(self, *names: str, kind: Kind = "work") -> None:
        for name in names:
            about = f"picture-of-{name}"
            self.pushed.append(ReviewItem(name, about, BATCH, "scene", f"How many {name}?", "3", "{}", kind))
        self.book.push(self.pushed, [BATCH])

    def hand_out(self, most: int = 100) -> dict[str, list[str]]:
        """Who has got which questions."""
        handed = self.book.hand_out(most, DAYS, ME)
        return {bundle.person_id: [one.question_id for one in bundle.questions] for bundle in handed}

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def rows(self, table: sa.Table) -> Sequence[sa.Row[tuple[object, ...]]]:
        with Database(self.url).reading() as connection:
            assert connection is not None
            return connection.execute(sa.select(table)).all()

    def votes(self) -> list[sa.Row[tuple[object, ...]]]:
        """All that nobody took back."""
        return [row for row in self.rows(review_votes) if row.state != "undone"]

    def places(self, name: str) -> int:
        (row,) = [row for row in self.rows(review_items) if row.question_id == name]
        return row.places


def vote(person: str, question: str, number: str = "3", origin: str = "") -> VoteElsewhere:
    return VoteElsewhere(origin or f"other:1/{person}{question}", person, question, Answer(number=number), 4.5, NOON)
