"""The client of OpenAI's wire against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopchain_assets.models.chat_reply import MOST_BYTES
from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.models.retrying import Exhausted
from hopchain_assets.ports.vlm import (
    Ask,
    CallFailed,
    Picture,
    Reply,
    Sampling,
    ServerUnavailable,
    UnusableReply,
    Usage,
)
from tests.models.asking import PICTURE, SCHEMA, SOON, Look, asked, client, question
from tests.models.wire_server import (
    Answer,
    WireServer,
    babble,
    completion,
    cut,
    deaf,
    endless,
    error,
    says,
    sends,
    serving,
    slow,
)

GOOD = says(completion())
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
KEY = "sk-very-secret-0123456789"


def free_port() -> int:
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def test_a_question_goes_out_as_a_chat_completion_with_pictures_schema_and_sampling() -> None:
    """Body, picture and key arrive as the wire has them; the reply comes back with its tokens."""
    other = Picture(b"\x89PNG", "image/png")
    ask = question(
        pictures=(PICTURE, other), sample_index=2, repair_round=1, sampling=Sampling(0.5, 0.9, 77), system='Say "it"\n'
    )
    with serving(GOOD) as server:
        (reply,) = asked(client(server, key=KEY), ask)
    (sent,) = server.documents
    system, user = sent["messages"]
    assert system == {"role": "system", "content": 'Say "it"\n'}
    *pictures, text = user["content"]
    assert text == {"type": "text", "text": ask.prompt}
    assert [part["image_url"]["url"] for part in pictures] == [
        "data:image/jpeg;base64," + base64.b64encode(PICTURE.data).decode(),
        "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode(),
    ]
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "look", "strict": True, "schema": SCHEMA},
    }
    assert (sent["model"], sent["seed"], sent["temperature"], sent["top_p"], sent["max_tokens"]) == (
        "asked-name", 1002, 0.5, 0.9, 77,
    )  # fmt: skip
    (headers,) = server.headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (headers["Content-Type"], headers["Accept-Encoding"]) == ("application/json", "identity")
    assert int(headers["Content-Length"]) == len(server.bodies[0])
    assert (reply.value, reply.text, reply.model) == (Look("yes"), '{"value": "yes"}', "served-name")
    assert reply.usage == Usage(11, 7, 0) and reply.seconds > 0 and not reply.reused


def test_a_body_of_many_megabytes_arrives_whole() -> None:
    """Pieces larger than any socket buffer are neither lost nor mixed up."""
    pictures = tuple(Picture(bytes([n]) * 3_000_000) for n in range(3))
    with serving(GOOD) as server:
        asked(client(server), question(pictures=pictures))
    sent = [part["image_url"]["url"] for part in server.documents[0]["messages"][1]["content"][:3]]
    assert sent == [picture.data_uri.decode() for picture in pictures]


@pytest.mark.parametrize(
    ("message", "reasoning", "value"),
    [
        ({"reasoning_content": "so it is"}, "so it is", "yes"),
        ({"reasoning": "so it is"}, "so it is", "yes"),
        ({"content": '<think>so it is</think>\n\n{"value": "no"}'}, "so it is", "no"),
        ({"content": 'so it is\n</think>\n\n{"value": "no"}'}, "so it is", "no"),
        ({"content": '{"value": "a </think> b"}'}, "", "a </think> b"),
        ({"content": [{"type": "text", "text": '{"value":'}, {"type": "text", "text": '"no"}'}]}, "", "no"),
        (
            {"content": [{"type": "thinking", "thinking": "hm"}, 7, {"type": "text", "text": '{"value": "no"}'}]},
            "hm",
            "no",
        ),
        ({"content": '```json\n{"value": "no"}\n```'}, "", "no"),
        ({"content": '<think>x</think>```\n{"value": "no"}```  '}, "x", "no"),
    ],
)
def test_reasoning_is_kept_apart_from_the_answer(message: dict[str, Any], reasoning: str, value: str) -> None:
    """Wherever a server puts the reasoning, it ends in `reasoning`, and the answer is the JSON alone."""
    with serving(says(completion(**message))) as server:
        (reply,) = asked(client(server))
    assert (reply.reasoning, reply.value) == (reasoning, Look(value))
    assert json.loads(reply.text) == {"value": value}


def test_reasoning_tokens_are_those_the_server_counted() -> None:
    """What the server counts is told; strange counts are no counts."""
    usage = {"prompt_tokens": 5, "completion_tokens": 90, "completion_tokens_details": {"reasoning_tokens": 60}}
    strange = {"prompt_tokens": -1, "completion_tokens": 1e300, "completion_tokens_details": "many"}
    with serving(
        says(completion() | {"usage": usage}), says(completion() | {"usage": strange, "model": None})
    ) as server:
        vlm = client(server)
        (first,), (second,) = asked(vlm), asked(vlm)
    assert first.usage == Usage(5, 90, 60)
    assert (second.usage, second.model) == (Usage(), "asked-name")


@pytest.mark.parametrize(
    ("body", "reason", "kept"),
    [
        (completion(None, refusal="I cannot help"), "refused", "I cannot help"),
        (completion("...", "content_filter"), "refused", "..."),
        (completion('{"value": "ye', "length"), "cut off", '{"value": "ye'),
        (completion('{"value": "ye'), "not JSON", '{"value": "ye'),
        (completion("Sure! It is standing."), "not JSON", "Sure! It is standing."),
        (completion('{"other": 1}'), "not of the schema", '{"other": 1}'),
        (completion(""), "empty", "served-name"),
        (completion("<think>for ever"), "empty", "served-name"),
        ({"model": "served-name", "choices": []}, "empty", "choices"),
        ({"model": "served-name", "choices": [None]}, "empty", "choices"),
        (["what"], "empty", "what"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_with_its_reason_and_kept(body: object, reason: str, kept: str) -> None:
    """The model is not asked again, and what it said can be looked at."""
    with serving(says(body)) as server, pytest.raises(UnusableReply) as told:
        asked(client(server))
    assert told.value.reason == reason
    assert kept in told.value.text or kept in told.value.detail
    assert len(server.times) == 1


def test_json_too_deep_to_be_read_is_told() -> None:
    """Python's own parser gives up on it with an error that is no ValueError."""
    with serving(says(completion("[" * 100_000 + "]" * 100_000))) as server, pytest.raises(UnusableReply) as told:
        asked(client(server), question(read=json.loads))
    assert told.value.reason == "not JSON"


def test_an_unusable_reply_brings_its_cost() -> None:
    """Tokens, model, reasoning and seconds are known of a refusal too."""
    with serving(says(completion(None, refusal="no", reasoning="hm"))) as server, pytest.raises(UnusableReply) as told:
        asked(client(server))
    assert (told.value.usage, told.value.model, told.value.reasoning) == (Usage(11, 7, 0), "served-name", "hm")
    assert told.value.seconds > 0


@pytest.mark.parametrize("body", [PAGE, b"", b"{", b'{"choices": [{"message": {"content": "\xff"}}]}', b"[" * 100_000])
def test_a_success_that_is_no_json_is_not_json(body: bytes) -> None:
    """A page or garbage under status 200 is an unusable reply with its text kept."""
    with serving(sends(body)) as server, pytest.raises(UnusableReply, match="no JSON") as told:
        asked(client(server))
    assert told.value.reason == "not JSON"
    assert told.value.text == body[:20_000].decode("utf-8", "replace")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    """The third attempt answers, and that is the reply."""
    with serving(error(status), sends(PAGE, status, content_type="text/html"), GOOD) as server:
        (reply,) = asked(client(server))
    assert reply.value == Look("yes")
    assert len(server.times) == 3


@pytest.mark.parametrize(
    "answer", [cut(), cut(b'{"choices": [{"me'), babble(b"HTTP/1.1 200 OK\r\nA: "), babble(b"hello\r\n\r\n")]
)
def test_a_cut_connection_is_tried_again(answer: Any) -> None:
    """Before the reply or in the middle of it."""
    with serving(answer, answer, GOOD) as server:
        (reply,) = asked(client(server))
    assert reply.value == Look("yes")
    assert len(server.times) == 3


def test_a_timeout_is_tried_again() -> None:
    """A server that hangs once costs one attempt."""
    with serving(slow(30, GOOD), GOOD) as server:
        (reply,) = asked(client(server, timeout=0.3))
    assert reply.value == Look("yes")
    assert server.left.wait(10)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(error(500), "answers 500: out of order"), (cut(), "was cut"), (slow(30, GOOD), "in time")],
)
def test_attempts_used_up_are_this_questions_trouble(answer: Any, words: str) -> None:
    """As many attempts as allowed, and then a failed call that says what the last one died of."""
    with serving(answer) as server, pytest.raises(CallFailed, match=words) as told:
        asked(client(server, attempts=3, timeout=0.3))
    assert len(server.times) == 3
    assert "attempt 3 of 3" in str(told.value) and server.url in str(told.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(400, "prompt is too long"), "prompt is too long"),
        (says({"object": "error", "message": "bad schema"}, 400), "bad schema"),
        (says({"detail": [{"loc": ["body"], "msg": "field required"}]}, 422), "field required"),
        (says({"error": "too many images"}, 413), "too many images"),
        (sends(PAGE, 400, content_type="text/html"), "502 Bad Gateway"),
        (sends(b"\x00\x1b[31m\xff", 409), r"\[31m"),
        (says({}, 418), r"\{\}"),
        (error(501), "501"),
    ],
)
def test_what_the_server_refuses_is_never_asked_again(answer: Any, words: str) -> None:
    """400, 422 and their kin fail at once, with the server's own message on one line."""
    with serving(answer) as server, pytest.raises(CallFailed, match=words) as told:
        asked(client(server))
    assert len(server.times) == 1
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(401), ["HOPCHAIN_BINDER_KEY"]),
        (error(403), ["HOPCHAIN_BINDER_KEY"]),
        (error(402, "no credit"), ["no credit"]),
        (error(404, "The model does not exist"), ["HOPCHAIN_BINDER_MODEL", "HOPCHAIN_BINDER_URL", "asked-name"]),
        (sends(b"", 307, Location="http://127.0.0.1:9/"), ["HOPCHAIN_BINDER_URL"]),
        (says({"error": {"code": "insufficient_quota", "message": "pay first"}}, 429), ["pay first"]),
    ],
)
def test_what_no_question_can_pass_says_what_to_set(answer: Any, words: list[str]) -> None:
    """A wrong key, model or address stops everything, after one attempt."""
    with serving(answer) as server, pytest.raises(ServerUnavailable) as told:
        asked(client(server, settings="HOPCHAIN_BINDER"))
    assert len(server.times) == 1
    assert all(word in str(told.value) for word in [*words, server.url])


def test_an_error_that_comes_as_a_success_is_an_error() -> None:
    """Gateways that answer 200 around an error are understood."""
    passing, final = {"error": {"code": 502, "message": "upstream"}}, {"error": {"code": 400, "message": "too long"}}
    answers = says(passing), says({"error": "upstream"}), says(final)
    with serving(*answers) as server, pytest.raises(CallFailed, match="too long"):
        asked(client(server))
    assert len(server.times) == 3


def test_retry_after_is_waited_for() -> None:
    """The next attempt comes no earlier than the server wants it."""
    with serving(error(429, Retry_After="0.4"), GOOD) as server:
        asked(client(server))
    first, second = server.times
    assert second - first >= 0.4


def test_nobody_listening_stops_everything_after_a_few_attempts() -> None:
    """A refused connection names the address and what to do."""
    vlm = OpenAiChat(f"http://127.0.0.1:{free_port()}/v1", "asked-name", pauses=SOON)
    with pytest.raises(ServerUnavailable, match=r"hopchain serve.*HOPCHAIN_VLM_URL") as told:
        asked(vlm)
    assert vlm.url in str(told.value)


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing name service is tried a few times too."""
    looked_up: list[object] = []

    def unknown(host: object, *_: object, **__: object) -> None:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ServerUnavailable, match=r"vlm\.example.*Name or service not known"):
        asked(OpenAiChat("http://vlm.example/v1", "asked-name", pauses=SOON))
    assert len(looked_up) == 4


def test_a_server_that_begins_to_listen_is_found() -> None:
    """Refused twice while it starts, then answered."""
    with serving(GOOD) as server:
        port = free_port()
        vlm = OpenAiChat(f"http://127.0.0.1:{port}/v1", "asked-name", pauses=SOON)

        async def late() -> Reply[Look]:
            async with vlm:
                asking = asyncio.create_task(vlm.ask(question()))
                await asyncio.sleep(0)
                relay = await asyncio.start_server(lambda r, w: _relayed(r, w, server.port), "127.0.0.1", port)
                async with relay:
                    return await asking

        assert asyncio.run(late()).value == Look("yes")


async def _relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


def test_https_to_a_server_without_it_is_told_at_once() -> None:
    """A wrong scheme is no passing trouble."""
    with serving(GOOD) as server, pytest.raises(ServerUnavailable, match="HOPCHAIN_VLM_URL"):
        asked(client(server, url=server.url.replace("http:", "https:")))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_reply_without_end_is_given_up(compressed: bool) -> None:
    """More than 8 MB are not read, compressed or not."""
    bomb = gzip.compress(b" " * (MOST_BYTES * 4))
    answer = sends(bomb, Content_Encoding="gzip") if compressed else endless(b" " * 65536)
    with serving(answer) as server, pytest.raises(UnusableReply, match="more than") as told:
        asked(client(server))
    assert told.value.reason == "cut off" and told.value.text == ""


def test_a_reply_without_end_to_an_upload_without_end_is_given_up() -> None:
    """Neither side reads: what is left of the upload is not waited for."""
    large = question(pictures=(Picture(bytes(20_000_000)),))
    with serving(endless(b" " * 65536)) as server, pytest.raises(UnusableReply, match="more than"):
        server.reads = False
        asked(client(server), large)


@pytest.mark.parametrize("status", [200, 429])
def test_a_server_that_answers_before_it_has_read_all_keeps_nobody(status: int) -> None:
    """The rest of a large body is not sent to whoever does not want it."""
    large = question(pictures=(Picture(bytes(20_000_000)),))
    with serving(deaf(GOOD if status == 200 else error(429)), deaf(GOOD)) as server:
        server.reads = False
        (reply,) = asked(client(server), large)
    assert reply.value == Look("yes")


def test_cancelling_closes_the_connection_at_once() -> None:
    """The server sees the client leave, and its place at the gate is free again."""
    with serving(slow(600, GOOD), GOOD) as server:
        vlm = client(server, most=1, timeout=600.0)

        async def cancelled() -> Reply[Look]:
            async with vlm:
                asking = asyncio.create_task(vlm.ask(question()))
                await asyncio.to_thread(server.asked.wait, 30)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                return await vlm.ask(question())

        assert asyncio.run(cancelled()).value == Look("yes")
        assert server.left.wait(10)


def test_cancelling_an_upload_that_nobody_reads_ends() -> None:
    """A body stuck in the socket does not hold the caller."""
    large = question(pictures=(Picture(bytes(20_000_000)),))
    with serving(slow(600, GOOD)) as server:
        server.reads = False

        async def cancelled() -> None:
            async with client(server, timeout=600.0) as vlm:
                asking = asyncio.create_task(vlm.ask(large))
                await asyncio.to_thread(server.asked.wait, 30)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking

        asyncio.run(cancelled())


PROGRAM = """
import asyncio, sys
from hopchain_assets.models.openai_chat import OpenAiChat
from tests.models.asking import question

async def main():
    async with OpenAiChat(sys.argv[1], "asked-name") as vlm:
        await asyncio.gather(*(vlm.ask(question()) for _ in range(100)))

asyncio.run(main())
"""


def test_ctrl_c_ends_a_program_with_questions_under_way() -> None:
    """64 open, 36 waiting: the process ends by itself, and nothing is left to clean up."""
    with serving(slow(600, GOOD)) as server:
        root = Path(__file__).parents[2]
        program = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", PROGRAM, server.url], cwd=root, stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.asked.wait(60)
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=60)
        finally:
            program.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Unclosed" not in errors and "never retrieved" not in errors
    assert program.returncode == -signal.SIGINT


def test_it_can_be_entered_again_in_another_event_loop() -> None:
    """Each batch has a loop of its own; outside of `async with` nothing is asked."""
    with serving(GOOD) as server:
        vlm = client(server)
        assert [asked(vlm)[0].value for _ in range(3)] == [Look("yes")] * 3
        with pytest.raises(RuntimeError, match="async with"):
            asyncio.run(vlm.ask(question()))

        async def twice() -> None:
            async with vlm, vlm:
                pass

        with pytest.raises(RuntimeError, match="one event loop at a time"):
            asyncio.run(twice())


def test_connections_are_kept_for_the_next_question() -> None:
    """Errors whose reply was read whole do not cost the connection either."""
    with serving(error(500), error(400), GOOD) as server:

        async def one_after_the_other() -> None:
            async with client(server) as vlm:
                for _ in range(3):
                    await asyncio.gather(vlm.ask(question()), return_exceptions=True)

        asyncio.run(one_after_the_other())
    assert len(server.times) == 4
    assert len(server.connections) == 1


def _in_turn(vlm: OpenAiChat, count: int) -> list[object]:
    """What becomes of so many questions, one after the other."""

    async def all_of_them() -> list[object]:
        async with vlm:
            return [(await asyncio.gather(vlm.ask(question()), return_exceptions=True))[0] for _ in range(count)]

    return asyncio.run(all_of_them())


def test_a_server_that_has_never_replied_is_given_up_soon() -> None:
    """It is still loading, or a proxy stands before nothing: the third question that wears out all attempts says so."""
    with serving(error(502, "no processor")) as server:
        outcomes = _in_turn(client(server, attempts=2), 3)
    assert [type(outcome) for outcome in outcomes[:2]] == [Exhausted, Exhausted]
    assert isinstance(outcomes[2], ServerUnavailable) and "no processor" in str(outcomes[2])


@pytest.mark.parametrize("status", [400, 502])
def test_a_server_that_fails_for_everybody_is_given_up(status: int) -> None:
    """The sixteenth question in a row is told what to do, through several batches; then it is tried anew."""
    with serving(GOOD, error(status, "no processor")) as server:
        vlm = client(server, most=4, attempts=2)
        assert isinstance(_in_turn(vlm, 1)[0], Reply)
        first, second = _in_turn(vlm, 10), _in_turn(vlm, 6)
        assert all(isinstance(outcome, CallFailed) for outcome in [*first, *second[:-1]])
        assert isinstance(second[-1], ServerUnavailable)
        told = str(second[-1])
        assert told.startswith(f"16 questions in a row have failed at {server.url}") and "no processor" in told
        assert "mend the server and run again" in told
        assert isinstance(_in_turn(vlm, 1)[0], CallFailed)


@pytest.mark.parametrize("between", [GOOD, says(completion(content="no JSON"))])
def test_a_reply_between_them_makes_it_the_questions_trouble(between: Answer) -> None:
    """Of any worth: fifteen that fail, a reply, and fifteen more are thirty failed questions."""
    bad = [error(400)] * 15
    with serving(*bad, between, *bad) as server:
        outcomes = _in_turn(client(server, most=4), 31)
    assert sum(isinstance(outcome, CallFailed) for outcome in outcomes) == 30
    assert isinstance(outcomes[15], Reply | UnusableReply)


def test_a_wide_client_bears_more_failures_in_a_row() -> None:
    """It takes as many as may be under way at once: quick failures overtake what is slowly answered."""
    with serving(error(400)) as server:
        outcomes = _in_turn(client(server, most=20), 20)
    assert [type(outcome) for outcome in outcomes] == [CallFailed] * 19 + [ServerUnavailable]


def test_no_more_are_asked_at_once_than_allowed() -> None:
    """A gate of four keeps a hundred questions to four at a time, and all are answered."""
    with serving(slow(0.005, GOOD)) as server:
        replies = asked(client(server, most=4), *[question()] * 100)
    assert len(replies) == 100 and server.most_at_once <= 4


def test_a_server_that_has_too_much_to_do_is_asked_less() -> None:
    """429 halves what is asked at once, though a burst of them only once; it is remembered in the next loop."""
    busy = [slow(0.2, error(429))] * 16
    with serving(*busy, slow(0.01, GOOD)) as server:
        vlm = client(server, most=16)
        asked(vlm, *[question()] * 16)
        assert server.most_at_once == 16
        server.most_at_once = 0
        asked(vlm, *[question()] * 32)
    assert 8 <= server.most_at_once <= 12


def test_the_key_is_in_the_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    """Not in repr, messages, causes or logs, even when the server repeats it."""
    echo = says({"error": {"message": f"key {KEY} is unknown " * 20}}, 401)
    answers = [
        echo,
        sends(f"<title>Bearer {KEY}".encode(), 400),
        error(500, f"{'x' * 290}{KEY}"),
        cut(),
        babble(b"HTTP/1.1 200 OK\r\nA: " + KEY.encode()),
        babble(f"HTTP/9 {KEY} {KEY}\r\n{KEY}\r\n\r\n".encode()),
        says({"headers": {"Authorization": f"Bearer {KEY}"}}),
        sends(b"x" * 19_990 + KEY.encode()),
    ]
    with caplog.at_level(logging.DEBUG):
        for answer in answers:
            with serving(answer) as server:
                vlm = client(server, key=KEY, attempts=2)
                with pytest.raises((CallFailed, ServerUnavailable, UnusableReply)) as told:
                    asked(vlm)
            assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
            assert not any(KEY[:12] in text for text in _told(told.value, vlm))
    assert KEY[:12] not in caplog.text


def _told(error: BaseException | None, vlm: OpenAiChat) -> list[str]:
    texts = [repr(vlm)]
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return texts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000/v1",
        "ftp://a/v1",
        "http://me:pw@a/v1",
        "http://a/v1?key=1",
        "http://a/v1#b",
        "http://[a",
        "http://a..b/",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(url: str) -> None:
    """Before anything is opened, and naming the setting."""
    with pytest.raises(ValueError, match=r"^HOPCHAIN_VLM_URL must be an http or https address without"):
        OpenAiChat(url, "m")


def test_a_key_with_a_line_end_is_trimmed_and_one_with_another_inside_refused() -> None:
    """Keys come out of files; a header takes one line."""
    with serving(GOOD) as server:
        asked(client(server, key=f" {KEY}\n"))
        with pytest.raises(ValueError, match="HOPCHAIN_VLM_KEY") as told:
            client(server, key=f"{KEY}\n{KEY}")
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}" and KEY not in str(told.value)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures go where the settings say, and nowhere else."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with serving(GOOD) as server:
        assert asked(client(server))[0].value == Look("yes")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": JSON
        | st.sampled_from(['{"value": "yes"}', "<think>", "</think>", "```json\n{}```"])
        | st.lists(st.fixed_dictionaries({}, optional={"type": st.just("text"), "text": JSON, "thinking": JSON})),
        "refusal": JSON,
        "reasoning": JSON,
        "reasoning_content": JSON,
    },
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "choices": JSON
        | st.lists(st.fixed_dictionaries({}, optional={"message": MESSAGES | JSON, "finish_reason": JSON}), max_size=2),
        "usage": JSON | st.fixed_dictionaries({}, optional={"completion_tokens_details": JSON, "prompt_tokens": JSON}),
        "model": JSON,
        "error": JSON | st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON}),
    },
)
BODIES = st.binary(max_size=200) | (JSON | ENVELOPES).map(lambda document: json.dumps(document).encode())


@pytest.fixture(scope="module")
def shared() -> Any:
    with serving(GOOD) as server:
        yield server


def _outcome(server: WireServer, ask: Ask[Look]) -> object:
    try:
        return asked(client(server, attempts=1), ask)[0]
    except (UnusableReply, CallFailed, ServerUnavailable) as error:
        return error


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_whatever_a_success_holds_is_a_reply_or_told(shared: WireServer, body: bytes) -> None:
    """Any bytes as the body of a 200 give a reply, an unusable reply, or a failed call."""
    shared.answers[:] = [sends(body)]
    outcome = _outcome(shared, question())
    assert isinstance(outcome, Reply | UnusableReply | CallFailed | ServerUnavailable)
    if isinstance(outcome, UnusableReply):
        assert outcome.reason in ("refused", "cut off", "not JSON", "not of the schema", "empty")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429 \r\nRetry-After: "]), data=st.binary())
def test_whatever_bytes_come_over_the_socket_are_told(shared: WireServer, head: bytes, data: bytes) -> None:
    """A server that does not speak HTTP is this question's trouble, and nobody hangs."""
    shared.answers[:] = [babble(head + data)]
    assert isinstance(_outcome(shared, question()), UnusableReply | CallFailed)
