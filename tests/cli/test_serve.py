"""`hopchain serve`: what it starts, what it prints, what it refuses. The programs it calls are small scripts here."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hopchain_assets.settings.servers import WRITER_MODEL
from tests.cli.conftest import Hopchain

SECRET = "k3y-of-the-server"
SMALL = "Qwen/Qwen3-VL-8B-Thinking-FP8"
# says how it was called, and ends
VLLM = f"""#!{sys.executable}
import json, os, sys
print(json.dumps({{"arguments": sys.argv[1:], "pid": os.getpid(), "environment": dict(os.environ)}}))
"""


@dataclass(frozen=True)
class Machine:
    """A folder of programs, the only one on the PATH."""

    folder: Path

    def has(self, name: str, text: str) -> None:
        """Puts a program there."""
        program = self.folder / name
        program.write_text(text)
        program.chmod(0o755)

    def has_cards(self, *mebibytes: int | str) -> None:
        """Puts an nvidia-smi there that lists these."""
        lines = "\n".join(str(size) for size in mebibytes)
        self.has("nvidia-smi", f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without cards and without vLLM."""
    folder = tmp_path / "bin"
    folder.mkdir()
    # the only programs that the scripts need
    for name in ("sh", "cat"):
        (folder / name).symlink_to(Path("/bin") / name)
    return Machine(folder)


@pytest.fixture
def serve(hopchain: Hopchain, machine: Machine, tmp_path: Path):
    """`hopchain serve` on the machine."""

    def run(*arguments: str, **settings: str):
        return hopchain("serve", *arguments, home=tmp_path / "home", settings={"PATH": str(machine.folder), **settings})

    return run


def test_the_command_can_be_pasted(serve) -> None:
    """What is printed on stdout is the command and nothing else; a shell reads it back word by word."""
    ended = serve("--gpus", "8", "--print", "--", "--max-num-seqs", "64")
    assert ended.code == 0, ended.err
    words = shlex.split(ended.out.replace("\\\n", ""))
    assert words[:4] == ["VLLM_NO_USAGE_STATS=1", "vllm", "serve", WRITER_MODEL]
    assert words[-2:] == ["--max-num-seqs", "64"]
    assert json.loads(words[words.index("--limit-mm-per-prompt") + 1])["video"] == 0
    assert "HOPCHAIN_VLM_URL=http://127.0.0.1:8000/v1" in ended.err


def test_without_vllm_the_command_is_printed_with_how_to_install_it(serve) -> None:
    """Nothing was started, so the exit code is 1."""
    ended = serve("--gpus", "1", "--model", SMALL)
    assert ended.code == 1 and "vllm serve " in ended.out
    assert "hopchain-assets[vllm]" in ended.err if sys.platform == "linux" else "laptop" in ended.err


def test_vllm_takes_the_place_of_the_command(machine: Machine, tmp_path: Path) -> None:
    """The program on the PATH is started as the same process, with the arguments and the key in its environment."""
    machine.has("vllm", VLLM)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOPCHAIN_")}
    environment |= {"PATH": str(machine.folder), "HOPCHAIN_VLM_KEY": SECRET, "HOPCHAIN_HOME": str(tmp_path / "home")}
    call = [sys.executable, "-m", "hopchain_assets", "serve", "--gpus", "2", "--model", SMALL, "--compressed-kv"]
    begun = subprocess.Popen(
        call, env=environment, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = begun.communicate(timeout=120)
    assert begun.returncode == 0, err
    told = json.loads(out)
    assert told["pid"] == begun.pid
    assert told["arguments"][:2] == ["serve", SMALL] and "--kv-cache-dtype" in told["arguments"]
    assert told["environment"]["VLLM_API_KEY"] == SECRET
    assert SECRET not in " ".join(told["arguments"]) + err


def test_the_key_is_never_printed(serve) -> None:
    """The printed command takes it from the variable in which it is."""
    ended = serve("--gpus", "1", "--model", SMALL, "--print", HOPCHAIN_VLM_KEY=SECRET)
    assert 'VLLM_API_KEY="$HOPCHAIN_VLM_KEY" vllm serve' in ended.out and SECRET not in ended.out + ended.err


def test_model_and_revision_come_from_the_settings(serve) -> None:
    """What the line will ask for is served; another model has not the same revision."""
    settings = {"HOPCHAIN_VLM_MODEL": "me/Mine-7B", "HOPCHAIN_VLM_REVISION": "v2"}
    assert "vllm serve me/Mine-7B" in serve("--gpus", "1", "--print", **settings).out
    assert "--revision v2" in serve("--gpus", "1", "--print", **settings).out
    assert "--revision" not in serve("--gpus", "1", "--print", "--model", SMALL, **settings).out
    assert "--revision v3" in serve("--gpus", "1", "--print", "--revision", "v3", **settings).out


def test_the_cards_are_counted(machine: Machine, serve) -> None:
    """nvidia-smi tells how many there are and how large: four cards of 24 GB hold four copies of a small model."""
    machine.has_cards(*[24564] * 4)
    ended = serve("--model", SMALL, "--print")
    assert "--data-parallel-size 4" in ended.out and "4 cards of 26 GB" in ended.err


def test_cards_that_share_the_machines_memory_are_counted(machine: Machine, serve) -> None:
    """They tell no memory of their own."""
    machine.has_cards("[N/A]")
    assert "--tensor-parallel-size 1" in serve("--model", SMALL, "--print").out


def test_a_model_that_does_not_fit_is_told_before_it_is_fetched(machine: Machine, serve) -> None:
    """471 GB are not downloaded for a card of 24 GB, unless the user says how many cards to use."""
    machine.has_cards(24564)
    ended = serve()
    assert (ended.code, ended.out) == (2, "") and "471 GB" in ended.err and "--model" in ended.err
    ended = serve("--gpus", "1", "--print")
    assert ended.code == 0 and "hardly fit" in ended.err


@pytest.mark.parametrize("answer", ["#!/bin/sh\nexit 9\n", "#!/bin/sh\nexit 0\n", "no program\n"])
def test_without_cards_their_number_is_asked_for(machine: Machine, serve, answer: str) -> None:
    """No nvidia-smi, one without a driver, one that lists nothing: a sentence that names --gpus."""
    assert "--gpus" in serve().err
    machine.has("nvidia-smi", answer)
    ended = serve()
    assert (ended.code, ended.out) == (2, "") and "--gpus" in ended.err and ended.err.count("\n") == 1


def test_the_network_is_not_served_without_a_key(serve) -> None:
    """Beyond this machine only with a key, and with what the key does not guard."""
    outside = ("--gpus", "1", "--model", SMALL, "--print", "--host", "0.0.0.0")
    ended = serve(*outside)
    assert (ended.code, ended.out) == (2, "") and "HOPCHAIN_VLM_KEY" in ended.err
    ended = serve(*outside, HOPCHAIN_VLM_KEY=SECRET)
    assert ended.code == 0 and "firewall" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--gpus", "1", "--", "--api-key", SECRET],
        ["--gpus", "1", "--", f"--api-key={SECRET}"],
        ["--gpus", "1", "--model", "--port"],
        ["--gpus", "1", "--model", ""],
        ["--gpus", "-1"],
        ["--gpus", "1", "--port", "0"],
        ["--gpus", "1", "--max-model-len", "1"],
        ["--gpus", "1", "--frob"],
    ],
    ids=str,
)
def test_misuse_is_one_sentence(serve, arguments: list[str]) -> None:
    """Exit code 2, one line on stderr, nothing on stdout, and never the key."""
    ended = serve(*arguments)
    assert (ended.code, ended.out) == (2, "") and ended.err.count("\n") == 1 and SECRET not in ended.err, ended
