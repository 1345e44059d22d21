"""A model behind a server that speaks OpenAI's chat completions: vLLM, and what people run on a laptop.

Proxies named by the environment are not used: pictures go to the server that the settings name and nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from hopchain_assets.models.chat_body import chat_body
from hopchain_assets.models.chat_reply import MOST_BYTES, Completion, read_reply
from hopchain_assets.models.gate import Gate
from hopchain_assets.models.retrying import Exhausted, Pauses, Trouble, retried
from hopchain_assets.models.server_errors import Failure, Server
from hopchain_assets.ports.vlm import Ask, CallFailed, Reply, ServerUnavailable, T

_CONNECT_SECONDS = 30.0
# vLLM's server closes connections that were idle for 5 s: one that is used in that moment would be cut
_IDLE_SECONDS = 4.0

# so many questions in a row without one reply (or as many as may be under way at once) are not the questions' trouble
_FAILED_IN_A_ROW = 16
# and so many, each after every attempt, where the server has never replied: it is loading, or a proxy before nothing
_NEVER_REPLIED = 3

_Arrived = tuple[Completion, float]


@dataclass(eq=False)
class OpenAiChat:
    """A `Vlm` on OpenAI's wire, for one event loop at a time; it can be entered again in the next.

    `url` ends in `/v1`. Between `least` and `most` questions are under way at once, as many as the server bears. An
    attempt may take `timeout` seconds. `settings` begins the names of the settings that errors tell to set.

    Questions that fail in a row, with no reply between them, become the server's trouble: `ServerUnavailable`.

    Raises:
        ValueError: when the address or the key cannot be used.
    """

    url: str
    model: str
    revision: str = ""
    key: str = field(default="", repr=False)
    most: int = 64
    least: int = 1
    timeout: float = 600.0
    attempts: int = 6
    settings: str = "HOPCHAIN_VLM"
    pauses: Pauses = field(default_factory=Pauses)
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _failed: int = field(default=0, init=False, repr=False)
    _replied: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        self.url, self.key = _checked_url(self.url, self.settings), _checked_key(self.key, self.settings)
        self._server = Server(self.url, self.model, self.settings, self.key)
        self._gate = Gate(self.least, self.most)

    @property
    def width(self) -> int:
        return self.most

    async def __aenter__(self) -> Self:
        if self._session is not None:
            raise RuntimeError("this model is entered already: it serves one event loop at a time")
        # what was learnt of the server is kept; places and waiters of an earlier event loop are not
        self._gate = Gate(self.least, self.most, self._gate.limit)
        # counted through small batches; who enters again after the server was given up has mended it
        self._failed = self._failed if self._failed < self._most_failed else 0
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, ask: Ask[T]) -> Reply[T]:
        try:
            completion, seconds = await retried(lambda: self._attempt(ask), self.attempts, self.pauses)
        except CallFailed as error:
            self._failed += 1
            never = isinstance(error, Exhausted) and not self._replied
            if self._failed < (_NEVER_REPLIED if never else self._most_failed):
                raise
            raise ServerUnavailable(
                f"{self._failed} questions in a row have failed at {self.url}, the last: {error}; mend the server and "
                "run again"
            ) from error
        # a reply that cannot be used is a reply: the server works
        self._failed, self._replied = 0, True
        return read_reply(ask, completion, self.model, seconds)

    @property
    def _most_failed(self) -> int:
        return max(_FAILED_IN_A_ROW, self.most)

    async def _attempt(self, ask: Ask[Any]) -> _Arrived | Trouble:
        # the place is given back before a pause: who waits for a retry keeps nobody out
        async with self._gate.place() as place:
            outcome = await self._outcome(ask)
            if isinstance(outcome, tuple):
                place.replied()
            elif isinstance(outcome, Trouble) and outcome.crowded:
                place.crowded()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _outcome(self, ask: Ask[Any]) -> _Arrived | Failure:
        """What one attempt comes to. Raised outside `except`: aiohttp's errors hold the headers, with the key."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout):
                status, headers, body = await self._exchange(ask)
        except (aiohttp.ClientError, OSError) as error:
            return self._server.unanswered(error)
        if 200 <= status < 300:
            completion = Completion.of(body, self.key)
            if completion.status == 200:
                return completion, time.perf_counter() - started
            status = completion.status
        return self._server.refused(status, headers, body or b"")

    async def _exchange(self, ask: Ask[Any]) -> tuple[int, Mapping[str, str], bytes | None]:
        """Status, headers and body of one HTTP exchange; no body where it is larger than `MOST_BYTES`."""
        if self._session is None:
            raise RuntimeError("a model is asked within `async with`")
        body = chat_body(self.model, ask)
        response = await self._session.post(f"{self.url}/chat/completions", data=body, allow_redirects=False)
        try:
            return response.status, response.headers, await _limited(response.content)
        finally:
            # at once, and nothing is awaited: a server that has not read all must not keep us. A connection whose
            # reply was read to its end is back in the pool by now, and stays open
            response.close()


async def _limited(content: aiohttp.StreamReader) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    async for piece in content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _checked_url(url: str, settings: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        # user, password and query may be secrets, and addresses are shown
        good = parts.scheme in ("http", "https") and host and parts.port != 0 and not set(url) & set("@?#")
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{settings}_URL must be an http or https address without user, password and query")
    return url.rstrip("/")


def _checked_key(key: str, settings: str) -> str:
    bare = key.strip()
    if not (bare.isascii() and bare.isprintable()):
        raise ValueError(f"{settings}_KEY holds characters that no key has: was it copied whole?")
    return bare
