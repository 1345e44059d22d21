"""People at the pages of `hopchain review` over real HTTP, the service in a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import sqlalchemy as sa

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.tables import NOT_UNDONE, review_leases, review_votes

ANSWER = "7"
START_SECONDS = 60.0
# how long somebody waits for a reply, and before they press again
PATIENCE, PAUSE = aiohttp.ClientTimeout(30), 0.1
_QUESTION = re.compile(r'name="question_id" value="([^"]+)"')
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@dataclass
class Service:
    """`hopchain review` on a free port of loopback, over the database `url`; `home` is an empty folder.

    Starting and waiting are bounded by a minute.
    """

    url: str
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, and waits until it takes connections.

        Raises:
            RuntimeError: when it does not within a minute.
        """
        here = {"HOPCHAIN_HOME": str(self.home), "HOPCHAIN_OPERATIONS": self.url}
        given = {name: value for name, value in os.environ.items() if not name.startswith("HOPCHAIN_")}
        command = [sys.executable, "-m", "hopchain_assets", "review", "--port", str(self.port)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=given | here | dict(self.settings), stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the service did not start")

    def kill(self) -> None:
        """Ends it by SIGKILL; it has no time to write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@dataclass
class Tally:
    """What people met: seconds until the next question was there and until an answer was acknowledged; who was told
    that their answer to what is kept; answers that were refused; requests without a reply."""

    next: list[float] = field(default_factory=list)
    vote: list[float] = field(default_factory=list)
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0
    broken: int = 0


@dataclass(frozen=True)
class Visit:
    """Somebody at the pages: their id, the secret of their link, and seconds that they think, half to one and a half
    times as long each time."""

    person_id: str
    token: str
    think: float


async def answer_all(service: Service, visits: list[Visit], seconds: float, tally: Tally, kills: int = 0) -> None:
    """Lets all of them answer at once for so many seconds, and kills the service so often on the way."""
    until = time.monotonic() + seconds
    work = [_visit(service.address, visit, until, tally) for visit in visits]
    await asyncio.gather(_kill(service, kills, seconds), *work)


async def _kill(service: Service, kills: int, seconds: float) -> None:
    pause = seconds / (kills + 1)
    for _ in range(kills):
        await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
        service.kill()
        await asyncio.to_thread(service.start)


async def _visit(address: str, visit: Visit, until: float, tally: Tally) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(address, cookie_jar=jar, timeout=PATIENCE) as session:
        # not all in the same instant
        await asyncio.sleep(random.random() * visit.think)
        await _send(session, "/enter", {"token": visit.token}, until, tally)
        while time.monotonic() < until:
            page = await _next(session, tally)
            question, form = _QUESTION.search(page), _TOKEN.search(page)
            if question and form:
                await asyncio.sleep(random.uniform(0.5, 1.5) * visit.think)
                told = {"form_token": form[1], "question_id": question[1], "how": "number", "number": ANSWER}
                if await _send(session, "/vote", told, until, tally):
                    tally.acknowledged.append((visit.person_id, question[1]))
            elif page:
                return


async def _next(session: aiohttp.ClientSession, tally: Tally) -> str:
    """The page of the next question; "" where there was no reply."""
    started = time.perf_counter()
    try:
        async with session.get("/next") as reply:
            page = await reply.text()
            if reply.status == 200:
                tally.next.append(time.perf_counter() - started)
                return page
    except (aiohttp.ClientError, TimeoutError):
        pass
    tally.broken += 1
    await asyncio.sleep(PAUSE)
    return ""


async def _send(session: aiohttp.ClientSession, path: str, form: dict[str, str], until: float, tally: Tally) -> bool:
    """Sends a form until there is a reply; whether it says that the form was taken."""
    while time.monotonic() < until:
        started = time.perf_counter()
        try:
            async with session.post(path, data=form, allow_redirects=False) as reply:
                await reply.read()
                if reply.status in (200, 303):
                    if path == "/vote":
                        tally.vote.append(time.perf_counter() - started)
                    return True
                if reply.status == 409:
                    tally.refused += 1
                    return False
        except (aiohttp.ClientError, TimeoutError):
            pass
        tally.broken += 1
        await asyncio.sleep(PAUSE)
    return False


@dataclass(frozen=True)
class Kept:
    """What the database holds: votes; acknowledged ones that it lacks; questions that more people have answered or hold
    than they need; pairs of person and question with two votes."""

    votes: int
    lost: int
    crowded: int
    twice: int


def kept(url: str, acknowledged: list[tuple[str, str]], people: int) -> Kept:
    """Compares what was acknowledged with what is there."""
    votes, leases = review_votes.c, review_leases.c
    with Database(url).connected(reading=True) as connection:
        rows = connection.execute(sa.select(votes.person_id, votes.question_id, votes.purpose).where(NOT_UNDONE)).all()
        held = connection.execute(sa.select(leases.question_id).where(leases.live, leases.purpose == "work")).scalars()
        engaged = Counter(row.question_id for row in rows if row.purpose == "work") + Counter(held)
    stored = Counter((row.person_id, row.question_id) for row in rows)
    return Kept(
        votes=len(rows),
        lost=len(set(acknowledged) - stored.keys()),
        crowded=sum(count > people for count in engaged.values()),
        twice=sum(count > 1 for count in stored.values()),
    )
