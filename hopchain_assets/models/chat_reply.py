"""What a chat completion says: the answer, the reasoning before it, or why there is none.

Servers differ in where they put things, so whatever is missing or of another type counts as not said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import orjson

from hopchain_assets.ports.vlm import Ask, Reply, T, UnusableReply, Usage

MOST_BYTES = 8 * 2**20
_RAW_LENGTH = 20_000
_MOST_TOKENS = 2**31 - 1
_NAME_LENGTH = 200
_DETAIL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Completion:
    """A successful HTTP reply, taken apart.

    `raw` is all of it where no content was found, `flaw` why nothing could be taken apart (reason and detail), and
    `status` the HTTP status of an error that came as a success.
    """

    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    raw: str = ""
    flaw: tuple[str, str] | None = None
    status: int = 200

    @classmethod
    def of(cls, body: bytes | None, key: str = "") -> Completion:
        """The first choice of a reply's body, whatever bytes that is; None stands for a body too large to be read.

        `raw` is kept without the `key`, which a server at a wrong address may send back.
        """
        if body is None:
            return cls(flaw=("cut off", f"the reply has more than {MOST_BYTES} bytes"))
        try:
            document = _table(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            return cls(
                raw=_raw(body, key), flaw=("not JSON", f"what the server sent around the reply is no JSON: {error}")
            )
        if document.get("error") and not document.get("choices"):
            return cls(status=_error_status(document["error"]))
        first = cls._first(document)
        return first if first.content else replace(first, raw=_raw(body, key))

    @classmethod
    def _first(cls, document: dict[str, object]) -> Completion:
        choice = _table(next(iter(_list(document.get("choices"))), None))
        message = _table(choice.get("message"))
        content, thought_apart = _parts(message.get("content"))
        thought, answer = _unthought(content)
        reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
        return cls(
            content=answer,
            reasoning=reasoning or thought_apart or thought,
            refusal=_text(message.get("refusal")).strip(),
            finish=_text(choice.get("finish_reason")),
            model=_text(document.get("model"))[:_NAME_LENGTH],
            usage=_usage(_table(document.get("usage"))),
        )


def read_reply(ask: Ask[T], completion: Completion, model: str, seconds: float) -> Reply[T]:
    """The reply with its value, validated. `model` was asked for; the server may name what answered more closely.

    Raises:
        UnusableReply: when it was refused, cut off, empty, no JSON, or does not fit the schema.
    """
    named, usage, reasoning = completion.model or model, completion.usage, completion.reasoning
    text = _unfenced(completion.content.strip())
    flaw = completion.flaw or _flaw(completion, text, ask.sampling.max_tokens)
    if flaw is None:
        try:
            value = ask.read(text)
        except (ValueError, RecursionError) as error:
            flaw = ("not of the schema" if _is_json(text) else "not JSON", str(error))
        else:
            return Reply(value, text, named, reasoning, usage, seconds)
    reason, detail = flaw
    kept = completion.content or completion.raw
    raise UnusableReply(reason, detail[:_DETAIL_LENGTH], kept, named, reasoning, usage, seconds)


def _flaw(completion: Completion, text: str, max_tokens: int) -> tuple[str, str] | None:
    """Why an answer is not even looked at."""
    if completion.refusal or completion.finish == "content_filter":
        return "refused", completion.refusal or "the server filtered the reply"
    if completion.finish == "length":
        return "cut off", f"the server ended it for its length; max_tokens is {max_tokens}"
    return None if text else ("empty", "the model said nothing")


def _error_status(error: object) -> int:
    """The status in an error document. Some gateways pass errors on as a success; without a status, it may pass."""
    code = _table(error).get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _raw(body: bytes, key: str) -> str:
    text = body.decode("utf-8", "replace")
    return (text.replace(key, "…") if key else text)[:_RAW_LENGTH]


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parts(content: object) -> tuple[str, str]:
    """Text and reasoning of a message's content: a string, or a list of parts."""
    if not isinstance(content, list):
        return _text(content), ""
    parts = [_table(part) for part in content]
    said = "".join(_text(part.get("text")) for part in parts if part.get("type") in ("text", "output_text"))
    thought = "".join(_text(part.get("thinking")) or _text(part.get("reasoning")) for part in parts)
    return said, thought


def _unthought(content: str) -> tuple[str, str]:
    """Reasoning and answer of a content that may hold both, told apart by `</think>`.

    The opening tag is often missing: the templates of thinking models put it into the prompt.
    """
    text = content.lstrip()
    # JSON from the start is the answer, whatever tags a string in it may hold
    if text.startswith(("{", "[", "```")):
        return "", content
    thought, closed, answer = text.partition("</think>")
    if closed:
        return thought.removeprefix("<think>").strip(), answer
    if text.startswith("<think>"):
        return text.removeprefix("<think>").strip(), ""
    return "", content


def _unfenced(text: str) -> str:
    """The text without one Markdown fence around all of it.

    Servers without strict structured output (most on a laptop) leave the schema to the model's goodwill, and models
    like to fence JSON. What is inside is validated all the same.
    """
    fenced = re.fullmatch(r"```[a-zA-Z0-9]*[ \t]*\r?\n(.*)```", text, re.DOTALL)
    return fenced[1].strip() if fenced else text


def _usage(usage: dict[str, object]) -> Usage:
    """Tokens as they were counted; reasoning that nobody counted is 0, not a guess."""
    details = _table(usage.get("completion_tokens_details"))
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(details.get("reasoning_tokens")),
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
