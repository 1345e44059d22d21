"""What `hopchain review --demo` begins with: sample questions, made by the real line, and four invited people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hopchain_assets.cli.screen import bars, notes, say
from hopchain_assets.cli.sources import read, render, take_in
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stages.reviewing import push_reviews
from hopchain_assets.warehouse.landing import batches

FOLDER = "review-demo"
# scenes by what their questions are for: what execution verifies is practice, what people decide is work
PRACTICE, WORK = (3, 11), (10, 12)
PEOPLE = ("Ada", "Ben", "Cleo", "Dan")
LEAD = "Lead"


def prepare(settings: Settings) -> Settings:
    """Settings of a home of its own with questions in it; what is there already is kept."""
    home = settings.home / FOLDER
    demo = replace(Settings.load({"HOPCHAIN_HOME": str(home)}), review=settings.review)
    book = ReviewBook(demo.operations, demo.review.rules)
    try:
        if not book.figures().people:
            say(notes(), f"Sample questions in {home}")
            _fill(demo, *PRACTICE)
            _fill(replace(demo, policy="human"), *WORK)
            for name in PEOPLE:
                book.invite(name, "annotator", FOLDER)
            book.invite(LEAD, "lead", FOLDER)
    finally:
        book.close()
    return demo


def _fill(settings: Settings, scenes: int, seed: int) -> None:
    """A batch of rendered scenes and its questions. Shards are not written: nobody trains on a demo."""
    line = settings.line()
    new = _landed(settings, line, scenes, seed)
    with bars() as progress:
        task = progress.add_task("Making questions", total=len(STAGES) - 1)
        for stage in STAGES[:-1]:
            line.run(stage, new)
            progress.advance(task)
    push_reviews(line)


def _landed(settings: Settings, line: Line, scenes: int, seed: int) -> list[str]:
    annotations: Path = render(settings, scenes, seed)
    line.lake.migrate()
    before = set(batches(line.lake))
    take_in(settings, read(annotations.parent / "images", annotations, exhaustive=False))
    # a demo that was stopped half-way goes on with what it had landed
    return [name for name in batches(line.lake) if name not in before] or batches(line.lake)
