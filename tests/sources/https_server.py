"""A real https server on loopback with a certificate of its own, which answers as badly as it is told to."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:pictures.example"

Answer = Callable[[BaseHTTPRequestHandler], None]


def certificate(folder: Path) -> Path:
    """A self-signed certificate for `NAMES`, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with (Debian: apt install openssl)")
    path = folder / "server.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    what = ["-subj", "/CN=hopchain", "-addext", NAMES, "-keyout", str(folder / "key.pem"), "-out", str(path)]
    made = subprocess.run([openssl, "req", *kind, *what], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


@dataclass
class Server:
    """A running server: its port, whom to trust, and what it was asked."""

    port: int
    trusting: ssl.SSLContext
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    most_at_once: int = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.port}{path}"


@contextmanager
def serving(pem: Path, answers: Mapping[str, Answer]) -> Iterator[Server]:
    """Serves the paths of `answers`; whatever else is asked for is not found."""
    lock, active = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                active[0] += 1
                server.most_at_once = max(server.most_at_once, active[0])
                server.asked.append(self.path)
                server.headers.append(dict(self.headers.items()))
            try:
                answers.get(self.path, lambda handler: handler.send_error(404))(self)
            except OSError:
                self.close_connection = True  # whoever asked had enough, as some tests mean it to
            finally:
                with lock:
                    active[0] -= 1

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address  # a refused handshake is what some tests are about

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Quiet(("127.0.0.1", 0), Handler) as quiet:
        # each connection shakes hands in its own thread: a slow one must not keep the others waiting
        quiet.socket = context.wrap_socket(quiet.socket, server_side=True, do_handshake_on_connect=False)
        server = Server(quiet.server_port, ssl.create_default_context(cafile=str(pem)))
        thread = threading.Thread(target=quiet.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            quiet.shutdown()
            thread.join()


def body(data: bytes, **headers: str) -> Answer:
    """200 with these bytes; headers as `Name_of=...`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in ({"Content_Length": str(len(data))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    """Sends the client elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


def raw(*pieces: bytes, pause: float = 0.0, endless: bytes = b"") -> Answer:
    """Bytes as they stand, with pauses between; then `endless` ones until the client leaves."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        pausing = threading.Event()
        for piece in pieces:
            handler.wfile.write(piece)
            pausing.wait(pause)
        while endless:
            handler.wfile.write(endless)
            pausing.wait(pause)
        handler.close_connection = True

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The first answer to the first request, the second to the second, the last to all that follow."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)
