"""`hopchain run` and `hopchain demo`: all that is pending, through a real Dagster run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from hopchain_assets.cli.ending import EXIT_FAILED, Refusal
from hopchain_assets.cli.failures import Failure, keep_failures
from hopchain_assets.cli.screen import bars, command, load_settings, notes, out, plain, plural, say, show, table
from hopchain_assets.cli.summary import contact_sheet, next_commands, summary
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stages.overview import figures

DEMO_SCENES = 48
DEMO_SEED = 7

Tell = Callable[[str, str, int, int], None]


@click.command()
@click.option("--batch", "chosen", multiple=True, metavar="BATCH", help="Only this batch; may be given again.")
def run(chosen: tuple[str, ...]) -> None:
    """Do all that is pending, from new pictures to training shards, in one Dagster run.

    What is done already is not done again, so a run that was stopped goes on with the next one.
    """
    run_line(load_settings(), chosen)


@click.command()
def demo() -> None:
    """Render 48 sample scenes with known truth and run the whole line on them."""
    from hopchain_assets.cli.sources import read, render, report, take_in  # noqa: PLC0415

    settings = load_settings()
    annotations = render(settings, DEMO_SCENES, DEMO_SEED)
    imported = read(annotations.parent / "images", annotations, exhaustive=False)
    taken = take_in(settings, imported)
    if taken.new or taken.sealed.changed:
        report(settings, imported, taken)
    else:
        say(out(), f"The {DEMO_SCENES} sample scenes are there already: {annotations.parent}")
    run_line(settings, ())


def run_line(settings: Settings, chosen: Sequence[str]) -> None:
    """Runs what is pending of the chosen batches (of all, when none is named), and tells the result.

    Raises:
        Refusal: when a batch is not known, or a step failed.
    """
    line = settings.line()
    line.lake.migrate()
    waiting = _pending(line, chosen)
    if waiting is None:
        say(out(), f"There are no pictures yet. Import some: {command('demo')}, or {command('import-coco --help')}.")
        return
    if not waiting:
        say(out(), "Nothing to do: all that was imported is done.")
    else:
        _launch(settings, waiting)
    _conclude(settings, line, bool(waiting))


def _pending(line: Line, chosen: Sequence[str]) -> list[str] | None:
    """Batches with something pending; None where nothing was ever imported."""
    counts = line.pending()
    unknown = [name for name in chosen if name not in counts]
    if unknown:
        known = f"the last one is {list(counts)[-1]}" if counts else "nothing has been imported yet"
        raise Refusal(f"there is no batch {unknown[0]!r}: {known}")
    if not counts:
        return None
    return [name for name, stages in counts.items() if any(stages.values()) and (not chosen or name in chosen)]


def _launch(settings: Settings, batches: Sequence[str]) -> None:
    with _watched(batches) as tell:
        from hopchain_assets.defs.launch import launch  # noqa: PLC0415

        launched = launch(settings, batches, tell)
    keep_failures(settings.home, [])
    if not launched.success:
        raise Refusal("failed", EXIT_FAILED)


@contextmanager
def _watched(batches: Sequence[str]) -> Iterator[Tell]:
    """Two bars on a terminal, the whole and the stage at work; a line for each stage elsewhere."""
    console = notes()
    place = {name: number for number, name in enumerate(batches)}
    steps = len(STAGES) * len(batches)
    with bars() as progress:
        whole = progress.add_task(f"{plural(len(batches), 'batch', 'batches')}", total=steps)
        current = progress.add_task("starting Dagster", total=None)

        def tell(stage: str, batch: str, done: int, of: int) -> None:
            # Dagster does a stage on all batches before the next stage
            at = STAGES.index(stage) * len(batches) + place.get(batch, 0)
            progress.update(whole, completed=at + done / max(of, 1))
            progress.update(current, description=f"{stage} {batch}", completed=done, total=of)
            if progress.disable and done == of:
                say(console, f"{stage} {batch}: {done} of {of}")

        yield tell


def _conclude(settings: Settings, line: Line, changed: bool) -> None:
    sizes = figures(line.lake)
    sheet = contact_sheet(settings, line, sizes, changed)
    console = out()
    show(console, summary(sizes))
    say(console, f"Shards         {settings.shard_folder}")
    say(console, f"Contact sheet  {sheet}")
    say(console, "\nNext:")
    for words in next_commands(line, sizes):
        say(console, f"  {words}")
