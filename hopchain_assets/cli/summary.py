"""What a run ends with: the figures, the contact sheet, and what to try next."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from hopchain_assets.cli.screen import busy, command, count, plain, table
from hopchain_assets.export.contact_sheet import write_contact_sheet
from hopchain_assets.settings import Settings
from hopchain_assets.stages.entries import chain_ids, entries
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.overview import Figures

VERIFIED_SHOWN = 48
WAITING_SHOWN = 6


def summary(sizes: Figures) -> Table:
    """The short table at the end of a run."""
    made = table("", "", right=("",))
    made.show_header = False
    for name, figure in _lines(sizes):
        indented = name.startswith("  ")
        made.add_row(plain(name, "dim").rjust(0) if False else _label(name, indented), plain(figure, "dim" if indented else "bold"))
    return made
