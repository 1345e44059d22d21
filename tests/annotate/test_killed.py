"""The service is killed while people answer: what it said that it kept is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.review import fill
from benchmarks.review_people import Service, Tally, Visit, answer_all, kept
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.book import ReviewBook


def test_no_acknowledged_vote_is_lost_when_the_service_is_killed(tmp_path: Path) -> None:
    """Eight people answer over real HTTP, SIGKILL twice on the way: nobody answers twice, and nothing too often."""
    url = f"sqlite:///{tmp_path / 'operations.sqlite'}"
    book = ReviewBook(url)
    visits = [Visit(visit.person_id, visit.token, 0.1) for visit in fill(book, items=400, people=8)]
    book.close()
    service, tally = Service(url, tmp_path / "home"), Tally()
    try:
        service.start()
        asyncio.run(answer_all(service, visits, 20.0, tally, kills=2))
    finally:
        service.kill()
    assert len(tally.acknowledged) > 50
    assert tally.broken > 0, "it was never away"
    there = kept(url, tally.acknowledged, ReviewRules().people)
    assert (there.lost, there.crowded, there.twice) == (0, 0, 0)
    # a vote may be kept whose acknowledgement never came: each killed service held a few
    assert there.votes >= len(set(tally.acknowledged))
    assert tally.refused == 0
