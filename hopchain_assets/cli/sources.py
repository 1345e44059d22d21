"""`hopchain scenes` and `hopchain import-coco`: pictures on their way into the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import (
    bars,
    command,
    count,
    counting,
    load_settings,
    notes,
    out,
    plural,
    say,
)
from hopchain_assets.cli.telling import say_batches, show_left_out
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import Imported, read_coco
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.landing import take_in as land_members
from hopchain_assets.warehouse.landing import Sealed


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What an import changed: pictures not known before, what was sealed, and audits that are new."""

    new: int
    sealed: Sealed
    audits: int


@click.command()
@click.option("--count", "number", type=click.IntRange(1, 100_000), required=True, help="How many pictures.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=7, show_default=True, help="Which series.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to put them.  [default: $HOPCHAIN_HOME/scenes/seed-SEED]",
)
@click.option("--import/--no-import", "imports", default=True, help="Whether to import them, too.  [default: import]")
def scenes(number: int, seed: int, folder: Path | None, imports: bool) -> None:
    """Render pictures with known truth: dotted beetles, parked cars, dice, balloons, fruit.

    Scene i of a series is always the same picture; those that are there already are kept.
    """
    settings = load_settings()
    annotations = render(settings, number, seed, folder)
    say(out(), f"{plural(number, 'scene')} of series {seed} in {annotations.parent}")
    if imports:
        imported = read(annotations.parent / "images", annotations, exhaustive=False)
        taken = take_in(settings, imported)
        report(imported, taken)
        _what_next(taken)


@click.command("import-coco")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="The folder with the pictures.")
@click.option(
    "--annotations", type=click.Path(path_type=Path), required=True, help="The COCO file: instances, with masks."
)
@click.option(
    "--exhaustive",
    is_flag=True,
    help="State that in each picture all objects of every marked category are marked. "
    "It is recorded as your word, and questions that rely on it go to the training shards.",
)
def import_coco(images: Path, annotations: Path, exhaustive: bool) -> None:
    """Import annotated pictures from a COCO file. Nothing is copied or drawn before `hopchain run`."""
    settings = load_settings()
    imported = read(images, annotations, exhaustive)
    if not imported.members:
        name, reason = imported.left_out[0] if imported.left_out else ("", "")
        why = f"; the first, {name}: {reason}" if name else ""
        raise Refusal(f"{annotations} gives no picture that could be used{why}")
    taken = take_in(settings, imported)
    report(imported, taken)
    _what_next(taken)


def render(settings: Settings, number: int, seed: int, folder: Path | None = None) -> Path:
    """Renders scenes with a progress bar; returns the path of their COCO file.

    Raises:
        Refusal: when the folder holds something else.
    """
    folder = folder or settings.home / "scenes" / f"seed-{seed}"
    try:
        with counting("Rendering scenes", number) as tell:
            return render_scenes(folder.resolve(), number, seed, lambda done: tell(done, None))
    except ValueError as error:
        raise Refusal(str(error)) from error


def read(images: Path, annotations: Path, exhaustive: bool) -> Imported:
    """Reads a COCO file with a progress bar for the hashing of its pictures."""
    with bars() as progress:
        task = progress.add_task("Reading pictures", total=None)
        return read_coco(
            images, annotations, exhaustive, lambda done, of: progress.update(task, completed=done, total=of)
        )


def take_in(settings: Settings, imported: Imported) -> TakenIn:
    """Lands what was read, and records whose word it is that all is marked."""
    lake = settings.lake()
    lake.migrate()
    sealed, audits = land_members(lake, imported.members, settings.batch_size)
    return TakenIn(len({m.content_sha256 for m in imported.members}) - sealed.known, sealed, audits)


def report(imported: Imported, taken: TakenIn) -> None:
    """Says what came in, and what was left out and why."""
    console = out()
    sealed = taken.sealed
    parts = [f"{count(taken.new)} new", f"{count(sealed.known)} known before"]
    twice = len(imported.members) - len({m.content_sha256 for m in imported.members})
    parts += [f"{count(twice)} twice in the file"] if twice else []
    parts += [f"{count(len(imported.left_out))} left out"] if imported.left_out else []
    say(console, f"Pictures: {', '.join(parts)}.")
    say_batches(console, sealed.new, sealed.changed)
    if taken.audits:
        pairs = plural(taken.audits, "picture and category", "pairs of picture and category")
        say(console, f"Recorded for {pairs} that all are marked.")
    for remark in imported.remarks:
        say(console, f"{remark}.")
    show_left_out(console, imported.left_out)


def _what_next(taken: TakenIn) -> None:
    if taken.sealed.new or taken.sealed.changed or taken.audits:
        say(notes(), f"Next: {command('run')}")
