"""A small server on OpenAI's wire, in a thread of its own: it answers what a test says, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

MODEL = "stand-in"
MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class Asked:
    """A question as it came: which, by whom it is to be answered, the hashes of its pictures, and all of its body."""

    schema: str
    model: str
    pictures: tuple[str, ...]
    body: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Asked:
        parts = body["messages"][-1]["content"]
        links = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        hashes = (hashlib.sha256(base64.b64decode(link.partition(",")[2])).hexdigest() for link in links)
        return cls(body["response_format"]["json_schema"]["name"], body["model"], tuple(hashes), body)


# the text of a reply, or an HTTP status
Answer = Callable[[Asked], str | int]


class ModelServer:
    """Answers within `with`; `answer` may be changed between questions."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def count(self, schema: str) -> int:
        """How often a question was asked."""
        return sum(asked.schema == schema for asked in self.asked)

    def __enter__(self) -> Self:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> int:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/v1/chat/completions", self._reply)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self._runner.addresses[0][1]

    async def _reply(self, request: web.Request) -> web.Response:
        asked = Asked.of(await request.json())
        self.asked.append(asked)
        answer = self.answer(asked)
        if isinstance(answer, int):
            return web.json_response({"error": {"message": "as the test wants it"}}, status=answer)
        message = {"role": "assistant", "content": answer}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response({"model": asked.model, "choices": [choice]})


def rating(complexity: int = 7, quality: str = "High", **more: object) -> str:
    """A reply to `rating`."""
    objects = [{"name": "cup", "why": "occlusion"}]
    return json.dumps(
        {"complexity": complexity, "quality": quality, "complex_objects": objects, "reason": "Many things."} | more
    )


def categories(*names: str) -> str:
    """A reply to `categories`."""
    return json.dumps({"categories": names})
