"""The service: its routes, and what holds for each answer that it gives."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import resources
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hopchain_assets.annotate import answering, leading
from hopchain_assets.annotate.pages import page
from hopchain_assets.annotate.sessions import LONGEST_TOKEN, Service, Sessions, SignIn, own_form, service_of
from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.trouble import OperationsError

logger = logging.getLogger(__name__)

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
# of a form: the longest note, in signs of four bytes each escaped as %XX, and some
MOST_BYTES = 32_768
MOST_DIGITS = 10
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # with `no-referrer` browsers send the origin `null` with our own forms too
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
SEE_OTHER = 303
WORDS = {
    404: "There is nothing here.",
    403: "This is not for you.",
    405: "That cannot be done here.",
    413: "That is too much at once.",
    422: "Something in this form cannot be read.",
    429: "Too many links that are nobody's: wait a minute.",
}


def create_app(book: ReviewBook, picture: Callable[[str], bytes], secret: str, address: str) -> FastAPI:
    """The service over a book.

    Args:
        book: questions, votes and people.
        picture: the bytes of a picture by its id; raises `OSError` where there is none.
        secret: signs the cookies.
        address: where people reach it, such as http://127.0.0.1:8500. Another host name is refused, which stops
            other sites from reaching a loopback service by a name of theirs.
    """
    app = FastAPI(title="hopchain review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = Service(book, picture, Sessions(secret, address.startswith("https:")), address)
    app.include_router(answering.router)
    app.include_router(leading.router)
    app.add_api_route("/", _home, methods=["GET"])
    app.add_api_route("/enter/{token}", _welcome, methods=["GET"])
    app.add_api_route("/enter", _enter, methods=["POST"])
    app.add_api_route("/leave", _leave, methods=["POST"], dependencies=[Depends(own_form)])
    static = resources.files("hopchain_assets.annotate") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_names(address))
    app.add_middleware(_Guard)
    app.add_exception_handler(SignIn, _way_in)
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(OperationsError, _unavailable)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _names(address: str) -> list[str]:
    name = urlsplit(address).hostname or ""
    # however a loopback service is called, it is this one
    return list(LOOPBACK_NAMES) if name in LOOPBACK_NAMES else [name]


class _Guard:
    """Headers on every answer. Forms of other sites are refused, and a body of unknown or great length is not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = _refused(Request(scope))
        await (refused or self._app)(scope, receive, guarded)


def _refused(request: Request) -> Response | None:
    length = request.headers.get("content-length", "0")
    chunked = "transfer-encoding" in request.headers
    if chunked or not length.isdecimal() or len(length) > MOST_DIGITS or int(length) > MOST_BYTES:
        return page("told", 413, words=WORDS[413])
    origin = request.headers.get("origin", "")
    own = (request.headers.get("host", ""), service_of(request).address.partition("://")[2])
    # taken apart by hand: a parser of addresses would break at "http://["
    if request.method == "POST" and origin and origin.partition("://")[2] not in own:
        return page("told", 403, words=WORDS[403])
    return None


def _home(request: Request) -> Response:
    service = service_of(request)
    person = service.sessions.person(request, service.book)
    if person is None:
        raise SignIn
    return RedirectResponse("/lead" if person.role == "lead" else "/next", SEE_OTHER)


def _welcome(token: str) -> Response:
    """A link is opened by a button: programs that preview links in a chat press none."""
    return page("welcome", token=token[:LONGEST_TOKEN])


def _enter(request: Request, token: Annotated[str, Form(max_length=LONGEST_TOKEN)]) -> Response:
    service = service_of(request)
    address = request.client.host if request.client else ""
    if not service.sessions.may_guess(address):
        return page("told", 429, words=WORDS[429])
    person = service.book.enter(token)
    if person is None:
        service.sessions.guessed_wrong(address)
        return page("told", 403, words="This link is not valid any more: ask for a new one.")
    response = RedirectResponse("/", SEE_OTHER)
    service.sessions.begin(response, person)
    return response


def _leave(request: Request) -> Response:
    response = page("told", words="You have left. Your link brings you back.")
    service_of(request).sessions.end(response)
    return response


def _way_in(_: Request, __: Exception) -> Response:
    return page("told", 401, words="Open the link that you were given.")


def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = error.detail if error.status_code == 403 else WORDS.get(error.status_code, error.detail)
    return page("told", error.status_code, words=said)


def _unreadable(_: Request, __: Exception) -> Response:
    return page("told", 422, words=WORDS[422])


def _unavailable(_: Request, error: Exception) -> Response:
    # where the database lies is for who runs the service
    logger.error("%s", error)
    return page("told", 503, words="Nothing can be kept just now, and nothing was. Try again in a minute.")


def _unexpected(_: Request, __: Exception) -> Response:
    # it is raised again after this, for the log
    response = page("told", 500, words="Something went wrong here, and nothing was kept. Tell who invited you.")
    # it does not pass the guard
    response.headers.update(HEADERS)
    return response
