"""`hopchain status`: what is done, what is pending, what waits for people, what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import click
from rich.table import Table

from hopchain_assets.cli.failures import kept
from hopchain_assets.cli.screen import count, load_settings, out, plain, plural, say, show, table
from hopchain_assets.domain.records import NOT_WRITTEN
from hopchain_assets.stages.entries import file_name
from hopchain_assets.stages.overview import StageCount, failed_inputs, figures, landing, quarantined, stage_counts
from hopchain_assets.stages.policies import DEFECT, DISAGREE, INCOMPLETE, MODELS_ONLY, NOT_AUDITED, NOT_REVIEWED
from hopchain_assets.warehouse.parking import parked_now


@click.command()
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def status(form: str) -> None:
    """Show rows done and pending by stage, what is set aside, what waits for people, and the last errors."""
    settings = load_settings()
    line = settings.line()
    stages, sizes, aside = stage_counts(line), figures(line.lake), quarantined(line.lake)
    failures = kept(settings.home).failures
    parked, failed, landed = parked_now(line.lake), failed_inputs(line.lake), landing(line.lake)
    if form == "json":
        told = {
            "stages": [asdict(stage) for stage in stages],
            "figures": asdict(sizes),
            "landing": landed,
            "quarantined": [dict(zip(("source_uri", "reason", "detail"), row, strict=True)) for row in aside],
            "failed": [dict(zip(("stage", "batch", "input", "error"), row, strict=True)) for row in failed],
            "parked": [asdict(entry) | {"at": f"{entry.at:%Y-%m-%d %H:%M:%S}"} for entry in parked.values()],
            "errors": [asdict(failure) for failure in failures],
        }
        click.echo(json.dumps(told, indent=2, default=dict))
        return
    console = out()
    say(console, f"{plural(sizes.landed, 'picture')} in {plural(sizes.batches, 'batch', 'batches')}")
    if landed:
        wait = "waits" if landed == 1 else "wait"
        say(
            console, f"{plural(landed, 'picture')} in the landing folders {wait} for a full batch; see `hopchain land`."
        )
    show(console, _stages(stages))
    say(console, _next(stages, sizes.landed))
    if sizes.waiting:
        show(console, _groups("certified chains that wait for people", sizes.waiting))
        for words in _what_people_can_do(sizes.waiting):
            say(console, words)
    if sizes.held:
        differ = "answer of people differs" if sizes.held == 1 else "answers of people differ"
        say(console, f"{count(sizes.held)} {differ} from the program's: who leads decides in `hopchain review`.")
    if aside:
        show(console, _rows(("set aside", "reason", "detail"), [(file_name(uri) or uri, *why) for uri, *why in aside]))
        if sizes.quarantined > len(aside):
            say(console, f"and {count(sizes.quarantined - len(aside))} more")
    if failed:
        show(console, _rows(("failed at", "batch", "picture", "error"), failed))
    if parked:
        rows = [(entry.batch, f"{entry.attempts}", entry.error) for entry in parked.values()]
        show(console, _rows(("parked", "runs", "error of the last one"), rows))
    unwritten = sum(sizes.rejected.get(rule, 0) for rule in NOT_WRITTEN)
    if unwritten:
        say(console, f"Models gave nothing to judge {plural(unwritten, 'time')}: `hopchain retry` asks again.")
    if failed or parked:
        say(console, "When the reason is mended, `hopchain retry` takes them up again.")
    for one in failures:
        if not one.stage:
            say(console, f"{one.message} ({one.at} UTC).")
    if any(one.stage for one in failures):
        columns = ("last errors", "stage", "batch", "what")
        show(console, _rows(columns, [(one.at, one.stage, one.batch, one.message) for one in failures if one.stage]))


def _what_people_can_do(waiting: Mapping[str, int]) -> Iterator[str]:
    if waiting.keys() & {NOT_AUDITED, MODELS_ONLY, NOT_REVIEWED}:
        yield "`hopchain review` puts their questions to people."
    if MODELS_ONLY in waiting:
        yield "HOPCHAIN_ACCEPT_MODELS=1 takes the models' word where only they agreed."
    if waiting.keys() & {DISAGREE, DEFECT}:
        yield "What people disagree on is shown to who leads, in `hopchain review`."
    if waiting.keys() & {NOT_AUDITED, INCOMPLETE}:
        yield "`hopchain audit` asks whether all objects of a category are marked."


def _stages(stages: list[StageCount]) -> Table:
    numbers = ("done", "nothing found", "failed", "pending")
    made = table("stage", *numbers, right=numbers)
    for stage in stages:
        left = plain(count(stage.pending), "bold yellow" if stage.pending else "dim")
        failed = plain(count(stage.failed), "bold red" if stage.failed else "dim")
        made.add_row(stage.stage, count(stage.done), plain(count(stage.nothing), "dim"), failed, left)
    return made


def _groups(title: str, groups: Mapping[str, int]) -> Table:
    made = table(title, "chains", right=("chains",))
    for reason, number in groups.items():
        made.add_row(plain(reason), count(number))
    return made


def _rows(columns: tuple[str, ...], rows: Sequence[Sequence[str]]) -> Table:
    made = table(*columns)
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def _next(stages: list[StageCount], landed: int) -> str:
    if not landed:
        return "Nothing has been imported yet: `hopchain demo`, or `hopchain import-coco`."
    if any(stage.pending for stage in stages):
        return "Pending: `hopchain run` does it. What follows a pending stage is known when that is done."
    return "Nothing is pending."
