"""How fast is our client beside the plain `openai` one, and what does the ledger cost?

200 KB pictures, 64 questions in flight, one client process; the server is a process of its own on loopback that reads
what is posted and answers at once with the same completion. Rounds alternate between the clients, so that a busy
machine slows all of them, and the ratios hold. Pictures are encoded before the clock runs, for each client alike.
Run: `.venv/bin/python -m benchmarks.client [--requests 1000] [--rounds 5] [--in-flight 64] [--kilobytes 200]`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from openai import AsyncOpenAI

from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.ports.vlm import Ask, Picture, Vlm

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

MODEL = "stand-in"
SCHEMA = {"type": "object", "properties": {"categories": {"type": "array", "items": {"type": "string"}}}}
SAID = json.dumps({"categories": [f"thing {number}" for number in range(40)]})
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
}
SYSTEM, PROMPT = "Name what can be counted in the picture. " * 40, "{}"
# asks about the picture of this number, in this sample
Asking = Callable[[int, int], Awaitable[object]]


class Answering(asyncio.BufferedProtocol):
    """Reads requests into one buffer that nobody looks at, and answers each when its last byte is there."""

    buffer = memoryview(bytearray(1 << 20))
    body = json.dumps(COMPLETION).encode()
    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._left, self._head = transport, 0, b""

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Counts what came, of the head or of the body."""
        if self._left:
            self._left -= nbytes
        else:
            self._head += bytes(self.buffer[:nbytes])
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self._left, self._head = int(length[15:]) - len(rest), b""
        if not self._left:
            self._transport.write(self.reply)


def serve(told: Connection) -> None:
    """Serves for ever, on a port that it tells."""

    async def serving() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serving())


@contextmanager
def server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    there.close()  # so that a server which cannot start is told by the end of the pipe
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()


@dataclass
class Contender:
    """A client, with what was measured of it."""

    name: str
    opened: Callable[[], AbstractAsyncContextManager[Asking]]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def round(self, number: int, requests: int, in_flight: int) -> None:
        """Asks so many questions, each in a sample of its own, and notes requests a second and CPU ms a request."""
        async with self.opened() as ask:
            await _all(ask, range(in_flight), number, in_flight)  # connections are there before the clock runs
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await _all(ask, range(in_flight, in_flight + requests), number, in_flight)
            self.rates.append(requests / (time.perf_counter() - wall))
            self.cpu.append(1000 * (time.process_time() - cpu) / requests)


async def _all(ask: Asking, numbers: range, sample: int, in_flight: int) -> None:
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            await ask(number, sample)

    await asyncio.gather(*(worker() for _ in range(in_flight)))


def plain(url: str, pictures: list[Picture]) -> Contender:
    """The `openai` client as its own documentation uses it."""
    addresses = [picture.data_uri.decode() for picture in pictures]

    @asynccontextmanager
    async def opened() -> AsyncIterator[Asking]:
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=60.0) as client:

            async def ask(number: int, sample: int) -> object:
                messages: list[ChatCompletionMessageParam] = [
                    {"role": "system", "content": SYSTEM},
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": addresses[number % len(addresses)]}},
                            {"type": "text", "text": PROMPT},
                        ],
                    },
                ]
                reply = await client.chat.completions.create(
                    model=MODEL,
                    messages=messages,
                    seed=sample,
                    max_tokens=1000,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "categories", "strict": True, "schema": dict(SCHEMA)},
                    },
                )
                return json.loads(reply.choices[0].message.content or "")

            yield ask

    return Contender("openai", opened)


def ours(name: str, pictures: list[Picture], make: Callable[[], Vlm]) -> Contender:
    """A `Vlm`."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Asking]:
        async with make() as vlm:

            async def ask(number: int, sample: int) -> object:
                picture = pictures[number % len(pictures)]
                reply = await vlm.ask(
                    Ask("categories", "categories", f"p{number}", SYSTEM, PROMPT, (picture,), "categories", SCHEMA,
                        json.loads, sample_index=sample * 1_000_000 + number)
                )  # fmt: skip
                assert not reply.reused
                return reply

            yield ask

    return Contender(name, opened)


def with_ledger(url: str, folder: Path, in_flight: int) -> Callable[[], Vlm]:
    """Our client with every reply paid for and committed to a SQLite ledger."""
    from hopchain_assets.operations.budget import Budget
    from hopchain_assets.operations.ledger import Ledger
    from hopchain_assets.operations.paid import Paid
    from hopchain_assets.operations.prices import Prices

    ledger = Ledger(f"sqlite:///{folder / 'operations.sqlite'}")
    inner = OpenAiChat(url, MODEL, most=in_flight)
    return lambda: Paid(inner, ledger, Prices.load(None), Budget(None, None), "benchmark")


def contenders(url: str, folder: Path, pictures: list[Picture], in_flight: int) -> list[Contender]:
    """All that are measured; the ledger where it is there."""
    found = [
        plain(url, pictures),
        ours("ours", pictures, lambda: OpenAiChat(url, MODEL, most=in_flight)),
    ]
    if importlib.util.find_spec("hopchain_assets.operations.paid"):
        found.append(ours("ours, ledger on", pictures, with_ledger(url, folder, in_flight)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--kilobytes", type=int, default=200)
    options = parser.parse_args()
    pictures = [Picture(random.Random(n).randbytes(options.kilobytes * 1000)) for n in range(64)]
    assert all(picture.data_uri and picture.sha256 for picture in pictures)
    with tempfile.TemporaryDirectory(prefix="hopchain-client-") as folder, server() as url:
        measured = contenders(url, Path(folder), pictures, options.in_flight)
        for number in range(options.rounds):
            for contender in measured:
                asyncio.run(contender.round(number, options.requests, options.in_flight))
    base, base_cpu = median(measured[0].rates), median(measured[0].cpu)
    rows = [
        {
            "client": contender.name,
            "requests/s": median(contender.rates),
            "CPU ms a request": median(contender.cpu),
            "times the requests": median(contender.rates) / base,
            "part of the CPU": median(contender.cpu) / base_cpu,
        }
        for contender in measured
    ]
    print(table_markdown(rows, list(rows[0])))


if __name__ == "__main__":
    main()
