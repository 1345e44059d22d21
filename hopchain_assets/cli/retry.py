"""`hopchain retry`: what was given up is taken up again."""

from __future__ import annotations

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import command, load_settings, notes, out, plural, say
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.parking import retry as take_up_again


@click.command()
@click.option("--batch", "chosen", multiple=True, metavar="BATCH", help="Only this batch; may be given again.")
def retry(chosen: tuple[str, ...]) -> None:
    """Take up again what was parked, what failed and what could not be read.

    Mend the reason before: `hopchain status` tells it. The web interface then tries by itself, `hopchain run` at once.
    """
    lake = load_settings().lake()
    unknown = sorted(set(chosen) - set(batches(lake)))
    if unknown:
        raise Refusal(f"there is no batch {unknown[0]!r}: `hopchain status` names those that are parked")
    done = take_up_again(lake, chosen or None)
    if not done.batches and not done.inputs:
        say(out(), "Nothing is parked and nothing has failed.")
        return
    if done.batches:
        say(out(), f"Taken up again: {plural(len(done.batches), 'batch', 'batches')} ({', '.join(done.batches[:5])}).")
    if done.inputs:
        say(out(), f"Pending again: {plural(done.inputs, 'picture')} that had failed or could not be read.")
    say(notes(), f"Next: {command('run')}, unless {command('ui')} is running")
