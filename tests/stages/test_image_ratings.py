"""Stage `image_ratings` with a model on a loopback server: who is rated, who goes on, and what a reply costs nobody."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hopchain_assets.export.sent import as_sent
from hopchain_assets.operations.budget import Budget
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.paid import Paid
from hopchain_assets.operations.prices import Prices
from hopchain_assets.ports.vlm import ServerUnavailable
from hopchain_assets.quality.tables import check_tables
from hopchain_assets.stages.asking import AskSettings
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import batches
from tests.stages.conftest import new_line, run_all, take_in
from tests.stages.model_server import MODEL, Asked, ModelServer, categories, rating
from tests.stages.plain_pictures import asking, chat, land_plain, outcomes, plain_files

PROMPT = Path(__file__).parents[2] / "hopchain_assets" / "prompts" / "rate.md"
FIRST = STAGES[: STAGES.index("categories") + 1]


def run_first(line: Line) -> dict[str, int]:
    """Runs the stages up to `categories`; returns how many inputs were pending, by stage."""
    names = batches(line.lake)
    return {stage: sum(report.pending_before for report in line.run(stage, names)) for stage in FIRST}


def by_picture(ids: list[str], *replies: str | int) -> dict[str, str | int]:
    return dict(zip(ids, replies, strict=True))


@pytest.fixture
def plain(home: Path) -> Line:
    return new_line(home)


def test_a_picture_with_enough_to_see_goes_on_and_one_without_ends_here(plain: Line, tmp_path: Path) -> None:
    """Low quality and low complexity are rated out: their row is kept with the reason, and nothing is asked of them."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 4))
    replies = by_picture(
        ids, rating(4, "Medium"), rating(9, "Low"), rating(3, "High"), rating(complex_objects=[], reason="\x00 a\nb")
    )
    with ModelServer(
        lambda asked: replies[asked.pictures[0]] if asked.schema == "rating" else categories("cup")
    ) as server:
        line = asking(plain, chat(server.url))
        run_first(line)
    rows = {row["image_id"]: row for row in line.lake.query("FROM image_ratings").to_dicts()}
    assert [rows[name]["kept"] for name in ids] == [True, False, False, True]
    assert {row["source"] for row in rows.values()} == {f"vlm/{MODEL}"}
    first = rows[ids[0]]
    assert (first["complexity"], first["quality"], first["reason"]) == (4, "Medium", "Many things.")
    assert json.loads(first["complex_objects"]) == [{"name": "cup", "why": "occlusion"}]
    assert rows[ids[3]]["reason"] == "a b"
    assert [outcomes(line, "image_ratings")[name][0] for name in ids] == ["done", "nothing", "nothing", "done"]
    assert outcomes(line, "categories").keys() == {ids[0], ids[3]} and server.count("categories") == 2
    assert check_tables("image_ratings", {"image_ratings": line.lake.query("FROM image_ratings")}).passed


def test_the_question_holds_the_prompt_the_picture_and_no_word_of_others(plain: Line, tmp_path: Path) -> None:
    """Instructions are ours alone; the very bytes that are stored are sent where they are small enough."""
    (path,) = plain_files(tmp_path / "p", 1)
    land_plain(plain, [path])
    with ModelServer(lambda asked: rating(2)) as server:
        run_first(asking(plain, chat(server.url)))
        (asked,) = server.asked
        system, user = asked.body["messages"]
        assert system["content"] == PROMPT.read_text(encoding="utf-8")
        assert [part["text"] for part in user["content"] if part["type"] == "text"] == ["{}"]
        assert (asked.body["temperature"], asked.model) == (0, MODEL)
        assert asked.pictures == (as_sent(path.read_bytes(), 1e9).sha256,)
        run_first(asking(plain, chat(server.url), AskSettings(sent_pixels=500)))
        assert server.asked[1].pictures == (as_sent(path.read_bytes(), 500).sha256,) != asked.pictures


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("I will not look at that.", "not JSON"),
        (rating(11), "not of the schema"),
        (rating(mood="good"), "not of the schema"),
        (400, "refuses the question (400)"),
        (500, "attempt 2 of 2"),
    ],
)
def test_a_reply_that_cannot_be_used_quarantines_one_picture(
    plain: Line, tmp_path: Path, bad: str | int, reason: str
) -> None:
    """The others are rated; it has no row, says why, is not asked about again by itself, and makes no category."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 3))
    replies = by_picture(ids, rating(), bad, rating())
    with ModelServer(
        lambda asked: replies[asked.pictures[0]] if asked.schema == "rating" else categories("cup")
    ) as server:
        line = asking(plain, chat(server.url))
        run_first(line)
        asked = len(server.asked)
        assert run_first(line) == dict.fromkeys(FIRST, 0) and len(server.asked) == asked
    ended = outcomes(line, "image_ratings")
    assert [ended[name][0] for name in ids] == ["done", "failed", "done"]
    assert reason in ended[ids[1]][1]
    assert set(line.lake.query("SELECT image_id FROM image_ratings")["image_id"]) == {ids[0], ids[2]}
    assert ids[1] not in outcomes(line, "categories")


def test_a_picture_that_the_store_has_lost_is_its_own_trouble(plain: Line, tmp_path: Path) -> None:
    """The others are rated."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 2))
    plain.run("raw_images", batches(plain.lake))
    (Path(plain.pictures.folder) / ids[0][:2] / ids[0]).unlink()
    with ModelServer(lambda asked: rating()) as server:
        line = asking(plain, chat(server.url))
        line.run("image_ratings", batches(line.lake))
    ended = outcomes(line, "image_ratings")
    assert (ended[ids[0]][0], ended[ids[1]][0]) == ("failed", "done") and "FileNotFoundError" in ended[ids[0]][1]


def paid(url: str, home: Path, max_calls: int | None = None) -> Paid:
    """The model behind a ledger."""
    return Paid(chat(url), Ledger(f"sqlite:///{home}/operations.sqlite"), Prices(), Budget(None, max_calls), "")


def test_what_the_budget_did_not_reach_stays_pending(plain: Line, home: Path, tmp_path: Path) -> None:
    """What was rated is stored; a later run does the rest and asks about nothing twice."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 5))
    names = batches(plain.lake)
    plain.run("raw_images", names)
    with ModelServer(lambda asked: rating()) as server:
        (report,) = asking(plain, paid(server.url, home, 2)).run("image_ratings", names)
        assert (report.pending_before, report.left, report.pending_after) == (5, 3, 3)
        stored = plain.lake.query("SELECT image_id FROM image_ratings")["image_id"].to_list()
        assert sorted(stored) == sorted(asked.pictures[0] for asked in server.asked)
        (report,) = asking(plain, paid(server.url, home)).run("image_ratings", names)
        assert (report.pending_before, report.left, report.pending_after) == (3, 0, 0)
    assert sorted(asked.pictures[0] for asked in server.asked) == sorted(ids)


def test_what_was_paid_for_is_rated_anew_for_nothing(plain: Line, home: Path, tmp_path: Path) -> None:
    """Another bar of complexity asks nobody; a reply that could not be used is kept, and asked for again on retry."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 3))
    replies = by_picture(ids, rating(5), rating(9), "no JSON")
    with ModelServer(lambda asked: replies[asked.pictures[0]]) as server:
        model = paid(server.url, home)
        for stage in ("raw_images", "image_ratings"):
            asking(plain, model).run(stage, batches(plain.lake))
        assert len(server.asked) == 3
        asking(plain, model, AskSettings(least_complexity=6)).run("image_ratings", batches(plain.lake))
        assert [asked.pictures[0] for asked in server.asked[3:]] == [ids[2]]
    kept = [outcomes(plain, "image_ratings")[name][0] for name in ids]
    assert kept == ["nothing", "done", "failed"]
    with sqlite3.connect(home / "operations.sqlite") as database:
        rows = database.execute("SELECT reply, reason FROM calls WHERE outcome = 'unusable'").fetchall()
    assert rows == [("no JSON", "not JSON")] * 2


@pytest.mark.parametrize("way", ["nobody listens", "wrong key", "no such model"])
def test_a_server_that_answers_nothing_is_no_pictures_fault(plain: Line, tmp_path: Path, way: str) -> None:
    """The stage ends with a sentence, nothing is recorded, and all is pending as before."""
    land_plain(plain, plain_files(tmp_path / "p", 3))
    plain.run("raw_images", batches(plain.lake))
    with socket.socket() as closed, ModelServer(lambda asked: 401 if way == "wrong key" else 404) as server:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1" if way == "nobody listens" else server.url
        line = asking(plain, chat(url))
        with pytest.raises(ServerUnavailable, match="HOPCHAIN_VLM_"):
            line.run("image_ratings", batches(line.lake))
    assert outcomes(line, "image_ratings") == {}
    assert [owed.pending for owed in line.backlog() if owed.stage == "image_ratings"] == [3]


def test_without_a_model_all_go_on_unrated(plain: Line, tmp_path: Path) -> None:
    """As before there was this stage: nothing is in pictures that nobody annotated."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 2))
    run_all(plain)
    assert {how for how, _ in outcomes(plain, "image_ratings").values()} == {"skipped"}
    assert outcomes(plain, "categories") == dict.fromkeys(ids, ("nothing", ""))
    assert plain.lake.query("SELECT count(*) FROM image_ratings").item() == 0


def test_annotated_pictures_are_not_asked_about_and_stay_as_they_are(line: Line) -> None:
    """A model that is switched on costs them nothing: no call, and no stage after these two does anything."""
    run_all(line)
    with ModelServer(lambda asked: 500) as server:
        with_model = asking(line, chat(server.url))
        worked = run_all(with_model)
        assert worked == dict.fromkeys(STAGES, 0) | {"image_ratings": 6, "categories": 6}
        assert server.asked == []
    assert {how for how, _ in outcomes(line, "image_ratings").values()} == {"skipped"}
    # and the model switched off again
    assert run_all(line) == dict.fromkeys(STAGES, 0) | {"image_ratings": 6, "categories": 6}


def test_a_dataset_that_names_its_author_has_annotated_nothing(plain: Line, tmp_path: Path) -> None:
    """Credits are no marks: such a picture is rated."""
    said = json.dumps({"source": "dataset", "marks": [], "author": "Ada"})
    land_plain(plain, plain_files(tmp_path / "p", 1), said)
    with ModelServer(lambda asked: rating(1)) as server:
        run_first(asking(plain, chat(server.url)))
        assert server.count("rating") == 1


def test_the_bar_of_complexity_reopens_the_ratings_alone(plain: Line, tmp_path: Path) -> None:
    """Pictures that fall under it leave the line with all that was made of them; others are left alone."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 2))
    replies = by_picture(ids, rating(5), rating(9))

    def answer(asked: Asked) -> str | int:
        return replies[asked.pictures[0]] if asked.schema == "rating" else categories("cup")

    with ModelServer(answer) as server:
        run_all(asking(plain, chat(server.url)))
        higher = asking(plain, chat(server.url), AskSettings(least_complexity=6))
        worked = run_all(higher)
    assert (worked["image_ratings"], worked["categories"]) == (2, 0)
    assert outcomes(higher, "categories").keys() == {ids[1]}
    assert higher.lake.query("SELECT DISTINCT image_id FROM categories")["image_id"].to_list() == [ids[1]]


@pytest.mark.parametrize("change", [{"model": "stand-in-2"}, {"revision": "b"}])
def test_another_model_reopens_what_it_is_asked(plain: Line, scenes: Path, tmp_path: Path, change: Any) -> None:
    """By name or by weights; equal replies change nothing after them."""
    land_plain(plain, plain_files(tmp_path / "p", 2))
    take_in(plain, scenes)

    def answer(asked: Asked) -> str | int:
        return rating(2) if asked.schema == "rating" else categories("cup")

    with ModelServer(answer) as server:
        run_all(asking(plain, chat(server.url)))
        worked = run_all(asking(plain, chat(server.url, **change)))
    assert worked == dict.fromkeys(STAGES, 0) | {"image_ratings": 8, "categories": 6}
