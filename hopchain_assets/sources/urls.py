"""Lists of addresses: a text file with one https address a line, and the pictures behind them.

Fetching is polite: few at once, and fewer from one host. What may be fetched is in `address.py`.
"""

from __future__ import annotations

import ssl
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from hopchain_assets.sources.address import IpAddress, Unfetchable, is_public, parse
from hopchain_assets.sources.download import Client, Limits
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource, held

AT_ONCE = 8
PER_HOST = 2
# servers put what they like into their answers
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list holds: addresses that may be tried, each once, and lines that may not."""

    urls: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def hosts(self) -> int:
        """How many different hosts would be asked."""
        return len({parse(url).host for url in self.urls})


def read_list(path: Path, most: int | None = None) -> Listed:
    """Up to `most` addresses of a list, in its order. Empty lines and those that begin with `#` are passed over.

    Raises:
        UnusableSource: when the file cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnusableSource(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableSource(f"{path} is not UTF-8 text: save it so") from error
    lines = [line.strip() for line in text.splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))[:most]
    urls: list[str] = []
    left_out: list[LeftOut] = []
    for line in lines:
        try:
            parse(line)
            urls.append(line)
        except Unfetchable as error:
            left_out.append(LeftOut(line, str(error)))
    return Listed(tuple(urls), tuple(left_out))


@dataclass(frozen=True)
class Downloads:
    """Fetches pictures from addresses.

    `allowed` judges every IP address before it is connected to; `ssl_context` says whose certificates are trusted.
    """

    allowed: Callable[[IpAddress], bool] = is_public
    ssl_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    limits: Limits = field(default_factory=Limits)

    def fetch(self, urls: Sequence[str]) -> Generator[Picture | LeftOut, None, None]:
        """The picture of each address, or why there is none, as they come in.

        At most 8 are in memory. When the reader leaves, what is under way is given up within the patience.
        """
        client = Client(self.allowed, self.ssl_context, self.limits)
        waiting = _by_host(urls)
        running: dict[Future[Picture | LeftOut], str] = {}
        stop = Event()
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="download")
        try:
            while waiting or running:
                while len(running) < AT_ONCE and (host := _free(waiting, running.values())) is not None:
                    running[pool.submit(_one, client, waiting[host].popleft(), stop)] = host
                    if not waiting[host]:
                        del waiting[host]
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    yield future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _by_host(urls: Iterable[str]) -> dict[str, deque[str]]:
    waiting: dict[str, deque[str]] = {}
    for url in urls:
        waiting.setdefault(parse(url).host, deque()).append(url)
    return waiting


def _free(waiting: Iterable[str], running: Iterable[str]) -> str | None:
    busy = Counter(running)
    return next((host for host in waiting if busy[host] < PER_HOST), None)


def _one(client: Client, url: str, stop: Event) -> Picture | LeftOut:
    try:
        return held(url, client.get(url, stop))
    except Unfetchable as error:
        return LeftOut(url, str(error)[:LONGEST_REASON])
