"""Whatever people do, here and in another program, no place is given twice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from hopchain_assets.operations.review.book import Answer
from hopchain_assets.operations.review.refusals import NoMoreItems, Refused
from hopchain_assets.operations.tables import review_assignments, review_items, review_leases
from tests.operations.office import DAYS, ME, RULES, Office, vote


@pytest.mark.parametrize("seed", range(4))
def test_places_are_never_given_twice_whatever_happens(sqlite_url: str, seed: int) -> None:
    """Page and other program in any order: votes and places that are taken are never more than people needed."""
    chance = random.Random(seed)
    office = Office(sqlite_url, replace(RULES, people=2, undo_seconds=30.0))
    office.join(3)
    office.push("a", "b", "c", "d")
    for _ in range(120):
        _something(office, chance)
        _check_places(office)
    assert {"page", "other"} == {row.origin.partition(":")[0] for row in office.votes()}
    office.book.close()


def _something(office: Office, chance: random.Random) -> None:
    person, name = chance.choice(office.people), chance.choice("abcd")
    answer = Answer(number=chance.choice(["3", "3", "3", "4"]))
    what = chance.choice(
        ["hand", "vote", "vote", "undo", "out", "in", "in", "wait", "pause", "go on", "reopen", "back"]
    )
    try:
        if what == "hand":
            office.book.hand(person)
        elif what == "vote":
            handed = office.book.hand(person)
            if handed:
                office.book.vote(person, handed.question_id, answer)
        elif what == "undo":
            office.book.undo(person)
        elif what == "out":
            office.hand_out(chance.randint(1, 4))
        elif what == "in":
            office.book.take_in([replace(vote(person, name), answer=answer)])
        elif what == "wait":
            office.now += timedelta(seconds=chance.choice([1, 60, 1_000, DAYS * 90_000]))
        elif what in ("paused", "active"):
            office.book.set_status(person, what, ME)
        elif what == "reopen":
            office.book.reopen(name, ME)
        else:
            office.book.take_back(None, ME)
    except (Refused, NoMoreItems):
        pass


def _check_places(office: Office) -> None:
    office.book.mark()
    cast = Counter(row.question_id for row in office.votes() if row.state in ("pending", "final"))
    holds = [
        (row.question_id, row.person_id)
        for table in (review_leases, review_assignments)
        for row in office.rows(table)
        if row.live
    ]
    assert len(holds) == len(set(holds)), "somebody has a question twice"
    assert len({(row.question_id, row.person_id) for row in office.votes()}) == len(office.votes())
    held = Counter(question for question, _ in holds)
    for item in office.rows(review_items):
        if item.state != "open":
            continue
        taken = cast[item.question_id] + held[item.question_id]
        assert taken + item.places == office.rules.people, item.question_id
