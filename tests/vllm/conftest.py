"""A real vLLM with a tiny model of random weights, started once by `hopchain serve`. See `make test-vllm`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = "HOPCHAIN_TEST_VLLM"
PROJECT = Path(__file__).parents[2]
SHIM = Path(__file__).parent / "shim"
# Thinking: by such a name `hopchain serve` knows that it reasons
FOLDER = "Tiny-Qwen3-VL-Thinking"
MODEL, BINDER = "tiny", "tiny-binder"
KEY = "k3y-of-the-test"
LENGTH = 49_152
READY_SECONDS = 300.0


@dataclass(frozen=True)
class Served:
    """A running server: where, and the file of its log."""

    url: str
    log: Path

    def command(self, home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command of ours that asks this server."""
        names = {"URL": self.url, "KEY": KEY, "MODEL": MODEL}
        ours = {f"HOPCHAIN_VLM_{name}": value for name, value in names.items()}
        ours |= {"HOPCHAIN_HOME": str(home), "HOPCHAIN_BINDER_MODEL": BINDER, "HOPCHAIN_IN_FLIGHT": "16"}
        call = [sys.executable, "-m", "hopchain_assets", *arguments]
        environment = {**_without_ours(), **ours, **settings}
        return subprocess.run(call, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=900)


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HOPCHAIN_")}


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The Python of the environment that has vLLM."""
    told = os.environ.get(PYTHON)
    if not told:
        pytest.skip(f"asks a real vLLM: `make test-vllm`, or set {PYTHON} to a Python that has it")
    # not resolved: the link in bin/ is what tells Python its environment
    return Path(told).absolute()


@pytest.fixture(scope="session")
def vllm_environment(vllm_python: Path) -> Mapping[str, str]:
    """For programs of vLLM's environment; with what its wheel for processors leaves out, where it does."""
    environment = _without_ours() | {
        "PATH": f"{vllm_python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    probe = "import importlib.metadata, torchvision; importlib.metadata.version('vllm')"
    whole = subprocess.run([str(vllm_python), "-c", probe], env=environment, capture_output=True, timeout=300)
    return environment if whole.returncode == 0 else environment | {"PYTHONPATH": str(SHIM)}


@pytest.fixture(scope="session")
def served(
    vllm_python: Path, vllm_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The server, with the key and the arguments that `hopchain serve` gives it."""
    folder = tmp_path_factory.mktemp("served")
    model, log = folder / FOLDER, folder / "server.log"
    script = Path(__file__).parent / "tiny_checkpoint.py"
    subprocess.run([str(vllm_python), str(script), str(model)], env=vllm_environment, check=True, timeout=300)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    call = [sys.executable, "-m", "hopchain_assets", "serve", "--model", str(model), "--gpus", "0", "--port", port]
    call += ["--max-model-len", str(LENGTH), "--", "--served-model-name", MODEL, BINDER]
    call += ["--dtype", "bfloat16", "--enforce-eager", "--max-num-seqs", "16"]
    environment = {**vllm_environment, "HOPCHAIN_VLM_KEY": KEY}
    with log.open("w") as lines:
        server = subprocess.Popen(
            call, env=environment, cwd=PROJECT, stdout=lines, stderr=lines, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}/v1"
        _wait(server, url, log)
        yield Served(url, log)
    finally:
        _end(server)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until it answers.

    Raises:
        RuntimeError: with the end of its log, when it ends before, or takes too long.
    """
    until = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < until:
        request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {KEY}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(1.0)
    raise RuntimeError(f"vLLM did not come up: {log.read_text()[-4000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """The server and its workers, which are a process group of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sign)
        except ProcessLookupError:
            return
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            continue
