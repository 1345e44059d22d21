"""The body of a chat completion, in pieces, so that pictures are never copied into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter

from hopchain_assets.ports.vlm import Ask

# orjson escapes every control character, so this one cannot come from a prompt
_PICTURE = b"\0"


def chat_body(model: str, ask: Ask[Any]) -> ChatBody:
    """What is posted to `/chat/completions`: prompt, pictures before the text, schema, sampling."""
    mark = orjson.Fragment(b'"' + _PICTURE + b'"')
    pictures = [{"type": "image_url", "image_url": {"url": mark}} for _ in ask.pictures]
    text = orjson.dumps(
        {
            "model": model,
            "messages": [
                {"role": "system", "content": ask.system},
                {"role": "user", "content": [*pictures, {"type": "text", "text": ask.prompt}]},
            ],
            "temperature": ask.sampling.temperature,
            "top_p": ask.sampling.top_p,
            "max_tokens": ask.sampling.max_tokens,
            # samples of one question differ, and each can be drawn again
            "seed": ask.sample_index + 1000 * ask.repair_round,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": ask.schema_name, "strict": True, "schema": dict(ask.schema)},
            },
        }
    )
    first, *between = text.split(_PICTURE)
    pieces = [first]
    for picture, rest in zip(ask.pictures, between, strict=True):
        pieces += [picture.data_uri, rest]
    return ChatBody(pieces)


class ChatBody(Payload):
    """A JSON body of known length, written piece by piece.

    aiohttp joins a body of plain bytes with the headers, and asyncio keeps what the socket does not take at once: three
    copies of each picture, for as long as the server thinks. The pieces belong to their pictures and are never joined.
    """

    _autoclose = True

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(pieces, content_type="application/json")
        self._pieces = pieces
        self._size = sum(len(piece) for piece in pieces)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._pieces).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for piece in self._pieces:
            await writer.write(memoryview(piece))
