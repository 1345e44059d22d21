"""Addresses: what may be fetched, what a hostile server cannot do, how polite we are. Real https on loopback."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from hopchain_assets.sources.address import IpAddress, Unfetchable, is_public, parse
from hopchain_assets.sources.download import Limits
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource
from hopchain_assets.sources.urls import PER_HOST, Downloads, read_list
from tests.sources.https_server import Answer, Server, body, certificate, in_turn, raw, redirect, serving

DATA = b"\x89PNG some picture" * 100
LIMITS = Limits(most_bytes=10_000, usual_wait=0.0)
IMPATIENT = Limits(most_bytes=10_000, patience=0.3, seconds=1.0)
OK = b"HTTP/1.1 200 OK\r\n"


def _sleepy(handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(0.05)
    body(DATA)(handler)


ANSWERS: dict[str, Answer] = {
    "/a.png": body(DATA),
    "/b.png": body(DATA[::-1]),
    "/with%20space.png?size=%C3%BC": body(DATA),
    "/cookie": body(DATA, Set_Cookie="who=me"),
    "/wrong-type": body(DATA, Content_Type="text/html"),
    "/chunked": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"),
    "/until-the-end": raw(OK + b"\r\nabc"),
    "/continue": raw(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\nabc"),
    "/moved": redirect("/a.png", 301),
    "/moved-twice": redirect("/moved", 308),
    "/to-nowhere": redirect(""),
    "/to-http": redirect("http://127.0.0.1/a.png"),
    "/to-file": redirect("file:///etc/passwd"),
    "/to-metadata": redirect("https://169.254.169.254/latest/meta-data/"),
    "/to-private": redirect("https://10.0.0.1/a.png"),
    "/to-other-loopback": redirect("https://127.0.0.2/a.png"),
    "/round": redirect("/round"),
    "/declared-too-large": raw(OK + b"Content-Length: 10001\r\n\r\n"),
    "/declared-huge": raw(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", endless=b"x" * 1000),
    "/endless": raw(OK + b"\r\n", endless=b"x" * 1000),
    "/endless-chunks": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", endless=b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
    "/breaks-off": raw(OK + b"Content-Length: 10\r\n\r\nabc"),
    "/breaks-off-in-chunk": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc"),
    "/empty": body(b""),
    "/zipped": body(DATA, Content_Encoding="gzip"),
    "/garbage": raw(b"\xff\xfe\r\n\r\n"),
    "/no-answer": raw(),
    "/many-headers": raw(OK, endless=b"X-Header: y\r\n"),
    "/long-header": raw(OK, endless=b"x" * 10_000),
    "/slow-body": raw(OK + b"Content-Length: 1000\r\n\r\n", endless=b"x", pause=0.1),
    "/slow-chunk-size": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", endless=b"0", pause=0.1),
    "/slow-header": raw(OK, endless=b"x", pause=0.1),
    "/silent": raw(OK + b"Content-Length: 1000\r\n\r\n", pause=2.0),
    "/busy-once": in_turn(raw(b"HTTP/1.1 429 Busy\r\nRetry-After: 0\r\n\r\n"), body(DATA)),
    "/busy-until-a-date": in_turn(
        raw(b"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n"), body(DATA)
    ),
    "/busy": raw(b"HTTP/1.1 503 Busy\r\n\r\n"),
    "/busy-for-long": raw(b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\n\r\n"),
} | {f"/sleepy{number}": _sleepy for number in range(8)}


def _this_loopback(address: IpAddress) -> bool:
    return address == ipaddress.ip_address("127.0.0.1")


@dataclass
class Fetching:
    """The server, and what its addresses give to a client that may speak to 127.0.0.1."""

    server: Server

    @property
    def downloads(self) -> Downloads:
        return Downloads(_this_loopback, self.server.trusting, LIMITS)

    def reason(self, url: str, downloads: Downloads | None = None) -> str:
        (got,) = (downloads or self.downloads).fetch([url])
        assert isinstance(got, LeftOut) and got.name == url, got
        return got.reason

    def data(self, url: str) -> bytes | None:
        (got,) = self.downloads.fetch([url])
        assert isinstance(got, Picture) and got.source_uri == url and got.annotations is None, got
        return got.data


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def fetching(pem: Path) -> Iterator[Fetching]:
    with serving(pem, ANSWERS) as server:
        yield Fetching(server)


PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::1.2.3.4", "::7f00:1", "fe80::1", "fe80::1%1", "fec0::1", "fc00::1",
    "fd00:ec2::254", "ff0e::1", "2001:db8::1", "2001::1", "3fff::1", "5f00::1", "100::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::101:101", "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_told(text: str) -> None:
    """Plain ones, and IPv6 that wraps a public IPv4 address."""
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_told(text: str) -> None:
    """Loopback, private, shared, link-local, multicast, reserved: as they are, mapped, tunnelled, translated."""
    assert not is_public(ipaddress.ip_address(text))


BAD_ADDRESSES = {
    "http": "http://example.com/a.jpg",
    "ftp": "ftp://example.com/a.jpg",
    "a file": "file:///etc/passwd",
    "data": "data:image/png;base64,AAAA",
    "a path": "/etc/passwd",
    "a bare host": "example.com/a.jpg",
    "no host": "https:///a.jpg",
    "a name": "https://me@example.com/a.jpg",
    "a name and a password": "https://me:secret@example.com/a.jpg",
    "an empty name": "https://@example.com/a.jpg",
    "a port that is none": "https://example.com:99999/",
    "port 0": "https://example.com:0/",
    "a broken bracket": "https://[::1/a.jpg",
    "an empty label": "https://a..b/a.jpg",
    "a label that is too long": f"https://{'a' * 64}.com/",
    "an address that is too long": "https://example.com/" + "a" * 5_000,
}


@pytest.mark.parametrize("url", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES.keys())
def test_what_is_no_https_address_is_refused_unasked(url: str) -> None:
    """Nothing is resolved for it: the words say why."""
    with pytest.raises(Unfetchable):
        parse(url)


def test_an_address_is_taken_apart_as_servers_want_it() -> None:
    """Names in any script, spaces and letters beyond ASCII; a port of one's own; no fragment."""
    assert parse("https://Bücher.example/ä b.png?q=ü#part") == parse(
        "https://xn--bcher-kva.example:443/%C3%A4%20b.png?q=%C3%BC"
    )
    assert parse("https://[2606:4700::1111]:8443").port == 8443
    assert parse("https://example.com?a=%20").target == "/?a=%20"


def test_a_picture_comes_as_it_is(fetching: Fetching) -> None:
    """Its bytes, asked for plainly: no cookie, no compression, our name."""
    assert fetching.data(fetching.server.url("/cookie")) == DATA
    assert fetching.data(fetching.server.url("/with space.png?size=ü")) == DATA
    first, second = fetching.server.headers
    assert first["User-Agent"].startswith("hopchain-assets/") and first["Accept-Encoding"] == "identity"
    assert first["Host"] == f"127.0.0.1:{fetching.server.port}" and "Cookie" not in second


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/wrong-type", DATA), ("/chunked", b"abcde"), ("/until-the-end", b"abc"), ("/continue", b"abc"),
        ("/moved", DATA), ("/moved-twice", DATA), ("/busy-once", DATA), ("/busy-until-a-date", DATA),
    ],
)  # fmt: skip
def test_ways_of_a_good_server_are_followed(fetching: Fetching, path: str, data: bytes) -> None:
    """Chunks, closing at the end, redirects, being busy once; what it calls the content is not believed."""
    assert fetching.data(fetching.server.url(path)) == data


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:7f00:1]"]
)
def test_loopback_is_refused_by_default(fetching: Fetching, host: str) -> None:
    """However it is written; the server is not asked."""
    downloads = Downloads(ssl_context=fetching.server.trusting)
    reason = fetching.reason(fetching.server.url("/a.png", host), downloads)
    assert "public internet" in reason or "not known" in reason
    assert fetching.server.asked == []


@pytest.mark.parametrize("path", ["/to-metadata", "/to-private", "/to-other-loopback"])
def test_a_redirect_into_a_private_network_is_refused(fetching: Fetching, path: str) -> None:
    """The target goes through the same door as the address that was listed."""
    reason = fetching.reason(fetching.server.url(path))
    assert "leads to https://1" in reason and "public internet" in reason
    assert fetching.server.asked == [path]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/to-http", "only https"),
        ("/to-file", "only https"),
        ("/to-nowhere", "answers 302"),
        ("/round", "leads elsewhere more than 5 times"),
        ("/declared-too-large", "more than 10,000 bytes"),
        ("/declared-huge", "more than 10,000 bytes"),
        ("/endless", "more than 10,000 bytes"),
        ("/endless-chunks", "more than 10,000 bytes"),
        ("/breaks-off", "breaks off after 3 of 10 bytes"),
        ("/breaks-off-in-chunk", "IncompleteRead"),
        ("/empty", "0 bytes"),
        ("/zipped", "compressed"),
        ("/garbage", "HTTP"),
        ("/no-answer", "connection failed"),
        ("/many-headers", "HTTP"),
        ("/long-header", "HTTP"),
        ("/busy", "answers 503"),
        ("/busy-for-long", "asks to wait 3600 s"),
        ("/missing", "answers 404"),
    ],
)
def test_a_bad_server_gets_a_reason(fetching: Fetching, path: str, words: str) -> None:
    """Too much, too little, nonsense, nothing at all: each ends, with words."""
    assert words in fetching.reason(fetching.server.url(path))


@pytest.mark.parametrize("path", ["/slow-body", "/slow-chunk-size", "/slow-header", "/silent"])
def test_a_server_cannot_keep_us_waiting(fetching: Fetching, path: str) -> None:
    """Silence ends by the patience; a byte now and then, wherever, by the time for the whole picture."""
    downloads = Downloads(_this_loopback, fetching.server.trusting, IMPATIENT)
    assert "too slow" in fetching.reason(fetching.server.url(path), downloads)


def test_a_busy_server_is_asked_once_more_and_not_sooner_than_it_says(fetching: Fetching) -> None:
    """Twice in all; one that wants more than half a minute is left alone."""
    fetching.reason(fetching.server.url("/busy"))
    fetching.reason(fetching.server.url("/busy-for-long"))
    assert fetching.server.asked == ["/busy", "/busy", "/busy-for-long"]


def test_the_connection_goes_to_the_address_that_was_checked(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that would answer otherwise the second time is not asked a second time; its certificate counts."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def once(host: Any, *rest: Any, **named: Any) -> Any:
        if host == "pictures.example":
            asked.append(host)
            return resolve("127.0.0.1" if len(asked) == 1 else "10.0.0.1", *rest, **named)
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    assert fetching.data(fetching.server.url("/a.png", "pictures.example")) == DATA
    assert asked == ["pictures.example"]
    assert fetching.server.headers[0]["Host"] == f"pictures.example:{fetching.server.port}"


def test_a_host_with_one_forbidden_address_is_refused(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good address beside it does not help."""
    resolve = socket.getaddrinfo

    def both(_host: Any, *rest: Any, **named: Any) -> Any:
        return [*resolve("127.0.0.1", *rest, **named), *resolve("10.0.0.1", *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert "is at 10.0.0.1" in fetching.reason(fetching.server.url("/a.png", "pictures.example"))
    assert fetching.server.asked == []


def test_a_certificate_must_be_trusted_and_of_that_host(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an unknown signer nor another host's certificate will do."""
    untrusting = Downloads(_this_loopback, ssl.create_default_context(), LIMITS)
    assert "certificate is not valid" in fetching.reason(fetching.server.url("/a.png"), untrusting)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **named: resolve("127.0.0.1", *rest, **named))
    reason = fetching.reason(fetching.server.url("/a.png", "other.example"))
    assert "certificate is not valid" in reason and "other.example" in reason
    assert fetching.server.asked == []


def test_proxies_of_the_environment_are_not_used(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the host by itself, and our check would be worth nothing."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetching.data(fetching.server.url("/a.png")) == DATA


def test_one_bad_address_never_stops_the_others_and_hosts_are_spared(fetching: Fetching) -> None:
    """All are answered, two at a time from one host, and what fails is told."""
    urls = [fetching.server.url(f"/sleepy{number}") for number in range(8)]
    got = list(fetching.downloads.fetch([fetching.server.url("/garbage"), *urls, fetching.server.url("/missing")]))
    assert {one.source_uri for one in got if isinstance(one, Picture)} == set(urls)
    assert len([one for one in got if isinstance(one, LeftOut)]) == 2
    assert fetching.server.most_at_once <= PER_HOST


def test_a_reader_that_leaves_stops_the_fetching(fetching: Fetching) -> None:
    """What was not begun is not begun any more."""
    rows = fetching.downloads.fetch([fetching.server.url(f"/sleepy{number}") for number in range(8)])
    next(rows)
    rows.close()
    assert len(fetching.server.asked) < 8


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    """Comments, empty lines and repetitions are passed over; each line that is no https address has its reason."""
    path = tmp_path / "list.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# mine\r\n\r\nhttps://a.example/1.jpg\r\n  https://a.example/1.jpg \nhttp://a.example/2.jpg\n"
        b"https://b.example/3.jpg#x\nnonsense\n"
    )
    listed = read_list(path)
    assert listed.urls == ("https://a.example/1.jpg", "https://b.example/3.jpg#x") and listed.hosts == 2
    assert [one.name for one in listed.left_out] == ["http://a.example/2.jpg", "nonsense"]
    assert read_list(path, 1).urls == ("https://a.example/1.jpg",)


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The sentence names the file."""
    (tmp_path / "list.txt").write_bytes(b"\xff\xfeh\0t\0")
    with pytest.raises(UnusableSource, match=r"list\.txt is not UTF-8"):
        read_list(tmp_path / "list.txt")
    with pytest.raises(UnusableSource, match="cannot read"):
        read_list(tmp_path / "none.txt")
