"""`hopchain import`: pictures without marks, from Parquet, a saved dataset, a folder or a list of addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.intake import Intake, Taken
from hopchain_assets.cli.screen import (
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
from hopchain_assets.sources.hf_dataset import count_dataset, read_dataset
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource
from hopchain_assets.sources.kinds import Kind, Source, tell
from hopchain_assets.sources.loose_files import read_files
from hopchain_assets.sources.parquet import count_parquet, read_parquet
from hopchain_assets.sources.urls import Downloads, Listed, read_list
from hopchain_assets.warehouse.known import known_addresses

# so many pictures at once are sealed into batches: a killed import loses fewer, and a warehouse is not asked for each
SEALED_AT_ONCE = 256

Rows = Iterator[Picture | LeftOut]


@click.command("import")
@click.argument("source")
@click.option("--column", help="The column with the pictures, where several could hold them.")
@click.option("--limit", type=click.IntRange(1), help="Look at no more than this many rows, files or addresses.")
@click.option("--allow-download", is_flag=True, help="Fetch the addresses of a list. Only https, only public hosts.")
def import_pictures(source: str, column: str | None, limit: int | None, allow_download: bool) -> None:
    """Import pictures that nobody marked.

    SOURCE is a Parquet file with image bytes, or a folder or pattern of them; a directory that `datasets` saved;
    a folder of pictures, which stay where they are; or a text file with an https address on each line.
    Run it again at any time: what is known is not stored or fetched again.
    """
    settings = load_settings()
    try:
        found = tell(source)
        if column is not None and found.kind not in (Kind.PARQUET, Kind.DATASET):
            raise Refusal(f"--column is for Parquet files and saved datasets, and {source} is {found.kind.value}")
        if found.kind is Kind.ADDRESSES:
            taken = _from_addresses(settings, found, limit, allow_download)
        else:
            taken = _from_files(settings, found, column, limit)
    except UnusableSource as error:
        raise Refusal(str(error)) from error
    if not taken.usable:
        first = f"; the first, {taken.left_out[0].name}: {taken.left_out[0].reason}" if taken.left_out else ""
        raise Refusal(f"{source} gives no picture that could be used{first}")
    _report(taken, found.passed_over)


def _from_files(settings: Settings, source: Source, column: str | None, limit: int | None) -> Taken:
    read, total = _reader(source, column)
    at_once = settings.batch_size * max(1, SEALED_AT_ONCE // settings.batch_size)
    return _take_in(Intake(settings, at_once), islice(read, limit), total if limit is None else min(total, limit))


def _reader(source: Source, column: str | None) -> tuple[Rows, int]:
    """The rows of a source, and how many there are."""
    if source.kind is Kind.PARQUET:
        return read_parquet(source.files, source.root, column), count_parquet(source.files)
    if source.kind is Kind.DATASET:
        return read_dataset(source.root, column), count_dataset(source.root)
    return read_files(source.files, source.root), len(source.files)


def _from_addresses(settings: Settings, source: Source, limit: int | None, allowed: bool) -> Taken:
    (path,) = source.files
    listed = read_list(path, limit)
    if not allowed and listed.urls:
        raise Refusal(
            f"{path} would have {plural(len(listed.urls), 'picture')} fetched from {plural(listed.hosts, 'host')}: "
            "say --allow-download if that is meant"
        )
    intake = Intake(settings, settings.batch_size)
    intake.leave_out(listed.left_out)
    if not listed.urls:
        return intake.taken
    return fetch(intake, settings, listed, Downloads())


def fetch(intake: Intake, settings: Settings, listed: Listed, downloads: Downloads) -> Taken:
    """Fetches the addresses of a list from which nothing has come yet."""
    lake = settings.lake()
    lake.migrate()
    known = known_addresses(lake, listed.urls)
    intake.taken.known += len(known)
    wanted = [url for url in listed.urls if url not in known]
    with closing(downloads.fetch(wanted)) as rows:
        return _take_in(intake, rows, len(wanted))


def _take_in(intake: Intake, rows: Iterable[Picture | LeftOut], total: int) -> Taken:
    with counting("Importing pictures", total) as progress:
        return intake.take(rows, lambda done: progress(done, None))


def _report(taken: Taken, passed_over: int) -> None:
    console = out()
    parts = [f"{count(taken.new)} new", f"{count(taken.known)} known before"]
    parts += [f"{count(taken.twice)} twice in the source"] if taken.twice else []
    parts += [f"{count(taken.n_left_out)} unusable"] if taken.n_left_out else []
    say(console, f"Pictures: {', '.join(parts)}.")
    if passed_over:
        say(console, f"Passed over: {plural(passed_over, 'file')} of other kinds.")
    say_batches(console, taken.batches)
    unusable = [(one.name, one.reason) for one in taken.left_out]
    show_left_out(console, unusable, taken.n_left_out, ("unusable", "reason"))
    if taken.batches or taken.changed:
        say(notes(), f"Next: {command('run')}")
