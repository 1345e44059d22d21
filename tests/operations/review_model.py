"""What people's review should do, said a second time and in the simplest way: lists, and everything counted anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from hopchain_assets.ports.reviews import Kind

PRACTICE: Kind = "practice"
GOLD: Kind = "gold"
WORK: Kind = "work"


@dataclass
class Vote:
    """A vote: `value` is a number or "defect"; `state` as the table has it."""

    number: int
    question: str
    person: str
    purpose: str
    value: str
    at: float
    state: str = "pending"

    @property
    def counts(self) -> bool:
        return self.purpose == WORK and self.state in ("pending", "final")


@dataclass
class Item:
    """A question; `known` is the program's answer."""

    kind: Kind
    known: str
    sampled: bool = False
    withdrawn: str = ""
    accepted: bool = False
    last: tuple[str, str] = ("open", "")


@dataclass
class Lease:
    """A question in somebody's hands; `live` until somebody notices that its time is over."""

    question: str
    purpose: str
    until: float
    live: bool = True


@dataclass
class Limits:
    """The rules that hold, in seconds and people."""

    people: int
    early: bool
    lease: float
    undo: float
    practice: int
    gold_least: int
    gold_floor: float


@dataclass
class Model:
    """All that was done, and what follows from it. Times are seconds since the beginning."""

    limits: Limits
    items: dict[str, Item]
    people: dict[str, str] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)
    leases: dict[str, Lease] = field(default_factory=dict)
    # when a lead last let somebody go on
    let_go_on: dict[str, float] = field(default_factory=dict)
    now: float = 0.0

    def state(self, question: str) -> tuple[str, str]:
        """State and answer by the final votes."""
        said = [v.value for v in self.votes if v.question == question and v.counts and v.state == "final"]
        item = self.items[question]
        full = len(said) >= self.limits.people
        if not full and (item.sampled or not self.limits.early):
            return "open", ""
        if "defect" in said:
            return "defect", ""
        if len(set(said)) > 1:
            return "disagreed", ""
        return ("unanimous", said[0]) if full else ("open", "")

    def places(self, question: str) -> int:
        """How many more people may take it."""
        item = self.items[question]
        if item.kind != WORK or item.withdrawn or self.state(question)[0] != "open":
            return 0
        return self.limits.people - self.engaged(question)

    def engaged(self, question: str) -> int:
        """How many people have answered it, or have it in hand and time left."""
        held = [one for one in self.leases.values() if (one.question, one.purpose, one.live) == (question, WORK, True)]
        return len(held) + sum(v.counts for v in self.votes if v.question == question)

    def answered(self, person: str, question: str) -> Vote | None:
        """Their vote on it that was not taken back."""
        found = [v for v in self.votes if (v.person, v.question) == (person, question) and v.state != "undone"]
        return found[0] if found else None

    def measures(self, question: str) -> bool:
        """Whether its answer is known for sure."""
        item = self.items[question]
        state, answer = self.state(question)
        if item.withdrawn == "removed" or item.kind == PRACTICE:
            return False
        return item.kind == GOLD or (state == "unanimous" and (answer == item.known or item.accepted))

    def is_wanted(self, person: str) -> bool:
        """Whether what somebody has in hand is still to be answered."""
        lease = self.leases[person]
        if self.items[lease.question].withdrawn:
            return False
        if lease.purpose == GOLD:
            return self.measures(lease.question)
        open_ = self.state(lease.question)[0] == "open"
        return lease.purpose == PRACTICE or (open_ and (lease.live or self.places(lease.question) > 0))

    def may_get(self, person: str) -> tuple[str, set[str]]:
        """What the next question is for, and which it may be; gold may come in the place of work."""
        unseen = {q for q in self.items if not self.answered(person, q) and not self.items[q].withdrawn}
        practice = {q for q in unseen if self.items[q].kind == PRACTICE}
        done = [v for v in self.votes if v.person == person and v.purpose == PRACTICE and v.state != "undone"]
        if practice and len(done) < self.limits.practice:
            return PRACTICE, practice
        free = {q: self.places(q) for q in unseen if self.places(q) > 0}
        return WORK, {q for q in free if free[q] == min(free.values())}

    def gold(self, person: str) -> set[str]:
        """Which questions may measure somebody."""
        return {
            q for q in self.items if self.measures(q) and not self.items[q].withdrawn and not self.answered(person, q)
        }

    def settle(self) -> None:
        """What time alone brings about."""
        self._finish([v for v in self.votes if v.state == "pending" and v.at <= self.now - self.limits.undo])
        for lease in self.leases.values():
            lease.live = lease.live and lease.until >= self.now
        self.forget_accepted()

    def cast(self, person: str, question: str, value: str) -> Vote:
        """Takes a vote down; those before it are final. It counts, too, where one of those stops its author."""
        purpose = self.leases[person].purpose
        self._finish([v for v in self.votes if v.state == "pending" and v.person == person])
        vote = Vote(len(self.votes), question, person, purpose, value, self.now)
        self.votes.append(vote)
        self.leases.pop(person, None)
        self.forget_accepted()
        return vote

    def forget_accepted(self) -> None:
        """What a lead accepted was about the state of that time."""
        for question, item in self.items.items():
            if item.kind == WORK and self.state(question) != item.last:
                item.last, item.accepted = self.state(question), False

    def _finish(self, votes: list[Vote]) -> None:
        for vote in votes:
            vote.state = "final"
        self.forget_accepted()
        for person in {v.person for v in votes if v.purpose == GOLD}:
            if self.people[person] == "active" and self._is_too_low(person):
                self.people[person] = "stopped"
                self.leases.pop(person, None)

    def _is_too_low(self, person: str) -> bool:
        gold = [v for v in self.votes if v.person == person and v.purpose == GOLD and v.state == "final"]
        known = [v for v in gold if self.measures(v.question)]
        since = [v for v in known if v.at > self.let_go_on.get(person, -1.0)]
        return all(self._are_wrong(some) for some in (known, since))

    def _are_wrong(self, votes: list[Vote]) -> bool:
        right = sum(v.value == self._answer(v.question) for v in votes)
        return len(votes) >= self.limits.gold_least and right / len(votes) < self.limits.gold_floor

    def _answer(self, question: str) -> str:
        item = self.items[question]
        return item.known if item.kind == GOLD else self.state(question)[1]
