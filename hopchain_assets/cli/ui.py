"""`hopchain ui`: Dagster's web interface, with its daemon, for this machine only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import click

from hopchain_assets.cli.ending import EXIT_FAILED, Refusal
from hopchain_assets.cli.screen import load_settings, notes, say

LOOPBACK = "127.0.0.1"
WORKSPACE = "workspace.yaml"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
def ui(port: int) -> None:
    """Open Dagster's web interface on this machine; Ctrl-C ends it."""
    settings = load_settings()
    project = _project()
    settings.line().lake.migrate()
    prepare = _prepared_home()
    prepare(settings)
    if not _free(port):
        raise Refusal(f"port {port} of {LOOPBACK} is in use: choose another one with --port")
    program = Path(sys.executable).parent / "dagster"
    call = [str(program), "dev", "-w", str(project / WORKSPACE), "-h", LOOPBACK, "-p", str(port)]
    # the web server's processes start anywhere, so the home is given as a whole path
    environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_home), "HOPCHAIN_HOME": str(settings.home)}
    say(notes(), f"Dagster's interface: http://{LOOPBACK}:{port} (Ctrl-C ends it)")
    with subprocess.Popen(call, cwd=project, env=environment) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # the terminal has told Dagster, too; it needs a moment to end its servers
            process.wait(timeout=30)
            return
    if code:
        raise Refusal(f"dagster dev ended with code {code}; its own lines above say why", EXIT_FAILED)
