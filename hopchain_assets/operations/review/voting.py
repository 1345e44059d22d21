"""Votes: given once, taken back within half a minute, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from hopchain_assets.domain.review import DEFECTS, ReviewRules, understand
from hopchain_assets.operations.review.closing import (
    KNOWN,
    UNDOABLE,
    drop_lease,
    items,
    leases,
    people,
    refresh,
    ripe_at,
    settle,
    settle_of,
    votes,
)
from hopchain_assets.operations.review.handing import give
from hopchain_assets.operations.review.refusals import NotYours, Refused
from hopchain_assets.operations.review.trail import record
from hopchain_assets.operations.statements import storable
from hopchain_assets.operations.tables import (
    NOT_UNDONE,
    review_items,
    review_leases,
    review_people,
    review_votes,
)

LONGEST_NOTE = 1_000
PAGE = "page"


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says of a question: a canonical number, or a defect (of `DEFECTS`) and perhaps a note."""

    number: str = ""
    defect: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if bool(self.number) == bool(self.defect):
            raise Refused("Give a number, or say why there is none.")
        if self.number and understand(self.number).number != self.number:
            raise Refused("The number is not written as numbers are kept.")
        if self.defect and self.defect not in DEFECTS:
            raise Refused("That reason is not known here.")
        if len(self.note) > LONGEST_NOTE:
            raise Refused(f"The note is longer than {LONGEST_NOTE} characters.")


@dataclass(frozen=True, slots=True)
class Voted:
    """What came of a vote on a question about a picture. `known` is the answer to practice, "" to all others."""

    vote_id: str
    image_id: str
    question: str
    known: str = ""


_PERSON, _QUESTION = sa.bindparam("person"), sa.bindparam("question")
# their vote on the question, if they gave one and did not take it back
THEIR_VOTE = sa.and_(votes.question_id == items.question_id, votes.person_id == _PERSON, NOT_UNDONE)
# the question as this person has it: in their hands, answered, or neither
_ASKED = (
    sa.select(
        items.image_id, items.question, items.places,
        KNOWN.label("known"), leases.purpose, leases.since, leases.live, votes.vote_id,
        votes.purpose.label("voted_purpose"), votes.number, votes.defect, votes.note,
    )
    .join_from(
        review_items,
        review_leases,
        sa.and_(leases.question_id == items.question_id, leases.person_id == _PERSON),
        isouter=True,
    )
    .join(review_votes, THEIR_VOTE, isouter=True)
    .where(items.question_id == _QUESTION)
)  # fmt: skip
_LAST = (
    sa.select(votes.vote_id, votes.question_id, votes.purpose, items.state, items.withdrawn)
    .join(review_people, people.person_id == votes.person_id)
    .join(review_items, items.question_id == votes.question_id)
    .where(UNDOABLE, people.status == "active")
)
_ADD = review_votes.insert()
_PUT_DOWN = sa.delete(review_leases).where(leases.person_id == _PERSON)


def vote(
    connection: sa.Connection, rules: ReviewRules, person_id: str, question_id: str, answer: Answer, now: datetime
) -> Voted:
    """Takes down a vote on the question in somebody's hands; their votes before it are final with it.

    A vote that is sent twice, as a browser may do where it saw no reply, counts once. One that was under way when its
    question closed is taken down too: it can change nothing but how the question failed, and its author has worked.

    Raises:
        NotYours: when the question was not given to them, or given to others since their time ran out.
        Refused: when they have answered it already, otherwise.
    """
    settle(connection, rules, now)
    asked = connection.execute(_ASKED, {"person": person_id, "question": question_id}).first()
    note = storable(answer.note)
    if asked and asked.vote_id:
        if (asked.number, asked.defect, asked.note) != (answer.number, answer.defect, note):
            raise Refused("You have answered this question already.")
        known = asked.known if asked.voted_purpose == "practice" else ""
        return Voted(asked.vote_id, asked.image_id, asked.question, known)
    if not asked or not asked.purpose:
        raise NotYours("This question is not in your hands.")
    if asked.purpose == "work" and not asked.live and not asked.places:
        raise NotYours("Your time for this question ran out, and others have answered it. On to the next.")
    # all they said before is final now
    settle_of(connection, rules, person_id, now)
    vote_id = uuid4().hex
    row = {"vote_id": vote_id, "question_id": question_id, "person_id": person_id, "purpose": asked.purpose}
    row |= {"number": answer.number, "defect": answer.defect, "note": note, "origin": PAGE}
    row |= {"seconds": max(0.0, (now - asked.since).total_seconds()), "at": now, "state": "pending"}
    connection.execute(_ADD, row)
    connection.execute(_PUT_DOWN, {"person": person_id})
    record(connection, now, person_id, "voted", question_id, person_id, vote_id)
    if asked.purpose == "work":
        refresh(connection, rules, question_id, now)
    known = asked.known if asked.purpose == "practice" else ""
    return Voted(vote_id, asked.image_id, asked.question, known)


def undo(connection: sa.Connection, rules: ReviewRules, person_id: str, now: datetime) -> str:
    """Takes somebody's last vote back; its question's id. It is in their hands again, unless it was closed meanwhile.

    Raises:
        Refused: when there is none that can be taken back.
    """
    settle(connection, rules, now)
    last = connection.execute(_LAST, {"person": person_id, "ripe": ripe_at(rules, now)}).first()
    if not last or last.purpose == "practice":
        raise Refused("Nothing can be undone: an answer is final after half a minute, or with the next one.")
    connection.execute(sa.update(review_votes).where(votes.vote_id == last.vote_id).values(state="undone"))
    # what they have got since goes back
    drop_lease(connection, rules, person_id, now)
    record(connection, now, person_id, "undone", last.question_id, person_id, last.vote_id)
    if not last.withdrawn and (last.purpose == "gold" or last.state == "open"):
        give(connection, rules, person_id, last.question_id, last.purpose, now)
    return last.question_id
