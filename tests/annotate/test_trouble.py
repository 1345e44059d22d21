"""What people see when something is broken: a sentence, no secrets, and the same guard as ever."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from hopchain_assets.annotate.app import HEADERS, create_app
from hopchain_assets.operations.review.book import ReviewBook
from tests.annotate.house import ADDRESS
from tests.annotate.serving import BATCH, SECRET, item


def _broken(image_id: str) -> bytes:
    raise RuntimeError(f"the store lost {image_id}")


def test_a_fault_of_ours_is_a_page_with_the_same_headers(tmp_path: Path) -> None:
    """A store that raises what nobody expected: 500, and nothing of it on the page."""
    book = ReviewBook(f"sqlite:///{tmp_path / 'operations.sqlite'}")
    book.push([item("q1")], [BATCH])
    client = TestClient(create_app(book, _broken, SECRET, ADDRESS), base_url=ADDRESS, raise_server_exceptions=False)
    client.post("/enter", data={"token": book.invite("Ada", "annotator", "test")[1]})
    assert client.get("/next").status_code == 200
    reply = client.get("/pictures/picture-of-q1")
    assert reply.status_code == 500
    assert "Something went wrong here" in reply.text and "lost" not in reply.text
    assert {name: reply.headers[name] for name in HEADERS} == dict(HEADERS)
    book.close()


def test_a_database_that_is_away_is_told_without_its_address(tmp_path: Path) -> None:
    """503 and a sentence; where it lies is for the log."""
    away = tmp_path / "is-a-file"
    away.write_text("")
    book = ReviewBook(f"sqlite:///{away / 'operations.sqlite'}")
    client = TestClient(create_app(book, _broken, SECRET, ADDRESS), base_url=ADDRESS)
    reply = client.post("/enter", data={"token": "anything"})
    assert reply.status_code == 503
    assert "Nothing can be kept just now" in reply.text and "is-a-file" not in reply.text
    assert {name: reply.headers[name] for name in HEADERS} == dict(HEADERS)
