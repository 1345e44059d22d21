"""Votes and questions as sheets, and the trail in words."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest

from hopchain_assets.annotate import sheets
from hopchain_assets.annotate.trail_words import sentence
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.listing import Happened
from hopchain_assets.operations.review.voting import Answer
from tests.annotate.house import ANNOTATOR, LEAD, OTHER, PAUSED, Bare, House, close, text_of

KEY = "a-key-of-a-form-1"


def test_sheets_hold_all_closed_votes_and_nothing_of_open_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV and Parquet agree, have each vote once and people as ids, however few rows are written at a time."""
    whole = {path: house.get(f"/lead/{path}").content for path in ("votes.parquet", "questions.parquet", "votes.csv")}
    monkeypatch.setattr(sheets, "ROWS", 7)
    votes = pl.read_parquet(io.BytesIO(house.get("/lead/votes.parquet").content))
    assert votes.equals(pl.read_parquet(io.BytesIO(whole["votes.parquet"])))
    assert house.get("/lead/votes.csv").content == whole["votes.csv"]
    questions = pl.read_parquet(io.BytesIO(whole["questions.parquet"]))
    assert sorted(questions["question_id"]) == sorted(house.seeded.of("all"))
    assert set(votes["question_id"]) <= set(questions["question_id"])
    counted = house.book.reviewed()[1]
    work = votes.filter((pl.col("purpose") == "work") & (pl.col("state") == "final"))
    assert sorted(zip(work["question_id"], work["person_id"], strict=True)) == sorted(
        (one.question_id, one.person_id) for one in counted
    )
    table = pl.read_csv(whole["votes.csv"], schema_overrides={"number": pl.String})
    assert table["vote_id"].to_list() == votes["vote_id"].to_list()
    assert set(votes["person_id"]) <= set(house.seeded.ids.values())
    for name in house.seeded.ids:
        assert name.encode() not in whole["votes.csv"]


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'), ("+1", "'+1"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("  =1", "'  =1"), ("\uff1d1", "'\uff1d1"),
        ("-3", "-3"), ("2 = 2", "2 = 2"), ("a\n=b", "a\n=b"),
    ],
)  # fmt: skip
def test_no_note_becomes_a_formula(bare: Bare, note: str, told: str) -> None:
    """In CSV it begins with an apostrophe; a number stays one, and in Parquet all is as it was written."""
    close(bare.book, ["How many?"], Answer(defect="ambiguous", note=note))
    assert pl.read_csv(bare.get("/lead/votes.csv").content, infer_schema=False)["note"].to_list() == [told]
    assert pl.read_parquet(io.BytesIO(bare.get("/lead/votes.parquet").content))["note"].to_list() == [note]


def test_sheets_of_nothing_have_their_columns(bare: Bare) -> None:
    """Before anything is closed they are empty, not broken."""
    for name in ("votes", "questions"):
        table = pl.read_parquet(io.BytesIO(bare.get(f"/lead/{name}.parquet").content))
        assert table.height == 0
        assert pl.read_csv(bare.get(f"/lead/{name}.csv").content).columns == table.columns


def test_the_trail_says_everything_in_words(house: House) -> None:
    """Each kind of row that the book writes has a sentence of its own, with names where there are some."""
    question, other = house.an("people"), house.seeded.ids[OTHER]
    house.post(f"/lead/questions/{question}/accept")
    house.post(f"/lead/questions/{house.seeded.of('disagreed')[0]}/reopen")
    house.post(f"/lead/questions/{house.seeded.of('defect')[0]}/not-marked", category="dot")
    house.post(f"/lead/people/{other}/status", status="paused")
    house.post(f"/lead/people/{other}/status", status="active")
    house.post(f"/lead/people/{other}/aside")
    house.post(f"/lead/people/{other}/link", once=KEY)
    text = re.sub("[\u2068\u2069]", "", text_of(house.get("/lead/trail").text))
    for words in (
        f"{LEAD} accepted people's number", f"{LEAD} reopened it", "reported that one is not marked: dot",
        f"{LEAD} removed it", f"{LEAD} paused {OTHER}", f"{LEAD} let {OTHER} go on", f"votes of {OTHER} aside",
        f"{LEAD} made a new link for {OTHER}", f"{LEAD} removed removed", f"{LEAD} paused {PAUSED}",
        "closed: unanimous on",
        "closed: people disagree", "closed: a defect was reported", "open again", f"{ANNOTATOR} answered",
    ):  # fmt: skip
        assert words in text, words


def test_no_row_of_the_trail_is_without_words(house: House) -> None:
    """What the code writes into the trail is what the page has sentences for."""
    folder = Path(ReviewBook.__module__.replace(".", "/")).parent
    written = "".join(path.read_text() for path in (Path(__file__).parents[2] / folder).glob("*.py"))
    actions = set(re.findall(r'record\([^()]*?, "([a-z: ]+)"', written))
    assert {"voted", "invited", "accepted", "reopened", "pushed", "set votes aside"} <= actions
    # these are made of two, or stand in a variable
    actions |= {"active", "paused", "withdrawn: gone", "withdrawn: removed", "handed out", "handed out again"}
    for action in actions:
        row = Happened(house.clock(), "Somebody", action, "q", True, "Another", "7")
        assert f": {action}" not in sentence(row).replace("\u2069", ""), action
