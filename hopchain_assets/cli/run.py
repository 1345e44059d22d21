"""`hopchain run` and `hopchain demo`: all that is pending, through a real Dagster run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.progress import Progress

from hopchain_assets.cli import people
from hopchain_assets.cli.ending import EXIT_FAILED, Refusal, printable
from hopchain_assets.cli.failures import Failure, Unfinished, keep, kept, settled
from hopchain_assets.cli.screen import bars, command, load_settings, notes, out, plain, plural, say, show, table
from hopchain_assets.cli.stopping import Stoppable
from hopchain_assets.cli.summary import contact_sheet, next_commands, summary
from hopchain_assets.settings import Settings
from hopchain_assets.stages.engine import StageReport
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stages.overview import figures
from hopchain_assets.warehouse.landing import batches

if TYPE_CHECKING:
    from hopchain_assets.defs.launch import Launched

DEMO_SCENES = 48
DEMO_SEED = 7

SHOWN_IDS = 5
LONGEST_MESSAGE = 400


@click.command()
@click.option("--batch", "chosen", multiple=True, metavar="BATCH", help="Only this batch; may be given again.")
@click.option("--max-cost", type=click.FloatRange(min=0), help="Stop asking models when this much is spent.")
@click.option("--max-calls", type=click.IntRange(min=0), help="Stop asking models after so many calls.")
def run(chosen: tuple[str, ...], max_cost: float | None, max_calls: int | None) -> None:
    """Do all that is pending, from new pictures to training shards, in one Dagster run.

    What is done already is not done again, so a run that was stopped goes on with the next one. `hopchain plan` tells
    beforehand what models will be asked, and what that may cost.
    """
    settings = load_settings()
    run_line(
        replace(
            settings,
            max_cost=max_cost,
            max_calls=max_calls,
        ),
        chosen,
    )


@click.command()
def demo() -> None:
    """Render 48 sample scenes with known truth and run the whole line on them."""
    from hopchain_assets.cli.sources import read, render, report, take_in

    settings = load_settings()
    annotations = render(settings, DEMO_SCENES, DEMO_SEED)
    imported = read(annotations.parent / "images", annotations, exhaustive=False)
    taken = take_in(settings, imported)
    if taken.new or taken.sealed.changed:
        report(imported, taken)
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
    if batches(line.lake):
        people.bring(line)
    waiting = _pending(line, chosen, kept(settings.home))
    if waiting is None:
        say(out(), f"There are no pictures yet. Import some: {command('demo')}, or {command('import-coco --help')}.")
        return
    if not waiting:
        say(out(), "Nothing to do: all that was imported is done.")
    else:
        _launch(settings, waiting)
    _conclude(settings, line, bool(waiting))


def _pending(line: Line, chosen: Sequence[str], left: Unfinished) -> list[str] | None:
    """Batches with something pending, or left open by the last run; None where nothing was ever imported."""
    known = batches(line.lake)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        told = f"the last one is {known[-1]}" if known else "nothing has been imported yet"
        raise Refusal(f"there is no batch {unknown[0]!r}: {told}")
    if not known:
        return None
    due = {owed.batch for owed in line.backlog() if owed.pending} | set(left.batches)
    return [name for name in known if name in due and (not chosen or name in chosen)]


def _launch(settings: Settings, batches: Sequence[str]) -> None:
    """Runs the batches; what is not done well is kept for the next run and for `hopchain status`.

    Raises:
        Refusal: when a step or a check failed.
    """
    before = kept(settings.home)
    others = settled(before, batches)
    owed = (*others.batches, *batches)
    begun = Failure(_now(), "", "", "A run has begun and not ended: it is still at work, or was killed")
    keep(settings.home, Unfinished(owed, (*others.failures, begun)))
    try:
        with watched(batches) as watch:
            launched = _launched(settings, batches, watch)
    except KeyboardInterrupt:
        stopped = Failure(_now(), "", "", "The last run was stopped by Ctrl-C")
        keep(settings.home, Unfinished(owed, (*others.failures, stopped)))
        raise
    failed = [Failure(_now(), stage, watch.last.get(stage, ""), printable(why)) for stage, why in launched.failures]
    failed += [
        Failure(_now(), check.asset, check.batch, _check_words(check.check, check.summary, check.failing_ids))
        for check in launched.failed_checks
    ]
    _tell_left(launched.reports)
    if launched.success and not failed:
        keep(settings.home, others)
        return
    keep(settings.home, Unfinished(owed, (*others.failures, *failed)))
    _tell_failures(failed)
    raise Refusal(
        f"the run failed; mend that and run `{command('run')}` again, which goes on from here, "
        f"or see run {launched.run_id[:8]} in `{command('ui')}`",
        EXIT_FAILED,
    )


def _launched(settings: Settings, batches: Sequence[str], watch: Watch) -> Launched:
    # Dagster takes a second to import, which the other commands need not wait for
    from hopchain_assets.defs.launch import launch

    stoppable: Stoppable[Launched] = Stoppable()

    def tell(stage: str, batch: str, done: int, of: int) -> None:
        watch.tell(stage, batch, done, of)
        stoppable.checkpoint()

    return stoppable.run(lambda: launch(settings, batches, tell))


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def _check_words(check: str, summary: str, ids: Sequence[str]) -> str:
    some = ", ".join(ids[:SHOWN_IDS]) + (", ..." if len(ids) > SHOWN_IDS else "")
    return printable(f"{check}: {summary}" + (f" ({some})" if some else ""))


def _tell_left(reports: Sequence[StageReport]) -> None:
    """What the budget did not reach; it is pending, and a later run goes on with it."""
    left: Counter[str] = Counter()
    for report in reports:
        left[report.stage] += report.left
    for stage, number in left.items():
        if number:
            say(notes(), f"{stage}: the budget was spent before {plural(number, 'picture')}; run again to go on.")


def _tell_failures(failures: Sequence[Failure]) -> None:
    rows = table("failed", "batch", "what")
    for failure in failures:
        what = (
            failure.message if len(failure.message) <= LONGEST_MESSAGE else failure.message[: LONGEST_MESSAGE - 1] + "…"
        )
        rows.add_row(plain(failure.stage), plain(failure.batch), plain(what))
    show(notes(), rows)


class Watch:
    """Two bars on a terminal, the whole and the stage at work; a line for each stage and batch elsewhere."""

    def __init__(self, batches: Sequence[str], progress: Progress) -> None:
        self.last: dict[str, str] = {}
        self._place = {name: number for number, name in enumerate(batches)}
        self._progress = progress
        whole = plural(len(batches), "batch", "batches")
        self._whole = progress.add_task(whole, total=len(STAGES) * len(batches))
        self._current = progress.add_task("starting Dagster", total=None)

    def tell(self, stage: str, batch: str, done: int, of: int) -> None:
        """Shows how far a stage is with a batch."""
        if self.last.get(stage) != batch:
            self._progress.reset(self._current)
        self.last[stage] = batch
        # Dagster does a stage on all batches before the next stage
        before = STAGES.index(stage) * len(self._place) + self._place.get(batch, 0)
        self._progress.update(self._whole, completed=before + done // max(of, 1))
        # what follows the last picture, storing and checking, cannot be counted
        words = f"{stage} {batch}" if done < of else f"{stage}: storing, checking"
        self._progress.update(self._current, description=words, completed=done, total=of if done < of else None)
        if self._progress.disable and done == of:
            say(notes(), f"{stage} {batch}: {done} of {of}")


@contextmanager
def watched(batches: Sequence[str]) -> Iterator[Watch]:
    """Shows the progress of a run while the block runs."""
    with bars() as progress:
        yield Watch(batches, progress)


def _conclude(settings: Settings, line: Line, changed: bool) -> None:
    questions = people.push(line)
    sizes = figures(line.lake)
    sheet = contact_sheet(settings, line, sizes, changed)
    console = out()
    show(console, summary(sizes))
    say(console, f"Shards         {settings.shard_folder}")
    say(console, f"Contact sheet  {sheet}")
    if questions:
        wait = "waits" if questions == 1 else "wait"
        say(console, f"{plural(questions, 'question')} {wait} for people: {command('review')}")
    say(console, "\nNext:")
    for words in next_commands(line, sizes):
        say(console, f"  {words}")
