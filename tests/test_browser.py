"""What somebody sees who drops pictures into the folder and looks at the page: real servers, a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hopchain_assets.settings import Settings
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.landing import batches

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
PICTURES = 8
TWO_MINUTES = 120.0
PATIENCE = 4 * TWO_MINUTES
EVERY_PARTITION_IS_GREEN = ("Failed (0)", "Materialized (1)", "Materializing (0)", "Missing (0)")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"HOPCHAIN_HOME": str(tmp_path / "home"), "HOPCHAIN_BATCH_SIZE": str(PICTURES)})


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Where `hopchain ui` answers: web server, daemon and code server, as `make ui` starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HOPCHAIN_HOME": str(settings.home), "HOPCHAIN_BATCH_SIZE": str(PICTURES)}
    log = settings.home.parent / "ui.log"
    with log.open("wb") as out:
        program = [sys.executable, "-m", "hopchain_assets", "ui", "--port", str(port)]
        process = subprocess.Popen(program, env=environment, stdout=out, stderr=out)
        try:
            _wait_for(f"http://127.0.0.1:{port}/server_info", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield found
        found.close()


def test_dropped_pictures_become_green_assets_without_a_click(
    settings: Settings, address: str, browser: Browser
) -> None:
    """A full batch dropped into the landing folder is green in all seven assets, and its checks have passed.

    Two minutes are the aim, and mostly a third of it is needed; a busy machine gets more before this fails.
    """
    scenes = render_scenes(settings.home.parent / "scenes", PICTURES, 3)
    shutil.copytree(scenes.parent, settings.home / "landing" / "scenes")
    dropped = time.monotonic()
    page = browser.new_page()
    for stage in reversed(STAGES):
        _until(page, f"{address}/assets/{stage}?view=partitions", EVERY_PARTITION_IS_GREEN, dropped)
    assert len(batches(settings.line().lake)) == 1
    _until(
        page,
        f"{address}/assets/verified_set?view=checks",
        ("answer_is_unique_number", "Evaluation result\nPassed"),
        dropped,
    )
    text = page.inner_text("body")
    assert "Failed" not in text


def _until(page: Page, url: str, words: tuple[str, ...], since: float) -> None:
    """Looks at a page until all the words are on it."""
    text = ""
    while time.monotonic() - since < PATIENCE:
        page.goto(url)
        for _ in range(10):
            page.wait_for_timeout(300)
            text = page.inner_text("body")
            if all(word in text for word in words):
                return
    raise AssertionError(f"after {PATIENCE:.0f} s the page {url} does not show {words}:\n{text}")


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
    raise AssertionError(f"the web server did not answer:\n{log.read_text()}")
