"""The stand-in as a server on loopback: the OpenAI wire, faults of the wire by rate, and its log."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson
from aiohttp import web

from hopchain_assets.stand_in.answering import Answer, StandIn
from hopchain_assets.stand_in.faults import WIRE, Rates
from hopchain_assets.stand_in.truth import Truth, TruthError
from hopchain_assets.stand_in.truth_log import TruthLog
from hopchain_assets.stand_in.wire import Refused, Request, completion, error_body, models_body, read_request

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 256 * 2**20
STOP_SECONDS = 5
JSON = "application/json"


class Server:
    """Answers requests one after the other; `log` says what was answered."""

    def __init__(self, stand_in: StandIn, log: TruthLog) -> None:
        self.stand_in, self.log = stand_in, log
        self.attempts = 0

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/log", self._show_log)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return web.Response(body=models_body(), content_type=JSON)

    async def _show_log(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.log.path, headers={"Content-Type": "application/x-ndjson"})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = read_request(await request.read())
            fault = self._draw()
            if fault in ("http_429", "http_500"):
                return self._failed(asked, fault)
            answer = self.stand_in.answer(asked)
        except Refused as error:
            kind = "NotFoundError" if error.status == 404 else "BadRequestError"
            return web.Response(status=error.status, body=error_body(str(error), kind), content_type=JSON)
        if fault == "slow":
            await asyncio.sleep(self.stand_in.rates.slow_seconds)
        return await self._send(request, asked, answer, fault)

    def _draw(self) -> str:
        """The wire's fault of this attempt: drawn by a counter, so that a retry may succeed."""
        self.attempts += 1
        return self.stand_in.rates.draw(WIRE, Random(f"{self.stand_in.seed}:{self.attempts}"))

    def _failed(self, asked: Request, fault: str) -> web.Response:
        status = int(fault.removeprefix("http_"))
        self.log.add(_entry(asked, status=status, fault=fault))
        headers = {"Retry-After": str(self.attempts % 2)} if status == 429 else {}
        body = error_body("the stand-in fails on purpose", "RateLimitError" if status == 429 else "InternalServerError")
        return web.Response(status=status, body=body, content_type=JSON, headers=headers)

    async def _send(self, request: web.Request, asked: Request, answer: Answer, fault: str) -> web.StreamResponse:
        content = orjson.dumps(answer.value).decode()
        if fault == "broken_json":
            content = content[: max(1, len(content) * 2 // 3)]
        body = completion(asked, content)
        if fault == "refusal":
            body = completion(asked, None, "I cannot help with this picture. (The stand-in refuses on purpose.)")
        response = web.StreamResponse(headers={"Content-Type": JSON})
        response.content_length = len(body)
        try:
            await response.prepare(request)
            if fault == "cut":
                await response.write(body[: len(body) // 2])
                self._log_cut(asked, fault)
                if request.transport is not None:
                    request.transport.close()
                return response
            await response.write(body)
            await response.write_eof()
        except ConnectionError:
            # whoever asked has gone meanwhile, as a killed run has
            self._log_cut(asked, fault)
            return response
        self._log(asked, answer, fault, usable=fault not in ("broken_json", "refusal"))
        return response

    def _log_cut(self, asked: Request, fault: str) -> None:
        self.log.add(_entry(asked, status=200, fault=fault, cut=True))

    def _log(self, asked: Request, answer: Answer, fault: str, usable: bool) -> None:
        wire = {"wire": fault} if fault else {}
        told = _entry(asked, status=200, image=answer.image, **answer.notes, **wire)
        about = {"kind": "chain", "picture": asked.shas[0] if asked.shas else None, "image": answer.image}
        chains = answer.chains if usable else ()
        self.log.add(told, *({**about, "model": asked.model, "seed": asked.seed, **chain} for chain in chains))


def _entry(asked: Request, status: int, **more: Any) -> Mapping[str, Any]:
    picture = asked.shas[0] if asked.shas else None
    about = {"kind": "request", "schema_name": asked.schema_name, "model": asked.model, "picture": picture}
    return {**about, "seed": asked.seed, "status": status, **more}


async def serve(
    server: Server, port: int, started: Callable[[int], None] | None = None, until: asyncio.Event | None = None
) -> None:
    """Serves on loopback until the event, or for ever; `started` is told the port.

    Raises:
        OSError: when the port is taken.
    """
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, port, backlog=1024)
        await site.start()
        if started is not None:
            started(runner.addresses[0][1])
        await (until or asyncio.Event()).wait()
    finally:
        await runner.cleanup()
        server.log.close()


@dataclass(frozen=True, slots=True)
class Running:
    """A stand-in in a process of its own: `url` ends in `/v1`, `log` is its truth log."""

    url: str
    log: Path
    pid: int


@contextmanager
def running(
    truth: Sequence[Path], rates: Rates | None = None, seed: int = 0, port: int = 0, log: Path | None = None
) -> Iterator[Running]:
    """Starts a stand-in in a process of its own, and ends it with the block or with this process.

    Raises:
        TruthError: when it cannot start; the message says why.
    """
    log = log or Path(tempfile.mkdtemp(prefix="stand-in-")) / "log.jsonl"
    settings = {
        "truth": [str(path.resolve()) for path in truth],
        "rates": asdict(rates or Rates()),
        "seed": seed,
        "port": port,
        "log": str(log.resolve()),
    }
    command = [sys.executable, "-c", f"from {__name__} import child; child()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(orjson.dumps(settings) + b"\n")
        process.stdin.flush()
        try:
            told = orjson.loads(process.stdout.readline() or b'{"error": "the stand-in ended before it was ready"}')
            if "error" in told:
                raise TruthError(told["error"])
            yield Running(f"http://{LOOPBACK}:{told['port']}/v1", log, process.pid)
        finally:
            # it ends with its stdin, and so also when this process is killed
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def child() -> None:
    """A stand-in by the settings in the first line of stdin, until stdin ends; tells its port, or an error."""
    settings = orjson.loads(sys.stdin.buffer.readline())

    def tell(**told: object) -> None:
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.buffer.flush()

    try:
        truth = Truth([Path(path) for path in settings["truth"]])
        stand_in = StandIn(truth, Rates(**settings["rates"]), settings["seed"])
        server = Server(stand_in, TruthLog(Path(settings["log"])))
        asyncio.run(_serve_until_eof(server, settings["port"], lambda port: tell(port=port)))
    except (OSError, ValueError) as error:
        tell(error=str(error))


async def _serve_until_eof(server: Server, port: int, started: Callable[[int], None]) -> None:
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await serve(server, port, started, gone)
