"""What the README says is true: its commands exist, its queries run, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from hopchain_assets.cli import COMMANDS, hopchain
from hopchain_assets.settings import Settings

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
SHOWN = [
    shlex.split(line.removeprefix("$ ").partition(" # ")[0])
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("$ ")
]
OURS = [words[1:] for words in SHOWN if words[0].endswith("/hopchain")]


def test_the_readme_shows_commands() -> None:
    """The two of the first minute, and ours."""
    assert SHOWN[:2] == [["make", "run"], ["make", "test"]]
    assert len(OURS) >= 6


@pytest.mark.parametrize("target", [words[1] for words in SHOWN if words[0] == "make"])
def test_make_targets_exist(target: str) -> None:
    """Each `make` line names a target."""
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_commands_and_their_options_exist(words: list[str]) -> None:
    """Each `hopchain` line parses."""
    command = hopchain.get_command(click.Context(hopchain), words[0])
    assert command is not None
    command.make_context(words[0], list(words[1:]))


def test_the_table_of_commands_is_complete() -> None:
    """Every command but those that `make` runs for the user has its row."""
    listed = set(re.findall(r"^\| `hopchain ([a-z-]+)`", README, re.MULTILINE))
    assert listed == COMMANDS.keys() - {"demo", "ui"}


def test_the_attach_line_is_the_one_that_query_prints() -> None:
    """For the embedded default, with the path as seen from the project's folder."""
    printed = Settings.load({"HOPCHAIN_HOME": "/home/me/project/data"}).line().lake.attach_sql()
    assert printed.replace("/home/me/project/", "") in README


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((docs/[^)#]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    """Documents that the README names are there."""
    assert (PROJECT / link).is_file()


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"HOPCHAIN_[A-Z_]+", README))))
def test_variables_are_documented(variable: str) -> None:
    """Every setting that the README names is in docs/settings.md."""
    assert f"`{variable}`" in (PROJECT / "docs" / "settings.md").read_text()
