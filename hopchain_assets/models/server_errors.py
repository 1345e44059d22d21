"""What it means when a server does not answer: something that may pass, this question's trouble, or everybody's."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson

from hopchain_assets.models.retrying import Trouble, retry_after
from hopchain_assets.ports.vlm import CallFailed, ServerUnavailable

_LENGTH = 300
_LOOKED_AT = 20_000
# all but 501 and 505 are a moment's trouble, those of proxies (520 to 529) too
_NEVER_PASS = (501, 505)
# the server has too much to do, or something on the way was not patient enough
_CROWDED = (408, 429, 503, 504, 529)

Failure = Trouble | CallFailed | ServerUnavailable


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked, as sentences name it. `settings` is what the names of its settings begin with."""

    url: str
    model: str
    settings: str
    key: str = field(repr=False)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an HTTP status other than success means."""
        said = self.words(body)
        if status == 429 and b'"insufficient_quota"' in body:
            return ServerUnavailable(f"the account at {self.url} has no quota left: {said}")
        if status in (408, 425, 429) or (status >= 500 and status not in _NEVER_PASS):
            words = f"the model server at {self.url} answers {status}: {said}"
            return Trouble(words, retry_after(headers.get("Retry-After")), status in _CROWDED)
        if sentence := self._misconfigured(status, said):
            return ServerUnavailable(sentence)
        return CallFailed(f"the model server at {self.url} refuses the question ({status}): {said}")

    def _misconfigured(self, status: int, said: str) -> str:
        name = self.settings
        if status in (401, 403):
            what = "does not take the key" if self.key else "wants a key"
            return f"the model server at {self.url} {what} ({status}): set {name}_KEY. It says: {said}"
        if status == 402:
            return f"the account at {self.url} has no credit left ({status}): {said}"
        if status in (404, 405):
            return (
                f"no model {self.model!r} at {self.url} ({status}): set {name}_MODEL to a model that is served there,"
                f" or {name}_URL to its address, which ends in /v1. It says: {said}"
            )
        if status < 400:
            return f"{self.url} sends elsewhere ({status}): set {name}_URL to the address that answers itself"
        return ""

    def unanswered(self, error: aiohttp.ClientError | OSError) -> Failure:
        """What it means that there was no HTTP reply, or half of one, or none in time."""
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.InvalidURL):
            why = self.clean(str(error))
            return ServerUnavailable(f"no connection to {self.url} ({why}): is {self.settings}_URL right?")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            why = self.clean(getattr(error, "strerror", None) or str(error))
            remedy = f"start the model server (`hopchain serve`), or set {self.settings}_URL"
            return Trouble(f"nobody answers at {self.url} ({why}): {remedy}", unreached=True)
        if isinstance(error, TimeoutError):
            return Trouble(f"the model server at {self.url} did not answer in time", crowded=True)
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return Trouble(f"the connection to {self.url} was cut before a reply")
        why = self.clean(getattr(error, "message", "") or str(error)) or type(error).__name__
        return Trouble(f"the connection to {self.url} was cut: {why}")

    def words(self, body: bytes) -> str:
        """The server's own message, on one line, shortened, without the key."""
        text = self._without_key(body.decode("utf-8", "replace"))[:_LOOKED_AT]
        try:
            text = _message(orjson.loads(body)) or text
        except orjson.JSONDecodeError:
            # a proxy's page: its title is what it has to say
            title = re.search(r"<title>(.{1,1000}?)</title>", text, re.IGNORECASE | re.DOTALL)
            text = html.unescape(title[1]) if title else text
        return self.clean(text) or "nothing"

    def clean(self, text: str) -> str:
        """Text from outside for a sentence of ours: one line, no control characters, no key."""
        # the key goes before the text is shortened, so that no half of it is left
        kept = self._without_key(text)[: 10 * _LENGTH]
        line = " ".join("".join(c if c.isprintable() else " " for c in kept).split())
        return line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…"

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "…") if self.key else text


def _message(document: object) -> str:
    """The message in an error document, in the forms in which vLLM, OpenAI, FastAPI, Ollama and llama.cpp put it."""
    while isinstance(document, dict):
        document = next((document[key] for key in ("error", "message", "detail", "msg") if document.get(key)), None)
        if isinstance(document, list):
            document = document[0]
    return document if isinstance(document, str) else ""
