"""When a server is asked again: what may pass is tried again later, with pauses that no two callers share."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from hopchain_assets.ports.vlm import CallFailed, ServerUnavailable

T = TypeVar("T")

# nobody listens: a server that restarts is back in seconds, an address that is wrong never answers
UNREACHED_ATTEMPTS = 4


class Exhausted(CallFailed):
    """Every attempt met trouble that may pass: more likely the server's than the question's."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no reply, where that may pass.

    `told` are the seconds after which the server wants to be asked again. `crowded`: it has too much to do.
    `unreached`: nobody listened at all.
    """

    words: str
    told: float | None = None
    crowded: bool = False
    unreached: bool = False


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between attempts: `first` doubles with each, up to `most`; a server's own wish counts up to `told`."""

    first: float = 0.5
    most: float = 30.0
    told: float = 120.0

    def after(self, failed: int, told: float | None) -> float:
        """The pause after so many failed attempts.

        Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): anything from nothing to the doubled pause, so
        that callers who failed together do not come back together. It is added to the server's own wish.
        """
        jitter = random.uniform(0.0, min(self.most, self.first * 2 ** min(failed - 1, 30)))
        return jitter if told is None else min(told, self.told) + jitter


async def retried(attempt: Callable[[], Awaitable[T | Trouble]], attempts: int, pauses: Pauses) -> T:
    """What the first attempt without trouble gives, of at most `attempts`.

    Raises:
        Exhausted: when all attempts are used up.
        ServerUnavailable: when nobody has listened, several times in a row.
    """
    failed = unreached = 0
    while isinstance(outcome := await attempt(), Trouble):
        failed += 1
        unreached = unreached + 1 if outcome.unreached else 0
        if unreached and unreached >= min(attempts, UNREACHED_ATTEMPTS):
            raise ServerUnavailable(outcome.words)
        if failed >= attempts:
            raise Exhausted(f"{outcome.words} (attempt {failed} of {attempts})")
        await asyncio.sleep(pauses.after(failed, outcome.told))
    return outcome


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number or a date (RFC 9110, 10.2.3); None where it says nothing."""
    text = (header or "").strip()
    # some servers send fractions, which the RFC does not know
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        # a date without a zone is in GMT, as all dates of HTTP are
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
