"""Questions with known answers: unmarked, measuring, and stopping who is wrong too often."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.review.refusals import NoMoreItems, Refused
from tests.operations.reviewing import KNOWN, Desk, item

RULES = ReviewRules(people=1, practice=0, gold_share=1.0, sample_share=0.0, gold_least=3, gold_floor=0.6)


def _golden(url: str, rules: ReviewRules = RULES, known: int = 8, work: int = 8) -> Desk:
    """At each turn a known question comes first; work stays until those are used up."""
    desk = Desk(url, rules)
    desk.push(*(item(f"g{number}", "gold") for number in range(known)), *(item(f"w{number}") for number in range(work)))
    return desk


def _status(desk: Desk, name: str) -> str:
    (found,) = [one.status for one in desk.book.figures().people if one.name == name]
    return found


def test_who_is_wrong_too_often_is_stopped_once_there_is_enough_to_go_by(url: str) -> None:
    """Two wrong of two is too little; the third stops her when it is final, and that is kept though she is refused."""
    desk = _golden(url)
    for _ in range(3):
        assert desk.answer("Ada", "1").startswith("g")
    assert _status(desk, "Ada") == "active"
    desk.wait(30)
    with pytest.raises(NoMoreItems, match="stopped"):
        desk.ask("Ada")
    # nobody else has done anything: the refusal itself wrote it down
    assert _status(desk, "Ada") == "stopped"


def test_who_is_right_often_enough_goes_on(url: str) -> None:
    """Two of three is above the floor of 0.6."""
    desk = _golden(url)
    for said in (KNOWN, "1", KNOWN):
        desk.answer("Ada", said)
    desk.wait(30)
    assert desk.ask("Ada")
    assert [(one.gold_right, one.gold_of) for one in desk.book.figures().people if one.name == "Ada"] == [(2, 3)]


def test_whom_a_lead_lets_go_on_is_measured_anew(url: str) -> None:
    """A right answer after that does not stop her again; three wrong ones do."""
    desk = _golden(url)
    for _ in range(3):
        desk.answer("Ada", "1")
    desk.wait(30)
    with pytest.raises(NoMoreItems):
        desk.ask("Ada")
    desk.book.set_status(desk.ids["Ada"], "active", desk.lead)
    for said in ("1", KNOWN):
        desk.answer("Ada", said)
    desk.wait(30)
    assert desk.ask("Ada")
    for _ in range(2):
        desk.answer("Ada", "1")
    desk.wait(30)
    with pytest.raises(NoMoreItems):
        desk.ask("Ada")


def test_earlier_unanimous_questions_of_the_same_source_become_gold(url: str) -> None:
    """Ben's next question is the one that Ada closed as the program says, not the one from another source."""
    desk = Desk(url, RULES)
    desk.push(item("q", source="photos"))
    desk.answer("Ada", KNOWN)
    assert desk.closed() == {"q": ("unanimous", KNOWN)}
    desk.push(item("q", source="photos"), item("r", source="scenes"))
    assert desk.ask("Ben") == "r"
    desk.say("Ben", "r", KNOWN)
    desk.push(item("q", source="photos"), item("r"), item("s", source="photos"))
    assert desk.ask("Ben") == "q"
    desk.say("Ben", "q", "1")
    assert desk.closed()["q"] == ("unanimous", KNOWN), "an answer to gold is no vote"


def test_what_only_people_say_measures_nobody_until_a_lead_accepts_it(url: str) -> None:
    """Ada's 5, where the program says 7, is not held against Ben."""
    desk = Desk(url, RULES)
    desk.push(item("q"))
    desk.answer("Ada", "5")
    desk.closed()
    desk.push(item("q"), item("r"))
    assert desk.ask("Ben") == "r"
    desk.book.accept("q", desk.lead)
    desk.push(item("q"), item("r"), item("s"))
    assert desk.ask("Cleo") == "q"


def test_gold_that_proves_wrong_is_not_held_against_anybody(url: str) -> None:
    """A lead removes the question that Ben was wrong about: he was measured by nothing."""
    desk = Desk(url, RULES)
    desk.push(item("q"))
    desk.answer("Ada", KNOWN)
    desk.closed()
    desk.push(item("q"), item("r"))
    assert desk.answer("Ben", "1") == "q"
    desk.wait(30)
    desk.book.mark()
    assert [one.gold_of for one in desk.book.figures().people if one.name == "Ben"] == [1]
    desk.book.remove_item("q", desk.lead)
    assert [one.gold_of for one in desk.book.figures().people if one.name == "Ben"] == [0]


def test_nothing_tells_a_known_question_from_others(url: str) -> None:
    """What waits falls by one with each question that is handed out and each that is answered, known or not."""
    desk = _golden(url, replace(RULES, people=4, gold_share=0.5), known=6, work=12)
    kinds, waiting = [], []
    for _ in range(8):
        kinds.append(desk.ask("Ada")[0])
        waiting.append(desk.book.own_count(desk.ids["Ada"]).waiting)
        desk.say("Ada", desk.ask("Ada"), KNOWN)
    assert set(kinds) == {"g", "w"}
    # one that was known comes to light only when it cannot be taken back any more
    for turn in range(1, 8):
        before_last = kinds[turn - 2] == "g" if turn > 1 else False
        assert waiting[turn] == waiting[turn - 1] - (0 if before_last else 1)


def test_practice_comes_first_tells_its_answer_and_cannot_be_taken_back(url: str) -> None:
    """Two of the three that are there; they are no votes."""
    desk = Desk(url, replace(RULES, practice=2, gold_share=0.0))
    desk.push(*(item(f"p{number}", "practice") for number in range(3)), item("q"))
    for left in (2, 1):
        assert desk.book.own_count(desk.ids["Ada"]).practice_left == left
        question = desk.ask("Ada")
        assert question.startswith("p")
        assert desk.say("Ada", question, "1").known == KNOWN
        with pytest.raises(Refused):
            desk.undo("Ada")
    assert desk.ask("Ada") == "q"
    assert desk.say("Ada", "q", "1").known == ""
    assert [cast.question_id for cast in desk.book.reviewed()[1]] == []


def test_a_removed_person_s_votes_stay_without_a_name(url: str) -> None:
    """They count, their link and name are gone, and their votes can still be set aside as a set."""
    desk = Desk(url, replace(RULES, gold_share=0.0))
    _, token = desk.book.invite("Eve Nobody", "annotator", desk.lead)
    desk.push(item("q"))
    eve = desk.book.enter(token)
    assert eve is not None
    desk.ids["Eve"] = eve.person_id
    desk.answer("Eve", "5")
    desk.book.remove_person(eve.person_id, desk.lead)
    assert desk.book.enter(token) is None
    assert desk.closed() == {"q": ("unanimous", "5")}
    assert "Eve Nobody" not in {one.name for one in desk.book.figures().people}
    assert desk.book.set_votes_aside(eve.person_id, desk.lead) == 1
    assert desk.closed_now() == {}
    with pytest.raises(Refused):
        desk.book.set_votes_aside("nobody", desk.lead)


def test_a_question_that_was_removed_while_open_goes_on_with_its_votes(url: str) -> None:
    """Taking a removal back costs nobody's work; a closed one that is reopened is asked of others."""
    desk = Desk(url, replace(RULES, people=2, gold_share=0.0))
    desk.push(item("q"))
    desk.answer("Ada", "5")
    desk.book.remove_item("q", desk.lead)
    assert desk.ask("Ben") == ""
    desk.book.reopen("q", desk.lead)
    desk.answer("Ben", "5")
    assert desk.closed() == {"q": ("unanimous", "5")}
    desk.book.reopen("q", desk.lead)
    assert [desk.ask(name) for name in ("Ada", "Ben", "Cleo", "Dan")] == ["", "", "q", "q"]
    with pytest.raises(Refused, match="open"):
        desk.book.reopen("q", desk.lead)
