"""Who asks: cookies signed by itsdangerous, tokens against forged forms, and a limit on guesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Form, HTTPException, Request
from itsdangerous import BadData, URLSafeTimedSerializer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import Response

from hopchain_assets.annotate.once import ShownOnce
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.people import Person

COOKIE = "hopchain_review"
SESSION_SECONDS = 14 * 24 * 3600
# a page that lay open over night can still be sent
FORM_SECONDS = 24 * 3600
LONGEST_TOKEN = 200
# links that are nobody's, from one address
GUESSES = "10/minute"


class SignIn(Exception):
    """Nobody is known to ask: they are shown the way in."""


@dataclass(slots=True)
class Sessions:
    """Signs and reads what browsers carry. Sessions end with the person's link, and with a new `secret`.

    With `secure` browsers send their cookie by https alone.
    """

    secret: str
    secure: bool
    _guesses: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def begin(self, response: Response, person: Person) -> None:
        """Lets the browser carry who it is."""
        told = self._signer("session").dumps([person.person_id, person.session])
        response.set_cookie(
            COOKIE, str(told), max_age=SESSION_SECONDS, httponly=True, samesite="lax", secure=self.secure, path="/"
        )

    def end(self, response: Response) -> None:
        """Lets the browser forget."""
        response.delete_cookie(COOKIE, path="/")

    def person(self, request: Request, book: ReviewBook) -> Person | None:
        """Who asks, None for nobody: their link is looked up each time, so that it ends at once."""
        try:
            person_id, session = self._signer("session").loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        person = book.person(str(person_id))
        return person if person and person.session == session else None

    def form_token(self, person: Person) -> str:
        """What each form of this person's pages carries."""
        return str(self._signer("form").dumps([person.person_id, person.session]))

    def is_own_form(self, token: str, person: Person) -> bool:
        """Whether a form was made for this person and session."""
        try:
            return self._signer("form").loads(token, max_age=FORM_SECONDS) == [person.person_id, person.session]
        except BadData:
            return False

    def may_guess(self, address: str) -> bool:
        """Whether this address has not tried too many links that are nobody's."""
        return self._guesses.test(parse(GUESSES), address)

    def guessed_wrong(self, address: str) -> None:
        """Counts a link that is nobody's."""
        self._guesses.hit(parse(GUESSES), address)

    def _signer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=f"hopchain-review-{purpose}")


@dataclass(frozen=True, slots=True)
class Service:
    """What every page needs: the book, the bytes of a picture by its id, the sessions, where people reach it, and links
    that were made and wait to be shown."""

    book: ReviewBook
    picture: Callable[[str], bytes]
    sessions: Sessions
    address: str
    links: ShownOnce = field(default_factory=ShownOnce)

    def link(self, token: str) -> str:
        """The address that a person opens to get in."""
        return f"{self.address}/enter/{token}"


def service_of(request: Request) -> Service:
    """The service that the app was made with."""
    return request.app.state.service


# what only compares is `async`, and so takes no thread: those that read the book do
def signed_in(request: Request) -> Person:
    """Who asks.

    Raises:
        SignIn: when nobody is known.
    """
    service = service_of(request)
    person = service.sessions.person(request, service.book)
    if person is None:
        raise SignIn
    return person


async def leading(person: Annotated[Person, Depends(signed_in)]) -> Person:
    """Who asks, where they lead; others are told nothing of what is there.

    Raises:
        HTTPException: 404 for annotators.
    """
    if person.role != "lead":
        raise HTTPException(404)
    return person


async def answering(person: Annotated[Person, Depends(signed_in)]) -> Person:
    """Who asks, where they answer questions: who leads has seen the answers.

    Raises:
        HTTPException: 404 for leads.
    """
    if person.role != "annotator":
        raise HTTPException(404)
    return person


async def own_form(
    request: Request,
    person: Annotated[Person, Depends(signed_in)],
    form_token: Annotated[str, Form(max_length=LONGEST_TOKEN)] = "",
) -> None:
    """Refuses forms that this service did not make for this person.

    Raises:
        HTTPException: 403 for a forged or very old form.
    """
    if not service_of(request).sessions.is_own_form(form_token, person):
        raise HTTPException(403, "This page is too old, or was not made here: reload it and try again.")
