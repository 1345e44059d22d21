"""A book of people's votes with a clock that tests move, and people who answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.operations.review.voting import Voted
from hopchain_assets.ports.reviews import Kind, ReviewItem

NOON = datetime(2030, 5, 1, 12)
KNOWN = "7"


def item(name: str, kind: Kind = "work", source: str = "scenes") -> ReviewItem:
    return ReviewItem(name, f"picture of {name}", "b1", source, f"How many in {name}?", KNOWN, "{}", kind)


def answer(said: str) -> Answer:
    return Answer(defect=said) if said.isalpha() else Answer(number=said)


@dataclass
class Desk:
    """A book in which `names` were invited."""

    url: str
    rules: ReviewRules
    names: Sequence[str] = ("Ada", "Ben", "Cleo", "Dan")
    now: datetime = NOON
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.book = ReviewBook(self.url, self.rules, lambda: self.now)
        self.lead, _ = self.book.invite("Lead", "lead", "test")
        for name in self.names:
            self.invite(name)

    def invite(self, name: str) -> None:
        self.ids[name], _ = self.book.invite(name, "annotator", self.lead)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def push(self, *items: ReviewItem) -> None:
        self.book.push(items, ["b1"])

    def ask(self, name: str) -> str:
        """The question that somebody gets; "" for none."""
        handed = self.book.hand(self.ids[name])
        return handed.question_id if handed else ""

    def say(self, name: str, question: str, said: str) -> Voted:
        return self.book.vote(self.ids[name], question, answer(said))

    def answer(self, name: str, said: str) -> str:
        """Asks for the next question and answers it a second later; which it was."""
        question = self.ask(name)
        assert question, f"nothing is left for {name}"
        self.wait(1)
        self.say(name, question, said)
        return question

    def undo(self, name: str) -> str:
        return self.book.undo(self.ids[name])

    def closed(self) -> dict[str, tuple[str, str]]:
        """State and answer of the closed questions, after the time that a vote can be taken back."""
        self.wait(self.rules.undo_seconds)
        return self.closed_now()

    def closed_now(self) -> dict[str, tuple[str, str]]:
        self.book.mark()
        return {one.question_id: (one.state, one.answer) for one in self.book.reviewed()[0]}
