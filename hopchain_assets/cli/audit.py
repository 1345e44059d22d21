"""`hopchain audit`: people say of which pictures all objects of a category are marked."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.output import check_output, write_output
from hopchain_assets.cli.screen import (
    command,
    count,
    load_settings,
    notes,
    out,
    plain,
    plural,
    readable,
    say,
)
from hopchain_assets.cli.telling import show_left_out
from hopchain_assets.export.drawing import open_picture, outline_instances
from hopchain_assets.settings import Settings
from hopchain_assets.stages.auditing import Question, answers_from, answers_to_keep, facts_of, open_questions
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.landing import Audit, record_audits

ANSWERS = {"y": True, "yes": True, "n": False, "no": False}
NOTHING_LEFT = (
    "Nothing is left to audit: of what you named, nothing is marked in a picture, or somebody has looked at it already."
)
TEXTS = ("file_name", "sha256", "category", "by")
QUIT = ("q", "quit")
SKIP = ("s", "skip", "")


@click.command()
@click.option("--image", "prefix", default="", help="Only pictures whose id begins so.")
@click.option("--category", default="", help="Only this category.")
@click.option("--by", help="Whose word it is.  [default: your login name]")
@click.option("--open", "opens", is_flag=True, help="Open each picture in your viewer.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Take answers from a JSON list instead.")
@click.option("--export", "target", type=click.Path(path_type=Path), help="Write all answers to a JSON list instead.")
def audit(prefix: str, category: str, by: str | None, opens: bool, source: Path | None, target: Path | None) -> None:
    """Go through pictures and say whether all objects of a category are marked, each once.

    Only where somebody says yes may questions count or search a category and reach the training shards. Each
    answer is recorded at once. A list for --from holds {"file_name", "sha256" (optional), "category",
    "exhaustive", "by" (optional)}.
    """
    if source and target:
        raise click.UsageError("--from and --export do not go together.")
    prefix, category = readable(prefix, "--image").strip().lower(), readable(category, "--category")
    settings = load_settings()
    line = settings.line()
    if target:
        check_output(target)
        _export(line, target)
        return
    who = readable(by or _login(), "--by").strip()
    if not who:
        raise click.UsageError("Say with --by whose word it is.")
    if source:
        _import(line, source, who)
        return
    _ask_all(settings, line, open_questions(line.lake, prefix, category), who, opens)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container's user may have a number and no name
        return ""


def _export(line: Line, target: Path) -> None:
    rows = answers_to_keep(line.lake)
    write_output(target, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
    say(out(), f"{plural(len(rows), 'answer')} in {target}")


def _import(line: Line, source: Path, who: str) -> None:
    answers = answers_from(line, _rows(source), who)
    new = record_audits(line.lake, answers.audits) if answers.audits else 0
    console = out()
    known = len(answers.audits) - new
    say(console, f"Answers: {count(new)} new, {count(known)} known before, {count(len(answers.left_out))} left out.")
    show_left_out(console, answers.left_out)
    if new:
        say(notes(), f"Next: {command('run')}")


def _rows(source: Path) -> list[dict[str, object]]:
    try:
        rows = json.loads(source.read_bytes())
    except OSError as error:
        raise Refusal(f"cannot read {source}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{source} is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(f"{source} must hold a list of objects with file_name, category and exhaustive")
    for number, row in enumerate(rows, start=1):
        for name in TEXTS:
            if not isinstance(row.get(name, ""), str):
                raise Refusal(f"entry {number} of {source} has a {name} that is no text: mend it")
            readable(row.get(name, ""), f"the {name} of entry {number} of {source}")
    return rows


def _ask_all(settings: Settings, line: Line, questions: Sequence[Question], who: str, opens: bool) -> None:
    console = out()
    if not questions:
        say(console, NOTHING_LEFT)
        return
    helped = sum(1 for question in questions if question.waiting)
    say(
        console,
        f"{plural(len(questions), 'category', 'categories')} of pictures to look at; chains wait for {count(helped)}.",
    )
    say(console, "y: all are marked, each once   n: not so   s: skip   q: quit", "dim")
    recorded = 0
    for number, question in enumerate(questions, start=1):
        path = _draw(settings.home / "audit", line, question)
        say(console, f"\n{number} of {len(questions)}  {path}")
        if opens:
            click.launch(str(path))
        answer = _answer(question)
        if answer in QUIT:
            break
        if answer in ANSWERS:
            recorded += record_audits(line.lake, [Audit(question.image_id, question.category, ANSWERS[answer], who)])
    say(console, f"{plural(recorded, 'answer')} recorded.")
    if recorded:
        say(notes(), f"Next: {command('run')}")


def _answer(question: Question) -> str:
    """One of the known answers; the end of the input is the end of the work."""
    marks = f"{plural(question.marks, 'mark')}"
    waiting = f", {plural(question.waiting, 'chain waits', 'chains wait')}" if question.waiting else ""
    words = plain(
        f"{question.name} ({marks}{waiting}): is every {question.category} marked, and each mark exactly one?"
    )
    while True:
        try:
            answer = click.prompt(words.plain, prompt_suffix=" [y/n/s/q] ", default="", show_default=False)
        except click.Abort:
            # at the end of the input, as at Ctrl-C, all that was answered is recorded already
            click.echo()
            return QUIT[0]
        answer = answer.strip().lower()
        if answer in (*ANSWERS, *QUIT, *SKIP):
            return answer
        say(out(), "Please answer y, n, s or q.")


def _draw(folder: Path, line: Line, question: Question) -> Path:
    facts = facts_of(line.lake, question)
    marked = sorted((item for item in facts.instances if item.category == question.category), key=lambda item: item.cx)
    labels = {item.instance_id: str(number) for number, item in enumerate(marked, start=1)}
    picture = open_picture(line.pictures.get(question.image_id), facts)
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9]+", "-", question.category).strip("-").lower() or "category"
    path = folder / f"{question.image_id[:12]}-{name[:40]}.png"
    partial = path.with_suffix(".part")
    outline_instances(picture, marked, labels).save(partial, "PNG")
    partial.replace(path)
    return path
