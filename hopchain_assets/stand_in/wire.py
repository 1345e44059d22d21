"""The OpenAI wire as far as the stand-in speaks it: a request read, a reply written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

MODELS = ("stand-in", "stand-in-binder", "stand-in-perceiver")
FINGERPRINT = "stand-in"


class Refused(Exception):
    """A request that gets an error: `status`, and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it came: `said` is the user's JSON, `pictures` the bytes sent, `shas` their sha256."""

    model: str
    schema_name: str
    said: Mapping[str, Any]
    text: str
    pictures: Sequence[bytes]
    shas: Sequence[str]
    seed: int

    @property
    def repair_round(self) -> int:
        """Rounds are told apart by thousands of the seed."""
        return self.seed // 1000

    def random(self, server_seed: int) -> Random:
        """The same draws for the same question, whatever was asked before."""
        key = orjson.dumps([server_seed, self.model, self.schema_name, self.text, list(self.shas), self.seed])
        return Random(int.from_bytes(hashlib.sha256(key).digest()[:8], "big"))


def read_request(body: bytes) -> Request:
    """A request.

    Raises:
        Refused: 400 for what cannot be read, 404 for a model that is not a stand-in's.
    """
    try:
        given = orjson.loads(body)
        model = given["model"]
        if not isinstance(model, str) or not model.startswith(MODELS[0]):
            raise Refused(404, f"there is no model {model!r}: this is a stand-in, and serves {', '.join(MODELS)}")
        schema_name = given["response_format"]["json_schema"]["name"]
        content = next(message["content"] for message in given["messages"] if message["role"] == "user")
        parts: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        pictures = [_decoded(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        said = orjson.loads(text)
        seed = int(given.get("seed") or 0)
    except (KeyError, TypeError, ValueError, StopIteration, binascii.Error) as error:
        raise Refused(400, f"the request cannot be read: {type(error).__name__} {error}") from error
    if not isinstance(said, dict):
        raise Refused(400, "the user's text is no JSON object")
    shas = [hashlib.sha256(picture).hexdigest() for picture in pictures]
    return Request(model, str(schema_name), said, text, pictures, shas, seed)


def _decoded(address: str) -> bytes:
    head, _, code = address.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ValueError("a picture must come as a data URI")
    return base64.b64decode(code)


def completion(request: Request, content: str | None, refusal: str | None = None) -> bytes:
    """A reply in the form of a chat completion. It always says that it is a stand-in's."""
    reasoning = f"A stand-in looked {request.schema_name} up."
    tokens = len(content or refusal or "") // 4 + 1
    prompt = len(request.text) // 4 + 400 + 900 * len(request.pictures)
    return orjson.dumps(
        {
            "id": f"chatcmpl-stand-in-{time.time_ns():x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": FINGERPRINT,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": content,
                        "refusal": refusal,
                        "reasoning_content": reasoning,
                    },
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": tokens + 8,
                "total_tokens": prompt + tokens + 8,
                "completion_tokens_details": {"reasoning_tokens": 8},
            },
        }
    )


def error_body(message: str, kind: str) -> bytes:
    """An error in the form that clients of this wire expect."""
    return orjson.dumps({"error": {"message": message, "type": kind, "code": None}})


def models_body() -> bytes:
    """The list of models."""
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "stand-in"} for name in MODELS]
    return orjson.dumps({"object": "list", "data": rows})
