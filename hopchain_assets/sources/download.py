"""One picture over https, within limits, from a server that nobody vouches for.

The connection is made to the very address that was checked: a host that is asked for again could answer otherwise.
Proxies of the environment are not used, for they would resolve the host themselves; cookies are not kept.
"""

from __future__ import annotations

import email.utils
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Event
from typing import Any
from urllib.parse import urljoin

from hopchain_assets.sources.address import Address, IpAddress, Unfetchable, parse, resolve

PIECE = 1 << 16
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may take: bytes, seconds for a sign of life, seconds in all, redirects, seconds of waiting."""

    most_bytes: int = 50_000_000
    patience: float = 10.0
    seconds: float = 60.0
    redirects: int = 5
    longest_wait: float = 30.0
    usual_wait: float = 2.0


@dataclass(frozen=True, slots=True)
class Client:
    """Fetches pictures. `allowed` judges each address that would be connected to."""

    allowed: Callable[[IpAddress], bool]
    context: ssl.SSLContext
    limits: Limits

    def get(self, url: str, stop: Event) -> bytes:
        """The bytes at an address. A server that is busy is asked once more, when it says or after a moment.

        Raises:
            Unfetchable: when there are none, for whatever reason.
        """
        try:
            return self._get(url, stop)
        except _Busy as busy:
            if busy.seconds > self.limits.longest_wait:
                raise Unfetchable(f"{busy}, and asks to wait {busy.seconds:.0f} s: import it later") from busy
            stop.wait(busy.seconds)
        return self._get(url, stop)

    def _get(self, url: str, stop: Event) -> bytes:
        clock = _Clock(time.monotonic() + self.limits.seconds, self.limits.patience, stop)
        came = ""
        try:
            for _ in range(self.limits.redirects + 1):
                answer = self._ask(parse(url), clock)
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
                came = f"it leads to {url}: "
        except Unfetchable as error:
            if came and not isinstance(error, _Busy):
                raise Unfetchable(f"{came}{error}") from error
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unfetchable(f"{came}{_told(error)}") from error
        raise Unfetchable(f"it leads elsewhere more than {self.limits.redirects} times")

    def _ask(self, address: Address, clock: _Clock) -> bytes | str:
        """The body of the answer, or where it sends us."""
        with self._connected(address, clock) as secured:
            connection = _Connection(address.host, address.port)
            connection.sock = _TimedSocket(secured, clock)
            connection.putrequest("GET", address.target, skip_accept_encoding=True)
            for name, value in _headers().items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            if response.status in REDIRECTS and response.getheader("Location"):
                return str(response.getheader("Location"))
            if response.status in BUSY:
                wait = _seconds(response.getheader("Retry-After"), self.limits.usual_wait)
                raise _Busy(f"the server answers {response.status} {response.reason}", wait)
            if response.status != http.client.OK:
                raise Unfetchable(f"the server answers {response.status} {response.reason}".rstrip())
            if response.getheader("Content-Encoding", "identity").lower() != "identity":
                raise Unfetchable("the server sends it compressed, which nobody asked for")
            return self._body(response)

    def _connected(self, address: Address, clock: _Clock) -> ssl.SSLSocket:
        error: OSError | None = None
        for ip in resolve(address, self.allowed)[:MOST_ADDRESSES]:
            try:
                plain = socket.create_connection((str(ip), address.port), timeout=clock.left())
            except OSError as failed:
                error = failed
                continue
            try:
                plain.settimeout(clock.left())
                return self.context.wrap_socket(plain, server_hostname=address.host)
            except BaseException:
                plain.close()
                raise
        raise error or OSError("no address answered")

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        declared, most = response.length, self.limits.most_bytes
        too_much = f"it has more than {most:,} bytes"
        if declared is not None and declared > most:
            raise Unfetchable(too_much)
        body = bytearray()
        while declared is None or len(body) < declared:
            piece = response.read1(PIECE)
            if not piece:
                break
            body += piece
            if len(body) > most:
                raise Unfetchable(too_much)
        if declared is not None and len(body) < declared:
            raise Unfetchable(f"it breaks off after {len(body):,} of {declared:,} bytes")
        if not body:
            raise Unfetchable("it is empty: 0 bytes")
        return bytes(body)


class _Busy(Unfetchable):
    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Clock:
    """Until when all must be over, and how long to wait for the next piece."""

    ends: float
    patience: float
    stop: Event

    def left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0 or self.stop.is_set():
            raise TimeoutError("it took too long")
        return min(left, self.patience)


class _Connection(http.client.HTTPConnection):
    # the socket is given, already secured; this keeps `:443` out of the Host header
    default_port = http.client.HTTPS_PORT


class _TimedSocket:
    """A socket as `http.client` uses it; no operation outlasts the clock.

    A timeout on the socket alone is none: a server that sends a byte every nine seconds never exceeds ten.
    """

    def __init__(self, secured: ssl.SSLSocket, clock: _Clock) -> None:
        self._secured, self._clock = secured, clock

    def sendall(self, data: bytes) -> None:
        self._secured.settimeout(self._clock.left())
        self._secured.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedStream(self._secured, self._clock), PIECE)

    def close(self) -> None:
        """Does nothing: the answer is still read, and whoever opened the socket closes it."""


class _TimedStream(io.RawIOBase):
    def __init__(self, secured: ssl.SSLSocket, clock: _Clock) -> None:
        self._secured, self._clock = secured, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._secured.settimeout(self._clock.left())
        return self._secured.recv_into(buffer)


def _headers() -> dict[str, str]:
    return {
        "User-Agent": f"hopchain-assets/{version('hopchain-assets')}",
        "Accept": "image/*, */*;q=0.5",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _seconds(told: str | None, usual: float) -> float:
    """`Retry-After` is seconds or a date (RFC 9110)."""
    if told is None:
        return usual
    if told.strip().isdecimal():
        return float(told)
    try:
        when = email.utils.parsedate_to_datetime(told)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return usual


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "the server is too slow"
    # a server that hangs up is both
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return f"the server does not speak HTTP as it should: {type(error).__name__}"
    return f"the connection failed: {error}"
