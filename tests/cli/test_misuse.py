"""Help, misuse, exit codes: one sentence on stderr, and never a traceback."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hopchain_assets.cli import COMMANDS
from hopchain_assets.cli import hopchain as group
from tests.cli.conftest import Hopchain

# what a shell passes on where somebody pasted bytes of another encoding
NO_TEXT = os.fsdecode(b"abc\xff")
LONG = "a" * 300

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
    "a count without a value": ["scenes", "--count"],
    "a count of a half": ["scenes", "--count", "1.5"],
    "a count beyond all": ["scenes", "--count", "9" * 50],
    "a folder for scenes that is a file": ["scenes", "--count", "1", "--out", __file__],
    "a folder for scenes below a file": ["scenes", "--count", "1", "--out", f"{__file__}/below"],
    "pictures in a file": ["import-coco", "--images", __file__, "--annotations", __file__],
    "pictures in a long name": ["import-coco", "--images", LONG, "--annotations", __file__],
    "annotations that are Python": ["import-coco", "--images", "/tmp", "--annotations", __file__],
    "annotations that never end": ["import-coco", "--images", "/tmp", "--annotations", "/dev/zero"],
    "an empty folder's name": ["import-coco", "--images", "", "--annotations", ""],
    "a name that is no text for a folder": ["import-coco", "--images", f"/{NO_TEXT}", "--annotations", "/a.json"],
    "a batch without a value": ["run", "--batch"],
    "a batch of SQL": ["run", "--batch", "x' OR 1=1 --"],
    "a batch that is no text": ["run", "--batch", NO_TEXT],
    "a batch of a hundred thousand letters": ["run", "--batch", "b" * 100_000],
    "a chain of SQL": ["explain", "abcd'; DROP TABLE images; --"],
    "a chain of wildcards": ["explain", "%%%%"],
    "a chain that is no text": ["explain", NO_TEXT],
    "a chain of a thousand letters": ["explain", "a" * 1000],
    "a chain that steers the terminal": ["explain", "\x1b[2Jabcd"],
    "a picture to audit that is no text": ["audit", "--image", NO_TEXT],
    "a category that is no text": ["audit", "--category", NO_TEXT],
    "the word of no text": ["audit", "--by", NO_TEXT],
    "answers that are Python": ["audit", "--from", __file__],
    "answers that are a folder": ["audit", "--from", "/tmp"],
    "answers to a folder": ["audit", "--export", "/tmp"],
    "answers to nowhere": ["audit", "--export", "/nowhere/at/all.json"],
    "a query that is no text": ["query", f"SELECT '{NO_TEXT}'"],
    "a query of a comment": ["query", "/* nothing */"],
    "a query of semicolons": ["query", "; ;"],
    "a setting": ["query", "SET threads = 1"],
    "a transaction": ["query", "BEGIN"],
    "an insertion": ["query", "INSERT INTO images VALUES (1)"],
    "a deletion within a query": ["query", "WITH gone AS (DELETE FROM images RETURNING *) SELECT * FROM gone"],
    "a deletion within a function": ["query", "FROM query('DELETE FROM images')"],
    "an extension": ["query", "INSTALL httpfs"],
    "an export": ["query", "EXPORT DATABASE '/tmp/hopchain-never'"],
    "a prepared query": ["query", "SELECT ?"],
    "an error of their own": ["query", "SELECT error('two\nlines')"],
    "a length of time": ["query", "SELECT INTERVAL 3 DAY"],
    "a day after all days": ["query", "SELECT 'infinity'::DATE"],
    "a time before all times": ["query", "SELECT '-infinity'::TIMESTAMP", "--format", "csv"],
    "bytes in a list as JSON": ["query", "SELECT ['a'::BLOB]", "--format", "json"],
    "an output without a name": ["query", "SELECT 1", "--output", ""],
    "an output below a file": ["query", "SELECT 1", "--output", f"{__file__}/a.csv"],
    "an output with a long name": ["query", "SELECT 1", "--output", f"/tmp/{LONG}.csv"],
    "an output that is no text": ["query", "SELECT 1", "--output", f"/nowhere/{NO_TEXT}"],
    "a form for the status": ["status", "--format", "xml"],
    "a word for the status": ["status", "all"],
    "a port in words": ["ui", "--port", "http"],
    "two options in one": ["query", "SELECT 1", "--formatjson"],
    "an option twice as long": ["--" + "x" * 5000],
    "a command that is no text": [NO_TEXT],
    "an empty command": [""],
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
    "a batch size of 5,000 digits": {"HOPCHAIN_BATCH_SIZE": "9" * 5000},
    "a batch size that is no text": {"HOPCHAIN_BATCH_SIZE": NO_TEXT},
    "a margin of two": {"HOPCHAIN_MARGIN_POSITION": "2"},
    "a share that is no number": {"HOPCHAIN_VALIDATION_SHARE": "nan"},
    "a share without end": {"HOPCHAIN_VALIDATION_SHARE": "1e999"},
    "a webhook by another way": {"HOPCHAIN_ALERT_WEBHOOK": "ftp://somewhere"},
    "a catalog of another kind": {"HOPCHAIN_CATALOG": "mysql://somewhere"},
    "a catalog without a file": {"HOPCHAIN_CATALOG": "sqlite:"},
    "a catalog that is no address": {"HOPCHAIN_CATALOG": "postgres:frob=1 what"},
    "a home that is a file": {"HOPCHAIN_HOME": __file__},
    "a home that is a device": {"HOPCHAIN_HOME": "/dev/null"},
    "a home of nobody": {"HOPCHAIN_HOME": "~nobody-of-this-name/data"},
    "a home with a long name": {"HOPCHAIN_HOME": f"/tmp/{LONG}"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_setting_that_cannot_be_used_is_named(hopchain: Hopchain, tmp_path: Path, settings: dict[str, str]) -> None:
    """The sentence names the variable, or what it says."""
    ended = hopchain("status", home=tmp_path, settings=settings)
    assert ended.code == 2 and ended.err.count("\n") == 1 and len(ended.err) < 2000
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


def test_a_catalogs_password_is_not_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """Neither where the address cannot be read, nor where nobody answers."""
    for address in ("postgresql://u:sec ret@h/db?x=y", "postgresql://u:sec%20ret@127.0.0.1:1/db"):
        ended = hopchain("status", home=tmp_path, settings={"HOPCHAIN_CATALOG": address})
        assert ended.code == 2 and ended.err.count("\n") == 1 and "ret" not in ended.err
        assert "HOPCHAIN_CATALOG" in ended.err


def test_a_home_that_leads_to_itself_is_told(hopchain: Hopchain, tmp_path: Path) -> None:
    """A symbolic link may do that."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    ended = hopchain("status", home=tmp_path / "loop")
    assert ended.code == 2 and "HOPCHAIN_HOME" in ended.err and ended.err.count("\n") == 1


def test_a_current_folder_that_is_gone_is_told(
    hopchain: Hopchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody removed it in another window."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ended = hopchain("status", home=Path("data"))
    assert ended.code == 2 and "current folder is gone" in ended.err and ended.err.count("\n") == 1


def test_answers_with_lists_for_texts_are_refused(hopchain: Hopchain, done_home: Path, tmp_path: Path) -> None:
    """The sentence names the entry."""
    path = tmp_path / "answers.json"
    path.write_text('[{"file_name": "a.jpg"}, {"sha256": ["a"], "category": "cup", "exhaustive": true}]')
    ended = hopchain("audit", "--from", str(path), home=done_home)
    assert ended.code == 2 and "entry 2" in ended.err and "sha256" in ended.err


@pytest.mark.parametrize("form", ["csv", "table"])
def test_an_output_that_is_a_pipe_is_written_to(hopchain: Hopchain, done_home: Path, tmp_path: Path, form: str) -> None:
    """A pipe or a device is never moved away: as root `--output /dev/null` would leave the machine without one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        ended = hopchain("query", "SELECT 7 AS n", "--format", form, "--output", str(pipe), home=done_home)
        told, _ = reader.communicate(timeout=30)
    assert ended.code == 0 and "7" in told and stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_output_that_is_a_link_stays_one(hopchain: Hopchain, done_home: Path, tmp_path: Path) -> None:
    """What the link leads to is written, whole or not at all."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "there.csv")
    ended = hopchain("query", "SELECT 7 AS n", "--output", str(tmp_path / "link.csv"), home=done_home)
    assert ended.code == 0 and (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_text() == "n\n7\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "there.csv"]


STREAMS = {
    "no stdout": (">&-", 1, "output is closed"),
    "no stdin": ("<&-", 0, ""),
    "no stderr": ("2>&-", 0, ""),
    "nothing at all": ("<&- >&- 2>&-", 1, ""),
    "a full disk behind stdout": (">/dev/full", 1, "no space is left"),
    "a reader that has left": ("| true", 1, ""),
}


@pytest.mark.parametrize(("streams", "code", "words"), STREAMS.values(), ids=STREAMS.keys())
def test_streams_that_are_closed_or_full(done_home: Path, streams: str, code: int, words: str) -> None:
    """The answer cannot be shown then; that is said in one line, where there is a place to say it."""
    query = "query 'FROM range(100000)' --format csv"
    call = f"{sys.executable} -m hopchain_assets {query} {streams}; exit ${{PIPESTATUS[0]}}"
    environment = os.environ | {"HOPCHAIN_HOME": str(done_home)}
    done = subprocess.run(["bash", "-c", call], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code and words in done.stderr and done.stderr.count("\n") == bool(words)


@pytest.mark.parametrize(("size", "term"), [("1 1", "xterm"), ("24 80", "dumb"), ("5 20", ""), ("0 0", "frob")])
def test_any_terminal_will_do(done_home: Path, size: str, term: str) -> None:
    """Of one column, of no known kind, or without letters beyond ASCII: the numbers are there."""
    rows, columns = size.split()
    call = f"stty rows {rows} cols {columns}; {sys.executable} -m hopchain_assets status"
    environment = os.environ | {"HOPCHAIN_HOME": str(done_home), "TERM": term, "PYTHONIOENCODING": "ascii"}
    environment.pop("COLUMNS", None)
    master, slave = os.openpty()
    with subprocess.Popen(["bash", "-c", call], env=environment, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        told = b""
        # at its end a terminal gives an error, not nothing
        with contextlib.suppress(OSError):
            while part := os.read(master, 65536):
                told += part
    os.close(master)
    assert process.returncode == 0 and b"4 pictures" in told and b"Traceback" not in told


@pytest.mark.parametrize("columns", ["0", "1", "-3", "x", "100000"])
def test_any_number_of_columns_will_do(hopchain: Hopchain, done_home: Path, columns: str) -> None:
    """COLUMNS may be anything."""
    ended = hopchain("query", "SELECT 'seven' AS n", home=done_home, settings={"COLUMNS": columns})
    assert ended.code == 0 and "seven" in ended.out
