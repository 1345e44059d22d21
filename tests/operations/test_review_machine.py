"""Random days of review, against a simple model: what is verified, who gets what, and that nobody answers twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.operations.review_days import MOST_QUESTIONS, SIX, Days, one_of

# most agree with the program, so that all ways to end are met
VALUES = st.sampled_from(["1", "1", "1", "1", "1", "2", "2", "defect"])
ALL_SIX = st.lists(VALUES, min_size=6, max_size=6)
LATER = st.sampled_from([31.0, 101.0])
PEOPLE, PLACES = st.sampled_from(SIX), st.integers(0, MOST_QUESTIONS)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


class Machine(RuleBasedStateMachine):
    """What may happen in a day; after each step all tables are as the model says."""

    url: ClassVar[str]
    days: Days | None = None

    @initialize(
        people=st.sampled_from([3, 4, 2, 1]),
        early=st.sampled_from([True, True, False]),
        sample=st.sampled_from([0.0, 0.6]),
        practice=st.sampled_from([0, 0, 1]),
        gold=st.sampled_from([0.0, 0.5]),
    )
    def begin(self, people: int, early: bool, sample: float, practice: int, gold: float) -> None:
        self.days = Days(self.url, people, early, sample, practice, gold)

    def teardown(self) -> None:
        if self.days:
            self.days.close()

    @property
    def now(self) -> Days:
        assert self.days
        return self.days

    @rule(seconds=st.sampled_from([1.0, 29.0, 30.0, 101.0, 1_000.0]))
    def wait(self, seconds: float) -> None:
        self.now.model.now += seconds

    @rule(person=PEOPLE)
    def ask(self, person: str) -> None:
        self.now.hand(person)

    @rule(person=PEOPLE, value=VALUES)
    def ask_and_answer(self, person: str, value: str) -> None:
        """The next question is asked for, and answered a second later."""
        if question := self.now.hand(person):
            self.now.model.now += 1.0
            self.now.vote(person, question, value)

    @rule(values=ALL_SIX)
    def everybody_answers(self, values: list[str]) -> None:
        self.now.have_enough()
        for person, value in zip(SIX, values, strict=True):
            self.ask_and_answer(person, value)

    @rule(person=PEOPLE, value=VALUES, asks=st.booleans(), seconds=st.sampled_from([0.0, 10.0, 40.0]))
    def answer_and_think_again(self, person: str, value: str, asks: bool, seconds: float) -> None:
        self.now.have_enough()
        self.ask_and_answer(person, value)
        if asks:
            self.ask(person)
        self.now.model.now += seconds
        self.now.undo(person)

    @rule(
        values=ALL_SIX,
        late=PEOPLE,
        seconds=st.sampled_from([31.0, 101.0]),
        then=st.sampled_from(["ask", "answer", "undo"]),
    )
    def one_is_late(self, values: list[str], late: str, seconds: float, then: str) -> None:
        """All have a question in hand. The others' answers are final, or time is over, when one goes on."""
        self.now.have_enough()
        for person in SIX:
            self.ask(person)
        for person, value in zip(SIX, values, strict=True):
            if person != late:
                self._answer_what_is_in_hand(person, value)
        self.now.model.now += seconds - 5.0
        if then == "undo":
            self._answer_what_is_in_hand(late, values[0])
        self.now.model.now += 5.0
        self.now.look()
        if then == "undo":
            self.now.undo(late)
        if then != "answer":
            self.ask(late)
        self._answer_what_is_in_hand(late, values[0])

    @rule(what=st.integers(0, 13), person=PEOPLE, place=PLACES, value=VALUES, gone=st.sets(PLACES, max_size=4))
    def something_else(self, what: int, person: str, place: int, value: str, gone: set[int]) -> None:
        days = self.now
        acts: list[Callable[[], object]] = [
            days.look,
            days.restart,
            lambda: days.undo(person),
            lambda: days.pause_or_let_go_on(person, "active"),
            lambda: days.pause_or_let_go_on(person, "active"),
            lambda: days.pause_or_let_go_on(person, "paused"),
            lambda: days.remove_somebody(SIX[0]),
            lambda: days.set_aside(person),
            lambda: days.reopen(place),
            lambda: days.accept(place),
            lambda: days.remove(place),
            lambda: days.push(gone, 2),
            lambda: days.vote(person, one_of(sorted(days.model.items), place), value),
            lambda: self._send_again(person),
        ]
        acts[what]()

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        self.now.check()

    def _answer_what_is_in_hand(self, person: str, value: str) -> None:
        lease = self.now.model.leases.get(person)
        if lease:
            self.now.vote(person, lease.question, value)

    def _send_again(self, person: str) -> None:
        """A browser sends the last form again: the same vote, and nothing happens."""
        said = [v for v in self.now.model.votes if v.person == person and v.state != "undone"]
        if said:
            self.now.vote(person, said[-1].question, said[-1].value)


def _run(given: str, examples: int) -> None:
    class Here(Machine):
        url = given

    run_state_machine_as_test(
        Here,
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=SLOW),
    )


def test_random_days_on_sqlite(sqlite_url: str) -> None:
    """Votes, double sends, undo, expiry, pauses, removals, withdrawals and restarts, in any order."""
    _run(sqlite_url, 30)


def test_random_days_on_postgres(postgres_catalog: str) -> None:
    """The same on the other database."""
    _run(postgres_catalog, 6)
