"""`hopchain review`: the pages on which people answer questions."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.listening import LOOPBACK, check_port
from hopchain_assets.cli.review_label_studio import export, import_votes
from hopchain_assets.cli.screen import command, load_settings, notes, out, plural, say
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.operations.trouble import OperationsError
from hopchain_assets.settings import Settings

# who acts where it is the command line
COMMAND_LINE = "command line"
LEAD = "Lead"


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8500, show_default=True)
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen at.")
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Where people reach it, such as https://review.example.org. Needed, with HOPCHAIN_REVIEW_SECRET, for any "
    "--host but loopback.",
)
@click.option("--demo", is_flag=True, help="Begin with sample questions and four invited people, in its own folder.")
@click.pass_context
def review(context: click.Context, port: int, host: str, public_url: str, demo: bool) -> None:
    """Serve the pages on which people answer questions, blind; Ctrl-C ends it.

    Prints a link for who leads. They invite the others on their page, or you do: `hopchain review invite NAME`.
    """
    if context.invoked_subcommand:
        return
    settings = load_settings()
    if demo:
        from hopchain_assets.cli.review_demo import prepare

        settings = prepare(settings)
    address = _address(public_url, host, port)
    secret = _secret(settings, host, public_url)
    check_port(port, host)
    book = open_book(settings)
    try:
        links = _links(book, address, demo)
        waiting = book.figures().states.get("open", 0)
    except OperationsError as error:
        raise Refusal(str(error)) from error
    _tell(waiting, links)
    _serve(settings, book, secret, host, port, address)


@review.command()
@click.argument("name")
@click.option("--lead", is_flag=True, help="They see everything and answer nothing.")
@click.option("--base", default=f"http://{LOOPBACK}:8500", show_default=True, help="Where they reach the pages.")
def invite(name: str, lead: bool, base: str) -> None:
    """Invite somebody, and print their link."""
    book = open_book(load_settings())
    try:
        _, token = book.invite(name, "lead" if lead else "annotator", COMMAND_LINE)
    except (Refused, OperationsError) as error:
        raise Refusal(str(error)) from error
    say(out(), f"{base.rstrip('/')}/enter/{token}")
    say(notes(), "Whoever has this link answers as them; it works until they get a new one.")


@review.command()
@click.argument("name")
@click.option("--base", default=f"http://{LOOPBACK}:8500", show_default=True, help="Where they reach the pages.")
def link(name: str, base: str) -> None:
    """Print a new link for somebody; their old one ends."""
    book = open_book(load_settings())
    try:
        named = [one.person_id for one in book.figures().people if one.name == name and one.status != "removed"]
        if not named:
            raise Refusal(f"there is nobody called {name!r}")
        token = book.new_link(named[0], COMMAND_LINE)
    except (Refused, OperationsError) as error:
        raise Refusal(str(error)) from error
    say(out(), f"{base.rstrip('/')}/enter/{token}")


review.add_command(export)
review.add_command(import_votes)


def open_book(settings: Settings) -> ReviewBook:
    """The questions and votes of these settings. Opens nothing."""
    return ReviewBook(settings.operations, settings.review.rules)


def _address(public_url: str, host: str, port: int) -> str:
    """Where people reach it."""
    if not public_url:
        return f"http://{host}:{port}"
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Refusal(
            f"--public-url must be an address without a path, such as https://review.example.org: {public_url}"
        )
    return public_url.rstrip("/")


def _secret(settings: Settings, host: str, public_url: str) -> str:
    """What signs the cookies.

    Raises:
        Refusal: where others can reach the service and nobody said that they may, or set a secret.
    """
    if not _is_loopback(host):
        if not public_url:
            raise Refusal(f"{host} can be reached by others: say with --public-url where they are to come")
        if not settings.review.secret:
            raise Refusal(
                f"{host} can be reached by others: set HOPCHAIN_REVIEW_SECRET first, such as to what "
                "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` prints"
            )
    return settings.review.secret or _kept_secret(settings.home / "review-secret")


def _kept_secret(path: Path) -> str:
    """A secret for this machine alone, made once, so that a restart ends no session."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    made = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w") as file:
        file.write(made)
    return made


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _links(book: ReviewBook, address: str, demo: bool) -> list[tuple[str, str]]:
    """The lead's first link, and in the demo everybody's. Links are kept nowhere: each start of it makes new ones."""
    people = book.figures().people
    leads = [person for person in people if person.role == "lead" and person.status != "removed"]
    told: list[tuple[str, str]] = []
    if not leads:
        told.append((LEAD, book.invite(LEAD, "lead", COMMAND_LINE)[1]))
    elif demo:
        told += [
            (person.name, book.new_link(person.person_id, COMMAND_LINE))
            for person in people
            if person.status != "removed"
        ]
    return [(name, f"{address}/enter/{token}") for name, token in told]


def _tell(waiting: int, links: Sequence[tuple[str, str]]) -> None:
    say(notes(), f"{plural(waiting, 'question')} open. Ctrl-C ends it.")
    if not links:
        say(notes(), f"Who leads has a link; `{command(f'review link {LEAD}')}` makes a new one.")
        return
    width = max(len(name) for name, _ in links)
    for name, link in links:
        # a link is copied: no table may fold it
        say(out(), f"{name:{width}}  {link}")


def _serve(settings: Settings, book: ReviewBook, secret: str, host: str, port: int, address: str) -> None:
    import uvicorn

    from hopchain_assets.annotate.app import create_app
    from hopchain_assets.warehouse.pictures import PictureStore

    app = create_app(book, PictureStore(settings.picture_folder).get, secret, address)
    # links stand in addresses, so addresses are not logged
    try:
        uvicorn.run(app, host=host.strip("[]"), port=port, log_level="warning", access_log=False, server_header=False)
    finally:
        book.close()
        say(notes(), "Ended.")
