"""`hopchain doctor` and the pages that tell how to set things."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hopchain_assets.settings import Settings
from tests.cli.conftest import SCENES, Hopchain

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


class Recording(Mapping[str, str]):
    """An empty environment that remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _documented() -> dict[str, list[str]]:
    rows = (line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `HOPCHAIN_"))
    return {row[0].strip("`"): [cell.strip("` ") for cell in row[1:]] for row in rows}


def test_the_page_names_every_variable_and_no_other() -> None:
    """docs/settings.md is what settings.py reads."""
    environment = Recording()
    Settings.load(environment)
    assert set(_documented()) == environment.asked


def test_the_page_tells_the_defaults() -> None:
    """Setting everything to its documented default changes nothing."""
    home = Settings.load({}).home
    words = {"none": "", "the machine's cores": str(os.cpu_count())}
    told = {name: words.get(cells[0], cells[0]).replace("HOME", str(home)) for name, cells in _documented().items()}
    told = {name: "" if text.startswith("the VLM's") else text.partition("`")[0] for name, text in told.items()}
    del told["HOPCHAIN_DATA_PATH"]  # its presence, whatever it is, moves the pictures too
    assert Settings.load(told) == Settings.load({})


def test_the_page_tells_the_limits() -> None:
    """The least and the most are accepted; beyond them the variable is named."""
    for name, cells in _documented().items():
        if len(cells) < 4:
            continue
        for text in cells[1:3]:
            Settings.load({name: text})
        for text in ("-1", str(float(cells[2]) * 2 + 1)):
            try:
                Settings.load({name: text})
            except ValueError as error:
                assert name in str(error)
            else:
                raise AssertionError(f"{name}={text} was accepted")


def test_a_healthy_installation(hopchain: Hopchain, done_home: Path) -> None:
    """All is well here, and the warehouse's rows are told."""
    ended = hopchain("doctor", home=done_home)
    assert ended.code == 0 and "All is well" in ended.out and f"{SCENES} pictures" in ended.out, ended.out
    assert "[sam3] torch" in ended.out and "plain pictures end after their names" in " ".join(ended.out.split())


def test_a_home_without_a_warehouse_is_healthy(hopchain: Hopchain, tmp_path: Path) -> None:
    """Before the first run there is nothing to mend."""
    ended = hopchain("doctor", home=tmp_path)
    assert ended.code == 0 and re.search(r"none yet at .*demo", " ".join(ended.out.split()))


def test_what_is_ill_is_told_with_what_to_do(hopchain: Hopchain, tmp_path: Path) -> None:
    """A catalog that cannot be reached: exit code 1, and the other checks are still made."""
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    ended = hopchain("doctor", home=tmp_path)
    assert ended.code == 1 and "1 thing to mend" in ended.out and "Traceback" not in ended.out + ended.err
    assert "duckdb extensions" in ended.out and "extras" in ended.out


def test_a_port_in_use_is_told_before_anything_starts(hopchain: Hopchain, tmp_path: Path) -> None:
    """The web interface does not come up half."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = hopchain("ui", "--port", str(taken.getsockname()[1]), home=tmp_path / "home")
    assert ended.code == 2 and "--port" in ended.err and not (tmp_path / "home").exists()


@contextmanager
def models_page(page: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on loopback that answers each GET with `page`; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page(self)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the screen of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()


def _lists_m(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b'{"data": [{"id": "m"}]}')


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_key_follows_no_redirect(hopchain: Hopchain, tmp_path: Path, code: int) -> None:
    """The address that a server points to is not asked, and never sees the key."""
    seen: list[str | None] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        _lists_m(request)

    with models_page(elsewhere) as other:

        def here(request: BaseHTTPRequestHandler) -> None:
            request.send_response(code)
            request.send_header("Location", f"{other}/models".replace("127.0.0.1", "localhost"))
            request.end_headers()

        with models_page(here) as url:
            asked = {"HOPCHAIN_VLM_URL": url, "HOPCHAIN_VLM_MODEL": "m", "HOPCHAIN_VLM_KEY": "sesame"}
            ended = hopchain("doctor", home=tmp_path, settings=asked)
    assert ended.code == 1 and "answers with a redirect: set HOPCHAIN_VLM_URL" in _flat(ended.out), ended.out
    assert seen == [] and "sesame" not in ended.out + ended.err


def test_a_model_that_judges_itself_is_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """The same model at the same address writes and reads: allowed, and said; a model of another name is not."""
    with models_page(_lists_m) as url:
        asked = {"HOPCHAIN_VLM_URL": url, "HOPCHAIN_VLM_MODEL": "m", "HOPCHAIN_BINDER_MODEL": "m"}
        alone = hopchain("doctor", home=tmp_path, settings=asked)
        again = hopchain("doctor", home=tmp_path, settings={**asked, "HOPCHAIN_PERCEIVER_MODEL": "m"})
    told = "reads its own words: samples of one model share its errors"
    assert alone.code == 0 and f"the binder {told}" in _flat(alone.out), alone.out
    assert "perceiver" not in alone.out and f"the perceiver {told}" in _flat(again.out)


@pytest.mark.parametrize(
    ("name", "value", "row"),
    [
        ("HOPCHAIN_PRICES", "/nowhere/prices.toml", "ledger and prices"),
        ("HOPCHAIN_OPERATIONS", "mysql://somewhere/calls", "ledger and prices"),
        ("HOPCHAIN_VLM_URL", "http://me:sesame@127.0.0.1:9/v1", "models"),
    ],
)
def test_a_setting_of_models_that_cannot_be_used_is_one_row(
    hopchain: Hopchain, tmp_path: Path, name: str, value: str, row: str
) -> None:
    """The warehouse and all else is still looked at, and a password is not shown."""
    ended = hopchain("doctor", home=tmp_path, settings={name: value})
    assert ended.code == 1 and "1 thing to mend" in ended.out, ended.out + ended.err
    assert re.search(rf"{row} +mend .*{name}", _flat(ended.out)) and re.search(r"warehouse +ok", ended.out)
    assert "sesame" not in ended.out + ended.err


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_eyes_that_cannot_see_are_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """SAM3 without its packages, or with weights that are not there: what to do stands beside it."""
    ended = hopchain("doctor", home=tmp_path, settings={"HOPCHAIN_SEGMENTER": "sam3", "HOPCHAIN_SAM3_WEIGHTS": "gone"})
    told = " ".join(ended.out.split())
    assert ended.code == 1 and ("[sam3]" in told or "gone" in told), told
    ended = hopchain("doctor", home=tmp_path, settings={"HOPCHAIN_SEGMENTER": "a crystal ball"})
    assert ended.code == 2 and "HOPCHAIN_SEGMENTER" in ended.err
    ended = hopchain("doctor", home=tmp_path, settings={"HOPCHAIN_SEGMENTER": "stand-in"})
    assert ended.code == 0 and "stand-in, for trials" in " ".join(ended.out.split())
