"""What the commands tell of people's review: questions that wait, answers that are held, a database that is away."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hopchain_assets.settings import Settings
from tests.cli.conftest import Hopchain, line_of
from tests.voters import PLAIN, Answer, Crowd, number

AWAY = "postgresql://nobody@127.0.0.1:9/none"


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_run_hands_questions_on_and_takes_votes_in(hopchain: Hopchain, waiting_home: Path) -> None:
    """It says how many wait and does what follows from votes; status, explain and report tell what came of them."""
    first = hopchain("run", home=waiting_home, settings=PLAIN)
    lake = line_of(waiting_home).lake
    truth: dict[str, str] = dict(lake.query("SELECT question_id, answer FROM hop_chains").iter_rows())
    assert first.code == 0 and f"{len(truth)} questions wait for people: " in first.out, first.err
    assert "review" in first.out.partition("wait for people: ")[2].splitlines()[0]
    assert "`hopchain review` puts their questions to people" in words(hopchain("status", home=waiting_home).out)

    other, torn, *_ = sorted(truth)
    settings = Settings.load({"HOPCHAIN_HOME": str(waiting_home), **PLAIN})
    crowd = Crowd(settings.operations, settings.review.rules)

    def says(question_id: str, place: int) -> Answer:
        return number({**truth, other: "777", torn: str(place)}[question_id])

    crowd.answer(says)
    second = hopchain("run", home=waiting_home, settings=PLAIN)
    assert second.code == 0 and "wait for people: " not in second.out, second.err
    assert re.search(r"held until a lead accepts them\s+1\b", second.out)
    told = json.loads(hopchain("status", "--format", "json", home=waiting_home).out)["figures"]
    assert (told["verified"], told["held"], told["waiting"]) == (len(truth) - 1, 1, {"people disagree": 1})
    shown = words(hopchain("status", home=waiting_home).out)
    assert "1 answer of people differs from the program's" in shown and "What people disagree on" in shown

    chain = lake.query("SELECT chain_id FROM hop_chains WHERE question_id = ?", [other]).item()
    held = words(hopchain("explain", chain, home=waiting_home).out)
    assert "Answer 777" in held and f"people say 777, the program {truth[other]}" in held
    assert hopchain("report", home=waiting_home).code == 0
    page = (waiting_home / "report.html").read_text()
    assert "verified, but held" in page and "people disagree" in page

    crowd.book.accept(other, crowd.lead)
    assert hopchain("run", home=waiting_home, settings=PLAIN).code == 0
    accepted = words(hopchain("explain", chain, home=waiting_home).out)
    assert f"verified by people, who say 777 where the program gives {truth[other]}" in accepted
    assert json.loads(hopchain("status", "--format", "json", home=waiting_home).out)["figures"]["held"] == 0


def test_a_run_goes_on_without_the_operations_database(hopchain: Hopchain, waiting_home: Path) -> None:
    """Two notes on what is left for later, and exit code 0."""
    ended = hopchain("run", home=waiting_home, settings={"HOPCHAIN_OPERATIONS": AWAY})
    assert ended.code == 0 and "Traceback" not in ended.out + ended.err
    told = words(ended.err)
    assert "What people said is not fetched" in told and "Questions for people are not handed on" in told
    assert "127.0.0.1" in told and "wait for people: " not in ended.out
