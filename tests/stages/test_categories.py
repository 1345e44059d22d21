"""Stage `categories` over pictures that nobody annotated: names that a model gives, in the form of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.quality.tables import check_tables
from hopchain_assets.stages.categories import LONGEST_NAME, MOST_NAMES, plain_names
from hopchain_assets.stages.line import Line
from tests.stages.conftest import new_line, run_all, take_in
from tests.stages.model_server import MODEL, Asked, ModelServer, categories, rating
from tests.stages.plain_pictures import asking, chat, land_plain, outcomes, plain_files


@pytest.fixture
def plain(home: Path) -> Line:
    return new_line(home)


def naming(*replies: str | int) -> tuple[dict[str, str | int], ModelServer]:
    """A server that rates all alike, and names by picture what the mapping will say."""
    named: dict[str, str | int] = {}

    def answer(asked: Asked) -> str | int:
        return rating() if asked.schema == "rating" else named[asked.pictures[0]]

    return named, ModelServer(answer)


def test_names_come_from_the_model_beside_those_of_annotations(plain: Line, scenes: Path, tmp_path: Path) -> None:
    """Each row says whose word it is; names are in the table's form; marks stay people's."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 2))
    take_in(plain, scenes)
    named, server = naming()
    named |= {ids[0]: categories(" Wine  Glass", "person", "PERSON", "", "x" * 41), ids[1]: categories()}
    with server:
        line = asking(plain, chat(server.url))
        run_all(line)
    rows = line.lake.query("SELECT category, source, crowd FROM categories WHERE image_id = ? ORDER BY 1", [ids[0]])
    assert rows.rows() == [("person", f"vlm/{MODEL}", False), ("wine glass", f"vlm/{MODEL}", False)]
    ended = outcomes(line, "categories")
    assert (ended[ids[0]][0], ended[ids[1]][0]) == ("done", "nothing")
    sources = line.lake.query("SELECT DISTINCT source FROM categories ORDER BY 1")["source"].to_list()
    assert sources == ["scene", f"vlm/{MODEL}"]
    assert (server.count("categories"), server.count("rating")) == (2, 2)
    # nobody has masks for what a model names
    assert outcomes(line, "instance_masks")[ids[0]][0] == "nothing"
    frames = {name: line.lake.query(f"FROM {name}") for name in ("categories", "category_audit")}
    assert check_tables("categories", frames).passed


def test_a_failed_reply_takes_its_picture_alone(plain: Line, tmp_path: Path) -> None:
    """It is recorded as failed with the reason; the other one has its names."""
    ids = land_plain(plain, plain_files(tmp_path / "p", 2))
    named, server = naming()
    named |= {ids[0]: categories(*["cup"] * 41), ids[1]: categories("cup")}
    with server:
        line = asking(plain, chat(server.url))
        run_all(line)
    ended = outcomes(line, "categories")
    assert (ended[ids[0]][0], ended[ids[1]]) == ("failed", ("done", ""))
    assert "not of the schema" in ended[ids[0]][1]


def test_the_model_switched_off_takes_its_names_back(plain: Line, tmp_path: Path) -> None:
    """Without it nothing is in such a picture, as before."""
    land_plain(plain, plain_files(tmp_path / "p", 1))
    with ModelServer(lambda asked: rating() if asked.schema == "rating" else categories("cup")) as server:
        run_all(asking(plain, chat(server.url)))
    assert plain.lake.query("SELECT count(*) FROM categories").item() == 1
    run_all(plain)
    assert plain.lake.query("SELECT count(*) FROM categories").item() == 0
    assert not any(owed.pending for owed in plain.backlog())


@given(st.lists(st.text(max_size=60), max_size=40))
def test_whatever_a_model_says_names_keep_their_form(names: list[str]) -> None:
    """Trimmed, in lower case, on one line, each once, not too long, not too many, and the same when done again."""
    found = plain_names(names)
    assert len(found) == len(set(found)) <= MOST_NAMES
    assert all(0 < len(name) <= LONGEST_NAME and name.isprintable() for name in found)
    assert all(name == name.strip() == name.lower() for name in found)
    assert plain_names(found) == found


def test_the_first_names_are_kept() -> None:
    """What a person would point out first comes first."""
    assert plain_names([f"thing {n}" for n in range(30)]) == [f"thing {n}" for n in range(MOST_NAMES)]
