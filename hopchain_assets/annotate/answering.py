"""The annotator's pages: the next question, their answer to it, undo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from hopchain_assets.annotate.pages import page
from hopchain_assets.annotate.sessions import answering, own_form, service_of, signed_in
from hopchain_assets.domain.review import DEFECTS, LONGEST_NUMBER, understand
from hopchain_assets.operations.review.handing import Handed
from hopchain_assets.operations.review.people import Person
from hopchain_assets.operations.review.refusals import NoMoreItems, Refused
from hopchain_assets.operations.review.voting import LONGEST_NOTE, Answer, Voted
from hopchain_assets.operations.statements import storable

router = APIRouter()

Annotator = Annotated[Person, Depends(answering)]
Id = Annotated[str, Form(min_length=1, max_length=80, pattern=r"^[0-9A-Za-z_-]+$")]
# more than a number has, so that what is too long is told, not refused
Number = Annotated[str, Form(max_length=4 * LONGEST_NUMBER)]
SEE_OTHER = 303
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@router.get("/next")
def next_question(request: Request, person: Annotator) -> Response:
    """The question in the annotator's hands, or the next one; or why there is none."""
    service = service_of(request)
    try:
        handed = service.book.hand(person.person_id)
    except NoMoreItems:
        return page("paused", person=person, form_token=service.sessions.form_token(person))
    return _question(request, person, handed)


@router.post("/vote", dependencies=[Depends(own_form)])
def vote(
    request: Request,
    person: Annotator,
    question_id: Id,
    how: Annotated[str, Form(max_length=10, pattern="^(number|defect)$")] = "number",
    number: Number = "",
    defect: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    """Takes an answer down, and goes on to the next question; a practice question shows its answer first."""
    service = service_of(request)
    read = understand(number)
    wrong = ""
    if how == "number" and not read.number:
        wrong = read.why or "Type a number, or say why there is none."
    elif how == "defect" and defect not in DEFECTS:
        wrong = "Choose the reason why it cannot be answered."
    try:
        if wrong:
            # what was typed stays; the question is the one in their hands, whatever the form says
            handed = service.book.hand(person.person_id)
            return _question(request, person, handed, wrong, number, defect, note, 422)
        answer = Answer(number=read.number) if how == "number" else Answer(defect=defect, note=note)
        voted = service.book.vote(person.person_id, question_id, answer)
    except NoMoreItems:
        return page("paused", person=person, form_token=service.sessions.form_token(person))
    except Refused as refused:
        return page("refused", 409, person=person, why=str(refused), form_token=service.sessions.form_token(person))
    if voted.known:
        return _practised(request, person, answer, voted)
    return RedirectResponse("/next", SEE_OTHER)


@router.post("/undo", dependencies=[Depends(own_form)])
def undo(request: Request, person: Annotator) -> Response:
    """Takes the last answer back, and shows its question again."""
    service = service_of(request)
    try:
        service.book.undo(person.person_id)
    except Refused as refused:
        return page("refused", 409, person=person, why=str(refused), form_token=service.sessions.form_token(person))
    return RedirectResponse("/next", SEE_OTHER)


@router.get("/understood")
def understood(
    person: Annotated[Person, Depends(signed_in)], text: Annotated[str, Query(max_length=4 * LONGEST_NUMBER)] = ""
) -> dict[str, str]:
    """How a typed answer is read, told while it is typed."""
    del person
    read = understand(text)
    return {"number": read.number, "why": read.why}


@router.get("/pictures/{image_id}")
def picture(request: Request, person: Annotated[Person, Depends(signed_in)], image_id: str) -> Response:
    """A picture by its id: to annotators only that of the question in their hands, or of their last one."""
    service = service_of(request)
    image_id = storable(image_id)
    if person.role == "annotator" and not service.book.may_see_picture(person.person_id, image_id):
        raise HTTPException(404)
    if person.role == "lead" and not service.book.knows_picture(image_id):
        raise HTTPException(404)
    try:
        data = service.picture(image_id)
    except OSError as error:
        raise HTTPException(404) from error
    kind = next((kind for sign, kind in _KINDS.items() if data.startswith(sign)), "application/octet-stream")
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


def _question(
    request: Request,
    person: Person,
    handed: Handed | None,
    wrong: str = "",
    number: str = "",
    defect: str = "",
    note: str = "",
    status: int = 200,
) -> Response:
    service = service_of(request)
    values = {
        "person": person,
        "count": service.book.own_count(person.person_id),
        "form_token": service.sessions.form_token(person),
    }
    if handed is None:
        return page("nothing", **values)
    typed = {"number": number, "defect": defect, "note": note}
    return page("question", status, handed=handed, wrong=wrong, longest_note=LONGEST_NOTE, **typed, **values)


def _practised(request: Request, person: Person, answer: Answer, voted: Voted) -> Response:
    service = service_of(request)
    said = answer.number or DEFECTS[answer.defect]
    values = {"said": said, "known": voted.known, "right": answer.number == voted.known, "voted": voted}
    left = service.book.own_count(person.person_id).practice_left
    return page("practised", person=person, left=left, form_token=service.sessions.form_token(person), **values)
