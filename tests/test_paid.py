"""What is paid for is paid for once, with a server that fails, killed runs, and pictures and prompts that change."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.growth import make
from benchmarks.paid_faults import Survived, ledger, started, survive, work
from hopchain_assets.settings import Settings
from hopchain_assets.stages import prompting
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.landing import Landed, land
from tests.stages.model_server import Asked, ModelServer, categories, rating

PROMPTS = Path(prompting.__file__).parents[1] / "prompts"
CHANGED = "Name what is there, and nothing else."


def reply(asked: Asked) -> str:
    """What is named depends on the prompt."""
    if asked.schema == "rating":
        return rating()
    return categories("lamp" if CHANGED in asked.body["messages"][0]["content"] else "cup")


def settings_for(home: Path, server: ModelServer) -> dict[str, str]:
    return {"HOPCHAIN_HOME": str(home), "HOPCHAIN_VLM_URL": server.url, "HOPCHAIN_VLM_MODEL": "stand-in"}


def take(given: dict[str, str], folder: Path, first: int, count: int) -> list[str]:
    """Lands new plain pictures; returns their ids."""
    make(folder, first, count)
    paths = sorted((folder / f"images-{first}").iterdir())
    ids = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    line = Settings.load(given).line()
    line.lake.migrate()
    land(line.lake, [Landed(path.as_uri(), name, None) for path, name in zip(paths, ids, strict=True)], 64)
    return ids


def named(line: Line) -> set[tuple[str, str]]:
    """(category, version) of the rows."""
    return set(line.lake.query("SELECT category, stage_version FROM categories").rows())


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes another text into a prompt's file, in a copy of them all."""
    folder = tmp_path / "package"
    shutil.copytree(PROMPTS, folder / "prompts")
    monkeypatch.setattr(prompting, "resources", SimpleNamespace(files=lambda package: folder))
    prompting.prompt.cache_clear()

    def write(name: str, text: str) -> None:
        (folder / "prompts" / f"{name}.md").write_text(text, encoding="utf-8")
        prompting.prompt.cache_clear()

    yield write
    prompting.prompt.cache_clear()


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Survived:
    """60 pictures against a server that fails, and two kills."""
    return survive(tmp_path_factory.mktemp("survive"), pictures=60, kills=2, in_flight=16)


def test_every_picture_ends_done_or_with_a_reason(survived: Survived) -> None:
    """500s, 429s and cuts are tried again, a broken reply sets its picture aside; nothing stays pending."""
    assert (survived.pending, survived.unexplained, survived.claims) == (0, 0, 0)
    rated = {outcome: n for (stage, outcome), n in survived.outcomes.items() if stage == "image_ratings"}
    assert sum(rated.values()) == 60 and rated["done"] > 45
    assert {"429", "500", "cut"} & survived.sent.keys()


def test_no_more_was_answered_than_is_in_the_ledger_and_was_in_flight_at_the_kills(survived: Survived) -> None:
    """Each SIGKILL costs what was in flight at most, by the server's own log; nothing else is paid for twice."""
    assert survived.within
    assert survived.answered - survived.rows == sum(survived.lost)


def test_a_picture_more_is_all_that_is_paid_for(tmp_path: Path) -> None:
    """Two questions for the new picture, none for the others; a new warehouse over the old ledger asks nothing."""
    with ModelServer(reply) as server:
        given = settings_for(tmp_path / "home", server)
        take(given, tmp_path, 0, 5)
        work(given)
        assert (server.count("rating"), server.count("categories")) == (5, 5)
        (new,) = take(given, tmp_path, 5, 1)
        work(given)
        assert [(asked.schema, asked.pictures) for asked in server.asked[10:]] == [
            ("rating", (new,)),
            ("categories", (new,)),
        ]
        assert ledger(given, "SELECT count(*) FROM calls") == 12
        other = settings_for(tmp_path / "other", server)
        other["HOPCHAIN_OPERATIONS"] = f"sqlite:///{tmp_path / 'home' / 'operations.sqlite'}"
        land_again(other, tmp_path)
        work(other)
        assert len(server.asked) == 12
        assert named(Settings.load(other).line()) == named(Settings.load(given).line()) != set()


def land_again(given: dict[str, str], folder: Path) -> None:
    """Lands all pictures that `take` made in another warehouse."""
    line = Settings.load(given).line()
    line.lake.migrate()
    paths = sorted(folder.glob("images-*/*"))
    land(line.lake, [Landed(p.as_uri(), hashlib.sha256(p.read_bytes()).hexdigest(), None) for p in paths], 64)


def test_a_changed_prompt_makes_every_row_anew_and_no_old_reply_stands_for_it(
    tmp_path: Path, prompts: Callable[[str, str], None]
) -> None:
    """Its stage alone asks again; going back to the old text costs nothing, and gives the old rows."""
    with ModelServer(reply) as server:
        given = settings_for(tmp_path / "home", server)
        take(given, tmp_path, 0, 4)
        work(given)
        line = Settings.load(given).line()
        old = named(line)
        prompts("categories", CHANGED)
        work(given)
        new = named(line)
        assert ({name for name, _ in old}, {name for name, _ in new}) == ({"cup"}, {"lamp"})
        assert len(old) == len(new) == 1 and {version for _, version in old} != {version for _, version in new}
        assert (server.count("rating"), server.count("categories")) == (4, 8)
        prompts("categories", (PROMPTS / "categories.md").read_text(encoding="utf-8"))
        work(given)
        assert named(line) == old and len(server.asked) == 12


@pytest.mark.timeout(120)
@pytest.mark.parametrize("holder", ["gone", "elsewhere"])
def test_a_killed_run_holds_nobody_up(tmp_path: Path, holder: str) -> None:
    """Its claims end with its process where that can be told, however long the lease; else with the lease."""
    go_on = threading.Event()

    def held(asked: Asked) -> str:
        go_on.wait(60)
        return reply(asked)

    with ModelServer(held) as server:
        given = settings_for(tmp_path / "home", server)
        ids = take(given, tmp_path, 0, 3)
        process = started(given)
        while claims(given) < len(ids):
            assert process.is_alive()
            time.sleep(0.02)
        process.kill()
        process.join()
        assert claims(given) == len(ids)
        now = datetime.now(UTC).replace(tzinfo=None)
        until = now + timedelta(days=1) if holder == "gone" else now + timedelta(seconds=1.5)
        change = "UPDATE claims SET until = ?" + ("" if holder == "gone" else ", holder = 'elsewhere/1/ab'")
        with sqlite3.connect(tmp_path / "home" / "operations.sqlite") as connection:
            connection.execute(change, [until.isoformat(" ", "microseconds")])
        connection.close()
        go_on.set()
        work(given)
        assert claims(given) == 0 and ledger(given, "SELECT count(DISTINCT key) FROM calls") == 2 * len(ids)
        assert len(Settings.load(given).line().lake.query("SELECT image_id FROM categories")) == len(ids)


def claims(given: dict[str, str]) -> int:
    """How many there are; none before there is a ledger."""
    try:
        return ledger(given, "SELECT count(*) FROM claims")
    except sqlite3.OperationalError:
        return 0
