"""People who answer the questions that are left for them, through the book, as the page would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.operations.statements import utc_now

Says = Callable[[str, int], Answer]
# votes are final at once, and nobody practises or is measured
PLAIN = {
    "HOPCHAIN_REVIEW_UNDO_SECONDS": "0",
    "HOPCHAIN_REVIEW_SAMPLE_SHARE": "0",
    "HOPCHAIN_REVIEW_PRACTICE": "0",
    "HOPCHAIN_REVIEW_GOLD_SHARE": "0",
}


class Crowd:
    """People at a book, who answer in turn. `says` is asked for a question and somebody's place in the crowd."""

    def __init__(self, url: str, rules: ReviewRules, many: int = 4) -> None:
        self._now: datetime = utc_now()
        self.book = ReviewBook(url, rules, self._clock)
        self.lead, _ = self.book.invite("Lead", "lead", "line")
        self.people: list[str] = []
        self.join(many)

    def join(self, many: int) -> None:
        for number in range(len(self.people), len(self.people) + many):
            self.people.append(self.book.invite(f"Person {number}", "annotator", self.lead)[0])

    def answer(self, says: Says) -> int:
        """Everybody answers what they are given, until nobody is given anything; how many votes that took."""
        votes = 0
        for place, person in enumerate(self.people):
            person_known = self.book.person(person)
            if person_known is None or person_known.status != "active":
                continue
            while handed := self.book.hand(person):
                self.book.vote(person, handed.question_id, says(handed.question_id, place))
                votes += 1
        # the last vote of each is final when nobody can undo it any more
        self.book.mark()
        return votes

    def _clock(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now


def number(text: str) -> Answer:
    return Answer(number=text)
