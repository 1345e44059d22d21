"""Questions for the tests of the wire."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import orjson

from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.models.retrying import Pauses
from hopchain_assets.ports.vlm import Ask, Picture, Reply
from tests.models.wire_server import WireServer

SCHEMA = {
    "type": "object",
    "properties": {"value": {"type": "string"}},
    "required": ["value"],
    "additionalProperties": False,
}
# pauses that take no time worth waiting for
SOON = Pauses(first=0.002, most=0.01)
PICTURE = Picture(bytes(range(256)) * 8)


@dataclass(frozen=True)
class Look:
    """What the questions are answered with."""

    value: str


def read(text: str) -> Look:
    """The value of a reply's text."""
    document = orjson.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("value"), str):
        raise ValueError("it needs a value that is a text")
    return Look(document["value"])


def question(**changes: Any) -> Ask[Look]:
    """A question about one picture."""
    ask = Ask(
        purpose="perceive",
        stage="hop_chains",
        input_id="p1",
        system="Answer.",
        prompt='{"predicate": "stan\\u0000ding"}',
        pictures=(PICTURE,),
        schema_name="look",
        schema=SCHEMA,
        read=read,
    )
    return replace(ask, **changes)


def client(server: WireServer, **changes: Any) -> OpenAiChat:
    """A client of the server, that does not wait long."""
    return OpenAiChat(**{"url": server.url, "model": "asked-name", "pauses": SOON, "timeout": 20.0} | changes)


def asked(vlm: OpenAiChat, *asks: Ask[Look]) -> list[Reply[Look]]:
    """The replies to all these questions, put at once in an event loop of their own."""

    async def all_of_them() -> list[Reply[Look]]:
        async with vlm:
            return await asyncio.gather(*(vlm.ask(ask) for ask in asks or (question(),)))

    return asyncio.run(all_of_them())
