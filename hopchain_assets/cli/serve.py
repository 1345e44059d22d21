"""`hopchain serve`: starts vLLM for a model on the cards that are here, or prints the command that does."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from hopchain_assets.cli.ending import EXIT_FAILED, Refusal
from hopchain_assets.cli.screen import notes, out, plural, readable, say
from hopchain_assets.models.vllm_serve import (
    LOOPBACK,
    MODEL_LENGTH,
    USUAL_GIGABYTES,
    ServeError,
    Serving,
    serve_arguments,
    serve_environment,
    weight_gigabytes,
)
from hopchain_assets.settings import Server, Servers
from hopchain_assets.settings.servers import WRITER_MODEL

PROGRAM = "vllm"
LOOPBACKS = (LOOPBACK, "localhost", "::1")
CARDS = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
MEBIBYTE = 2**20 / 1e9
PAGE = "docs/serving.md"


@click.command()
@click.option("--model", help=f"A name on Hugging Face, or a folder.  [default: HOPCHAIN_VLM_MODEL or {WRITER_MODEL}]")
@click.option("--revision", help="Branch, tag or commit of the model.  [default: HOPCHAIN_VLM_REVISION]")
@click.option("--gpus", type=click.IntRange(0, 1024), help="Cards; 0 for the processor.  [default: those here]")
@click.option("--host", default=LOOPBACK, show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--max-model-len", "length", type=click.IntRange(1024), default=MODEL_LENGTH, show_default=True)
@click.option("--compressed-kv", is_flag=True, help="Keep what was read in 8 bits: room for twice as much.")
@click.option("--print", "only_print", is_flag=True, help="Print the command and start nothing.")
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- VLLM_ARGUMENTS]")
@click.pass_context
def serve(
    ctx: click.Context,
    model: str | None,
    revision: str | None,
    gpus: int | None,
    host: str,
    port: int,
    length: int,
    compressed_kv: bool,
    only_print: bool,
    extra: tuple[str, ...],
) -> None:
    """Serve a vision-language model with vLLM, or print the command that does.

    What stands after -- goes to vLLM and overrules what is chosen here. docs/serving.md tells which model fits what.
    """
    for text in (model or "", revision or "", host, *extra):
        readable(text, "an argument")
    if any(text.split("=")[0] == "--api-key" for text in extra):
        raise Refusal("every user of this machine can read a key among the arguments: set HOPCHAIN_VLM_KEY instead")
    vlm = _server(host, port, model, revision)
    environment = {**os.environ, **serve_environment(vlm.key)}
    _check_door(host, environment)
    try:
        wanted = Serving(vlm.model, 1, USUAL_GIGABYTES, vlm.revision, host, port, length, compressed_kv, extra)
    except ServeError as error:
        raise Refusal(str(error)) from error
    placed = _on_cards(wanted, gpus)
    program = _program()
    _tell(placed, vlm.url)
    if only_print or program is None:
        say(out(), _as_typed(placed, vlm.key))
    if only_print:
        return
    if program is None:
        say(notes(), f"vLLM is not installed here. {_how_to_install()}")
        ctx.exit(EXIT_FAILED)
    # vLLM takes our place, so that whoever ends us (Ctrl-C, a supervisor) ends it, and no orphan holds the cards
    os.execve(program, [program, *serve_arguments(placed)], environment)


def _server(host: str, port: int, model: str | None, revision: str | None) -> Server:
    """The server that begins here: model, revision and key as set, also where no address is set yet."""
    address = f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"
    vlm = Servers.load({**os.environ, "HOPCHAIN_VLM_URL": address}).vlm
    if vlm is None:
        raise Refusal(f"the settings name no model for {address}: say which with --model")
    if model is not None and model != vlm.model:
        # the revision that is set is the other model's
        vlm = replace(vlm, model=model, revision="")
    return vlm if revision is None else replace(vlm, revision=revision)


def _check_door(host: str, environment: Mapping[str, str]) -> None:
    """Nobody serves the whole network by accident.

    Raises:
        Refusal: when others can reach the server, and it asks for no key.
    """
    if host in LOOPBACKS:
        return
    if not environment.get("VLLM_API_KEY"):
        raise Refusal(f"with --host {host} everyone who reaches this machine could ask: set HOPCHAIN_VLM_KEY first")
    say(
        notes(),
        "vLLM asks for the key under /v1 only, other paths answer without: let a firewall or a proxy keep them.",
    )


def _on_cards(wanted: Serving, gpus: int | None) -> Serving:
    """The same on so many cards, or on all that are here.

    Raises:
        Refusal: when nobody says how many there are, or the cards found are too small.
    """
    cards = _cards()
    if gpus is None and not cards:
        raise Refusal("nvidia-smi lists no card here, so say how many there are with --gpus (0 for the processor)")
    count = len(cards) if gpus is None else gpus
    placed = replace(wanted, gpus=count, gigabytes=min(cards, default=USUAL_GIGABYTES))
    if gpus is None and placed.too_large:
        raise Refusal(
            f"the weights of {wanted.model} have about {weight_gigabytes(wanted.model):.0f} GB, too many for "
            f"{plural(count, 'card')} of {placed.gigabytes:.0f} GB: choose a smaller model with --model ({PAGE} lists "
            f"some), or say --gpus {count} to try it all the same"
        )
    return placed


def _cards() -> list[float]:
    """The memory of each NVIDIA card in 10^9 bytes; none where there is no nvidia-smi, or it fails."""
    program = shutil.which(CARDS[0])
    if program is None:
        return []
    try:
        told = subprocess.run([program, *CARDS[1:]], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        # a driver that is not loaded: there is no card to use
        return []
    # cards that share the machine's memory tell none of their own
    return [
        float(line) * MEBIBYTE if line.strip().isdecimal() else USUAL_GIGABYTES
        for line in told.stdout.splitlines()
        if line.strip()
    ]


def _program() -> str | None:
    """Where vLLM's program is: in our own environment, or on the PATH."""
    beside = Path(sys.executable).parent / PROGRAM
    return str(beside) if beside.is_file() else shutil.which(PROGRAM)


def _how_to_install() -> str:
    if sys.platform != "linux":
        return f"It runs on Linux; {PAGE} names servers for a laptop, and any of them will do."
    return (
        "It goes into an environment of its own: python3 -m venv .venv-vllm && .venv-vllm/bin/pip install "
        "'hopchain-assets[vllm]', and then .venv-vllm/bin/hopchain serve."
    )


def _tell(placed: Serving, url: str) -> None:
    """What is going to be served, and how it is asked, on stderr."""
    tensor, data = placed.split
    size = weight_gigabytes(placed.model)
    where = "the processor" if placed.gpus == 0 else plural(tensor * data, "card") + f" of {placed.gigabytes:.0f} GB"
    copies = f" in {data} groups of {tensor}" if data > 1 else ""
    weights = f", about {size:.0f} GB of weights" if size else ""
    say(
        notes(),
        f"{placed.model}{weights}, on {where}{copies}." + (" They will hardly fit." if placed.too_large else ""),
    )
    say(notes(), f"To ask it: export HOPCHAIN_VLM_URL={url} HOPCHAIN_VLM_MODEL={shlex.quote(placed.model)}")


def _as_typed(placed: Serving, key: str) -> str:
    """The command for a shell. The key is left where it is."""
    names: Sequence[str] = [
        f'{name}="$HOPCHAIN_VLM_KEY"' if name == "VLLM_API_KEY" else f"{name}={value}"
        for name, value in serve_environment(key).items()
    ]
    words = [*names, PROGRAM]
    for argument in serve_arguments(placed):
        words += ["\\\n ", shlex.quote(argument)] if argument.startswith("--") else [shlex.quote(argument)]
    return " ".join(words)
