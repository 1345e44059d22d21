"""The whole line with a real vLLM: import, run, rows in the warehouse, calls in the ledger, and nothing paid twice."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import line_of
from tests.vllm.conftest import KEY, MODEL, Served
from tests.vllm.pictures import picture

PLAIN, SCENES = 6, 2
# of a model that knows nothing every picture goes on
KIND = {"HOPCHAIN_LEAST_COMPLEXITY": "1", "HOPCHAIN_COMBINATIONS": "1"}
STRICTER = {**KIND, "HOPCHAIN_LEAST_COMPLEXITY": "2"}


@pytest.fixture(scope="module")
def home(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after a run over plain pictures, which the model rates and names, and scenes, about which it writes."""
    folder, home = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("home")
    for number in range(PLAIN):
        (folder / f"{number}.jpg").write_bytes(picture(number).data)
    scenes = ("scenes", "--count", str(SCENES), "--seed", "3")
    for command in (("import", str(folder)), scenes, ("run",)):
        done = served.command(home, *command, **KIND)
        assert done.returncode == 0, done.stderr
        print(done.stdout)
    return home


def answered(home: Path) -> dict[str, int]:
    """How many answers were paid for, by purpose."""
    with closing(sqlite3.connect(home / "operations.sqlite")) as connection:
        told = "SELECT purpose, count(*) FROM calls WHERE outcome = 'answered' GROUP BY purpose"
        return dict(connection.execute(told).fetchall())


def requests(served: Served) -> int:
    """How many questions the server has seen, by its own log."""
    return served.log.read_text().count("POST /v1/chat/completions")


def rating_version(home: Path) -> str:
    """Under which version the pictures are rated."""
    return line_of(home).lake.query("SELECT DISTINCT stage_version FROM image_ratings").item()


def test_plain_pictures_are_rated_and_named(home: Path) -> None:
    """A row for each, which says by its source that a model is behind it; scenes bring their own names."""
    lake = line_of(home).lake
    ratings = lake.query("SELECT source, complexity BETWEEN 1 AND 10 AS fits, count(*) FROM image_ratings GROUP BY ALL")
    assert ratings.rows() == [(f"vlm/{MODEL}", True, PLAIN)]
    sources = lake.query("SELECT source, count(DISTINCT image_id) FROM categories GROUP BY ALL ORDER BY ALL").rows()
    assert sources == [("scene", SCENES), (f"vlm/{MODEL}", PLAIN)]


def test_what_a_model_wrote_is_believed_by_nobody(home: Path) -> None:
    """It wrote about the scenes, and none of its nonsense is certified; the composer's chains are."""
    lake = line_of(home).lake
    makers = lake.query("SELECT DISTINCT generator FROM verified_set JOIN hop_chains USING (chain_id)").rows()
    assert makers and not any(str(maker).startswith("vlm/") for (maker,) in makers)


def test_every_call_is_in_the_ledger(home: Path) -> None:
    """One for each rating and each naming, one for each combination that was written about, with tokens counted."""
    paid = answered(home)
    print("answered and paid for, by purpose:", paid)
    assert (paid["rate"], paid["name"]) == (PLAIN, PLAIN) and paid["write"] >= 1
    with closing(sqlite3.connect(home / "operations.sqlite")) as connection:
        rows = connection.execute(
            "SELECT model, prompt_tokens, completion_tokens, seconds, reply FROM calls"
        ).fetchall()
    assert {row[0] for row in rows} == {MODEL}
    assert all(prompt > 0 and completion > 0 and seconds > 0 for _, prompt, completion, seconds, _ in rows)
    assert all(reply.startswith("{") for *_, reply in rows)


def test_what_was_paid_for_is_not_paid_again(home: Path, served: Served) -> None:
    """A stricter setting opens stages anew; the answers come from the ledger, and the server is asked nothing."""
    before, asked, version = answered(home), requests(served), rating_version(home)
    done = served.command(home, "run", **STRICTER)
    assert done.returncode == 0, done.stderr
    assert rating_version(home) != version
    assert (answered(home), requests(served)) == (before, asked)


def test_the_key_is_written_nowhere(home: Path) -> None:
    """Not into the warehouse, the ledger, the manifest, or Dagster's events."""
    found = subprocess.run(["grep", "-rl", KEY, str(home)], capture_output=True, text=True, timeout=60)
    assert found.stdout == ""
