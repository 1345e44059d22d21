"""Who may do what: each route against each role, forged forms, and what one guesses by id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from hopchain_assets.annotate.app import HEADERS, MOST_BYTES
from hopchain_assets.annotate.sessions import COOKIE
from tests.annotate.house import ADDRESS, ANNOTATOR, LEAD, NOBODY, OTHER, PAUSED, REMOVED, House

ROLES = (NOBODY, ANNOTATOR, PAUSED, REMOVED, LEAD)
KEY = "a-key-of-a-form-1"
Fill = Callable[[House], dict[str, str]]
Said = tuple[int, int, int, int, int]


def _nothing(_: House) -> dict[str, str]:
    return {}


def _somebody(house: House) -> dict[str, str]:
    return {"person_id": house.seeded.ids[OTHER]}


def _on_another_number(house: House) -> dict[str, str]:
    return {"question_id": house.an("people")}


def _form(house: House) -> dict[str, str]:
    return {"form": "csv"}


def _key(house: House) -> dict[str, str]:
    house.post("/lead/people", once=KEY, name="Somebody new")
    return {"key": KEY}


def _in_hand(house: House) -> dict[str, str]:
    # the annotator's own; the paused one, and the removed one, have none
    return {"image_id": house.hand(ANNOTATOR)[1]}


def _vote(house: House) -> dict[str, str]:
    return {"question_id": house.hand(ANNOTATOR)[0], "number": "3"}


def _voted(house: House) -> dict[str, str]:
    question, _ = house.hand(ANNOTATOR)
    house.post("/vote", ANNOTATOR, question_id=question, number="3")
    return {}


@dataclass(frozen=True)
class Expected:
    """What each of `ROLES` is told, with ids that there are and, for POST, with a form of their own."""

    said: Said
    ids: Fill = _nothing
    fields: Fill = _nothing
    more: Mapping[str, str] = field(default_factory=dict)


OPEN: Said = (200, 200, 200, 200, 200)
IN_SESSION: Said = (401, 200, 200, 401, 200)
LEADS: Said = (401, 404, 404, 401, 200)
LEADS_ON: Said = (401, 404, 404, 401, 303)
ANSWERS: Said = (401, 200, 200, 401, 404)
TABLE: Mapping[tuple[str, str], Expected] = {
    ("GET", "/"): Expected((401, 303, 303, 401, 303)),
    ("GET", "/enter/{token}"): Expected(OPEN, lambda _: {"token": "nobodys"}),
    ("POST", "/enter"): Expected((403, 403, 403, 403, 403), fields=lambda _: {"token": "nobodys"}),
    ("POST", "/leave"): Expected(IN_SESSION),
    ("MOUNT", "/static"): Expected(OPEN),
    ("GET", "/next"): Expected(ANSWERS),
    ("POST", "/vote"): Expected((401, 303, 409, 401, 404), fields=_vote),
    ("POST", "/undo"): Expected((401, 303, 409, 401, 404), fields=_voted),
    ("GET", "/understood"): Expected(IN_SESSION),
    ("GET", "/pictures/{image_id}"): Expected((401, 200, 404, 401, 200), _in_hand),
    ("GET", "/lead"): Expected(LEADS),
    ("GET", "/lead/trail"): Expected(LEADS),
    ("GET", "/lead/votes.{form}"): Expected(LEADS, _form),
    ("GET", "/lead/questions.{form}"): Expected(LEADS, _form),
    ("GET", "/lead/people"): Expected(LEADS),
    ("POST", "/lead/people"): Expected(LEADS_ON, more={"once": KEY, "name": "Nora"}),
    ("GET", "/lead/links/{key}"): Expected(LEADS, _key),
    ("POST", "/lead/people/{person_id}/link"): Expected(LEADS_ON, _somebody, more={"once": KEY}),
    ("POST", "/lead/people/{person_id}/status"): Expected(LEADS_ON, _somebody, more={"status": "paused"}),
    ("GET", "/lead/people/{person_id}/aside"): Expected(LEADS, _somebody),
    ("POST", "/lead/people/{person_id}/aside"): Expected(LEADS_ON, _somebody),
    ("GET", "/lead/people/{person_id}/remove"): Expected(LEADS, _somebody),
    ("POST", "/lead/people/{person_id}/remove"): Expected(LEADS_ON, _somebody),
    ("GET", "/lead/questions"): Expected(LEADS),
    ("GET", "/lead/questions/{question_id}"): Expected(LEADS, _on_another_number),
    ("GET", "/lead/questions/{question_id}/marks.png"): Expected(LEADS, _on_another_number),
    ("POST", "/lead/questions/{question_id}/accept"): Expected(LEADS_ON, _on_another_number),
    ("POST", "/lead/questions/{question_id}/reopen"): Expected(LEADS_ON, _on_another_number),
    ("POST", "/lead/questions/{question_id}/remove"): Expected(LEADS_ON, _on_another_number),
    ("POST", "/lead/questions/{question_id}/not-marked"): Expected(
        LEADS_ON, _on_another_number, more={"category": "dot"}
    ),
}
POSTS = [path for method, path in TABLE if method == "POST"]
# a link is opened by who is not known yet, so its form is nobody's own
OWN_FORMS = [path for path in POSTS if path != "/enter"]


def _routes(house: House) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(house.app.routes):
        if isinstance(context.route, Mount):
            yield "MOUNT", context.route.path
        for method in (context.methods or set()) - {"HEAD"}:
            yield method, str(context.path)


def test_every_route_is_in_the_table(house: House) -> None:
    """Who adds a route has to say here who may use it."""
    assert set(_routes(house)) == set(TABLE)


@pytest.mark.parametrize(("method", "path"), list(TABLE), ids=[" ".join(one) for one in TABLE])
@pytest.mark.parametrize("place", range(len(ROLES)), ids=["nobody", "annotator", "paused", "removed", "lead"])
def test_each_role_is_told_what_it_may(house: House, place: int, method: str, path: str) -> None:
    """Annotators learn of nothing that is the lead's, the lead answers nothing, and who was removed is nobody."""
    expected, role = TABLE[method, path], ROLES[place]
    ids = expected.ids(house)
    fields = {**expected.fields(house), **expected.more}
    address = path.format(**ids) if method != "MOUNT" else path + "/review.css"
    before = _trail(house)
    reply = house.post(address, role, **fields) if method == "POST" else house.get(address, role)
    assert reply.status_code == expected.said[place], reply.text[:300]
    assert all(reply.headers[name] == value for name, value in HEADERS.items())
    if reply.status_code >= 400:
        assert _trail(house) == before, "who was refused has changed something"


def _trail(house: House) -> int:
    return len(house.book.trail(100_000))


@pytest.mark.parametrize("path", OWN_FORMS)
@pytest.mark.parametrize("role", [ANNOTATOR, LEAD])
@pytest.mark.parametrize("token", ["", "forged", "another's"])
def test_a_form_that_is_not_ones_own_does_nothing(house: House, role: str, path: str, token: str) -> None:
    """Without the token of one's own pages, with a made-up one, or with that of another person: refused."""
    expected = TABLE["POST", path]
    ids, fields = expected.ids(house), {**expected.fields(house), **expected.more}
    forms = {"another's": house.forms[OTHER]}
    before = _trail(house)
    reply = house.post(path.format(**ids), role, **{**fields, "form_token": forms.get(token, token)})
    assert reply.status_code in (403, 404), reply.text[:300]
    assert _trail(house) == before


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example", "http://["])
def test_a_form_from_another_site_does_nothing(house: House, path: str, origin: str) -> None:
    """The browser says where a form came from: whatever is not this service is refused, with all the right tokens."""
    expected = TABLE["POST", path]
    role = LEAD if path.startswith("/lead") else ANNOTATOR
    ids, fields = expected.ids(house), {**expected.fields(house), **expected.more}
    before = _trail(house)
    address, form = path.format(**ids), {"form_token": house.forms[role], **fields}
    reply = house.client(role).post(address, data=form, headers={"Origin": origin})
    assert reply.status_code == 403
    assert _trail(house) == before


def test_a_form_from_this_service_is_taken(house: House) -> None:
    """With the service's own address as its origin."""
    path = f"/lead/people/{house.seeded.ids[OTHER]}/status"
    form = {"form_token": house.forms[LEAD], "status": "paused"}
    reply = house.client().post(path, data=form, headers={"Origin": ADDRESS})
    assert reply.status_code == 303


@pytest.mark.parametrize("path", POSTS)
def test_what_is_too_large_is_not_read(house: House, path: str) -> None:
    """A body beyond the limit, and one of unknown length, are refused before anything is looked at."""
    expected = TABLE["POST", path]
    role = LEAD if path.startswith("/lead") else ANNOTATOR
    address = path.format(**expected.ids(house))
    before = _trail(house)
    reply = house.post(address, role, **expected.more, padding="x" * MOST_BYTES)
    assert reply.status_code == 413
    pieces = house.client(role).post(address, content=iter([b"form_token=", b"x"]))
    assert pieces.status_code == 413
    assert _trail(house) == before


def test_another_name_for_this_service_is_refused(house: House) -> None:
    """A page of another site that made its name lead here gets nothing."""
    reply = house.client().get("/lead", headers={"Host": "evil.example"})
    assert reply.status_code == 400


def test_an_annotator_gets_nothing_by_guessing_ids(house: House) -> None:
    """Other people's pictures, others' questions and what is known of closed ones stay closed to them."""
    mine, other = house.hand(ANNOTATOR), house.hand(OTHER)
    elsewhere = [one for one in house.seeded.pictures if one != mine[1]]
    seen = [one for one in elsewhere if house.get(f"/pictures/{one}", ANNOTATOR).status_code == 200]
    assert len(seen) <= 1, "more than the picture of the last question can be seen"
    assert house.get(f"/pictures/{mine[1]}", ANNOTATOR).status_code == 200
    while other[0] == mine[0]:
        house.post("/vote", OTHER, question_id=other[0], number="3")
        other = house.hand(OTHER)
    assert house.post("/vote", ANNOTATOR, question_id=other[0], number="987654").status_code == 409
    # a closed one may be in their hands, to measure them
    closed = next(one for one in house.seeded.of("unanimous") if one != mine[0])
    assert house.post("/vote", ANNOTATOR, question_id=closed, number="987654").status_code == 409
    for path in ("", "/marks.png"):
        assert house.get(f"/lead/questions/{closed}{path}", ANNOTATOR).status_code == 404


def test_the_lead_sees_nothing_of_an_open_question(house: House) -> None:
    """Neither its page nor its marks, nor can they act on it."""
    question, image = house.hand(ANNOTATOR)
    del image
    assert house.book.told(question) is None
    for path in ("", "/marks.png"):
        assert house.get(f"/lead/questions/{question}{path}").status_code == 404
    for act, more in (("reopen", {}), ("remove", {}), ("not-marked", {"category": "dot"})):
        assert house.post(f"/lead/questions/{question}/{act}", **more).status_code == 404
    assert house.post(f"/lead/questions/{question}/accept").status_code in (404, 409)
    for name in ("votes", "questions"):
        assert question not in house.get(f"/lead/{name}.csv").text


HOSTILE = (
    "x" * 60_000,
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%ff%fe",
    "'; DROP TABLE review_votes; --",
    "%u202e",
    " ",
    "0",
)


@pytest.mark.parametrize("given", HOSTILE, ids=range(len(HOSTILE)))
def test_ids_that_are_none_find_nothing(house: House, given: str) -> None:
    """Very long ones, zero bytes, paths, SQL: 404, and no page breaks."""
    for path in (
        "/lead/questions/{}", "/lead/questions/{}/marks.png", "/lead/people/{}/aside", "/lead/people/{}/remove",
        "/lead/links/{}", "/pictures/{}", "/lead/votes.{}",
    ):  # fmt: skip
        reply = house.get(path.format(given))
        assert reply.status_code == 404, path
    for path in ("/lead/questions/{}/reopen", "/lead/people/{}/aside", "/lead/people/{}/remove"):
        assert house.post(path.format(given)).status_code == 404, path


def test_a_megabyte_of_an_id_finds_nothing(house: House) -> None:
    """Clients and servers refuse such an address before us; without them we do."""
    for path in ("/lead/questions/", "/lead/people/", "/pictures/", "/enter/"):
        status = asyncio.run(_status_of(house, path + "x" * 1_000_000))
        assert status in (200, 404, 405), path


async def _status_of(house: House, path: str) -> int:
    """What the application answers where no server stands before it."""
    headers = [(b"host", b"testserver"), (b"cookie", f"{COOKIE}={house.cookies[LEAD]}".encode())]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "scheme": "http", "server": ("testserver", 80), "client": ("test", 1)}
    scope |= {"http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"}}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await house.app(scope, receive, send)
    return sent[0]["status"]


def test_who_was_removed_or_got_a_new_link_is_signed_out(house: House) -> None:
    """Their old cookie and their old link open nothing; a lead who renews their own link stays."""
    assert house.get("/next", REMOVED).status_code == 401
    secret = house.seeded.secrets[OTHER]
    assert house.post(f"/lead/people/{house.seeded.ids[OTHER]}/link", once=KEY).status_code == 303
    assert house.get("/next", OTHER).status_code == 401
    assert house.client(NOBODY).post("/enter", data={"token": secret}).status_code == 403
    lead = house.client()
    reply = lead.post(
        f"/lead/people/{house.seeded.ids[LEAD]}/link", data={"form_token": house.forms[LEAD], "once": KEY + "2"}
    )
    assert lead.get(reply.headers["location"]).status_code == 200
    assert house.get("/lead").status_code == 401, "the old cookie of the lead is still good"
