"""What is said of pictures that came in: the batches that they changed, and what gave none, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from hopchain_assets.cli.screen import count, plain, say, show, table

SHOWN_BATCHES = 3
SHOWN_LEFT_OUT = 10


def say_batches(console: Console, new: Sequence[str], changed: Sequence[str] = ()) -> None:
    """Names batches that are new, and those in which annotations changed; says nothing where there are none."""
    if new:
        say(console, f"New {'batch' if len(new) == 1 else 'batches'}: {_listed(new)}.")
    if changed:
        say(console, f"Annotations changed in {_listed(changed)}; what depends on them will be done again.")


def show_left_out(
    console: Console,
    rows: Sequence[tuple[str, str]],
    total: int | None = None,
    headings: tuple[str, str] = ("left out", "reason"),
) -> None:
    """A table of the first rows, and how many more there are; nothing where there are none.

    Args:
        rows: the name and the reason of what was left out.
        total: how many there are in all, where `rows` are only the first of them.
    """
    if not rows:
        return
    shown = table(*headings)
    for name, reason in rows[:SHOWN_LEFT_OUT]:
        shown.add_row(plain(name), plain(reason))
    show(console, shown)
    more = (len(rows) if total is None else total) - min(len(rows), SHOWN_LEFT_OUT)
    if more > 0:
        say(console, f"and {count(more)} more")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_BATCHES])
    return shown if len(names) <= SHOWN_BATCHES else f"{shown} and {len(names) - SHOWN_BATCHES} more"
