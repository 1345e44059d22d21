"""The lead's page of people: invite, pause, set votes aside, remove."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import Response

from hopchain_assets.annotate.lead_pages import KeyInPath, Lead, OnceKey, PersonId, go, lead_page, refusal
from hopchain_assets.annotate.once import Link
from hopchain_assets.annotate.sessions import own_form, service_of
from hopchain_assets.operations.review.listing import Concerned
from hopchain_assets.operations.review.people import LONGEST_NAME, Role
from hopchain_assets.operations.review.refusals import Refused

router = APIRouter()
PEOPLE = "/people"
_own = [Depends(own_form)]
_AT = "/lead" + PEOPLE


@router.get(PEOPLE)
def people(request: Request, person: Lead) -> Response:
    """Everybody, and a form that invites."""
    return _people(request, person)


@router.post(PEOPLE, dependencies=_own)
def invite(
    request: Request,
    person: Lead,
    once: OnceKey,
    # more than a name has, so that what is too long is told, not refused
    name: Annotated[str, Form(max_length=4 * LONGEST_NAME)],
    role: Annotated[Role, Form()] = "annotator",
) -> Response:
    """Invites somebody; their link is shown on the page that follows."""
    service = service_of(request)

    def make() -> Link:
        return Link(" ".join(name.split()), service.book.invite(name, role, person.person_id)[1])

    try:
        service.links.make(person.person_id, once, make)
    except Refused as refused:
        return _people(request, person, str(refused), name, role, 409)
    return go(f"/lead/links/{once}")


@router.post(PEOPLE + "/{person_id}/link", dependencies=_own)
def new_link(request: Request, person: Lead, person_id: PersonId, once: OnceKey) -> Response:
    """Makes a new link for somebody; their old one ends, and their sessions with it."""
    service, of = service_of(request), _somebody(request, person_id)

    def make() -> Link:
        return Link(of.name, service.book.new_link(person_id, person.person_id))

    try:
        service.links.make(person.person_id, once, make)
    except Refused as refused:
        return refusal(request, person, str(refused))
    response = go(f"/lead/links/{once}")
    oneself = service.book.person(person_id) if person_id == person.person_id else None
    if oneself:
        # who renews their own link stays where they are
        service.sessions.begin(response, oneself)
    return response


@router.get("/links/{key}")
def link(request: Request, person: Lead, key: KeyInPath) -> Response:
    """A link that was just made, shown once."""
    service = service_of(request)
    made = service.links.take(person.person_id, key)
    address = service.link(made.secret) if made else ""
    return lead_page(request, person, "lead_link", "people", 200 if made else 404, link=made, address=address)


@router.post(PEOPLE + "/{person_id}/status", dependencies=_own)
def set_status(
    request: Request,
    person: Lead,
    person_id: PersonId,
    status: Annotated[str, Form(max_length=10, pattern="^(active|paused)$")],
) -> Response:
    """Pauses somebody, or lets them go on."""
    if _somebody(request, person_id).role == "lead":
        return refusal(request, person, "Who leads gets no questions anyway.")
    try:
        service_of(request).book.set_status(person_id, status, person.person_id)
    except Refused as refused:
        return refusal(request, person, str(refused))
    return go(_AT, status)


@router.get(PEOPLE + "/{person_id}/aside")
def ask_aside(request: Request, person: Lead, person_id: PersonId) -> Response:
    """Says what it means to set somebody's votes aside, and asks."""
    return lead_page(request, person, "lead_aside", "people", of=_somebody(request, person_id))


@router.post(PEOPLE + "/{person_id}/aside", dependencies=_own)
def set_aside(request: Request, person: Lead, person_id: PersonId) -> Response:
    """Takes all votes of somebody out of the count."""
    _somebody(request, person_id)
    service_of(request).book.set_votes_aside(person_id, person.person_id)
    return go(_AT, "aside")


@router.get(PEOPLE + "/{person_id}/remove")
def ask_remove(request: Request, person: Lead, person_id: PersonId) -> Response:
    """Says what it means to remove somebody, and asks."""
    of = _somebody(request, person_id)
    if of.status == "removed":
        raise HTTPException(404)
    return lead_page(request, person, "lead_remove", "people", of=of)


@router.post(PEOPLE + "/{person_id}/remove", dependencies=_own)
def remove(request: Request, person: Lead, person_id: PersonId) -> Response:
    """Forgets somebody's name and link."""
    if _somebody(request, person_id).status != "removed":
        try:
            service_of(request).book.remove_person(person_id, person.person_id)
        except Refused as refused:
            return refusal(request, person, str(refused))
    return go(_AT, "removed")


def _people(
    request: Request, person: Lead, wrong: str = "", name: str = "", role: str = "annotator", status: int = 200
) -> Response:
    service = service_of(request)
    everybody = sorted(service.book.figures().people, key=lambda one: (one.status == "removed", one.role != "lead"))
    # a key for the form that invites, one for each that makes a link
    keys = {one.person_id: secrets.token_urlsafe(18) for one in everybody}
    values = {"everybody": everybody, "keys": keys, "once": secrets.token_urlsafe(18), "longest": LONGEST_NAME}
    typed = {"wrong": wrong, "typed_name": name, "typed_role": role}
    return lead_page(request, person, "lead_people", "people", status, **values, **typed)


def _somebody(request: Request, person_id: str) -> Concerned:
    of = service_of(request).book.concerned(person_id)
    if of is None:
        raise HTTPException(404)
    return of
