"""The lead's pages of closed questions: what people said, what the program says, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import Response

from hopchain_assets.annotate.lead_pages import Lead, QuestionId, go, lead_page, refusal
from hopchain_assets.annotate.marked import marked_picture
from hopchain_assets.annotate.sessions import own_form, service_of
from hopchain_assets.export.words import KIND_WORDS
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.figures import Closed, Told
from hopchain_assets.operations.review.leading import LONGEST_CATEGORY
from hopchain_assets.operations.review.people import Person
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.ports.reviews import Shown

router = APIRouter(prefix="/questions")
_own = [Depends(own_form)]
A_PAGE = 50
MOST_PAGES = 1_000_000
# the names of `listing.LISTS`
LIST_WORDS: Mapping[str, str] = {
    "people": "People disagree with the program",
    "disagreed": "People disagree",
    "defect": "Defect",
    "accepted": "Accepted from people",
    "unanimous": "Unanimous, as the program",
    "withdrawn": "Withdrawn",
    "all": "All",
}


@router.get("")
def questions(
    request: Request,
    person: Lead,
    show: Annotated[str, Query(max_length=20)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=MOST_PAGES)] = 1,
) -> Response:
    """Closed questions of one kind, a page of them; the kind that waits for the lead unless another is asked for."""
    book = service_of(request).book
    counts = book.closed_counts()
    if show not in LIST_WORDS:
        show = next((name for name in LIST_WORDS if counts[name]), "all")
    rows = book.closed_list(show, (number - 1) * A_PAGE, A_PAGE)
    pages = max(1, -(-counts[show] // A_PAGE))
    values = {"show": show, "lists": LIST_WORDS, "counts": counts, "number": number, "pages": pages}
    return lead_page(request, person, "lead_questions", "questions", rows=rows, **_words(), **values)


@router.get("/{question_id}")
def one_question(request: Request, person: Lead, question_id: QuestionId) -> Response:
    """A closed question with all that is known of it; open ones are shown to nobody."""
    book = service_of(request).book
    told = _told(book, question_id)
    shown = _shown(told)
    by = book.concerned(told.closed.accepted_by) if told.closed.accepted_by else None
    values = {"told": told, "shown": shown, "accepted_by": by.name if by else told.closed.accepted_by}
    return lead_page(request, person, "lead_question", "questions", kind_words=KIND_WORDS, **_words(), **values)


@router.get("/{question_id}/marks.png")
def marks(request: Request, person: Lead, question_id: QuestionId) -> Response:
    """The question's picture with its marks outlined."""
    del person
    service = service_of(request)
    told = _told(service.book, question_id)
    shown = _shown(told)
    if shown is None:
        raise HTTPException(404)
    try:
        drawn = marked_picture(service.picture(told.closed.image_id), told.closed.image_id, shown)
    except (OSError, ValueError) as error:
        raise HTTPException(404) from error
    return Response(drawn, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


@router.post("/{question_id}/accept", dependencies=_own)
def accept(request: Request, person: Lead, question_id: QuestionId) -> Response:
    """Takes people's number for true."""
    return _act(request, person, question_id, lambda book: book.accept(question_id, person.person_id), "accepted")


@router.post("/{question_id}/reopen", dependencies=_own)
def reopen(request: Request, person: Lead, question_id: QuestionId) -> Response:
    """Asks it again, of others."""
    _told(service_of(request).book, question_id)
    return _act(request, person, "", lambda book: book.reopen(question_id, person.person_id), "reopened")


@router.post("/{question_id}/remove", dependencies=_own)
def remove(request: Request, person: Lead, question_id: QuestionId) -> Response:
    """Takes it out for good."""
    _told(service_of(request).book, question_id)
    return _act(request, person, question_id, lambda book: book.remove_item(question_id, person.person_id), "taken-out")


@router.post("/{question_id}/not-marked", dependencies=_own)
def not_marked(
    request: Request,
    person: Lead,
    question_id: QuestionId,
    category: Annotated[str, Form(min_length=1, max_length=LONGEST_CATEGORY)],
) -> Response:
    """Says that an object of one of the question's categories has no mark."""
    shown = _shown(_told(service_of(request).book, question_id))
    if shown is None or category not in shown.categories:
        return refusal(request, person, "Choose one of the categories that this question speaks of.")

    def report(book: ReviewBook) -> None:
        book.report_not_marked(question_id, category, person.person_id)

    return _act(request, person, question_id, report, "not-marked")


def state_kind(closed: Closed) -> str:
    """The class of the colour of what became of a question."""
    if closed.withdrawn:
        return "removed"
    return "other" if is_other(closed) and not closed.accepted_by else closed.state


def is_other(closed: Closed) -> bool:
    """Whether people agree on another number than the program."""
    return closed.state == "unanimous" and closed.answer != closed.executed


def state_words(closed: Closed) -> str:
    """What became of a question, in words."""
    if closed.withdrawn:
        return "removed" if closed.withdrawn == "removed" else "withdrawn: its chain is gone"
    if is_other(closed):
        return "accepted from people" if closed.accepted_by else "people disagree with the program"
    return {"disagreed": "people disagree"}.get(closed.state, closed.state)


def _act(request: Request, person: Person, question_id: str, act: Callable[[ReviewBook], None], done: str) -> Response:
    """Does it and goes to the question, or to the list where the question is open then."""
    try:
        act(service_of(request).book)
    except Refused as refused:
        return refusal(request, person, str(refused))
    return go(f"/lead/questions/{question_id}" if question_id else "/lead/questions", done)


def _words() -> dict[str, Any]:
    return {"state_words": state_words, "state_kind": state_kind, "is_other": is_other}


def _told(book: ReviewBook, question_id: str) -> Told:
    told = book.told(question_id)
    if told is None:
        raise HTTPException(404)
    return told


def _shown(told: Told) -> Shown | None:
    try:
        return Shown.from_json(told.shown)
    except ValueError:
        return None
