"""`hopchain land`: what lies in the landing folders, taken in now."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import (
    command,
    count,
    counting,
    load_settings,
    notes,
    out,
    plain,
    plural,
    say,
    show,
    table,
)
from hopchain_assets.stages.landing import SETTLE_SECONDS, LandingSettings, Swept, sweep

SHOWN_REFUSED = 10
SHOWN_BATCHES = 3


@click.command()
def land() -> None:
    """Take in what lies in the landing folders now, without waiting for a batch to fill.

    The folders are HOPCHAIN_LANDING, or `landing` in HOPCHAIN_HOME. Files that are still written to are left for later;
    `hopchain ui` watches the folders all the time.
    """
    settings = load_settings()
    landing = settings.landing()
    lake = settings.line().lake
    lake.migrate()
    with counting("Reading files") as tell:
        # a file is taken only when two looks find it the same
        first = sweep(lake, landing, _now(), progress=tell)
        if first.unstable:
            time.sleep(SETTLE_SECONDS)
        last = sweep(lake, landing, _now(), seal_all=True, progress=tell)
    if len(last.out_of_reach) == len(landing.folders):
        raise Refusal(f"{landing.folders[0]} gives nothing, {dict(last.refused).popitem()[1]}")
    _report(landing, (*first.new, *last.new), tuple(sorted({*first.changed, *last.changed} - {*first.new})), last)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _report(landing: LandingSettings, new: tuple[str, ...], changed: tuple[str, ...], last: Swept) -> None:
    console = out()
    if new:
        say(console, f"New {'batch' if len(new) == 1 else 'batches'}: {_listed(new)}.")
    if changed:
        say(console, f"Annotations changed in {_listed(changed)}; what depends on them will be done again.")
    if not new and not changed:
        say(console, f"Nothing new in {', '.join(landing.folders)}.")
    if last.unstable:
        still = "is" if last.unstable == 1 else "are"
        say(
            console,
            f"{plural(last.unstable, 'file')} {still} being written; run `hopchain land` again when it is done.",
        )
    if last.refused:
        rows = table("not taken in", "why")
        for uri, reason in last.refused[:SHOWN_REFUSED]:
            rows.add_row(plain(_name(uri, landing)), plain(reason))
        show(console, rows)
        if len(last.refused) > SHOWN_REFUSED:
            say(console, f"and {count(len(last.refused) - SHOWN_REFUSED)} more")
    if new or changed:
        say(notes(), f"Next: {command('run')}")


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:SHOWN_BATCHES])
    return shown if len(names) <= SHOWN_BATCHES else f"{shown} and {len(names) - SHOWN_BATCHES} more"


def _name(uri: str, landing: LandingSettings) -> str:
    """The path below its landing folder, as people know it."""
    path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
    inside = (path.removeprefix(f"{folder.rstrip('/')}/") for folder in landing.folders if path.startswith(folder))
    return next(inside, path)
