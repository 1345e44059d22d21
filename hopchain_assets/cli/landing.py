"""`hopchain land`: what lies in the landing folders, taken in now."""

from __future__ import annotations

import time
from urllib.parse import unquote, urlsplit

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import (
    command,
    counting,
    load_settings,
    notes,
    out,
    plural,
    say,
)
from hopchain_assets.cli.telling import say_batches, show_left_out
from hopchain_assets.stages.landing import SETTLE_SECONDS, LandingSettings, Swept, sweep
from hopchain_assets.warehouse.rows import utc_now


@click.command()
def land() -> None:
    """Take in what lies in the landing folders now, without waiting for a batch to fill.

    The folders are HOPCHAIN_LANDING, or `landing` in HOPCHAIN_HOME. Files that are still written to are left for later;
    `hopchain ui` watches the folders all the time.
    """
    settings = load_settings()
    landing = settings.landing()
    lake = settings.lake()
    lake.migrate()
    with counting("Reading files") as tell:
        # a file is taken only when two looks find it the same
        first = sweep(lake, landing, utc_now(), progress=tell)
        if first.unstable:
            time.sleep(SETTLE_SECONDS)
        last = sweep(lake, landing, utc_now(), seal_all=True, progress=tell)
    if len(last.out_of_reach) == len(landing.folders):
        raise Refusal(f"{landing.folders[0]} gives nothing, {dict(last.refused).popitem()[1]}")
    _report(landing, (*first.new, *last.new), tuple(sorted({*first.changed, *last.changed} - {*first.new})), last)


def _report(landing: LandingSettings, new: tuple[str, ...], changed: tuple[str, ...], last: Swept) -> None:
    console = out()
    say_batches(console, new, changed)
    if not new and not changed:
        say(console, f"Nothing new in {', '.join(landing.folders)}.")
    if last.unstable:
        still = "is" if last.unstable == 1 else "are"
        say(
            console,
            f"{plural(last.unstable, 'file')} {still} being written; run `hopchain land` again when it is done.",
        )
    refused = [(_name(uri, landing), reason) for uri, reason in last.refused]
    show_left_out(console, refused, headings=("not taken in", "why"))
    if new or changed:
        say(notes(), f"Next: {command('run')}")


def _name(uri: str, landing: LandingSettings) -> str:
    """The path below its landing folder, as people know it."""
    path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
    inside = (path.removeprefix(f"{folder.rstrip('/')}/") for folder in landing.folders if path.startswith(folder))
    return next(inside, path)
