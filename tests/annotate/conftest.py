"""One seeded database for all tests of the pages; each gets a copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hopchain_assets.annotate.app import create_app
from hopchain_assets.operations.review.book import ReviewBook
from tests.annotate.house import ADDRESS, ONE, Bare, Blueprint, House, build, draw_up
from tests.annotate.seeding import LEAD
from tests.annotate.serving import SECRET, Clock


@pytest.fixture(scope="session")
def blueprint(tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    return draw_up(tmp_path_factory.mktemp("blueprint"))


@pytest.fixture
def house(blueprint: Blueprint, tmp_path: Path) -> Iterator[House]:
    """A service that a test may change."""
    made = build(blueprint, tmp_path)
    yield made
    made.book.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """Where one person closes a question, so that tests can close many."""
    clock = Clock()
    book = ReviewBook(f"sqlite:///{tmp_path / 'operations.sqlite'}", ONE, clock)
    client = TestClient(create_app(book, _no_picture, SECRET, ADDRESS), base_url=ADDRESS)
    client.post("/enter", data={"token": book.invite(LEAD, "lead", "test")[1]})
    yield Bare(book, client)
    book.close()


def _no_picture(image_id: str) -> bytes:
    raise FileNotFoundError(image_id)
