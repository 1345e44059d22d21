"""`hopchain ui`: Dagster's web interface, with its daemon, for this machine only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.listening import LOOPBACK, check_port
from hopchain_assets.cli.screen import load_settings, notes, say
from hopchain_assets.settings import Settings
from hopchain_assets.warehouse.landing import batches

WORKSPACE = "workspace.yaml"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
def ui(port: int) -> None:
    """Open Dagster's web interface on this machine; Ctrl-C ends it."""
    settings = load_settings()
    project = _project()
    check_port(port)
    settings.lake().migrate()
    if settings.landing().own:
        Path(settings.landing().own).mkdir(parents=True, exist_ok=True)
    _prepare(settings)
    program = Path(sys.executable).parent / "dagster"
    call = [str(program), "dev", "-w", str(project / WORKSPACE), "-h", LOOPBACK, "-p", str(port)]
    # the web server's processes start anywhere, so the home is given as a whole path
    environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_home), "HOPCHAIN_HOME": str(settings.home)}
    say(notes(), f"Dagster's interface: http://{LOOPBACK}:{port} (Ctrl-C ends it)")
    # Dagster takes our place, so that whoever ends us (Ctrl-C, a supervisor) ends it, and no orphan holds the port
    os.chdir(project)
    os.execve(call[0], call, environment)


def _project() -> Path:
    """The folder that holds workspace.yaml: the current one, or that of an editable installation.

    Raises:
        Refusal: when there is none.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / WORKSPACE).is_file():
            return folder
    raise Refusal(f"there is no {WORKSPACE} here: run this command in the project's folder")


def _prepare(settings: Settings) -> None:
    """Makes Dagster's home, and tells it of the batches, so that they can be chosen in the interface."""
    from hopchain_assets.defs.launch import open_instance
    from hopchain_assets.defs.partitions import sync_partitions

    with open_instance(settings) as instance:
        sync_partitions(instance, batches(settings.lake()))
