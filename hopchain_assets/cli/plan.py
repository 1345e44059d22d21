"""`hopchain plan`: what a run would do and what it would cost, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import click
from rich.table import Table

from hopchain_assets.cli.screen import command, count, load_settings, out, plain, say, show, table
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import Prices
from hopchain_assets.operations.spending import Average
from hopchain_assets.ports.vlm import Usage
from hopchain_assets.settings import Settings
from hopchain_assets.stages.binding import SAMPLES
from hopchain_assets.stages.planning import ONE_QUESTION, WRITING, Planned
from hopchain_assets.stages.planning import plan as planned
from hopchain_assets.stages.writing import WriterSettings

# Where the ledger has no call of a kind yet: tokens in and out of a model that reasons, as a guess to begin with.
ASSUMED = {
    "rate": Usage(1_600, 800),
    "name": Usage(1_600, 800),
    "write": Usage(5_000, 8_000),
    "repair": Usage(6_500, 6_000),
    "bind": Usage(1_800, 4_000),
    "perceive": Usage(600, 1_000),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Questions of one kind, and what they will cost (None where no price is known)."""

    stage: str
    purpose: str
    model: str
    calls: int
    cost: float | None
    measured: bool


@click.command()
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def plan(form: str) -> None:
    """Show what the settings make pending or stale, and estimate calls to models and their cost. Runs nothing.

    Calls and cost are means of what the ledger has seen, or guesses where it has seen nothing: a run may take more, as
    nobody knows how many questions must be mended and read back. What the ledger holds is not paid for again.
    """
    settings = load_settings()
    line = settings.line()
    line.lake.migrate()
    due = planned(line)
    estimates = _estimates(settings, due)
    if form == "json":
        told = {"stages": [asdict(one) for one in due], "calls": [asdict(one) for one in estimates]}
        click.echo(json.dumps(told, indent=2))
        return
    console = out()
    show(console, _stages(due))
    if estimates:
        show(console, _calls(estimates))
        if any(one.cost is None for one in estimates):
            say(console, "No price is known for some models: name a file of prices in HOPCHAIN_PRICES.")
        if not all(one.measured for one in estimates):
            say(console, "* assumed, as the ledger has no such call yet")
    if not any(one.due or one.gone for one in due):
        say(console, "Nothing is pending.")
    else:
        say(
            console,
            f"`{command('run')}` does it, and what follows from it; `--max-cost` and `--max-calls` stop it cleanly.",
        )


def _stages(due: Sequence[Planned]) -> Table:
    numbers = ("new", "settings, prompts or code changed", "input changed", "gone")
    made = table("stage", *numbers, right=numbers)
    for one in due:
        shown = (one.new, one.other_version, one.other_input, one.gone)
        made.add_row(one.stage, *(plain(count(number), "bold yellow" if number else "dim") for number in shown))
    return made


def _calls(estimates: Sequence[Estimate]) -> Table:
    made = table("asked at", "for", "model", "calls", "cost", right=("calls", "cost"))
    for one in estimates:
        cost = "unknown" if one.cost is None else f"{one.cost:,.2f}"
        made.add_row(one.stage, one.purpose, plain(one.model), count(one.calls) + ("" if one.measured else " *"), cost)
    known = [one.cost for one in estimates if one.cost is not None]
    total = f"{sum(known):,.2f}" + (" and more" if len(known) < len(estimates) else "") if known else "unknown"
    made.add_row("all", "", "", count(sum(one.calls for one in estimates)), total)
    return made


def _estimates(settings: Settings, due: Sequence[Planned]) -> list[Estimate]:
    servers = settings.servers
    if servers.vlm is None or servers.binder is None:
        return []
    ledger, prices = Ledger(settings.operations), Prices.load(settings.prices_file)
    asked = {"bind": servers.binder, "perceive": servers.perceiver}
    by_model = {one.model: ledger.averages(one.model) for one in (servers.vlm, *asked.values()) if one}
    found: list[Estimate] = []
    for one in due:
        if not one.asked:
            continue
        for purpose, calls in _questions(one.stage, settings.chains.writer).items():
            server = asked.get(purpose, servers.vlm)
            # whether anything needs a look nobody can guess: it is told where the ledger has seen it
            if server and (purpose != "perceive" or purpose in by_model[server.model]):
                found.append(_estimate(one, purpose, calls, server.model, by_model[server.model], prices))
    return found


def _questions(stage: str, writer: WriterSettings) -> Mapping[str, float]:
    """Calls a picture, by purpose, where none was made yet: half of the chains are mended once, most are read."""
    if stage != WRITING:
        return {ONE_QUESTION[stage]: 1}
    chains = writer.combinations * writer.wanted
    repairs = 0.5 * chains if writer.repairs else 0
    return {"write": writer.combinations, "repair": repairs, "bind": SAMPLES * chains, "perceive": 0}


def _estimate(
    one: Planned, purpose: str, calls: float, model: str, seen: Mapping[str, Average], prices: Prices
) -> Estimate:
    average = seen.get(purpose)
    cost = average.cost if average else None
    if cost is None and prices.of(model):
        # calls of before the price was known tell how long they are
        used = Usage(round(average.prompt_tokens), round(average.completion_tokens)) if average else ASSUMED[purpose]
        cost = prices.cost(model, used)
    number = round(one.asked * (average.calls_per_input if average else calls))
    return Estimate(one.stage, purpose, model, number, None if cost is None else cost * number, average is not None)
