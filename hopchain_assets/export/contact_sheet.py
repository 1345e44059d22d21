"""One HTML page of questions to try, with pictures, hops and answers; it loads nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hopchain_assets.export.cards import card
from hopchain_assets.export.page import END, figures, head, text, written
from hopchain_assets.export.words import Entry

__all__ = ["Entry", "write_contact_sheet"]


def write_contact_sheet(path: Path, entries: Sequence[Entry], summary: Sequence[tuple[str, str]], title: str) -> None:
    """Writes the page: the summary's (name, figure) pairs, then a card for each entry.

    The file is renamed into place when it is whole.

    Raises:
        ValueError: when an entry's picture does not fit its facts.
        OSError: when the page cannot be written.
    """
    with written(path) as out:
        out.write(head(title, ["contact_sheet.css"]))
        out.write(
            f"<body>\n<header><h1>{text(title)}</h1>"
            "<p>Each answer is one number. Try to find it in the picture before you open a card.</p>"
            f"{figures(summary)}</header>\n<main>\n"
        )
        for number, entry in enumerate(entries, start=1):
            out.write(card(number, entry))
        if not entries:
            out.write('<p class="none">No questions yet.</p>\n')
        out.write(END)
