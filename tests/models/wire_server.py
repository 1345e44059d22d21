"""A real server on OpenAI's wire, on loopback, which answers as badly as it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class WireServer:
    """A running server. Each request takes the next answer; the last one serves for all that follow."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    reads: bool = True
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    asked: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def documents(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request, and notes whether the client left before the end."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.times.append(time.monotonic())
        self.headers.append(dict(request.headers))
        self.connections.add(id(request.transport))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.asked.set()
        try:
            if self.reads:
                self.bodies.append(await request.read())
            return await answer(request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        finally:
            self.at_once -= 1


@contextmanager
def serving(*answers: Answer) -> Iterator[WireServer]:
    """A server in a thread of its own, for as long as the block lasts."""
    server, ready, done = WireServer(answers=list(answers)), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/chat/completions", server.handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        ready.set()
        await done.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        loop.close()


def completion(content: object = '{"value": "yes"}', finish: str = "stop", **message: object) -> dict[str, Any]:
    """A chat completion as vLLM sends it; `message` adds to or replaces what its message holds."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "served-name",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content} | message, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def says(document: object, status: int = 200, **headers: str) -> Answer:
    """This document as JSON; headers as `Name_of=...`."""
    return sends(json.dumps(document).encode(), status, **headers)


def sends(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> Answer:
    """These bytes, whatever they are."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(body=body, status=status, headers=named, content_type=content_type)

    return answer


def error(status: int, message: str = "out of order", **headers: str) -> Answer:
    """An error as vLLM and OpenAI word it."""
    return says({"error": {"message": message, "type": "SomeError", "code": status}}, status, **headers)


def slow(seconds: float, then: Answer) -> Answer:
    """Thinks for a while first."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await then(request)

    return answer


def cut(after: bytes = b"", promised: int = 1000) -> Answer:
    """Cuts the connection: before any reply, or after the first bytes of a longer one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if after:
            response = web.StreamResponse(headers={"Content-Length": str(promised)})
            await response.prepare(request)
            await response.write(after)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    return answer


def babble(data: bytes) -> Answer:
    """Sends bytes that need not be HTTP, and hangs up."""

    async def answer(request: web.Request) -> web.StreamResponse:
        transport = cast(asyncio.Transport, request.transport)
        transport.write(data)
        transport.close()
        return web.Response()

    return answer


def endless(piece: bytes) -> Answer:
    """A reply that does not end for as long as the client stays."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(piece)

    return answer


def deaf(then: Answer) -> Answer:
    """Answers, and reads nothing more of what is posted. For a server whose `reads` is False."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await then(request)
        cast(asyncio.Transport, request.transport).pause_reading()
        await response.prepare(request)
        await response.write_eof()
        await asyncio.sleep(3600)
        return response

    return answer
