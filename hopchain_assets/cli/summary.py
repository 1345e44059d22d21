"""What a run ends with: the figures, the contact sheet, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.table import Table
from rich.text import Text

from hopchain_assets.cli.ending import printable
from hopchain_assets.cli.screen import busy, command, count, table
from hopchain_assets.export.contact_sheet import write_contact_sheet
from hopchain_assets.settings import Settings
from hopchain_assets.stages.entries import chain_ids, entries
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.overview import Figures
from hopchain_assets.stages.policies import NOT_AUDITED

VERIFIED_SHOWN = 48
WAITING_SHOWN = 6


def summary(sizes: Figures) -> Table:
    """The short table at the end of a run."""
    made = table("what", "how many", right=("how many",))
    for name, figure in _lines(sizes):
        part = name.startswith(" ")
        made.add_row(Text(name, "dim" if part else ""), Text(figure, "dim" if part else "bold"))
    return made


def _lines(sizes: Figures) -> list[tuple[str, str]]:
    """Names and figures; a name that is set in is a part of the one above it."""
    lines = [("images", count(sizes.images))]
    lines += [("set aside, with a reason", count(sizes.quarantined))] if sizes.quarantined else []
    lines += [("instances", count(sizes.instances)), ("chains made", count(sizes.made))]
    lines += [("rejected", count(sum(sizes.rejected.values()))), *_parts("by rule ", sizes.rejected)]
    lines += [("certified", count(sizes.certified)), ("verified", count(sizes.verified))]
    lines += [("  held until a lead accepts them", count(sizes.held))] if sizes.held else []
    lines += [("waiting for people", count(sum(sizes.waiting.values()))), *_parts("", sizes.waiting)]
    lines += [("shards", f"{count(sizes.shards)} ({sizes.shard_bytes / 1e6:.1f} MB)"), *_parts("", sizes.examples)]
    if sizes.unused:
        lines.append(("categories no question may use", count(sum(sizes.unused.values()))))
    return lines


def _parts(before: str, groups: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(f"  {before}{printable(name)}", count(number)) for name, number in groups.items()]


def contact_sheet(settings: Settings, line: Line, sizes: Figures, changed: bool) -> Path:
    """The page of verified questions and a few that wait, spread over pictures; drawn anew when something changed."""
    path = settings.home / "contact-sheet.html"
    if path.exists() and not changed:
        return path
    ids = chain_ids(line, "verified", VERIFIED_SHOWN) + chain_ids(line, "waiting", WAITING_SHOWN)
    with busy("Drawing the contact sheet"):
        figures = [(name, figure) for name, figure in _lines(sizes) if not name.startswith(" ")]
        write_contact_sheet(path, entries(line, ids), figures, "Questions made by hopchain")
    return path


def next_commands(line: Line, sizes: Figures) -> list[str]:
    """Three commands that show the most of what there is."""
    shown = chain_ids(line, "verified", 1) or chain_ids(line, "waiting", 1)
    losses = 'query "SELECT rule, count(*) FROM rejected_chains GROUP BY ALL"'
    tries = [f"explain {shown[0][:8]}"] if shown else ["status"]
    tries.append("audit" if sizes.waiting.get(NOT_AUDITED) else losses)
    return [command(words) for words in (*tries, "ui")]
