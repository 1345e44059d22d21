"""What goes wrong with the operations database: what passes is tried again, the rest becomes a sentence."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from hopchain_assets.ports.vlm import ServerUnavailable

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
LONGEST_PAUSE = 1.0

_PASSING = re.compile(
    r"database (table |schema )?is locked|deadlock detected|could not serialize|starting up|shutting down"
    r"|terminating connection|server closed the connection|too many clients|connection is lost"
    # two processes wrote one key at once: whoever tries again finds what the other wrote
    r"|unique constraint",
    re.IGNORECASE,
)
# what SQLite says, and what to do about it
_ADVICE = (
    ("is locked", "another program keeps a write transaction open on it: end that one and run the same command again"),
    ("readonly", "it can only be read: allow writing there, or set HOPCHAIN_OPERATIONS to another place"),
    ("unable to open", "allow reading and writing in its folder, or set HOPCHAIN_OPERATIONS to another place"),
    ("is full", "no space is left: make room and run the same command again"),
    ("disk i/o error", "the disk is full or fails: make room or check it, and run the same command again"),
    ("not a database", "the file is something else: set HOPCHAIN_OPERATIONS to another place"),
    ("malformed", "the file is damaged: put a copy of it back, or move it away to begin anew"),
)


class OperationsError(ServerUnavailable):
    """The operations database cannot do what was asked; the message names it, and says what to do next.

    `passing` tells that it may be there again in a moment. To who
    asks it is as if no server were there: what cannot be written down is not asked for.
    """

    passing = False


def is_passing(error: BaseException) -> bool:
    """Whether trying again can help: another writer was faster, or the server is just starting."""
    if isinstance(error, OperationsError):
        return error.passing or (error.__cause__ is not None and is_passing(error.__cause__))
    return isinstance(error, DBAPIError) and (error.connection_invalidated or bool(_PASSING.search(str(error.orig))))


def pause(attempt: int) -> float:
    """Seconds to wait before the next attempt: longer with each, jittered so that rivals come apart."""
    return random.uniform(0.2, 1.0) * min(LONGEST_PAUSE, 0.01 * 2 ** min(attempt, 10))


def patiently(work: Callable[[], T], until: Callable[[], float] | None = None) -> T:
    """The result of `work`, which is tried again while its trouble is of the kind that passes.

    Args:
        work: may run several times.
        until: says up to when it is tried (by `time.monotonic`), and may change its mind; a minute unless given.

    Raises:
        Exception: what `work` raised last.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    attempt = 0
    while True:
        try:
            return work()
        except (DBAPIError, OperationsError) as error:
            if not is_passing(error) or time.monotonic() > (until() if until else deadline):
                raise
        time.sleep(pause(attempt))
        attempt += 1


def sentence(error: DBAPIError, shown: str, password: str = "") -> str:
    """What happened to the database `shown`, and what to do; without its password."""
    said = " ".join(str(error.orig).split())
    if password:
        said = said.replace(password, "...")
    advice = next((told for sign, told in _ADVICE if sign in said.lower()), "")
    if not advice and "connection" in said:
        advice = "start the server or mend HOPCHAIN_OPERATIONS, and run the same command again"
    return f"the operations database {shown} failed ({said})" + (f": {advice}" if advice else "")
