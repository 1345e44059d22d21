"""Questions that people take along to another program, and the votes that come back: the page's rules hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hopchain_assets.operations.review.book import Answer
from hopchain_assets.operations.tables import review_assignments, review_votes
from tests.operations.office import DAYS, ME, NOON, PEOPLE, RULES, Office, vote


@pytest.fixture
def office(url: str) -> Iterator[Office]:
    made = Office(url)
    yield made
    made.book.close()


def test_no_question_goes_to_more_people_than_it_needs(office: Office) -> None:
    """What is out takes a place: of five people four get each question, and the page has it for nobody."""
    office.join(5)
    office.push("a", "b", "c", "d", "e")
    out = office.hand_out()
    assert Counter(name for names in out.values() for name in names) == dict.fromkeys("abcde", PEOPLE)
    assert sorted(len(names) for names in out.values()) == [4, 4, 4, 4, 4]
    assert all(len(set(names)) == len(names) for names in out.values())
    assert [office.book.hand(person) for person in office.people] == [None] * 5
    assert office.hand_out() == {}


def test_what_is_out_with_somebody_the_page_gives_to_others(office: Office) -> None:
    """With one place taken the page gives the question to three others, and not to who has it already."""
    office.join(1)
    office.push("a")
    (first,) = office.people
    assert office.hand_out() == {first: ["a"]}
    office.join(4)
    assert office.book.hand(first) is None
    assert office.book.own_count(first).waiting == 0
    handed = [office.book.hand(person) for person in office.people[1:]]
    assert [one.question_id if one else "" for one in handed] == ["a", "a", "a", ""]


def test_what_is_in_somebodys_hands_or_answered_is_not_handed_out_to_them(office: Office) -> None:
    """The export leaves both alone, and counts them."""
    office.join(5)
    office.push("a")
    looking, answered, *_ = office.people
    assert office.book.hand(looking)
    office.book.hand(answered)
    office.book.vote(answered, "a", Answer(number="3"))
    out = office.hand_out()
    assert len(out) == PEOPLE - 2 and looking not in out and answered not in out


def test_everybody_gets_no_more_than_asked_and_about_as_much_as_others(office: Office) -> None:
    """`most` bounds what one person gets."""
    office.join(6)
    office.push(*"abcdefghi")
    assert sorted(len(names) for names in office.hand_out(4).values()) == [4] * 6
    # 36 places in all, and 24 of them gone
    assert sum(len(names) for names in office.hand_out(4).values()) == 12


def test_four_equal_votes_from_elsewhere_make_an_answer(office: Office) -> None:
    """They are final at once, and each tells where it comes from, when it was given and how long it took."""
    office.join(PEOPLE)
    office.push("a")
    office.hand_out()
    office.pass_days(1)
    given = [replace(vote(person, "a"), at=NOON + timedelta(hours=1)) for person in office.people]
    assert office.book.take_in(given).taken == PEOPLE
    ((closed,), cast) = office.book.reviewed()
    assert (closed.state, closed.answer) == ("unanimous", "3")
    assert {one.origin for one in cast} == {one.origin for one in given}
    assert {(one.at, one.seconds) for one in cast} == {(NOON + timedelta(hours=1), 4.5)}
    assert office.rows(review_assignments) == []


def test_a_time_before_the_handing_out_or_after_now_is_not_believed(office: Office) -> None:
    """Another machine's clock may be wrong."""
    office.join(2)
    office.push("a")
    office.hand_out()
    office.pass_days(1)
    early, late = office.people
    office.book.take_in([replace(vote(early, "a"), at=datetime(1970, 1, 1))])
    office.book.take_in([replace(vote(late, "a"), at=datetime(2999, 1, 1))])
    assert {row.person_id: row.at for row in office.rows(review_votes)} == {early: NOON, late: office.now}


def test_what_is_imported_twice_makes_no_second_vote(office: Office) -> None:
    """It is known, and nothing changes."""
    office.join(1)
    office.push("a")
    office.hand_out()
    given = [vote(office.people[0], "a")]
    assert office.book.take_in(given).taken == 1
    before, mark = office.rows(review_votes), office.book.mark()
    again = office.book.take_in(given)
    assert (again.taken, again.known, again.left_out) == (0, 1, ())
    assert (office.rows(review_votes), office.book.mark()) == (before, mark)


def test_an_edited_vote_stays_as_it_was_and_is_told(office: Office) -> None:
    """The same origin with another number."""
    office.join(1)
    office.push("a")
    office.hand_out()
    (person,) = office.people
    office.book.take_in([vote(person, "a", "3")])
    again = office.book.take_in([vote(person, "a", "4")])
    assert again.taken == again.known == 0
    assert "changed after" in again.left_out[0][1]
    assert [row.number for row in office.rows(review_votes)] == ["3"]


def test_what_may_not_count_is_left_out_and_stops_nothing(office: Office) -> None:
    """Each with its reason, and the good one after them counts."""
    office.join(3)
    office.push("a", "b", "c")
    first, second, paused = office.people
    office.hand_out()
    office.push("later")
    office.book.set_status(paused, "paused", ME)
    office.book.take_in([vote(second, "b")])
    given = [
        vote("nobody", "a"),
        vote(first, "no such"),
        vote(first, "later"),
        vote(paused, "a"),
        vote(second, "b", origin="other:1/another"),
        vote(first, "b", origin=f"other:1/{second}b"),
        vote(first, "a"),
    ]
    done = office.book.take_in(given)
    assert done.taken == 1
    told = [reason for _, reason in done.left_out]
    for reason, words in zip(
        told, ["no such person", "no such question", "not given", "paused", "already", "same number"], strict=True
    ):
        assert words in reason
    assert [name for name, _ in done.left_out] == [one.origin for one in given[:-1]]


def test_after_its_days_a_question_is_free_again_and_late_answers_count_while_there_is_room(office: Office) -> None:
    """Others get the places; who comes after the last is taken is left out."""
    office.join(PEOPLE)
    office.push("a")
    assert len(office.hand_out()) == PEOPLE and office.places("a") == 0
    office.pass_days(DAYS + 1)
    office.join(3)
    assert all(office.book.hand(person) for person in office.people[PEOPLE:])
    assert office.places("a") == 1
    done = office.book.take_in([vote(person, "a") for person in office.people[:2]])
    assert done.taken == 1
    assert [name for name, _ in done.left_out] == [vote(office.people[1], "a").origin]
    assert "ran out" in done.left_out[0][1]


def test_a_vote_from_elsewhere_puts_the_question_down_on_the_page(office: Office) -> None:
    """Its time ran out, the page gave it to them once more, and then the file came."""
    office.join(1)
    office.push("a")
    (person,) = office.people
    office.hand_out()
    office.pass_days(DAYS + 1)
    assert office.book.hand(person)
    assert office.book.take_in([vote(person, "a")]).taken == 1
    assert office.book.hand(person) is None
    assert office.places("a") == PEOPLE - 1


def test_what_is_out_can_be_written_again_and_taken_back(office: Office) -> None:
    """Again is the same questions for longer; taken back they are for others."""
    office.join(PEOPLE)
    office.push("a", "b")
    out = office.hand_out()
    office.pass_days(DAYS - 1)
    again = office.book.hand_out_again(DAYS, ME)
    assert {bundle.person_id: {one.question_id for one in bundle.questions} for bundle in again} == {
        person: set(names) for person, names in out.items()
    }
    office.pass_days(DAYS - 1)
    assert office.places("a") == office.places("b") == 0
    assert office.book.take_back(["picture-of-a"], ME) == PEOPLE
    assert (office.places("a"), office.places("b")) == (PEOPLE, 0)
    assert office.book.take_back(None, ME) == PEOPLE
    assert office.book.hand_out_again(DAYS, ME) == []
    assert office.places("b") == PEOPLE


@pytest.mark.parametrize("what", ["paused", "set aside", "removed"])
def test_what_is_out_with_who_leaves_goes_to_others(office: Office, what: str) -> None:
    """Their places are free at once."""
    office.join(PEOPLE)
    office.push("a")
    office.hand_out()
    gone = office.people[0]
    if what == "paused":
        office.book.set_status(gone, "paused", ME)
    elif what == "set aside":
        office.book.set_votes_aside(gone, ME)
    else:
        office.book.remove_person(gone, ME)
    assert office.places("a") == 1
    assert office.book.take_in([vote(gone, "a")]).taken == 0


def test_known_questions_come_along_and_measure(sqlite_url: str) -> None:
    """They look like the others, take no place, and who is wrong too often is stopped."""
    office = Office(sqlite_url, replace(RULES, gold_share=0.9, gold_least=3, gold_floor=0.7))
    office.join(PEOPLE)
    office.push("g1", "g2", "g3", "g4", kind="gold")
    office.push(*(f"w{number}" for number in range(12)))
    out = office.hand_out()
    assert all(set(names) >= {"g1", "g2", "g3", "g4"} for names in out.values())
    assert all(len(names) == len(set(names)) == 16 for names in out.values())
    assert all(names[-1] != "g4" for names in out.values())
    wrong, right, *_ = office.people
    office.book.take_in([vote(wrong, f"g{number}", "8") for number in (1, 2, 3)])
    office.book.take_in([vote(right, f"g{number}") for number in (1, 2, 3)])
    status = {one.person_id: one.status for one in office.book.figures().people}
    assert (status[wrong], status[right]) == ("stopped", "active")
    assert office.places("w0") == 1
    assert office.book.reviewed() == ([], [])
