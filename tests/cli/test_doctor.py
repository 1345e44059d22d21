"""`hopchain doctor` and the pages that tell how to set things."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

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
    assert "not needed" in ended.out


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
