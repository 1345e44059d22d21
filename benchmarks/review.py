"""Review under load: 50 people at once on 10,000 questions, first at the book itself, then over HTTP with kills.

At the book each person is a thread of this process: without any pause, then with one of about a second between a
question and its answer. Over HTTP the service is a process of its own, and the people are one event loop here. In the
last part it is ended by SIGKILL ten times and started again. Run: `.venv/bin/python -m benchmarks.review [--items
10000] [--people 50] [--seconds 30] [--think 1.0] [--kills 10] [--url postgresql://...]`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.review_people import ANSWER, Kept, Service, Tally, Visit, answer_all, kept
from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.ports.reviews import Kind, ReviewItem

# hops, margins and outlines of a question take about this much
SHOWN = "x" * 4_000
BATCH = 250
# it takes a few to start again
KILL_SECONDS = 8.0
COLUMNS = ("part", "what", "requests", "a second", "p50 ms", "p95 ms", "p99 ms", "longest ms")


def fill(book: ReviewBook, items: int, people: int) -> list[Visit]:
    """Questions, some for practice and some with known answers, and people with their links."""
    for first in range(0, items, BATCH):
        names = range(first, min(first + BATCH, items))
        book.push([_item(f"q{number}", "work") for number in names], [f"b{first}"])
    book.push([_item(f"p{number}", "practice") for number in range(5)], ["practice"])
    book.push([_item(f"g{number}", "gold") for number in range(50)], ["gold"])
    invited = [book.invite(f"Person {number}", "annotator", "benchmark") for number in range(people)]
    return [Visit(person_id, token, 0.0) for person_id, token in invited]


def _item(name: str, kind: Kind) -> ReviewItem:
    return ReviewItem(name, f"picture-{name}", "b", "scenes", f"How many in {name}?", ANSWER, SHOWN, kind)


def at_the_book(book: ReviewBook, visits: Sequence[Visit], seconds: float, think: float, tally: Tally) -> None:
    """All ask and answer in threads of their own for so many seconds."""
    until = time.monotonic() + seconds

    def work(person_id: str) -> None:
        time.sleep(random.random() * think)
        while time.monotonic() < until:
            started = time.perf_counter()
            handed = book.hand(person_id)
            tally.next.append(time.perf_counter() - started)
            if handed is None:
                return
            time.sleep(random.uniform(0.5, 1.5) * think)
            started = time.perf_counter()
            book.vote(person_id, handed.question_id, Answer(number=ANSWER))
            tally.vote.append(time.perf_counter() - started)
            tally.acknowledged.append((person_id, handed.question_id))

    threads = [threading.Thread(target=work, args=(visit.person_id,)) for visit in visits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)


def rows(part: str, tally: Tally, seconds: float) -> list[dict[str, object]]:
    """Of the table, one for each kind of request."""
    told: list[dict[str, object]] = []
    for what, times in (("next question", tally.next), ("answer", tally.vote)):
        if len(times) < 2:
            continue
        marks = statistics.quantiles(times, n=100)
        shares = [f"{1000 * value:.1f}" for value in (marks[49], marks[94], marks[98], max(times))]
        values = [part, what, len(times), f"{len(times) / seconds:.0f}", *shares]
        told.append(dict(zip(COLUMNS, values, strict=True)))
    return told


def measure(url: str, home: Path, given: argparse.Namespace) -> tuple[list[dict[str, object]], list[str]]:
    """All parts one after the other on one database; rows of the table, and what was found of the votes."""
    rules = ReviewRules()
    book = ReviewBook(url, rules)
    visits = fill(book, given.items, given.people)
    table: list[dict[str, object]] = []
    said: list[tuple[str, str]] = []
    for part, think in (("book, no pause", 0.0), (f"book, {given.think:g} s to think", given.think)):
        tally = Tally()
        at_the_book(book, visits, given.seconds, think, tally)
        table += rows(part, tally, given.seconds)
        said += tally.acknowledged
    book.close()
    found = [_told("at the book", kept(url, said, rules.people), len(said))]
    visits = [Visit(visit.person_id, visit.token, given.think) for visit in visits]
    service = Service(url, home)
    for part, kills in (("HTTP", 0), (f"HTTP, {given.kills} kills", given.kills)):
        tally, seconds = Tally(), given.seconds + kills * KILL_SECONDS
        try:
            service.start()
            asyncio.run(answer_all(service, visits, seconds, tally, kills))
        finally:
            service.kill()
        table += rows(part, tally, seconds)
        said += tally.acknowledged
        told = _told(part, kept(url, said, rules.people), len(said))
        found.append(f"{told}, {tally.broken} requests without a reply, {tally.refused} answers refused")
    return table, found


def _told(part: str, there: Kept, acknowledged: int) -> str:
    return (
        f"{part}: {acknowledged} answers acknowledged by then, {there.votes} votes kept, {there.lost} lost, "
        f"{there.crowded} questions with more people than they need, {there.twice} answered twice by one person"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each part; each kill adds some")
    parser.add_argument("--think", type=float, default=1.0, help="seconds between a question and its answer, about")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--url", default="", help="an empty operations database; SQLite unless given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'operations.sqlite'}"
        table, found = measure(url, Path(folder), given)
    print(table_markdown(table, COLUMNS))
    for line in found:
        print(line)


if __name__ == "__main__":
    main()
