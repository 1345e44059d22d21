"""`hopchain review`: who may be let in, links, and the demo over real HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from hopchain_assets.settings import Settings
from tests.cli.conftest import Hopchain

PATIENCE = 240.0


def test_others_are_let_in_only_on_purpose(hopchain: Hopchain, tmp_path: Path) -> None:
    """An address that others reach needs a public address, and then a secret."""
    ended = hopchain("review", "--host", "0.0.0.0", home=tmp_path)
    assert ended.code == 2 and "--public-url" in ended.err
    ended = hopchain("review", "--host", "0.0.0.0", "--public-url", "https://review.example.org", home=tmp_path)
    assert ended.code == 2 and "HOPCHAIN_REVIEW_SECRET" in ended.err
    ended = hopchain("review", "--public-url", "review.example.org/pages", home=tmp_path)
    assert ended.code == 2 and "without a path" in ended.err


def test_a_short_secret_is_refused(hopchain: Hopchain, tmp_path: Path) -> None:
    """Sixteen characters are the least."""
    ended = hopchain("review", home=tmp_path, settings={"HOPCHAIN_REVIEW_SECRET": "short"})
    assert ended.code == 2 and "16 characters" in ended.err


def test_a_port_in_use_is_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """Before anything is prepared."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = hopchain("review", "--port", str(taken.getsockname()[1]), home=tmp_path)
    assert ended.code == 2 and "in use" in ended.err


def test_somebody_is_invited_once_and_gets_new_links(hopchain: Hopchain, tmp_path: Path) -> None:
    """Each link is new; a name is given once; nobody has a link to a name that is not there."""
    first = hopchain("review", "invite", "Ada", home=tmp_path)
    assert first.code == 0 and re.fullmatch(r"http://127\.0\.0\.1:8500/enter/\S{20,}\n", first.out)
    again = hopchain("review", "invite", "Ada", home=tmp_path)
    assert again.code == 2 and "somebody of that name" in again.err
    second = hopchain("review", "link", "Ada", "--base", "https://review.example.org/", home=tmp_path)
    assert second.out.startswith("https://review.example.org/enter/") and second.out != first.out
    missing = hopchain("review", "link", "Ben", home=tmp_path)
    assert missing.code == 2 and "nobody called 'Ben'" in missing.err


@contextmanager
def _served(home: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """The command as a process of its own; the links that it prints, by name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home.parent / "review.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "hopchain_assets", "review", "--port", str(port), *arguments],
            env=os.environ | {"HOPCHAIN_HOME": str(home)},
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                httpx2.get(f"http://127.0.0.1:{port}/")
                break
            except httpx2.TransportError:
                time.sleep(0.2)
        yield dict(re.findall(r"^(\w+)\s+(http\S+)$", log.read_text(), re.MULTILINE))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert "Traceback" not in log.read_text()


def test_the_demo_has_questions_that_its_four_people_can_answer(tmp_path: Path) -> None:
    """Practice with its answer first, then a question in earnest; a second start finds all of it there."""
    home = tmp_path / "home"
    with _served(home, "--demo") as links:
        assert set(links) == {"Ada", "Ben", "Cleo", "Dan", "Lead"}
        told = [_answer(ada, "7") for ada in [_entered(links["Ada"])] for _ in range(4)]
        assert all("Next question" in page for page in told[:3]), "practice tells its answer"
        assert "Undo my last answer" in told[3], "the fourth is in earnest"
    secret = home / "review-demo" / "review-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = secret.read_text()
    with _served(home, "--demo") as again:
        assert set(again) == set(links) and again["Ada"] != links["Ada"]
        assert "1</b> in all" in _entered(again["Ada"]).get("/next").text.replace("4</b>", "1</b>")
    assert secret.read_text() == before
    assert Settings.load({"HOPCHAIN_HOME": str(home)}).home == home


def _entered(link: str) -> httpx2.Client:
    address, _, token = link.partition("/enter/")
    client = httpx2.Client(base_url=address, follow_redirects=True)
    assert client.post("/enter", data={"token": token}).status_code == 200
    return client


def _answer(client: httpx2.Client, number: str) -> str:
    page = client.get("/next").text
    fields = dict(re.findall(r'name="(form_token|question_id)" value="([^"]+)"', page))
    reply = client.post("/vote", data=fields | {"number": number, "how": "number"})
    assert reply.status_code == 200, reply.text
    return reply.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_neither(hopchain: Hopchain, tmp_path: Path, host: str) -> None:
    """It goes on to the next complaint: a port that is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip(f"{host} is not there")
        taken.listen()
        ended = hopchain("review", "--host", host, "--port", str(taken.getsockname()[1]), home=tmp_path)
    assert ended.code == 2 and "in use" in ended.err
