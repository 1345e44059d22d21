"""`hopchain stand-in`: what it prints, how it ends, and what it will not do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

import pytest

from hopchain_assets.cli.ending import Refusal
from hopchain_assets.cli.stand_in import stand_in

CALL = "from hopchain_assets.cli.stand_in import stand_in; stand_in.main({0!r}, standalone_mode=False)"


def start(home: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("HOPCHAIN_")}, "HOPCHAIN_HOME": str(home)}
    command = [sys.executable, "-c", CALL.format(list(arguments))]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_it_prints_what_to_paste_and_ends_by_ctrl_c(folder: Path, tmp_path: Path) -> None:
    """Four exports on stdout, remarks on stderr, and it listens where they say."""
    process = start(tmp_path / "home", ["--truth", str(folder), "--port", "0", "--faults", "wrong_number=0.05"])
    assert process.stdout and process.stderr
    lines = [process.stdout.readline().strip() for _ in range(4)]
    try:
        url = re.fullmatch(r"export HOPCHAIN_VLM_URL=(http://127\.0\.0\.1:\d+/v1)", lines[0])
        assert url
        assert lines[1:] == [
            "export HOPCHAIN_VLM_MODEL=stand-in",
            "export HOPCHAIN_BINDER_MODEL=stand-in-binder",
            "export HOPCHAIN_PERCEIVER_MODEL=stand-in-perceiver",
        ]
        with urlopen(f"{url.group(1)}/models") as reply:
            assert reply.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "12 pictures" in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--faults", "wrong_nmber=0.1"], "there is no fault 'wrong_nmber'"),
        (["--faults", "wrong_number=lots"], "write NAME=SHARE"),
        (["--faults", "wrong_number=2"], "must be from 0 to 1"),
        ([], "there are no rendered scenes"),
        (["--truth", "/nowhere"], "there is no /nowhere"),
    ],
)
def test_misuse_is_told_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal says what to write instead, and ends the command with exit code 2."""
    monkeypatch.setenv("HOPCHAIN_HOME", str(tmp_path))
    with pytest.raises(Refusal, match=re.escape(sentence)) as refused:
        stand_in.main(arguments, standalone_mode=False)
    assert refused.value.exit_code == 2
