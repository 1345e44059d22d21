"""How questions are put to people, as the environment names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.ports.reviews import Reviews
from hopchain_assets.settings.environ import SettingsError, number, switch

SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Review:
    """The rules that hold, and what signs the cookies of the pages ("" for a secret that is made and kept at home)."""

    rules: ReviewRules
    secret: str = field(repr=False)

    @classmethod
    def load(cls, given: Mapping[str, str]) -> Review:
        """The settings of these variables.

        Raises:
            SettingsError: naming the variable and what it may be.
        """
        usual = ReviewRules()
        secret = given.get("HOPCHAIN_REVIEW_SECRET") or ""
        if secret and len(secret) < SHORTEST_SECRET:
            raise SettingsError(f"HOPCHAIN_REVIEW_SECRET must have {SHORTEST_SECRET} characters at least")
        return cls(
            ReviewRules(
                people=number(given, "HOPCHAIN_REVIEW_PEOPLE", usual.people, 1, 100),
                close_early=switch(given, "HOPCHAIN_REVIEW_CLOSE_EARLY", usual.close_early),
                sample_share=number(given, "HOPCHAIN_REVIEW_SAMPLE_SHARE", usual.sample_share, 0.0, 1.0),
                lease_seconds=number(given, "HOPCHAIN_REVIEW_LEASE_SECONDS", usual.lease_seconds, 10.0, 86_400.0),
                undo_seconds=number(given, "HOPCHAIN_REVIEW_UNDO_SECONDS", usual.undo_seconds, 0.0, 3_600.0),
                practice=number(given, "HOPCHAIN_REVIEW_PRACTICE", usual.practice, 0, 100),
                gold_share=number(given, "HOPCHAIN_REVIEW_GOLD_SHARE", usual.gold_share, 0.0, 0.9),
                gold_least=number(given, "HOPCHAIN_REVIEW_GOLD_LEAST", usual.gold_least, 1, 1_000),
                gold_floor=number(given, "HOPCHAIN_REVIEW_GOLD_FLOOR", usual.gold_floor, 0.0, 1.0),
            ),
            secret,
        )


@contextmanager
def opened(operations: str, rules: ReviewRules) -> Iterator[Reviews]:
    """Where questions are left for people, in the operations database of this URL, for as long as the block runs."""
    # imported here, as most commands leave nobody a question
    from hopchain_assets.operations.review.book import ReviewBook

    book = ReviewBook(operations, rules)
    try:
        yield book
    finally:
        book.close()
