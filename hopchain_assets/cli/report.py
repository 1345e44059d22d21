"""`hopchain report`: one page that shows how the line is doing."""

from __future__ import annotations

from pathlib import Path

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import busy, command, load_settings, notes, out, plural, say
from hopchain_assets.export.report import write_report
from hopchain_assets.export.report_data import CheckRow, Report
from hopchain_assets.export.words import Entry, shortened
from hopchain_assets.stages.reporting import read_report, samples
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.model_files import read_checks
from hopchain_assets.warehouse.model_header import ModelError
from hopchain_assets.warehouse.models import CheckResult, run_checks


@click.command()
@click.option(
    "--out", "target", type=click.Path(path_type=Path), help="Where to write it.  [default: report.html in the home]"
)
def report(target: Path | None) -> None:
    """Write one HTML page: yields, samples with picture, hops and margins, rejects, what waits, checks.

    The page holds its pictures and loads nothing, so it can be sent to somebody as it is.
    """
    settings = load_settings()
    line = settings.line()
    path = target or settings.home / "report.html"
    with busy("Checking the whole warehouse"):
        checks = _checks(line.lake)
    with busy("Reading the warehouse"):
        found = read_report(line, checks)
    with busy("Drawing the samples"):
        _write(path, found, samples(line))
    whole = found.total
    if not whole.landed:
        say(out(), f"Nothing has been imported yet; the page says so: {path}")
        say(notes(), f"Next: {command('demo')}")
        return
    failing = sum(not check.passed for check in checks)
    told = f"{failing} of {len(checks)} checks fail" if failing else f"all {len(checks)} checks pass"
    say(
        out(),
        f"{plural(whole.usable, 'picture')}, {plural(whole.certified, 'question')} certified, {whole.verified:,} "
        f"verified, {whole.in_shards:,} in shards; {told}.",
    )
    say(out(), f"Report  {path}")


def _write(path: Path, found: Report, shown: list[Entry]) -> None:
    try:
        if path.is_dir():
            raise Refusal(f"{path} is a folder: name a file in it")
        write_report(path, found, shown)
    except OSError as error:
        # a picture that cannot be opened is an OSError too, without a number
        if error.errno is None:
            raise
        raise Refusal(f"cannot write {path}: {error.strerror}") from error


def _checks(lake: Lake) -> tuple[CheckRow, ...]:
    try:
        results = run_checks(lake, read_checks())
    except ModelError as error:
        # a check that cannot be run is a finding too, and no reason to show nothing
        return (CheckRow("set-wide checks", "", str(error), passed=False),)
    return tuple(_row(result) for result in results)


def _row(result: CheckResult) -> CheckRow:
    check = result.check
    first = ", ".join(f"{name}={value}" for name, value in result.sample[0].items()) if result.sample else ""
    return CheckRow(check.name, check.table, check.description, result.passed, result.failing, shortened(first, 200))
