"""`hopchain doctor`: looks at this installation and says what to mend."""

from __future__ import annotations

import io
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from importlib import metadata
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import click
import duckdb
from PIL import Image, ImageFont, features
from rich.text import Text

from hopchain_assets.cli import doctor_eyes
from hopchain_assets.cli.ending import EXIT_FAILED, one_sentence
from hopchain_assets.cli.screen import command, count, load_settings, out, plain, plural, say, show, table
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import Prices
from hopchain_assets.ports.unavailable import Unavailable
from hopchain_assets.settings import Server, Servers, Settings, SettingsError
from hopchain_assets.stages.overview import figures
from hopchain_assets.warehouse.connect import WarehouseError, attached
from hopchain_assets.warehouse.lake import Lake

PYTHONS = ((3, 11), (3, 13))
PACKAGES = ("dagster", "dagster-webserver", "duckdb", "polars", "pyarrow", "great-expectations", "pillow", "numpy")
EXTENSIONS = ("ducklake", "sqlite-scanner", "postgres-scanner", "httpfs")
LEAST_FREE_BYTES = 1_000_000_000
ANSWER_SECONDS = 5
# what a check may end with besides `Ailment`: each is a sentence already
TOLD = (
    WarehouseError,
    SettingsError,
    Unavailable,
    OSError,
    duckdb.Error,
    metadata.PackageNotFoundError,
)


class Ailment(Exception):
    """Something to mend; the message says what to do."""


class NoRedirect(HTTPRedirectHandler):
    """Follows nothing: the key of one address would be sent to another."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """No request instead; the redirect is then an `HTTPError`."""


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check this installation. Ends with 0 when all is well, with 1 when something is to be mended."""
    settings = load_settings()
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("duckdb extensions", _extensions),
        ("home", _home),
        ("warehouse", _warehouse),
        ("dagster home", _dagster_home),
        ("pictures and fonts", _pictures),
        ("ledger and prices", _ledger),
        ("models", _models),
        ("segmenter", doctor_eyes.segmenter),
        ("text reader", doctor_eyes.text_reader),
        ("extras", doctor_eyes.extras),
    ]
    rows = table("check", "", "found, or what to do")
    sick = 0
    for name, check in checks:
        try:
            found, style, mark = check(settings), "green", "ok"
        except (Ailment, *TOLD) as error:
            found, style, mark = one_sentence(error), "bold red", "mend"
            sick += 1
        rows.add_row(name, Text(mark, style), plain(found))
    show(out(), rows)
    say(out(), f"{plural(sick, 'thing')} to mend." if sick else "All is well.")
    if sick:
        ctx.exit(EXIT_FAILED)


def _python(_: Settings) -> str:
    least, below = PYTHONS
    if not least <= sys.version_info[:2] < below:
        raise Ailment(
            f"Python {platform.python_version()} was not tested: use {least[0]}.{least[1]} or later, "
            f"below {below[0]}.{below[1]}"
        )
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _packages(_: Settings) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise Ailment(f"{name} is not installed: run `make run` again") from error


def _extensions(_: Settings) -> str:
    wanted = _version("duckdb")
    for name in EXTENSIONS:
        found = _version(f"duckdb-extension-{name}")
        if found != wanted:
            raise Ailment(f"duckdb-extension-{name} is {found} and duckdb {wanted}: install equal versions")
    with tempfile.TemporaryDirectory(prefix="hopchain-doctor-") as folder:
        lake = Lake(f"sqlite:{folder}/catalog.sqlite", f"{folder}/data", Path(folder) / "locks")
        lake.migrate()
        with attached(lake.catalog, lake.data_path, read_only=True):
            return f"{', '.join(EXTENSIONS)} {wanted}; a warehouse was made and opened"


def _home(settings: Settings) -> str:
    home = settings.home
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=home):
        free = shutil.disk_usage(home).free
    if free < LEAST_FREE_BYTES:
        raise Ailment(f"{home} has only {free / 1e6:.0f} MB left: make room, or set HOPCHAIN_HOME to another disk")
    return f"{home}, {free / 1e9:.0f} GB free"


def _warehouse(settings: Settings) -> str:
    lake = settings.lake()
    try:
        sizes = figures(lake)
    except WarehouseError as error:
        if "there is no warehouse" not in str(error):
            raise
        return f"none yet at {lake.shown}: `{command('demo')}` makes one"
    return (
        f"{lake.shown}: {plural(sizes.images, 'picture')}, {count(sizes.certified)} chains, "
        f"{count(sizes.verified)} verified"
    )


def _dagster_home(settings: Settings) -> str:
    folder = settings.dagster_home
    if not folder.exists():
        return f"none yet at {folder}: the first run makes it"
    with tempfile.TemporaryFile(dir=folder):
        return str(folder)


def _pictures(_: Settings) -> str:
    missing = [name for name in ("jpg", "zlib", "webp", "freetype2") if not features.check(name)]
    if missing:
        raise Ailment(f"Pillow was built without {', '.join(missing)}: install its wheel with `make run`")
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, "JPEG")
    Image.open(io.BytesIO(buffer.getvalue())).load()
    font = ImageFont.load_default(size=20)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise Ailment("Pillow has no scalable font: install its wheel with `make run`")
    return f"JPEG, PNG and WebP; text in {font.getname()[0]}"


def _ledger(settings: Settings) -> str:
    ledger, prices = Ledger(settings.operations), Prices.load(settings.prices_file)
    calls, _ = ledger.spent_today()
    priced = plural(len(prices.by_model), "price") if settings.prices_file else "no prices"
    return f"{ledger.shown}: {plural(calls, 'call')} today; {priced}"


def _models(settings: Settings) -> str:
    """Whether the servers of the settings answer, and list the models that are asked for."""
    servers = settings.servers
    if servers.vlm is None:
        return "none is asked; HOPCHAIN_VLM_URL names a server (docs/serving.md)"
    found = [_served(server) for server in (servers.vlm, servers.binder, servers.perceiver) if server]
    return "; ".join([*dict.fromkeys(found), *_own_words(servers)])


def _own_words(servers: Servers) -> list[str]:
    """What to say where the model that writes also judges what it wrote."""
    writer = servers.vlm
    roles = (("binder", servers.binder), ("perceiver", servers.perceiver))
    same = [role for role, one in roles if one and writer and (one.url, one.model) == (writer.url, writer.model)]
    return [f"the {role} reads its own words: samples of one model share its errors" for role in same]


def _served(server: Server) -> str:
    # a password in an address is refused before anything is asked or shown
    server.client()
    request = Request(f"{server.url}/models", headers={"Authorization": f"Bearer {server.key}"} if server.key else {})
    try:
        # as the line itself asks: past any proxy
        with build_opener(ProxyHandler({}), NoRedirect).open(request, timeout=ANSWER_SECONDS) as reply:
            listed = [str(one["id"]) for one in json.load(reply)["data"]]
    except HTTPError as error:
        if 300 <= error.code < 400:
            raise Ailment(
                f"{server.url} answers with a redirect: set {server.settings}_URL to the address itself"
            ) from error
        hint = f": set {server.settings}_KEY" if error.code in (401, 403) else ""
        raise Ailment(f"{server.url} answers {error.code}{hint}") from error
    except (OSError, HTTPException) as error:
        raise Ailment(
            f"nobody answers at {server.url}: start it (`hopchain serve`), or mend {server.settings}_URL"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Ailment(f"{server.url}/models is no list of models: does {server.settings}_URL end in /v1?") from error
    if server.model not in listed:
        raise Ailment(f"{server.url} serves {', '.join(listed[:5])}, not {server.model}: set {server.settings}_MODEL")
    return f"{server.model} at {server.url}"
