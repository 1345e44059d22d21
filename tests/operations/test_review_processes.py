"""Several processes and threads vote at once: nobody twice, no question more often than it needs, no vote lost."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.operations.review.turns import Turns
from hopchain_assets.operations.tables import review_items, review_votes
from tests.operations.review_voters import RULES, vote_beside, vote_twice
from tests.operations.reviewing import KNOWN, item

QUESTIONS, PEOPLE = 12, 9


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["psycopg", "tests.operations.review_voters"])
    return context


def _beside(target: Callable[..., object], arguments: list[tuple[object, ...]]) -> None:
    barrier = _context().Barrier(len(arguments))
    processes = [_context().Process(target=target, args=(*one, barrier), daemon=True) for one in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def _begun(url: str) -> tuple[ReviewBook, list[str]]:
    book = ReviewBook(url, RULES)
    book.push([item(f"q{number}") for number in range(QUESTIONS)], ["b1"])
    return book, [book.invite(f"Person {number}", "annotator", "test")[0] for number in range(PEOPLE)]


def _votes(url: str) -> list[tuple[str, str, str]]:
    with Database(url).connected(reading=True) as connection:
        votes = review_votes.c
        rows = connection.execute(sa.select(votes.person_id, votes.question_id, votes.vote_id))
        return [(person, question, vote) for person, question, vote in rows]


def test_three_processes_answer_each_question_four_times(url: str, tmp_path: Path) -> None:
    """Nine people in three processes: every acknowledged vote is there, and each question has its four."""
    book, people = _begun(url)
    diaries = [tmp_path / f"diary {number}" for number in range(3)]
    _beside(vote_beside, [(url, people[number::3], diaries[number]) for number in range(3)])
    told = [tuple(json.loads(line)) for diary in diaries for line in diary.read_text().splitlines()]
    assert sorted(told) == sorted(_votes(url))
    assert set(Counter(question for _, question, _ in told).values()) == {4}
    assert len({(person, question) for person, question, _ in told}) == 4 * QUESTIONS
    book.mark()
    assert {one.state for one in book.reviewed()[0]} == {"unanimous"}


def test_one_form_sent_by_two_processes_is_one_vote(url: str) -> None:
    """Both are told that it was taken down; it is there once."""
    book, people = _begun(url)
    handed = book.hand(people[0])
    assert handed is not None
    _beside(vote_twice, [(url, people[0], handed.question_id)] * 2)
    assert len(_votes(url)) == 1


def test_threads_at_one_book_share_it(url: str) -> None:
    """Nine threads ask, answer, undo and answer again; no question is held or answered by more than four."""
    book, people = _begun(url)
    troubles: list[BaseException] = []

    def work(person: str) -> None:
        try:
            while handed := book.hand(person):
                book.vote(person, handed.question_id, Answer(number=KNOWN))
                book.own_count(person)
        except BaseException as trouble:
            troubles.append(trouble)
            raise

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not troubles
    assert Counter(question for _, question, _ in _votes(url)) == dict.fromkeys(
        [f"q{number}" for number in range(QUESTIONS)], 4
    )


def test_turns_are_taken_in_the_order_of_coming() -> None:
    """Who just had it waits behind all who came before."""
    turns, order = Turns(), list[int]()
    with turns:
        threads = []
        for number in range(8):
            thread = threading.Thread(target=lambda number=number: _take(turns, order, number))
            thread.start()
            threads.append(thread)
            # until it stands in the queue
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))
    with pytest.raises(ZeroDivisionError), turns:
        order.append(1 // 0)
    with turns:
        order.append(8)
    assert order[-1] == 8


def _take(turns: Turns, order: list[int], number: int) -> None:
    with turns:
        order.append(number)


def test_no_step_of_asking_and_answering_reads_a_whole_table(sqlite_url: str) -> None:
    """SQLite finds each row by an index: with 10,000 questions a scan takes longer than all the rest."""
    book, people = _begun(sqlite_url)
    assert book.hand(people[0])
    plans: list[str] = []
    engine = book._engine
    assert engine is not None

    @event.listens_for(engine, "before_cursor_execute")
    def explain(connection: sa.Connection, cursor: object, statement: str, parameters: tuple, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            raw = connection.connection.cursor()
            plans.extend(str(row[3]) for row in raw.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall())

    for person in people[:5]:
        handed = book.hand(person)
        assert handed is not None
        book.vote(person, handed.question_id, Answer(number=KNOWN))
        book.own_count(person)
        book.may_see_picture(person, "none")
    book.knows_picture("none")
    big = (review_items.name, review_votes.name)
    assert any(f"SEARCH {review_items.name}" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN") and any(name in plan for name in big)] == []
