"""When a vote counts, when a question closes, and what becomes of those who have it in hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hopchain_assets.domain.review import ReviewRules, is_sampled
from hopchain_assets.operations.review.book import Answer
from hopchain_assets.operations.review.refusals import NoMoreItems, NotYours, Refused
from tests.operations.reviewing import Desk, answer, item

PLAIN = ReviewRules(practice=0, gold_share=0.0, sample_share=0.0)
FOUR = ("Ada", "Ben", "Cleo", "Dan")


@pytest.fixture
def desk(url: str) -> Desk:
    return Desk(url, PLAIN)


def test_four_who_agree_make_an_answer_true_half_a_minute_later(desk: Desk) -> None:
    """Closing waits until the last vote can be taken back no more."""
    desk.push(item("q"))
    for name in FOUR:
        desk.answer(name, "5")
    desk.wait(29.9)
    assert desk.closed_now() == {}
    desk.wait(0.1)
    assert desk.closed_now() == {"q": ("unanimous", "5")}


def test_an_answer_outlives_a_power_loss(sqlite_url: str) -> None:
    """SQLite waits for the disk before a vote is acknowledged; a question that was handed out need not last."""
    desk = Desk(sqlite_url, PLAIN)
    desk.push(item("q"))
    said: list[str] = []

    def listen(*told: object) -> None:
        said.append(str(told[2]))

    event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        desk.ask("Ada")
        asked = said.copy()
        desk.say("Ada", "q", "5")
    finally:
        event.remove(sa.Engine, "before_cursor_execute", listen)
    assert asked[0] == "PRAGMA synchronous = NORMAL"
    assert said[len(asked)] == "PRAGMA synchronous = FULL"
    assert any(statement.startswith("INSERT INTO review_votes") for statement in said[len(asked) :])


def test_a_next_answer_makes_the_one_before_final(desk: Desk) -> None:
    """Ada's second answer closes the question of her first at once, and only the second can be taken back."""
    desk.push(item("q"), item("r"))
    first = desk.answer("Ada", "unreadable")
    second = desk.answer("Ada", "5")
    assert desk.closed_now() == {first: ("defect", "")}
    assert desk.undo("Ada") == second
    with pytest.raises(Refused):
        desk.undo("Ada")


def test_what_was_taken_back_can_be_said_again_otherwise(desk: Desk) -> None:
    """Undo puts the question back into the same hands; the place was never free for another."""
    desk.push(item("q"))
    for name in FOUR:
        desk.answer(name, "5")
    desk.invite("Eve")
    desk.undo("Dan")
    assert desk.ask("Eve") == ""
    assert desk.ask("Dan") == "q"
    desk.say("Dan", "q", "6")
    assert desk.closed() == {"q": ("disagreed", "")}


def test_what_closed_while_in_hand_is_not_asked_for_again(desk: Desk) -> None:
    """Cleo has q in hand when two others disagree about it: on her next look she gets another one."""
    desk.push(item("q"))
    assert [desk.ask(name) for name in ("Ada", "Ben", "Cleo")] == ["q", "q", "q"]
    desk.say("Ada", "q", "5")
    desk.say("Ben", "q", "6")
    desk.push(item("q"), item("r"))
    desk.wait(30)
    assert desk.ask("Cleo") == "r"
    with pytest.raises(NotYours):
        desk.say("Cleo", "q", "5")


def test_an_answer_under_way_while_its_question_closes_is_kept(desk: Desk) -> None:
    """Cleo sends hers without looking again: it is taken down, changes nothing, and the line is told of it."""
    desk.push(item("q"))
    for name in ("Ada", "Ben", "Cleo"):
        desk.ask(name)
    desk.say("Ada", "q", "5")
    desk.say("Ben", "q", "6")
    assert desk.closed() == {"q": ("disagreed", "")}
    desk.say("Cleo", "q", "5")
    before = desk.book.mark()
    assert desk.closed() == {"q": ("disagreed", "")}
    assert desk.book.mark() != before
    assert {cast.person_id for cast in desk.book.reviewed()[1]} == {desk.ids[name] for name in ("Ada", "Ben", "Cleo")}


def test_what_is_undone_after_its_question_closed_is_not_handed_back(desk: Desk) -> None:
    """Cleo takes back a vote on a question that others have closed meanwhile: it is gone, and she is asked another."""
    desk.push(item("q"))
    for name in ("Ada", "Ben", "Cleo"):
        desk.ask(name)
    desk.say("Ada", "q", "5")
    desk.say("Ben", "q", "6")
    desk.wait(20)
    desk.say("Cleo", "q", "5")
    desk.push(item("q"), item("r"))
    desk.wait(15)
    assert desk.undo("Cleo") == "q"
    assert desk.ask("Cleo") == "r"
    assert len(desk.book.reviewed()[1]) == 2


@pytest.mark.parametrize("end", ["remove_item", "withdraw"])
def test_what_is_asked_no_more_leaves_the_hands_that_hold_it(desk: Desk, end: str) -> None:
    """A question that a lead removed, or whose chain is gone, is not shown again to who had it."""
    desk.push(item("q"))
    assert desk.ask("Ada") == "q"
    if end == "remove_item":
        desk.book.remove_item("q", desk.lead)
    else:
        desk.push(item("r"))
    assert desk.ask("Ada") == ("" if end == "remove_item" else "r")


def test_after_the_lease_another_may_take_the_place(desk: Desk) -> None:
    """Dan's time runs out and Eve takes his place: what he sends then is refused. Had she not, it would count."""
    desk.push(item("q"), item("r"))
    for name in FOUR:
        desk.ask(name)
    desk.invite("Eve")
    held = desk.ask("Dan")
    desk.wait(PLAIN.lease_seconds + 1)
    assert desk.ask("Eve") == held
    others = [name for name in FOUR if name != "Dan"]
    for name in others:
        assert desk.ask(name) == held
    with pytest.raises(NotYours, match="ran out"):
        desk.say("Dan", held, "5")
    # he is given something else
    assert desk.ask("Dan") not in ("", held)


def test_a_late_answer_counts_where_nobody_took_the_place(desk: Desk) -> None:
    """The lease of the only one who works ran out an hour ago."""
    desk.push(item("q"))
    desk.ask("Ada")
    desk.wait(3600)
    desk.say("Ada", "q", "5")
    desk.wait(30)
    desk.book.mark()
    assert desk.book.own_count(desk.ids["Ada"]).ever == 1


def test_a_paused_person_holds_nobody_up(desk: Desk) -> None:
    """What Dan has in hand when a lead pauses him goes to another at once; he is told why he gets nothing."""
    desk.push(item("q"))
    for name in FOUR:
        desk.ask(name)
    desk.invite("Eve")
    assert desk.ask("Eve") == ""
    desk.book.set_status(desk.ids["Dan"], "paused", desk.lead)
    assert desk.ask("Eve") == "q"
    with pytest.raises(NotYours):
        desk.say("Dan", "q", "5")
    with pytest.raises(NoMoreItems, match="paused"):
        desk.ask("Dan")


def test_what_a_lead_accepted_holds_for_that_outcome_only(desk: Desk) -> None:
    """Opened by votes that were set aside and unanimous again, it waits for the lead again."""
    desk.push(item("q"))
    for name in FOUR:
        desk.answer(name, "5")
    assert desk.closed() == {"q": ("unanimous", "5")}
    desk.book.accept("q", desk.lead)
    assert [one.accepted_by for one in desk.book.reviewed()[0]] == [desk.lead]
    desk.book.set_votes_aside(desk.ids["Ada"], desk.lead)
    assert desk.closed_now() == {}
    desk.invite("Eve")
    desk.answer("Eve", "5")
    assert desk.closed() == {"q": ("unanimous", "5")}
    assert [one.accepted_by for one in desk.book.reviewed()[0]] == [""]


def test_a_question_that_comes_back_has_its_votes(desk: Desk) -> None:
    """Recertifying withdraws and brings back: who answered is not asked again, and their votes count."""
    desk.push(item("q"))
    for name in FOUR[:3]:
        desk.answer(name, "5")
    desk.push()
    assert desk.ask("Dan") == ""
    desk.push(item("q"))
    assert desk.ask("Ada") == ""
    desk.answer("Dan", "5")
    assert desk.closed() == {"q": ("unanimous", "5")}


def test_the_sample_is_never_closed_early_and_alone_tells_of_agreement(url: str) -> None:
    """A sampled question goes on after a disagreement; alpha is worked out on such questions only."""
    rules = ReviewRules(practice=0, gold_share=0.0, sample_share=0.5)
    desk = Desk(url, rules)
    names = [f"q{number}" for number in range(40)]
    sampled = next(name for name in names if is_sampled(name, 0.5))
    other = next(name for name in names if not is_sampled(name, 0.5))
    desk.push(item(sampled), item(other))
    said = {"Ada": "5", "Ben": "6", "Cleo": "5", "Dan": "5"}
    for _ in range(2):
        for name in FOUR:
            if desk.ask(name):
                desk.answer(name, said[name])
        desk.wait(31)
    assert desk.closed() == {sampled: ("disagreed", ""), other: ("disagreed", "")}
    votes = [cast.question_id for cast in desk.book.reviewed()[1]]
    assert (votes.count(sampled), votes.count(other)) == (4, 4)
    figures = desk.book.figures()
    # four values, three alike: observed 1/2, expected 1/2
    assert (figures.sample, figures.alpha) == (1, pytest.approx(0.0))


def test_who_leads_is_given_no_question(desk: Desk) -> None:
    """They have seen the answers."""
    desk.push(item("q"))
    with pytest.raises(NoMoreItems, match="leads"):
        desk.book.hand(desk.lead)


@pytest.mark.parametrize("note", ["a\0b", "half a \ud800 pair", "\U0001f600 " * 400])
def test_any_note_is_kept_and_sent_twice_counts_once(desk: Desk, note: str) -> None:
    """Postgres knows no NUL and no half of a pair: they are replaced, and the same note again is the same vote."""
    desk.push(item("q"))
    desk.ask("Ada")
    said = Answer(defect="ambiguous", note=note)
    first = desk.book.vote(desk.ids["Ada"], "q", said)
    assert desk.book.vote(desk.ids["Ada"], "q", said) == first
    desk.closed()
    (cast,) = desk.book.reviewed()[1]
    assert cast.note == note.replace("\0", "\ufffd").replace("\ud800", "?")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Answer(), lambda: Answer(number="7", defect="ambiguous"), lambda: Answer(number="7.0"),
        lambda: Answer(number="seven"), lambda: Answer(defect="boring"),
        lambda: Answer(defect="ambiguous", note="x" * 1001),
    ],
)  # fmt: skip
def test_an_answer_is_one_canonical_number_or_one_known_reason(make: Callable[[], Answer]) -> None:
    """Two ways to write one number would make people disagree who agree."""
    with pytest.raises(Refused):
        make()


def test_every_change_that_matters_changes_the_mark(desk: Desk) -> None:
    """The line asks by it whether to look; nothing else changes it."""
    desk.push(item("q"), item("r"))
    seen = [desk.book.mark()]

    def changed(happens: Callable[[], object]) -> bool:
        happens()
        seen.append(desk.book.mark())
        return seen[-1] not in seen[:-1]

    assert not changed(lambda: desk.ask("Ada"))
    held = desk.ask("Ada")
    assert changed(lambda: desk.say("Ada", held, "5"))
    assert changed(lambda: desk.undo("Ada"))
    assert changed(lambda: desk.say("Ada", held, "5"))
    assert changed(lambda: desk.wait(30)), "a vote that is final by time alone"
    assert not changed(lambda: desk.wait(30))
    for name in FOUR[1:]:
        changed(lambda name=name: desk.book.vote(desk.ids[name], desk.ask(name), answer("5")))
    desk.wait(30)
    assert changed(desk.book.mark)
    assert changed(lambda: desk.book.accept(held, desk.lead))
    assert changed(lambda: desk.book.reopen(held, desk.lead))
    assert changed(lambda: desk.book.set_votes_aside(desk.ids["Ada"], desk.lead))
    assert changed(lambda: desk.book.remove_item("r", desk.lead))
    assert changed(lambda: desk.push(item("r")))
