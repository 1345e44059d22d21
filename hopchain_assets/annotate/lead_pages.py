"""What all pages of the lead share: who may see them, how ids are read, how times and shares are written."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from hopchain_assets.annotate.pages import page
from hopchain_assets.annotate.sessions import leading, service_of
from hopchain_assets.export.plots import percent
from hopchain_assets.operations.review.people import Person

Lead = Annotated[Person, Depends(leading)]
# one form, sent twice, is one wish
OnceKey = Annotated[str, Form(pattern=r"^[0-9A-Za-z_-]{16,64}$")]
SEE_OTHER = 303
_ID = re.compile(r"[0-9A-Za-z_-]{1,80}")
# what an action says of itself on the page that it leads to
DONE = {
    "paused": "Paused: they get no more questions.",
    "active": "They get questions again.",
    "aside": "Their votes count no more, and they get no more questions.",
    "removed": "Removed: their name and link are gone, their votes stay.",
    "accepted": "Accepted: people's number is the answer now.",
    "reopened": "Reopened: others are asked.",
    "taken-out": "Removed: nobody is asked, and it is not trained on.",
    "not-marked": "Noted: the category is closed for this picture, and the question removed.",
}


def question(question_id: str) -> str:
    """A question's id out of the address.

    Raises:
        HTTPException: 404 for what cannot be one.
    """
    return _plain_id(question_id)


def somebody(person_id: str) -> str:
    """A person's id out of the address.

    Raises:
        HTTPException: 404 for what cannot be one.
    """
    return _plain_id(person_id)


def once_key(key: str) -> str:
    """A form's key out of the address.

    Raises:
        HTTPException: 404 for what cannot be one.
    """
    return _plain_id(key)


def _plain_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise HTTPException(404)
    return text


QuestionId = Annotated[str, Depends(question)]
PersonId = Annotated[str, Depends(somebody)]
KeyInPath = Annotated[str, Depends(once_key)]


def lead_page(request: Request, person: Person, name: str, here: str, status: int = 200, **values: Any) -> Response:
    """A page of the lead; `here` is the entry of the menu that it belongs to."""
    told = DONE.get(request.query_params.get("done", ""), "")
    token = service_of(request).sessions.form_token(person)
    words = {"when": when, "took": took, "percent": percent, "share": share}
    return page(name, status, person=person, here=here, done=told, form_token=token, **words, **values)


def refusal(request: Request, person: Person, why: str) -> Response:
    """Says that something was not done, and why."""
    return page("refused", 409, person=person, why=why, form_token=service_of(request).sessions.form_token(person))


def go(path: str, done: str = "") -> Response:
    """On to another page, so that a reload sends nothing again."""
    return RedirectResponse(f"{path}?done={done}" if done else path, SEE_OTHER)


def when(at: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def took(seconds: float | None) -> str:
    """A time span, as exact as it matters."""
    if seconds is None:
        return "none"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else _hours(seconds)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h"


def share(of: tuple[float, float]) -> str:
    """An interval of a share."""
    return f"{100 * of[0]:.0f} to {100 * of[1]:.0f}%"
