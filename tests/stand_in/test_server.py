"""The stand-in over loopback: the wire, its faults, its log, and what it makes of pictures."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson
import pytest
from PIL import Image

from hopchain_assets.export.sent import as_sent, crops_sent
from hopchain_assets.stand_in.faults import WIRE, WRITTEN, Rates
from hopchain_assets.stand_in.server import Running, running
from hopchain_assets.stand_in.truth import Known, Truth, TruthError
from hopchain_assets.stand_in.truth_log import entries
from tests.stand_in.conftest import attributes_of, body_of, open_positions, order_of

T = TypeVar("T")


class Client:
    """Asks a running stand-in."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def post(self, body: bytes) -> tuple[int, dict[str, Any], Any]:
        """Status, reply and headers."""
        async with self.session.post(f"{self.url}/chat/completions", data=body) as response:
            return response.status, orjson.loads(await response.read()), response.headers

    async def value(self, *asked: Any, **more: Any) -> dict[str, Any]:
        """The JSON of the reply's content."""
        status, reply, _ = await self.post(body_of(*asked, **more))
        assert status == 200, reply
        return orjson.loads(reply["choices"][0]["message"]["content"])


def asking(server: Running, act: Callable[[Client], Awaitable[T]]) -> T:
    """Runs the questions of a test."""

    async def run() -> T:
        async with aiohttp.ClientSession() as session:
            return await act(Client(server.url, session))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def honest(folder: Path) -> Any:
    with running([folder]) as server:
        yield server


def bytes_of(truth: Truth, known: Known) -> bytes:
    return truth.path(known.image_id).read_bytes()


def chains_asked(truth: Truth, known: Known) -> bytes:
    combination = open_positions(known)[:3]
    data = bytes_of(truth, known)
    crops = crops_sent(data, [known.things[k].box for k in combination])
    return body_of("chains", order_of(known, combination), [data, *(crop.data for crop in crops)])


def test_it_starts_quickly_and_ends_with_the_block(folder: Path) -> None:
    """Nobody listens any more once the block is left."""

    async def models(client: Client) -> list[str]:
        async with client.session.get(f"{client.url}/models") as response:
            return [model["id"] for model in (await response.json())["data"]]

    with running([folder]) as server:
        assert asking(server, models) == ["stand-in", "stand-in-binder", "stand-in-perceiver"]
    with pytest.raises(aiohttp.ClientConnectorError):
        asking(server, models)


def test_replies_say_whose_they_are(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """The model asked for, a fingerprint, tokens, and reasoning kept apart from the answer."""
    body = body_of("rating", {}, [bytes_of(truth, pictures[0])], model="stand-in-perceiver")
    status, reply, _ = asking(honest, lambda client: client.post(body))
    assert (status, reply["model"], reply["system_fingerprint"]) == (200, "stand-in-perceiver", "stand-in")
    message = reply["choices"][0]["message"]
    assert message["reasoning_content"] and "reasoning" not in message["content"]
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (body_of("rating", {}, [b"x"], model="Qwen/Qwen3-VL-235B-A22B-Thinking"), 404),
        (body_of("poem", {}), 400),
        (body_of("reading", {"question": "What?"}), 400),
        (body_of("rating", {}), 400),
        (b"{", 400),
        (b"[]", 400),
        (orjson.dumps({"model": "stand-in"}), 400),
    ],
)
def test_what_it_cannot_answer_it_refuses(honest: Running, body: bytes, status: int) -> None:
    """Another model's name is not served, and nothing malformed is answered by a guess."""
    found, reply, _ = asking(honest, lambda client: client.post(body))
    assert found == status and reply["error"]["message"]


def test_the_first_stages_are_answered_from_truth(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """A rating in its bounds, and the categories that are there."""

    async def ask(client: Client) -> None:
        for known in pictures:
            data = bytes_of(truth, known)
            rating = await client.value("rating", {}, [data])
            assert 1 <= rating["complexity"] <= 10 and rating["quality"] in ("High", "Medium", "Low")
            assert (await client.value("categories", {}, [data]))["categories"] == sorted(known.categories)

    asking(honest, ask)


def test_a_picture_that_was_encoded_again_is_recognised(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """Made smaller for the model, it is still the picture that it was; a foreign one is nobody's."""

    async def ask(client: Client) -> None:
        for known in pictures:
            smaller = as_sent(bytes_of(truth, known), 200_000)
            assert (await client.value("categories", {}, [smaller.data]))["categories"] == sorted(known.categories)
        foreign = io.BytesIO()
        Image.linear_gradient("L").rotate(30).save(foreign, "PNG")
        assert (await client.value("categories", {}, [foreign.getvalue()]))["categories"] == []
        assert (await client.value("categories", {}, [b"no picture"]))["categories"] == []

    asking(honest, ask)


def test_crops_are_looked_at_one_by_one(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """Every object is known by its crop alone; what nobody knows of it is not answered by yes or no."""
    known = next(one for one in pictures if "color" in attributes_of(one))
    crops = crops_sent(bytes_of(truth, known), [thing.box for thing in known.things])

    async def look(client: Client, crop: bytes, category: str, predicate: str) -> str:
        return (await client.value("look", {"category": category, "predicate": predicate}, [crop]))["value"]

    async def ask(client: Client) -> None:
        for thing, crop in zip(known.things, crops, strict=True):
            color = thing.attributes.get("color")
            expected = "unsure" if color is None else "yes" if color == "red" else "no"
            assert await look(client, crop.data, thing.category, "red") == expected
            assert await look(client, crop.data, thing.category, "wooden") == "unsure"

    asking(honest, ask)


def test_chains_are_bound_by_the_binder(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """What the writer writes over the wire, the binder reads over the wire."""

    async def ask(client: Client) -> int:
        seen = 0
        for known in pictures[:4]:
            _, reply, _ = await client.post(chains_asked(truth, known))
            for chain in orjson.loads(reply["choices"][0]["message"]["content"])["chains"]:
                categories, attributes = sorted(known.categories), attributes_of(known)
                said = {"question": chain["question"], "categories": categories, "attributes": attributes}
                reading = await client.value("reading", said, model="stand-in-binder")
                assert all(phrase["node"] for phrase in reading["phrases"])
                seen += 1
        return seen

    assert asking(honest, ask) > 4


def test_the_log_holds_what_was_answered(honest: Running, truth: Truth, pictures: list[Known]) -> None:
    """A line a reply and a line a chain, on disk and over the wire."""

    async def ask(client: Client) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        _, reply, _ = await client.post(chains_asked(truth, pictures[0]))
        async with client.session.get(client.url.replace("/v1", "/log")) as response:
            lines = [orjson.loads(line) for line in (await response.read()).splitlines()]
        return orjson.loads(reply["choices"][0]["message"]["content"]), lines

    written, lines = asking(honest, ask)
    assert lines == entries(honest.log)
    chains = [line for line in lines if line["kind"] == "chain" and line["image"] == pictures[0].image_id]
    assert [chain["question"] for chain in written["chains"]] == [c["question"] for c in chains][
        -len(written["chains"]) :
    ]
    assert all(line["status"] == 200 and line["schema_name"] for line in lines if line["kind"] == "request")


def outcome_of(error: Exception) -> str:
    return "cut" if isinstance(error, aiohttp.ClientPayloadError) else type(error).__name__


def test_the_wire_fails_by_its_rates(folder: Path, truth: Truth, pictures: list[Known]) -> None:
    """Each kind comes as clients know it, and what was not fully sent is not logged as answered."""
    rates = Rates({"broken_json": 0.15, "refusal": 0.1, "http_429": 0.1, "http_500": 0.1, "cut": 0.15})
    body = body_of("rating", {}, [bytes_of(truth, pictures[0])])

    async def one(client: Client) -> str:
        try:
            status, reply, headers = await client.post(body)
        except aiohttp.ClientError as error:
            return outcome_of(error)
        if status != 200:
            assert status != 429 or headers["Retry-After"] in ("0", "1")
            return f"http_{status}"
        message = reply["choices"][0]["message"]
        if message["refusal"]:
            return "refusal"
        try:
            orjson.loads(message["content"])
        except orjson.JSONDecodeError:
            return "broken_json"
        return "fine"

    async def ask(client: Client) -> Counter[str]:
        return Counter([await one(client) for _ in range(150)])

    with running([folder], rates, seed=2) as server:
        outcomes = asking(server, ask)
    lines = entries(server.log)
    assert set(outcomes) == {"broken_json", "refusal", "http_429", "http_500", "cut", "fine"}
    assert all(5 <= outcomes[kind] <= 40 for kind in outcomes if kind != "fine")
    answered = [line for line in lines if line["status"] == 200 and not line.get("cut")]
    assert len(answered) == outcomes["fine"] + outcomes["refusal"] + outcomes["broken_json"]


def test_a_slow_reply_comes_late(folder: Path, truth: Truth, pictures: list[Known]) -> None:
    """It is whole, and holds up nobody else."""
    body = body_of("rating", {}, [bytes_of(truth, pictures[0])])

    async def ask(client: Client) -> float:
        begun = time.monotonic()
        assert [status for status, *_ in await asyncio.gather(*(client.post(body) for _ in range(8)))] == [200] * 8
        return time.monotonic() - begun

    with running([folder], Rates({"slow": 1.0}, slow_seconds=0.3)) as server:
        assert 0.3 <= asking(server, ask) < 2.4


def test_hallucinated_categories_are_in_the_log(folder: Path, truth: Truth, pictures: list[Known]) -> None:
    """A category that is not there is named in the reply, and the log says which."""
    data = bytes_of(truth, pictures[0])
    with running([folder], Rates({"hallucinated_category": 1.0})) as server:
        named = asking(server, lambda client: client.value("categories", {}, [data]))["categories"]
    told = [line["hallucinated"] for line in entries(server.log)]
    assert set(named) - set(pictures[0].categories) == set(told) and len(told) == 1


def test_a_log_is_continued(folder: Path, tmp_path: Path, truth: Truth, pictures: list[Known]) -> None:
    """A server that is started again adds to its log."""
    log = tmp_path / "log.jsonl"
    for _ in range(2):
        with running([folder], log=log) as server:
            asking(server, lambda client: client.value("rating", {}, [bytes_of(truth, pictures[0])]))
    assert len(entries(log)) == 2


def test_it_does_not_start_without_truth(tmp_path: Path, folder: Path) -> None:
    """A folder without annotations, a file that is none, a port that is taken: one sentence each."""
    with pytest.raises(TruthError, match=r"there is no .*instances\.json"), running([tmp_path]):
        pass
    (tmp_path / "instances.json").write_text("[]")
    with pytest.raises(TruthError), running([tmp_path]):
        pass
    with running([folder]) as server:
        taken = int(server.url.rsplit(":", 1)[1].removesuffix("/v1"))
        with pytest.raises(TruthError), running([folder], port=taken):
            pass


def test_the_wire_names_every_fault() -> None:
    """The kinds of the wire are those of the issue."""
    assert set(WIRE) == {"broken_json", "refusal", "http_429", "http_500", "slow", "cut"}


def test_two_processes_answer_alike(folder: Path, truth: Truth, pictures: list[Known]) -> None:
    """The order of a set differs from process to process; no draw follows it."""
    rates = Rates(dict.fromkeys(WRITTEN, 0.08), perceives=0.3)

    async def ask(client: Client) -> list[str]:
        replies = [await client.post(chains_asked(truth, known)) for known in pictures]
        return [reply["choices"][0]["message"]["content"] for _, reply, _ in replies]

    answers: list[list[str]] = []
    for _ in range(2):
        with running([folder], rates) as server:
            answers.append(asking(server, ask))
    assert answers[0] == answers[1]
