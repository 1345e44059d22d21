"""`hopchain explain`: one chain, hop by hop, with its margins, its picture and its SQL."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import load_settings, notes, out, plain, readable, say, show, table
from hopchain_assets.domain.certify.explain import Margin, chain_margins
from hopchain_assets.export.closest_calls import ClosestCall, closest_calls
from hopchain_assets.export.drawing import draw_chain, open_picture
from hopchain_assets.export.words import (
    KIND_WORDS,
    QUERY_TYPE_WORDS,
    Entry,
    form_words,
    result_words,
)
from hopchain_assets.stages.entries import Rejected, entries, starting_with
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.program_sql import compile_program

SHORTEST_PREFIX = 4
LONGEST_ID = 64


@click.command()
@click.argument("chain_id")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def explain(chain_id: str, as_json: bool) -> None:
    """Show a chain's question, hops, margins and answer, draw it, and print the SQL that answers it.

    The first characters of the id are enough. Ids: `hopchain query "SELECT chain_id, question FROM hop_chains"`.
    """
    settings = load_settings()
    line = settings.line()
    entry = _found(line, readable(chain_id, "the id").strip().lower())
    margins = chain_margins(entry.facts, entry.chain, line.chains.certifier.margins)
    sql = compile_program(entry.chain.program, entry.chain.image_id, entry.facts.width, entry.facts.height)
    drawn = _draw(settings.home / "explain", entry)
    if as_json:
        click.echo(json.dumps(_told(entry, margins, sql, drawn), indent=2))
        return
    _print(entry, closest_calls(entry, line.chains.certifier.margins), sql, drawn)


def _found(line: Line, prefix: str) -> Entry:
    """The one chain whose id begins so.

    Raises:
        Refusal: when there is none, several, or only a rejected proposal.
    """
    if len(prefix) < SHORTEST_PREFIX:
        raise Refusal(f"give {SHORTEST_PREFIX} characters of the chain's id or more, not {prefix!r}")
    if len(prefix) > LONGEST_ID:
        raise Refusal(f"a chain's id has {LONGEST_ID} characters or less, not {len(prefix)}")
    certified, rejected = starting_with(line, prefix)
    if len(certified) > 1:
        raise Refusal(f"{len(certified)} chains or more begin with {prefix!r}: {', '.join(certified)}")
    if not certified:
        raise Refusal(_why_not(prefix, rejected))
    found = entries(line, certified)
    if not found:
        raise Refusal(f"the picture of chain {certified[0]} is being taken in again: run `hopchain run` first")
    return found[0]


def _why_not(prefix: str, rejected: list[Rejected]) -> str:
    if not rejected:
        return (
            f'no chain begins with {prefix!r}; `hopchain query "SELECT chain_id, question FROM hop_chains"` lists them'
        )
    first = rejected[0]
    return f"chain {first.chain_id} was rejected by rule {first.rule}: {first.detail} (it asked: {first.question})"


def _draw(folder: Path, entry: Entry) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{entry.chain.chain_id}.png"
    partial = path.with_suffix(".part")
    draw_chain(open_picture(entry.picture, entry.facts), entry.facts, entry.chain).save(partial, "PNG")
    partial.replace(path)
    return path


def _print(entry: Entry, calls: list[ClosestCall], sql: str, drawn: Path) -> None:
    console, chain = out(), entry.chain
    console.print(plain(chain.question, "bold"))
    show(console, _hops(entry), _margins(calls))
    meaning = QUERY_TYPE_WORDS.get(chain.query_type, "")
    say(console, f"Answer   {chain.answer}", "bold")
    say(console, f"State    {plain(entry.note if entry.state == 'verified' else f'waiting, {entry.note}')}")
    say(
        console,
        f"Chain    {chain.chain_id}, {len(chain.hops)} hops, type {chain.query_type} ({meaning}), {form_words(chain)}",
    )
    split = f", in the {entry.split} shards" if entry.split else ""
    say(console, f"Picture  {plain(entry.name)}{split}")
    say(console, f"Drawing  {drawn}")
    say(notes(), "\nThe same answer in SQL, after the line of `hopchain query --attach`:\n", "dim")
    say(console, sql)


def _hops(entry: Entry) -> Table:
    rows = table("hop", "what", "result")
    for hop in entry.chain.hops:
        uses = f", uses {' and '.join(map(str, hop.depends_on))}" if hop.depends_on else ""
        kind = plain(f"{hop.level}, {KIND_WORDS.get(hop.kind, hop.kind)}{uses}", "dim")
        what = plain(hop.text).append("\n").append_text(kind)
        rows.add_row(plain(hop.number), what, plain(result_words(hop.result, entry.facts)))
    return rows


def _margins(calls: list[ClosestCall]) -> Table:
    rows = table("hop", "closest call", "margin", "needed", right=("margin", "needed"))
    for call in calls:
        margin = plain(call.margin, "" if call.holds else "red")
        rows.add_row(plain(call.hop), plain(call.what), margin, plain(call.needed, "dim"))
    return rows


def _told(entry: Entry, margins: list[Margin], sql: str, drawn: Path) -> dict[str, object]:
    chain = entry.chain
    return {
        "chain_id": chain.chain_id,
        "question_id": chain.question_id,
        "image_id": chain.image_id,
        "file_name": entry.name,
        "question": chain.question,
        "hops": [asdict(hop) | {"result_words": result_words(hop.result, entry.facts)} for hop in chain.hops],
        "margins": [asdict(margin) for margin in margins],
        "program": chain.program.to_json(),
        "answer": chain.answer,
        "instance_ids": list(chain.instance_ids),
        "query_type": chain.query_type,
        "skeleton": chain.skeleton,
        "generator": chain.generator,
        "state": entry.state,
        "note": entry.note,
        "split": entry.split,
        "drawing": str(drawn),
        "sql": sql,
    }
