"""What a run does with people's review before and after it; a database that is away stops neither."""

from __future__ import annotations

from hopchain_assets.cli.screen import notes, say
from hopchain_assets.ports.unavailable import Unavailable
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.reviewing import bring_reviews, push_reviews, waiting_for_people


def bring(line: Line) -> None:
    """Fetches what people said, and says so where it cannot."""
    try:
        bring_reviews(line)
    except Unavailable as error:
        say(notes(), f"What people said is not fetched: {error}. Nothing is lost, a later run fetches it.")


def push(line: Line) -> int:
    """Leaves new questions for people, and says so where it cannot; how many wait for people now."""
    try:
        push_reviews(line)
        return waiting_for_people(line)
    except Unavailable as error:
        say(notes(), f"Questions for people are not handed on: {error}. A later run hands them on.")
        return 0
