"""`hopchain stand-in`: a server that answers as a model would, from known truth."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from pathlib import Path

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.screen import busy, load_settings, notes, out, plural, say
from hopchain_assets.settings import Settings
from hopchain_assets.stand_in.answering import StandIn
from hopchain_assets.stand_in.faults import FaultError, Rates
from hopchain_assets.stand_in.server import LOOPBACK, Server, serve
from hopchain_assets.stand_in.truth import Truth, TruthError
from hopchain_assets.stand_in.truth_log import TruthLog

SHARE = click.FloatRange(0, 1)
EXPORTS = """export HOPCHAIN_VLM_URL={url}
export HOPCHAIN_VLM_MODEL=stand-in
export HOPCHAIN_BINDER_MODEL=stand-in-binder
export HOPCHAIN_PERCEIVER_MODEL=stand-in-perceiver"""


@click.command("stand-in")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A COCO file with its pictures beside it, or a folder with instances.json; may be given again.  "
    "[default: the scenes rendered under $HOPCHAIN_HOME]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8400, show_default=True, help="0: any that is free.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Other answers, other faults."
)
@click.option("--faults", default="", help="Rates by kind, such as wrong_number=0.05,http_500=0.02; see the docs.")
@click.option("--mends", type=SHARE, default=0.5, show_default=True, help="Share of repairs that mend a planted fault.")
@click.option("--binder-lies", type=SHARE, default=0.0, help="Share of readings that are wrong.")
@click.option("--perceiver-lies", type=SHARE, default=0.0, help="Share of looks at a crop that are wrong.")
@click.option("--perceives", type=SHARE, default=0.0, help="Share of chains with a look that no mask proves.")
@click.option("--slow-seconds", type=click.FloatRange(0, 3600), default=5.0, help="How long a slow reply waits.")
@click.option("--log", type=click.Path(path_type=Path, dir_okay=False), help="Where to keep what was answered.")
def stand_in(
    truth: tuple[Path, ...],
    port: int,
    seed: int,
    faults: str,
    mends: float,
    binder_lies: float,
    perceiver_lies: float,
    perceives: float,
    slow_seconds: float,
    log: Path | None,
) -> None:
    """Serve a stand-in for a vision-language model, for trials without one; Ctrl-C ends it.

    It knows the truth of rendered scenes or of your annotated pictures, answers from it, and makes mistakes by rate.
    """
    settings = load_settings()
    try:
        rates = Rates(_rates(faults), mends, binder_lies, perceiver_lies, perceives, slow_seconds)
        with busy("Reading the truth"):
            known = Truth(truth or _rendered(settings))
    except (FaultError, TruthError) as error:
        raise Refusal(str(error)) from error
    path = log or _default_log(settings)
    _serve(Server(StandIn(known, rates, seed), _opened(path)), port, path, len(known))


def _rates(text: str) -> Mapping[str, float]:
    rates: dict[str, float] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, share = part.partition("=")
        try:
            rates[name.strip()] = float(share)
        except ValueError as error:
            raise Refusal(f"--faults holds {part!r}: write NAME=SHARE, such as wrong_number=0.05") from error
    return rates


def _rendered(settings: Settings) -> list[Path]:
    folders = settings.scene_folders()
    if not folders:
        raise Refusal("there are no rendered scenes to answer from: run `hopchain scenes` first, or name --truth")
    return folders


def _default_log(settings: Settings) -> Path:
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings.home / "stand-in.jsonl"


def _opened(path: Path) -> TruthLog:
    try:
        return TruthLog(path)
    except OSError as error:
        raise Refusal(f"the log {path} cannot be written: {error.strerror}") from error


def _serve(server: Server, port: int, log: Path, pictures: int) -> None:
    def started(at: int) -> None:
        say(notes(), f"A stand-in for a model, with the truth of {plural(pictures, 'picture')}. Its log: {log}")
        say(notes(), "In another terminal:")
        say(out(), EXPORTS.format(url=f"http://{LOOPBACK}:{at}/v1"))
        say(notes(), "Ctrl-C ends it.")

    try:
        asyncio.run(serve(server, port, started))
    except KeyboardInterrupt:
        say(notes(), "Ended.")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Refusal(f"port {port} of {LOOPBACK} is in use: choose another one with --port") from error
