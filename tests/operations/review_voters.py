"""Programs of their own that vote, as fast as they can, at one book."""

from __future__ import annotations

import json
from multiprocessing.synchronize import Barrier
from pathlib import Path

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import Answer, ReviewBook

RULES = ReviewRules(people=4, practice=0, gold_share=0.0, sample_share=0.0, undo_seconds=0.0)


def vote_beside(url: str, person_ids: list[str], diary: Path, barrier: Barrier) -> None:
    """Answers for these people in turn until nothing is left for any; what was acknowledged goes to the diary.

    All say the same, so that no question closes early: each must get its four.
    """
    book = ReviewBook(url, RULES)
    with diary.open("a") as said:
        barrier.wait(60)
        waiting = list(person_ids)
        while waiting:
            for person in list(waiting):
                handed = book.hand(person)
                if handed is None:
                    waiting.remove(person)
                    continue
                voted = book.vote(person, handed.question_id, Answer(number="7"))
                said.write(json.dumps([person, handed.question_id, voted.vote_id]) + "\n")
    book.close()


def vote_twice(url: str, person_id: str, question_id: str, barrier: Barrier) -> None:
    """Sends one vote, at the same moment as another process does."""
    book = ReviewBook(url, RULES)
    barrier.wait(60)
    book.vote(person_id, question_id, Answer(number="7"))
    book.close()
