"""Our client and our schemas against a real vLLM: a tiny random model says nonsense, in the right form."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.models.vllm_serve import Serving, serve_arguments
from hopchain_assets.ports.vlm import Ask, CallFailed, Picture, Reply, Sampling, ServerUnavailable, UnusableReply
from hopchain_assets.stages.prompting import prompt
from hopchain_assets.stages.replies import Look, Named, Rating, Reading, Replied, Written
from tests.vllm.conftest import BINDER, KEY, LENGTH, MODEL, Served
from tests.vllm.pictures import picture

SAMPLES = 32
# every question of the line: its prompt, the name of its schema, and what it must reply
QUESTIONS: Sequence[tuple[str, str, type[Replied]]] = (
    ("rate", "rating", Rating),
    ("categories", "categories", Named),
    ("write", "chains", Written),
    ("bind", "reading", Reading),
    ("perceive", "look", Look),
)


def question(replied: type[Replied] = Rating, name: str = "rating", **changes: Any) -> Ask[Any]:
    """A question with one picture and a schema of the line."""
    settings: dict[str, Any] = {
        "purpose": "test",
        "stage": "test",
        "input_id": "p1",
        "system": "Say what you see.",
        "prompt": "{}",
        "pictures": (picture(0),),
        "schema_name": name,
        "schema": replied.schema_sent(),
        "read": replied.read,
        "sampling": Sampling(max_tokens=8192),
    }
    return Ask(**{**settings, **changes})


def client(served: Served, **changes: Any) -> OpenAiChat:
    """Ours, at the server."""
    return OpenAiChat(**{"url": served.url, "model": MODEL, "key": KEY, "attempts": 2, **changes})


def asked(vlm: OpenAiChat, *asks: Ask[Any]) -> list[Reply[Any] | BaseException]:
    """What became of each, all put at once."""

    async def all_of_them() -> list[Reply[Any] | BaseException]:
        async with vlm:
            return await asyncio.gather(*(vlm.ask(ask) for ask in asks), return_exceptions=True)

    return asyncio.run(all_of_them())


def replies(found: Sequence[Reply[Any] | BaseException]) -> list[Reply[Any]]:
    """All of them replies; the first that is none is raised."""
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if isinstance(one, Reply)]


def test_every_flag_is_known_to_vllm(vllm_python: Path, vllm_environment: Mapping[str, str]) -> None:
    """Those for many cards too, which no test here can start."""
    help_text = subprocess.run(
        [str(vllm_python.parent / "vllm"), "serve", "--help=all"],
        env={**vllm_environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    many = Serving("Qwen/Qwen3-VL-235B-A22B-Thinking-FP8", 8, revision="main", compressed_kv=True)
    used = {word for word in (*serve_arguments(many), *serve_arguments(Serving("x", 0))) if word.startswith("--")}
    assert len(used) > 12 and used <= set(re.findall(r"--[a-z][a-z-]+", help_text))


@pytest.mark.parametrize(("name", "schema", "replied"), QUESTIONS, ids=[name for name, _, _ in QUESTIONS])
def test_every_reply_fits_its_schema(served: Served, name: str, schema: str, replied: type[Replied]) -> None:
    """32 of 32, for each question of the line, with its own prompt and a picture (the binder gets none)."""
    pictures = () if name == "bind" else (picture(1),)
    asks = [
        question(replied, schema, system=prompt(name), pictures=pictures, sample_index=number)
        for number in range(SAMPLES)
    ]
    began = time.monotonic()
    found = replies(asked(client(served), *asks))
    seconds = time.monotonic() - began
    assert len(found) == SAMPLES and all(isinstance(reply.value, replied) for reply in found)
    assert {reply.model for reply in found} == {MODEL}
    tokens = sum(reply.usage.completion for reply in found)
    print(f"{name}: {len(found)} of {SAMPLES} replies fit {schema!r}, {tokens} tokens in {seconds:.1f} s")
    print(f"  for example {found[-1].text[:200]}")


def test_reasoning_is_apart_from_the_answer_and_counted(served: Served) -> None:
    """It stands beside the answer, and its tokens are part of the reply's."""
    found = replies(asked(client(served), *(question(sample_index=number) for number in range(SAMPLES))))
    assert sum(bool(reply.reasoning) for reply in found) > SAMPLES // 2
    for reply in found:
        assert "think>" not in reply.text and reply.usage.prompt > 0
        assert bool(reply.usage.reasoning) == bool(reply.reasoning)
        assert reply.usage.completion > reply.usage.reasoning
    told = next(reply for reply in found if reply.reasoning)
    print(
        f"reasoning {told.reasoning!r}, {told.usage.reasoning} of {told.usage.completion} tokens; then {told.text[:60]}"
    )


def test_samples_differ_and_can_be_drawn_again(served: Served) -> None:
    """The seed of a sample is its number: another number, another reply; the same one, the same reply."""
    asks = [question(Named, "categories", sample_index=number) for number in (1, 2, 3, 4)]
    first, again = ([reply.text for reply in replies(asked(client(served, most=1), *asks))] for _ in range(2))
    assert len(set(first)) > 1 and first == again


def test_without_chance_the_same_is_said_twice(served: Served) -> None:
    """Temperature 0, as pictures are rated."""
    ask = question(sampling=Sampling(temperature=0.0, max_tokens=8192))
    found = replies(asked(client(served, most=1), ask, ask))
    assert found[0].text == found[1].text


def test_many_at_once(served: Served) -> None:
    """Four times as many as the server works on at a time; each gets its own reply."""
    asks = [
        question(Look, "look", pictures=(picture(number % 8, 224, 224),), sample_index=number) for number in range(64)
    ]
    assert len(replies(asked(client(served, most=64), *asks))) == 64


def test_a_picture_with_its_crops(served: Served) -> None:
    """A whole picture and seven more is what the server is started for; one beyond is this question's trouble."""
    pictures = tuple(picture(number, 320, 240) for number in range(9))
    eight, nine = asked(client(served), *(question(pictures=pictures[:count]) for count in (8, 9)))
    assert isinstance(eight, Reply) and isinstance(nine, CallFailed) and "400" in str(nine)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": {"type": "object", "properties": {"a": {"type": "nonsense"}}}},
        {"prompt": "x" * (LENGTH + 1)},
        {"sampling": Sampling(max_tokens=LENGTH + 1)},
        {"pictures": (Picture(b"no picture"),)},
    ],
    ids=["a schema that is none", "a prompt too long", "a reply too long", "a picture that is none"],
)
def test_what_the_server_refuses_fails_for_that_question_alone(served: Served, changes: dict[str, Any]) -> None:
    """CallFailed with the server's words; the next question is answered."""
    failed, fine = asked(client(served), question(**changes), question())
    assert isinstance(failed, CallFailed) and "400" in str(failed), failed
    assert isinstance(fine, Reply), fine
    print(failed)


def test_a_reply_that_is_cut_off_is_unusable(served: Served) -> None:
    """What there was of it is kept."""
    (cut,) = asked(client(served), question(Written, "chains", sampling=Sampling(max_tokens=40)))
    assert isinstance(cut, UnusableReply) and cut.reason == "cut off" and cut.usage.completion == 40


@pytest.mark.parametrize(("changes", "setting"), [({"key": "wrong"}, "_KEY"), ({"model": "other"}, "_MODEL")])
def test_settings_that_are_wrong_are_named(served: Served, changes: dict[str, str], setting: str) -> None:
    """No question can be answered with another key, or of a model that is not served."""
    (failed,) = asked(client(served, **changes), question())
    assert isinstance(failed, ServerUnavailable) and setting in str(failed)


def test_the_key_is_in_no_log(served: Served) -> None:
    """vLLM prints its arguments when it starts; the key is not among them."""
    replies(asked(client(served, model=BINDER), question()))
    assert KEY not in served.log.read_text()
