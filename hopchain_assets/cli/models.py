"""`hopchain models`: the SQL models of `dbt_like_sql/` without Dagster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
from rich.table import Table

from hopchain_assets.cli.ending import EXIT_FAILED, Refusal, one_sentence
from hopchain_assets.cli.screen import count, counting, load_settings, notes, out, plain, plural, say, show, table
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.model_files import Model, read_checks, read_models, with_upstream
from hopchain_assets.warehouse.model_header import ModelError
from hopchain_assets.warehouse.models import (
    Built,
    CheckResult,
    TestResult,
    build_models,
    model_states,
    remove_gone,
    run_checks,
    run_tests,
)

T = TypeVar("T")


@click.group(invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the SQL models: how each is kept, its rows, when it was built, and whether it is up to date.

    `hopchain models run` builds them, `hopchain models check` looks for rows that should not be. The models are the
    files of dbt_like_sql/, see docs/models.md; query their tables with `hopchain query`.
    """
    if ctx.invoked_subcommand is not None:
        return
    rows = table("model", "kept as", "rows", "built (UTC)", "", "what it tells", right=("rows",))
    states = model_states(_lake(), _read(read_models))
    for state in states:
        built = f"{state.built_at:%Y-%m-%d %H:%M}" if state.built_at else "never"
        mark = plain("up to date", "green") if state.up_to_date else plain("out of date", "bold yellow")
        what = state.model.description.partition(". ")[0]
        rows.add_row(state.model.name, state.model.materialized, count(state.rows), built, mark, plain(what))
    show(out(), rows)
    late = sum(not state.up_to_date for state in states)
    say(out(), f"{plural(late, 'model')} out of date: `hopchain models run`." if late else "All are up to date.")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--full", is_flag=True, help="Build all of it anew, whatever is up to date.")
@click.pass_context
def run(ctx: click.Context, names: tuple[str, ...], full: bool) -> None:
    """Build what is out of date of all models (of the named ones and those that they read), and test them.

    Ends with 1 when a model or one of its tests fails. Models whose files are gone lose their tables.
    """
    lake, known = _lake(), _read(read_models)
    # fails where there is no warehouse, and a warehouse of an earlier release has no place for models yet
    lake.snapshot()
    lake.migrate()
    _check_names(names, [model.name for model in known], "model", "hopchain models")
    wanted = set(with_upstream(known, names or [model.name for model in known]))
    if not names:
        for gone in remove_gone(lake, known):
            say(notes(), f"{gone} has no file any more: its table was dropped")
    rows = table("model", "what was done", "rows", "seconds", "tests", right=("rows", "seconds"))
    failures: list[str] = []
    with counting("models", len(wanted)) as tell:
        for number, model in enumerate((model for model in known if model.name in wanted), start=1):
            failures += _run_one(lake, model, full, rows)
            tell(number, len(wanted))
    show(out(), rows)
    for failure in failures:
        say(out(), failure, "red")
    if failures:
        ctx.exit(EXIT_FAILED)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Run the set-wide checks on the tables (or the named ones). Ends with 1 when one of them fails."""
    lake, known = _lake(), _read(read_checks)
    _check_names(names, [one.name for one in known], "check", "hopchain models check")
    results = _read(lambda: run_checks(lake, known, names or None), EXIT_FAILED)
    show(out(), _checked(results))
    broken = [result for result in results if not result.passed]
    for result in broken:
        say(out(), f"{result.check.file}: {result.check.description}")
        for row in result.sample:
            say(out(), "  " + ", ".join(f"{name}={value}" for name, value in row.items()), "red")
    say(out(), f"{plural(len(broken), 'check')} failed." if broken else "All hold.")
    if broken:
        ctx.exit(EXIT_FAILED)


def _lake() -> Lake:
    return load_settings().lake()


def _read(work: Callable[[], T], exit_code: int = 2) -> T:
    """Runs it; what is wrong with a file is told as it is.

    Raises:
        Refusal: instead of ModelError.
    """
    try:
        return work()
    except ModelError as error:
        raise Refusal(str(error), exit_code) from error


def _check_names(names: tuple[str, ...], known: list[str], what: str, lister: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"There is no {what} {unknown[0]!r}: `{lister}` lists them.")


def _run_one(lake: Lake, model: Model, full: bool, rows: Table) -> list[str]:
    """Builds and tests a model; adds its row, and returns what failed."""
    try:
        (built,) = build_models(lake, [model], full=full)
        results = run_tests(lake, model)
    except ModelError as error:
        rows.add_row(model.name, plain("failed", "bold red"), "", "", "")
        return [one_sentence(error)]
    broken = [result for result in results if not result.passed]
    told = plain(f"{len(broken)} of {len(results)} failed", "bold red") if broken else plain(f"{len(results)} passed")
    rows.add_row(model.name, _done(built), count(built.rows), f"{built.seconds:.2f}", told)
    return [_breach(model, result) for result in broken]


def _done(built: Built) -> str:
    if built.skipped:
        return "was up to date"
    return plural(built.batches_rebuilt, "batch", "batches") if built.batches_rebuilt else "built whole"


def _breach(model: Model, result: TestResult) -> str:
    says = next(f"{test.line}: {test.says}" for test in model.tests if test.name == result.name)
    return f"{model.file}:{says}: {plural(result.failing, 'row')} break it, such as {'; '.join(result.sample)}"


def _checked(results: list[CheckResult]) -> Table:
    made = table("check", "table", "", "failing", "seconds", right=("failing", "seconds"))
    for result in results:
        mark = plain("holds", "green") if result.passed else plain("fails", "bold red")
        made.add_row(result.check.name, result.check.table, mark, count(result.failing), f"{result.seconds:.2f}")
    return made
