"""Help, misuse, exit codes: one sentence on stderr, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hopchain_assets.cli import COMMANDS
from hopchain_assets.cli import hopchain as group
from tests.cli.conftest import Hopchain

MISUSES = {
    "an unknown command": ["frobnicate"],
    "a misspelt command": ["statsu"],
    "an unknown option": ["status", "--frob"],
    "scenes without a number": ["scenes"],
    "no scenes": ["scenes", "--count", "0"],
    "many scenes in words": ["scenes", "--count", "many"],
    "a seed below zero": ["scenes", "--count", "1", "--seed", "-1"],
    "an import of nothing": ["import-coco"],
    "an import without annotations": ["import-coco", "--images", "."],
    "a folder that is not there": ["import-coco", "--images", "/nowhere", "--annotations", "/nowhere/a.json"],
    "annotations that are not there": ["import-coco", "--images", "/tmp", "--annotations", "/nowhere/a.json"],
    "annotations that are a folder": ["import-coco", "--images", "/tmp", "--annotations", "/tmp"],
    "a batch that is not there": ["run", "--batch", "b99999-abcdef"],
    "a query of nothing": ["query"],
    "an empty query": ["query", "  "],
    "an unknown format": ["query", "SELECT 1", "--format", "xml"],
    "SQL that is none": ["query", "SELEC 1"],
    "a table that is not there": ["query", "SELECT * FROM nothing"],
    "a column that is not there": ["query", "SELECT nothing FROM images"],
    "a division of text": ["query", "SELECT 'a'::INTEGER"],
    "two queries": ["query", "SELECT 1; SELECT 2"],
    "a deletion": ["query", "DELETE FROM images"],
    "a drop": ["query", "DROP TABLE images"],
    "a copy to a file": ["query", "COPY images TO '/tmp/hopchain-never.csv'"],
    "an attachment": ["query", "ATTACH '/tmp/hopchain-never.db'"],
    "a query into a folder that is not there": ["query", "SELECT 1", "--output", "/nowhere/at/all.csv"],
    "an output that is a folder": ["query", "SELECT 1", "--output", "/tmp"],
    "attach with a query": ["query", "SELECT 1", "--attach"],
    "explain without a chain": ["explain"],
    "a chain that is not there": ["explain", "zzzz"],
    "a chain's id that is too short": ["explain", "0"],
    "two chains": ["explain", "abcd", "efgh"],
    "answers from nowhere": ["audit", "--from", "/nowhere/answers.json"],
    "answers both ways": ["audit", "--from", "a.json", "--export", "b.json"],
    "nobody's word": ["audit", "--by", "  "],
    "a port that is none": ["ui", "--port", "70000"],
    "a doctor with a patient": ["doctor", "me"],
}


@pytest.mark.parametrize("arguments", MISUSES.values(), ids=MISUSES.keys())
def test_misuse_is_one_sentence_and_exit_2(hopchain: Hopchain, done_home: Path, arguments: list[str]) -> None:
    """Whatever is asked wrongly ends with one line on stderr, exit code 2, and nothing on stdout."""
    ended = hopchain(*arguments, home=done_home)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("hopchain") and ended.err.count("\n") == 1
    assert ended.err.rstrip().endswith((".", "?")) and "Traceback" not in ended.err


SETTINGS = {
    "a batch size in words": {"HOPCHAIN_BATCH_SIZE": "many"},
    "a margin of two": {"HOPCHAIN_MARGIN_POSITION": "2"},
    "a share that is no number": {"HOPCHAIN_VALIDATION_SHARE": "nan"},
    "a catalog of another kind": {"HOPCHAIN_CATALOG": "mysql://somewhere"},
    "a home that is a file": {"HOPCHAIN_HOME": __file__},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_setting_that_cannot_be_used_is_named(hopchain: Hopchain, tmp_path: Path, settings: dict[str, str]) -> None:
    """The sentence names the variable, or what it says."""
    ended = hopchain("status", home=tmp_path, settings=settings)
    assert ended.code == 2 and ended.err.count("\n") == 1
    (name, value), *_ = settings.items()
    assert name in ended.err or value.partition(":")[0] in ended.err


@pytest.mark.parametrize("arguments", [["status"], ["query", "SELECT 1"], ["explain", "abcd"], ["audit"]])
def test_without_a_warehouse_the_next_step_is_named(hopchain: Hopchain, tmp_path: Path, arguments: list[str]) -> None:
    """A home that is empty is no accident: the sentence says how to begin, and nothing is written."""
    ended = hopchain(*arguments, home=tmp_path / "home")
    assert ended.code == 2 and "there is no warehouse" in ended.err and ended.err.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_plain_hopchain_shows_the_help(hopchain: Hopchain, tmp_path: Path) -> None:
    """No argument is a question, not a mistake."""
    plain, asked = hopchain(home=tmp_path), hopchain("--help", home=tmp_path)
    assert (plain.code, plain.err) == (0, "") and plain.out == asked.out
    assert all(f"\n  {name} " in plain.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_what_it_does(hopchain: Hopchain, tmp_path: Path, name: str) -> None:
    """Every command of the list is there and has a help of its own; every option has words or a default."""
    ended = hopchain(name, "--help", home=tmp_path)
    assert ended.code == 0 and ended.out.startswith(f"Usage: hopchain {name}")


def test_a_misspelt_command_is_answered_with_the_right_one(hopchain: Hopchain, tmp_path: Path) -> None:
    """A guess costs nothing."""
    assert "status" in hopchain("statsu", home=tmp_path).err


def test_an_unexpected_error_leaves_its_traceback_in_a_file(
    hopchain: Hopchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user reads a sentence; the details are in a file that it names."""

    def broken(**_: object) -> None:
        raise ZeroDivisionError("a \x1b[31mred\nherring")

    command = group.get_command(None, "doctor")  # type: ignore[arg-type]  # it takes any context
    assert command is not None
    monkeypatch.setattr(command, "callback", broken)
    ended = hopchain("doctor", home=tmp_path)
    assert ended.code == 1 and "\x1b" not in ended.err and ended.err.count("\n") == 2
    path = Path(ended.err.strip().rpartition("The details are in ")[2].rstrip("."))
    assert path.is_relative_to(tmp_path) and "ZeroDivisionError" in path.read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError])
def test_ctrl_c_says_that_a_new_run_goes_on(
    hopchain: Hopchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Stopping is allowed: exit code 130 and a sentence."""

    def stopped(**_: object) -> None:
        raise error

    command = group.get_command(None, "doctor")  # type: ignore[arg-type]  # it takes any context
    assert command is not None
    monkeypatch.setattr(command, "callback", stopped)
    ended = hopchain("doctor", home=tmp_path)
    assert ended.code == 130 and "go on" in ended.err


HEAVY = ("dagster", "great_expectations", "pyarrow.dataset", "torch", "matplotlib")


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--help"], (*HEAVY, "duckdb", "polars", "rich", "numpy")),
        (["status"], HEAVY),
        (["query", "SELECT 1"], HEAVY),
    ],
)
def test_quick_commands_import_nothing_heavy(done_home: Path, arguments: list[str], never: tuple[str, ...]) -> None:
    """Help comes at once, and looking never waits for Dagster."""
    program = (
        "import sys; from hopchain_assets.cli import call\n"
        f"code = call({arguments!r})\n"
        f"print([name for name in {never!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    environment = os.environ | {"HOPCHAIN_HOME": str(done_home)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_a_reader_that_leaves_early_is_no_error(done_home: Path) -> None:
    """`hopchain query ... | head -1` is quiet."""
    call = f"{sys.executable} -m hopchain_assets query 'FROM range(200000)' --format csv | head -1"
    environment = os.environ | {"HOPCHAIN_HOME": str(done_home)}
    done = subprocess.run(["bash", "-c", call], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("range\n", "")
