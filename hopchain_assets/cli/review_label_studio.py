"""`hopchain review export` and `import`: questions out to Label Studio, and votes back from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import command, counting, load_settings, notes, out, plain, plural, say, show, table
from hopchain_assets.cli.telling import show_left_out
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.elsewhere import TakenIn, VoteElsewhere
from hopchain_assets.operations.trouble import OperationsError
from hopchain_assets.settings import Settings

LABEL_STUDIO = "label-studio"
COMMAND_LINE = "command line"
DAYS, MOST = 14.0, 100
# votes in one transaction: the page waits no longer than for these
AT_ONCE = 20


@click.command("export")
@click.option("--to", "program", type=click.Choice([LABEL_STUDIO]), required=True, help="For which program.")
@click.option("--out", "folder", type=click.Path(path_type=Path), help="Where to. [default: label-studio in the home]")
@click.option(
    "--pictures-url",
    default="",
    metavar="PREFIX",
    help="Where pictures are served, each as PREFIX/ID; else they are copied beside the tasks.",
)
@click.option("--most", type=click.IntRange(1), default=MOST, show_default=True, help="New questions for each person.")
@click.option(
    "--days",
    type=click.FloatRange(0, 3650, min_open=True),
    default=DAYS,
    show_default=True,
    help="How long they are kept for them.",
)
@click.option("--again", is_flag=True, help="Write what is out already, for files that were lost; nothing new.")
@click.option("--take-back", is_flag=True, help="Write nothing; what is out and not answered goes to others.")
def export(
    program: str, folder: Path | None, pictures_url: str, most: int, days: float, again: bool, take_back: bool
) -> None:
    """Hand out questions for people to answer in Label Studio, a project for each.

    Everybody who is invited and active gets a folder with config.xml and tasks.json; questions are theirs for --days,
    and the page gives them to nobody in their place. `import` brings the votes back.
    """
    del program
    if again and take_back:
        raise Refusal("--again and --take-back contradict each other: choose one")
    if pictures_url and urlsplit(pictures_url).scheme not in ("http", "https"):
        raise Refusal(f"--pictures-url must begin with http:// or https://: {pictures_url}")
    settings = load_settings()
    with closing(_book(settings)) as book:
        try:
            if take_back:
                say(out(), f"Taken back: {plural(book.take_back(None, COMMAND_LINE), 'question')}, counted by person.")
            else:
                _export(settings, book, folder or settings.home / LABEL_STUDIO, pictures_url, most, days, again)
        except OperationsError as error:
            raise Refusal(str(error)) from error


@click.command("import")
@click.option("--from", "program", type=click.Choice([LABEL_STUDIO]), required=True, help="From which program.")
@click.option(
    "--server",
    default="",
    metavar="NAME",
    help="Tells this Label Studio from another that numbers its annotations alike, such as one on another machine.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def import_votes(program: str, server: str, files: Sequence[Path]) -> None:
    """Take in votes that people gave in Label Studio.

    FILES are what it exports as JSON (or JSON-MIN). The rules are those of the page; a file that is imported twice
    changes nothing. What may not count is listed with the reason.
    """
    del program
    taken = known = unreadable = 0
    left_out: list[tuple[str, str]] = []
    with closing(_book(load_settings())) as book:
        for path in files:
            try:
                votes, wrong = _read(path, server)
            except Refusal as refusal:
                unreadable += 1
                left_out.append((str(path), str(refusal)))
                continue
            left_out += wrong
            try:
                for done in _take_in(book, path, votes):
                    taken, known = taken + done.taken, known + done.known
                    left_out += done.left_out
            except OperationsError as error:
                raise Refusal(f"{error}; {plural(taken, 'vote')} taken down before: import it again") from error
    if unreadable == len(files):
        raise Refusal(f"nothing can be read: {left_out[0][0]}: {left_out[0][1]}")
    say(out(), f"Votes: {taken} new, {known} known before, {len(left_out)} left out.")
    show_left_out(out(), left_out)


def _book(settings: Settings) -> ReviewBook:
    return ReviewBook(settings.operations, settings.review.rules)


def _export(
    settings: Settings, book: ReviewBook, folder: Path, prefix: str, most: int, days: float, again: bool
) -> None:
    from hopchain_assets.annotate.label_studio import write
    from hopchain_assets.warehouse.pictures import PictureStore

    # before anything is handed out
    folder.mkdir(parents=True, exist_ok=True)
    bundles = book.hand_out_again(days, COMMAND_LINE) if again else book.hand_out(most, days, COMMAND_LINE)
    if not bundles:
        say(out(), "Nothing is out." if again else "Nobody can be given a question: none is open for who is invited.")
        return
    try:
        written = write(folder, bundles, PictureStore(settings.picture_folder).get, prefix)
    except OSError as error:
        # they are handed out: what was not written must not be lost
        advice = command(f"review export --to {LABEL_STUDIO} --again")
        raise Refusal(f"the files cannot be written: {error}; the questions are out, `{advice}` writes them") from error
    shown = table("person", "questions", "tasks", right=("questions",))
    for one in written.projects:
        shown.add_row(plain(one.name), str(one.count), plain(one.tasks))
    show(out(), shown)
    _tell(book, folder.absolute(), written.missing, copied=not prefix)


def _tell(book: ReviewBook, folder: Path, missing: Sequence[str], copied: bool) -> None:
    """Takes back what cannot be looked at, and says what Label Studio needs."""
    from hopchain_assets.annotate.label_studio import PICTURES

    if missing:
        book.take_back(missing, COMMAND_LINE)
        say(notes(), f"Left out: {plural(len(missing), 'picture')} cannot be read, such as {missing[0]}.")
    if copied:
        say(notes(), "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and")
        say(notes(), f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={folder}, and give each project a local")
        say(notes(), f"storage on {folder / PICTURES}.")


def _read(path: Path, server: str) -> tuple[Sequence[VoteElsewhere], Sequence[tuple[str, str]]]:
    """The votes of a file, and what is none.

    Raises:
        Refusal: when it cannot be read.
    """
    from hopchain_assets.annotate.label_studio_votes import Unreadable, read_votes

    try:
        read = read_votes(path.read_bytes(), server)
    except OSError as error:
        raise Refusal(error.strerror or str(error)) from error
    except Unreadable as error:
        raise Refusal(str(error)) from error
    return read.votes, read.left_out


def _take_in(book: ReviewBook, path: Path, votes: Sequence[VoteElsewhere]) -> Iterator[TakenIn]:
    with counting(f"Importing {path.name}", len(votes)) as progress:
        rest, done = iter(votes), 0
        while some := list(islice(rest, AT_ONCE)):
            yield book.take_in(some)
            done += len(some)
            progress(done, None)
