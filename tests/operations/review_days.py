"""A book of people's votes beside a model of it: whatever is done is done to both, and then they are compared."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules, is_sampled
from hopchain_assets.operations.database import Database
from hopchain_assets.operations.review.book import Answer, ReviewBook
from hopchain_assets.operations.review.refusals import NoMoreItems, NotYours, Refused
from hopchain_assets.operations.tables import REVIEW, review_items, review_leases, review_people, review_votes
from hopchain_assets.ports.reviews import Kind, ReviewItem
from tests.operations.review_model import GOLD, PRACTICE, WORK, Item, Lease, Limits, Model

BEGIN = datetime(2030, 1, 1)
KNOWN = "1"
KNOWN_ONES: dict[str, Kind] = {"g0": GOLD, "g1": GOLD, "g2": GOLD, "p0": PRACTICE}
MOST_QUESTIONS = 24
SIX = [f"person-{number}" for number in range(6)]
LEAD = "lead"
_ITEMS = sa.select(review_items).where(review_items.c.kind == WORK)
_VOTES, _LEASES = sa.select(review_votes), sa.select(review_leases)


class Days:
    """Six annotators, a lead and the line at the database `url`, which is emptied first."""

    def __init__(self, url: str, people: int, early: bool, sample: float, practice: int, gold: float) -> None:
        self.url, self.sample = url, sample
        self.engine = Database(url).engine()
        # of the model's votes by number
        self.ids: dict[int, str] = {}
        Database(url).migrate()
        with Database(url).connected(kept=self.engine) as connection, connection.begin():
            for table in REVIEW:
                connection.execute(table.delete())
            # not invited: ids made by chance decide who gets gold when, and no failure could be repeated
            known = {"role": "annotator", "status": "active", "invited_at": BEGIN}
            people_rows = [known | {"person_id": one, "name": one, "token_sha256": one} for one in SIX]
            connection.execute(review_people.insert(), people_rows)
        self.model = Model(
            Limits(people, early, 100.0, 30.0, practice, 2, 0.6),
            {name: Item(kind, KNOWN) for name, kind in KNOWN_ONES.items()},
            dict.fromkeys(SIX, "active"),
        )
        rules = ReviewRules(people, early, sample, 100.0, 30.0, practice, gold, 2, 0.6)
        self.book = ReviewBook(url, rules, self.clock)
        self.push(set(), 5)

    def clock(self) -> datetime:
        return BEGIN + timedelta(seconds=self.model.now)

    def close(self) -> None:
        self.book.close()
        self.engine.dispose()

    @property
    def work(self) -> list[str]:
        return [name for name, item in self.model.items.items() if item.kind == WORK]

    def have_enough(self) -> None:
        """A day on which nothing is left to do shows nothing."""
        if sum(self.model.places(name) for name in self.work) < 6:
            self.push(set(), 3)
        if sum(status == "active" for status in self.model.people.values()) < 4:
            for person in SIX:
                self.pause_or_let_go_on(person, "active")

    def restart(self) -> None:
        rules, _ = self.book.rules, self.book.close()
        self.book = ReviewBook(self.url, rules, self.clock)

    def look(self) -> None:
        """The line asks whether anything changed: time's work is done with it, and a second look sees nothing new."""
        self.model.settle()
        assert self.book.mark() == self.book.mark()

    def undo(self, person: str) -> None:
        model = self.model
        model.settle()
        pending = [v for v in model.votes if v.person == person and v.state == "pending" and v.purpose != PRACTICE]
        if not pending or model.people[person] != "active":
            with pytest.raises(Refused):
                self.book.undo(person)
            return
        (vote,) = pending
        assert self.book.undo(person) == vote.question
        vote.state = "undone"
        model.leases.pop(person, None)
        item = model.items[vote.question]
        if not item.withdrawn and (vote.purpose == GOLD or model.state(vote.question)[0] == "open"):
            self._put(person, vote.question, vote.purpose)
        self.check()

    def pause_or_let_go_on(self, person: str, status: str) -> None:
        model = self.model
        if model.people[person] == "removed":
            with pytest.raises(Refused):
                self.book.set_status(person, status, LEAD)
            return
        self.book.set_status(person, status, LEAD)
        if status == "active" != model.people[person]:
            model.let_go_on[person] = model.now
        elif status != model.people[person]:
            model.leases.pop(person, None)
        model.people[person] = status

    def remove_somebody(self, person: str) -> None:
        model = self.model
        if model.people[person] == "removed":
            with pytest.raises(Refused):
                self.book.remove_person(person, LEAD)
            return
        self.book.remove_person(person, LEAD)
        model.people[person] = "removed"
        model.leases.pop(person, None)

    def set_aside(self, person: str) -> None:
        model = self.model
        counted = [v for v in model.votes if v.person == person and v.counts]
        assert self.book.set_votes_aside(person, LEAD) == len(counted)
        for vote in counted:
            vote.state = "set aside"
        model.leases.pop(person, None)
        if model.people[person] != "removed":
            model.people[person] = "stopped"

    def reopen(self, place: int) -> None:
        question = one_of([name for name in self.work if self.model.state(name)[0] != "open"] or self.work, place)
        item, closed = self.model.items[question], self.model.state(question)[0] != "open"
        if not closed and item.withdrawn != "removed":
            with pytest.raises(Refused):
                self.book.reopen(question, LEAD)
            return
        self.book.reopen(question, LEAD)
        for vote in self.model.votes if closed else []:
            if vote.question == question and vote.counts:
                vote.state = "set aside"
        item.withdrawn = "gone" if item.withdrawn == "gone" else ""

    def accept(self, place: int) -> None:
        odd = [name for name in self.work if self.model.state(name) == ("unanimous", "2")]
        question = one_of(odd or self.work, place)
        if odd:
            self.book.accept(question, LEAD)
            self.model.items[question].accepted = True
        else:
            with pytest.raises(Refused):
                self.book.accept(question, LEAD)

    def remove(self, place: int) -> None:
        question = one_of(self.work, place)
        self.book.remove_item(question, LEAD)
        self.model.items[question].withdrawn = "removed"

    def push(self, gone: set[int], new: int) -> None:
        """The line pushes its batch again: new questions, and some that it does not name, which may come back."""
        items, work = self.model.items, self.work
        for number in range(len(work), min(len(work) + new, MOST_QUESTIONS)):
            items[f"w{number}"] = Item(WORK, KNOWN, is_sampled(f"w{number}", self.sample))
        named = [name for name in items if name not in [work[place] for place in gone if place < len(work)]]
        shown = [
            ReviewItem(name, f"picture of {name}", "b", "s", "How many?", KNOWN, "{}", items[name].kind)
            for name in named
        ]
        self.book.push(shown, ["b"])
        for name, item in items.items():
            if item.withdrawn != "removed":
                item.withdrawn = "" if name in named else "gone"

    def check(self) -> None:
        model = self.model
        model.forget_accepted()
        with Database(self.url).connected(reading=True, kept=self.engine) as connection:
            items = connection.execute(_ITEMS).all()
            votes = connection.execute(_VOTES).all()
            leases = connection.execute(_LEASES).all()
        told = {(v.question_id, v.person_id, v.vote_id, v.purpose, v.number or "defect", v.state) for v in votes}
        assert told == {(v.question, v.person, self.ids[v.number], v.purpose, v.value, v.state) for v in model.votes}
        held = {one.person_id: Lease(one.question_id, one.purpose, _seconds(one.until), one.live) for one in leases}
        assert held == model.leases
        for item in items:
            question, known = item.question_id, model.items[item.question_id]
            assert (item.state, item.answer) == model.state(question)
            assert (item.withdrawn, bool(item.accepted_by)) == (known.withdrawn, known.accepted)
            assert item.places == model.places(question)
            assert model.engaged(question) <= model.limits.people
            self._check_truth(question, item.state)
        standing = [(v.person_id, v.question_id) for v in votes if v.state != "undone"]
        assert len(standing) == len(set(standing))

    def hand(self, person: str) -> str:
        model = self.model
        model.settle()
        if model.people[person] != "active":
            with pytest.raises(NoMoreItems):
                self.book.hand(person)
            return ""
        handed = self.book.hand(person)
        if person in model.leases and model.is_wanted(person):
            assert handed is not None
            assert handed.question_id == model.leases[person].question
            self._put(person, handed.question_id, model.leases[person].purpose)
            return handed.question_id
        model.leases.pop(person, None)
        purpose, possible = model.may_get(person)
        if handed is None:
            assert not possible
            return ""
        if handed.question_id not in possible:
            # a known one comes in the place of work only
            assert purpose == WORK
            assert possible
            assert handed.question_id in model.gold(person)
            purpose = GOLD
        assert handed.practice == (purpose == PRACTICE)
        self._put(person, handed.question_id, purpose)
        return handed.question_id

    def vote(self, person: str, question: str, value: str) -> None:
        model = self.model
        model.settle()
        before, lease = model.answered(person, question), model.leases.get(person)
        if before and before.value == value:
            assert self.book.vote(person, question, _answer(value)).vote_id == self.ids[before.number]
        elif before:
            with pytest.raises(Refused, match="already"):
                self.book.vote(person, question, _answer(value))
        elif lease is None or lease.question != question:
            with pytest.raises(NotYours):
                self.book.vote(person, question, _answer(value))
        elif lease.purpose == WORK and not lease.live and not model.places(question):
            with pytest.raises(NotYours, match="ran out"):
                self.book.vote(person, question, _answer(value))
        else:
            voted = self.book.vote(person, question, _answer(value))
            assert voted.known == (KNOWN if lease.purpose == PRACTICE else "")
            vote = model.cast(person, question, value)
            self.ids[vote.number] = voted.vote_id
        self.check()

    def _put(self, person: str, question: str, purpose: str) -> None:
        self.model.leases[person] = Lease(question, purpose, self.model.now + self.model.limits.lease)

    def _check_truth(self, question: str, state: str) -> None:
        """Unanimous exactly when so many different people's final standing votes agree and none reports a defect."""
        final = [v for v in self.model.votes if v.question == question and v.purpose == WORK and v.state == "final"]
        numbers = {v.value for v in final}
        agree = len(numbers) == 1 and "defect" not in numbers
        assert (state == "unanimous") == (agree and len({v.person for v in final}) >= self.model.limits.people)


def one_of(names: list[str], place: int) -> str:
    return names[place % len(names)]


def _seconds(at: datetime) -> float:
    return (at - BEGIN).total_seconds()


def _answer(value: str) -> Answer:
    return Answer(defect="ambiguous") if value == "defect" else Answer(number=value)
