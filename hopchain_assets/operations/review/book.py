"""The door to people's questions and votes: every method is one transaction, and what it returns is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from hopchain_assets.domain.review import ReviewRules
from hopchain_assets.operations.database import Database
from hopchain_assets.operations.review import (
    closing,
    elsewhere,
    figures,
    handing,
    handing_out,
    leading,
    listing,
    people,
    pushing,
    voting,
)
from hopchain_assets.operations.review.elsewhere import TakenIn, VoteElsewhere
from hopchain_assets.operations.review.figures import Closed, Figures, Told
from hopchain_assets.operations.review.handing import Handed
from hopchain_assets.operations.review.handing_out import Bundle
from hopchain_assets.operations.review.listing import Concerned, Happened
from hopchain_assets.operations.review.own import OwnCount, own_count
from hopchain_assets.operations.review.people import Person, Role
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.operations.review.turns import Turns
from hopchain_assets.operations.review.voting import Answer, Voted
from hopchain_assets.operations.statements import utc_now
from hopchain_assets.operations.trouble import patiently
from hopchain_assets.ports.reviews import Cast, NotMarked, Reviewed, ReviewItem

T = TypeVar("T")
# any number that no other program takes for its advisory lock
REVIEW_LOCK = 0x7265766965
_LOCK = sa.select(sa.func.pg_advisory_xact_lock(REVIEW_LOCK))


@dataclass(slots=True)
class ReviewBook:
    """Questions, votes and people at the operations database `url`. Opens nothing by itself; `close` ends it.

    One writer at a time: SQLite has it so, and Postgres is told to, since a vote takes two milliseconds and rules that
    hold across rows are then easy to see. Threads may share a book. Every method may raise `OperationsError`.

    Args:
        url: as `Database` takes it.
        rules: how questions are put to people.
        clock: now in UTC, without a time zone.
    """

    url: str
    rules: ReviewRules = field(default_factory=ReviewRules)
    clock: Callable[[], datetime] = utc_now
    _engine: sa.Engine | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _turns: Turns = field(default_factory=Turns)

    def close(self) -> None:
        """Ends its connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def push(self, items: Sequence[ReviewItem], batches: Sequence[str], stamp: str = "") -> int:
        """Leaves questions for people; see `ports.reviews.Reviews`."""
        return self._write(lambda c: pushing.push(c, self.rules, items, batches, stamp, self.clock()))

    def pushed(self) -> dict[str, str]:
        """The stamp that each batch was last pushed with."""
        return self._read(pushing.pushed)

    def waiting(self) -> int:
        """Questions that people have not closed yet."""
        return self._read(pushing.waiting)

    def mark(self) -> str:
        """Changes whenever anything else may have changed."""

        def work(connection: sa.Connection) -> str:
            closing.settle(connection, self.rules, self.clock())
            return pushing.mark(connection)

        return self._write(work, lasting=False)

    def reviewed(self) -> tuple[list[Reviewed], list[Cast]]:
        """All closed questions and the votes on them."""
        return self._read(pushing.reviewed)

    def not_marked(self) -> list[NotMarked]:
        """Objects without a mark that nobody has fetched."""
        return self._read(pushing.not_marked)

    def fetched(self, finding_ids: Sequence[str]) -> None:
        """These were recorded."""
        self._write(lambda c: pushing.fetched(c, finding_ids))

    def invite(self, name: str, role: Role, actor: str) -> tuple[str, str]:
        """A new person's id and the secret of their link. May raise `Refused`."""
        return self._write(lambda c: people.invite(c, name, role, actor, self.clock()))

    def new_link(self, person_id: str, actor: str) -> str:
        """The secret of a new link; old sessions end. May raise `Refused`."""
        return self._write(lambda c: people.new_link(c, person_id, actor, self.clock()))

    def enter(self, token: str) -> Person | None:
        """Whose link it is."""
        return self._write(lambda c: people.enter(c, token, self.clock()))

    def person(self, person_id: str) -> Person | None:
        """Somebody by id; None where they are not known, or removed."""
        return self._read(lambda c: people.person_of(c, person_id))

    def set_status(self, person_id: str, status: str, actor: str) -> None:
        """Pauses somebody, or lets them go on. May raise `Refused`."""
        self._write(lambda c: people.set_status(c, self.rules, person_id, status, actor, self.clock()))

    def remove_person(self, person_id: str, actor: str) -> None:
        """Forgets somebody's name and link; their votes stay. May raise `Refused`."""
        self._write(lambda c: people.remove(c, self.rules, person_id, actor, self.clock()))

    def set_votes_aside(self, person_id: str, actor: str) -> int:
        """Takes all votes of somebody out of the count; how many."""
        return self._write(lambda c: people.set_votes_aside(c, self.rules, person_id, actor, self.clock()))

    def hand(self, person_id: str) -> Handed | None:
        """The question in somebody's hands, or the next one for them. May raise `NoMoreItems`."""
        # a question that was in somebody's hands is nobody's work yet
        return self._write(lambda c: handing.hand(c, self.rules, person_id, self.clock()), lasting=False)

    def may_see_picture(self, person_id: str, image_id: str) -> bool:
        """Whether the question in somebody's hands, or their last one, is about this picture."""
        return self._read(lambda c: handing.may_see_picture(c, person_id, image_id))

    def knows_picture(self, image_id: str) -> bool:
        """Whether any question is about this picture."""
        return self._read(lambda c: handing.knows_picture(c, image_id))

    def vote(self, person_id: str, question_id: str, answer: Answer) -> Voted:
        """Takes down a vote. May raise `Refused`."""
        return self._write(lambda c: voting.vote(c, self.rules, person_id, question_id, answer, self.clock()))

    def undo(self, person_id: str) -> str:
        """Takes somebody's last vote back; the question's id. May raise `Refused`."""
        return self._write(lambda c: voting.undo(c, self.rules, person_id, self.clock()))

    def hand_out(self, most: int, days: float, actor: str) -> list[Bundle]:
        """Questions for everybody to answer in another program, up to `most` each, theirs for so many days."""
        return self._write(lambda c: handing_out.hand_out(c, self.rules, most, days, actor, self.clock()))

    def hand_out_again(self, days: float, actor: str) -> list[Bundle]:
        """What people have in other programs and have not answered, for so many days from now."""
        return self._write(lambda c: handing_out.hand_out_again(c, self.rules, days, actor, self.clock()))

    def take_back(self, images: Sequence[str] | None, actor: str) -> int:
        """Takes back what people have in other programs, or what of it is about these pictures; how many in all."""
        return self._write(lambda c: handing_out.take_back(c, self.rules, images, actor, self.clock()))

    def take_in(self, given: Sequence[VoteElsewhere]) -> TakenIn:
        """Takes down votes from other programs, final at once; what may not count is left out."""
        return self._write(lambda c: elsewhere.take_in(c, self.rules, given, self.clock()))

    def own_count(self, person_id: str) -> OwnCount:
        """What somebody may know of their own work."""
        return self._read(lambda c: own_count(c, self.rules, person_id, self.clock()))

    def figures(self) -> Figures:
        """All that who leads sees at a glance."""
        return self._read(lambda c: figures.figures(c, self.rules, self.clock()))

    def told(self, question_id: str) -> Told | None:
        """All that is known of a closed question; None where there is none, or it is open."""
        return self._read(lambda c: figures.told(c, question_id))

    def closed_counts(self) -> dict[str, int]:
        """How many closed questions are in each of `listing.LISTS`."""
        return self._read(listing.closed_counts)

    def closed_list(self, name: str, offset: int, most: int) -> list[Closed]:
        """Closed questions of one of `listing.LISTS`, those closed last first."""
        return self._read(lambda c: listing.closed_list(c, name, offset, most))

    def concerned(self, person_id: str) -> Concerned | None:
        """Somebody and their votes that count; None where they were never known."""
        return self._read(lambda c: listing.concerned(c, person_id))

    def trail(self, most: int) -> list[Happened]:
        """What happened last, the newest first."""
        return self._read(lambda c: listing.trail(c, most))

    def votes_after(self, question_id: str, vote_id: str, most: int) -> list[Mapping[str, object]]:
        """Votes on closed questions after this one, in order, for a sheet."""
        return self._read(lambda c: listing.votes_after(c, question_id, vote_id, most))

    def questions_after(self, question_id: str, most: int) -> list[Mapping[str, object]]:
        """Closed questions after this one, in order, for a sheet."""
        return self._read(lambda c: listing.questions_after(c, question_id, most))

    def accept(self, question_id: str, actor: str) -> None:
        """Takes people's answer for true. May raise `Refused`."""
        self._write(lambda c: leading.accept(c, question_id, actor, self.clock()))

    def reopen(self, question_id: str, actor: str) -> None:
        """Asks a question again, of others. May raise `Refused`."""
        self._write(lambda c: leading.reopen(c, self.rules, question_id, actor, self.clock()))

    def remove_item(self, question_id: str, actor: str) -> None:
        """Takes a question out for good. May raise `Refused`."""
        self._write(lambda c: leading.remove(c, self.rules, question_id, actor, self.clock()))

    def report_not_marked(self, question_id: str, category: str, actor: str) -> None:
        """Says that an object has no mark. May raise `Refused`."""
        self._write(lambda c: leading.not_marked(c, self.rules, question_id, category, actor, self.clock()))

    def _write(self, work: Callable[[sa.Connection], T], lasting: bool = True) -> T:
        with self._turns:
            done = patiently(lambda: self._within(lambda connection: _or_refused(work, connection), lasting=lasting))
        if isinstance(done, Refused):
            raise done
        return done

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        return patiently(lambda: self._within(work, reading=True))

    def _within(self, work: Callable[[sa.Connection], T], reading: bool = False, lasting: bool = False) -> T:
        database = Database(self.url)
        with database.connected(reading, self._open(database), lasting) as connection:
            if reading and connection.dialect.name != "sqlite":
                # all questions about one state of the tables, as SQLite has it anyway
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if not reading and connection.dialect.name != "sqlite":
                    connection.execute(_LOCK)
                return work(connection)

    def _open(self, database: Database) -> sa.Engine:
        with self._opening:
            if self._engine is None:
                database.migrate()
                self._engine = database.engine()
            return self._engine


def _or_refused(work: Callable[[sa.Connection], T], connection: sa.Connection) -> T | Refused:
    """What comes of it, a refusal too: what time alone brought about before it is kept.

    Nothing else was changed: all refuse before they change anything.
    """
    try:
        return work(connection)
    except Refused as refused:
        return refused
