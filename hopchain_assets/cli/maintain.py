"""`hopchain maintain`: upkeep of the warehouse's files, which the web interface's daemon does every night."""

from __future__ import annotations

import click

from hopchain_assets.cli.screen import busy, count, load_settings, out, say, show, table
from hopchain_assets.warehouse.upkeep import maintain as keep_up


@click.command()
def maintain() -> None:
    """Merge small files, give up old states, and delete files that nothing has needed for a day."""
    settings = load_settings()
    with busy("Merging and cleaning"):
        done = keep_up(settings.lake(), settings.snapshot_age)
    rows = table("", "states", "files", "size", right=("states", "files", "size"))
    for when, now in (("before", done.before), ("after", done.after)):
        rows.add_row(when, count(now.snapshots), count(now.files_kept), f"{now.bytes_kept / 1e6:.1f} MB")
    show(out(), rows)
    say(out(), f"{count(done.deleted)} files deleted.")
