"""`hopchain cost`: what was paid to models, and what a verified example cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import click
from rich.table import Table

from hopchain_assets.cli.screen import command, count, load_settings, out, plain, plural, say, show, table
from hopchain_assets.domain.records import BY_MODEL
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import Prices
from hopchain_assets.operations.spending import COLUMNS, Spent
from hopchain_assets.ports.vlm import Usage
from hopchain_assets.settings import Settings
from hopchain_assets.warehouse.connect import is_postgres, sqlite_path

VERIFIED = "SELECT count(DISTINCT chain_id) FROM verified_set JOIN hop_chains USING (chain_id) WHERE generator LIKE ?"
NUMBERS = ("calls", "unusable", "tokens in", "out", "reasoning", "seconds", "cost")


@dataclass(frozen=True, slots=True)
class Paid:
    """The calls of one group; `cost` is of those whose price is known, `unpriced_calls` counts the others."""

    group: str
    calls: int = 0
    unusable: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    unpriced_calls: int = 0

    def __add__(self, other: Paid) -> Paid:
        mine, theirs = asdict(self), asdict(other)
        return replace(self, **{name: mine[name] + theirs[name] for name in mine if name != "group"})


@click.command()
@click.option("--by", type=click.Choice(COLUMNS), default="stage", show_default=True, help="What is added up.")
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def cost(by: str, form: str) -> None:
    """Show the calls to models that were paid for: tokens, seconds, cost, and the cost of a verified example.

    Prices are those of HOPCHAIN_PRICES at the time of the call; calls that had none are reckoned with those of today.
    """
    settings = load_settings()
    prices = Prices.load(settings.prices_file)
    rows = _by_group(_paid(spent, prices) for spent in Ledger(settings.operations).spent_by((by, "model")))
    total = sum(rows, Paid("all"))
    examples = _verified(settings)
    if form == "json":
        told = {"by": by, "rows": [asdict(row) for row in rows], "total": asdict(total)}
        click.echo(json.dumps({**told, **_each(total, examples), "verified_examples": examples}, indent=2))
        return
    console = out()
    if not rows:
        say(console, "No model has been paid for an answer yet.")
        return
    show(console, _table(by, rows, total))
    for line in _sentences(total, examples):
        say(console, line)


def _paid(spent: Spent, prices: Prices) -> Paid:
    """The group's calls; what had no price when it was asked is reckoned with today's."""
    group, model = spent.group
    blank = prices.cost(model, Usage(spent.unpriced_prompt_tokens, spent.unpriced_completion_tokens))
    return Paid(
        group=group,
        calls=spent.calls,
        unusable=spent.unusable,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        reasoning_tokens=spent.reasoning_tokens,
        seconds=spent.seconds,
        cost=spent.cost + (blank or 0.0),
        unpriced_calls=spent.unpriced_calls if blank is None else 0,
    )


def _by_group(parts: Iterable[Paid]) -> list[Paid]:
    groups: dict[str, Paid] = {}
    for part in parts:
        groups[part.group] = groups.get(part.group, Paid(part.group)) + part
    return list(groups.values())


def _verified(settings: Settings) -> int:
    """Verified examples that a model wrote."""
    lake = settings.lake()
    if not is_postgres(lake.catalog) and not sqlite_path(lake.catalog).is_file():
        return 0
    return int(lake.query(VERIFIED, [f"{BY_MODEL}%"]).item())


def _each(total: Paid, examples: int) -> dict[str, float | None]:
    """Cost and calls of one example; None where there is none, or where a part of the cost is not known."""
    known = bool(examples) and not total.unpriced_calls
    return {
        "cost_per_verified_example": total.cost / examples if known else None,
        "calls_per_verified_example": total.calls / examples if examples else None,
    }


def _table(by: str, rows: list[Paid], total: Paid) -> Table:
    made = table(by, *NUMBERS, right=NUMBERS)
    for row in (*rows, *([total] if len(rows) > 1 else [])):
        style = "bold" if row is total else ""
        tokens = (row.prompt_tokens, row.completion_tokens, row.reasoning_tokens)
        figures = [*map(count, (row.calls, row.unusable, *tokens)), f"{row.seconds:,.0f}", _money(row)]
        made.add_row(plain(row.group or "(none)", style), *(plain(figure, style) for figure in figures))
    return made


def _money(row: Paid) -> str:
    if row.unpriced_calls == row.calls:
        return "unknown"
    shown = f"{row.cost:,.2f}" if row.cost >= 1 or not row.cost else f"{row.cost:.4f}"
    return shown + (" and more" if row.unpriced_calls else "")


def _sentences(total: Paid, examples: int) -> list[str]:
    lines: list[str] = []
    if total.unpriced_calls:
        lines.append(
            f"No price is known for the model of {plural(total.unpriced_calls, 'call')}: "
            "name a file of prices in HOPCHAIN_PRICES."
        )
    if not examples:
        return [*lines, f"No example that a model wrote is verified yet; `{command('status')}` says what waits."]
    each = _each(total, examples)
    price = each["cost_per_verified_example"]
    told = f"{plural(examples, 'verified example')} that a model wrote: {total.calls / examples:,.1f} calls each"
    return [*lines, told + (f", at a cost of {price:,.4f}." if price is not None else ", at a cost that is not known.")]
