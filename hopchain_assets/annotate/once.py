"""Secrets that are made by one request and shown by the next, once: they stand in no address and no cookie."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

# a form's key is known for so many forms after it
MOST = 200


@dataclass(frozen=True, slots=True)
class Link:
    """A person's new way in. `secret` is kept nowhere else."""

    name: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class ShownOnce:
    """Links between the form that made them and the page that shows them; a restart forgets them.

    Each form has a key of its own, so that one that is sent twice makes one link.
    """

    _kept: OrderedDict[tuple[str, str], Link | None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, owner: str, key: str, make: Callable[[], Link]) -> None:
        """Makes a link, unless this form of `owner` has made one. Raises what `make` raises."""
        with self._lock:
            if (owner, key) in self._kept:
                return
            self._kept[owner, key] = make()
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def take(self, owner: str, key: str) -> Link | None:
        """The link that a form of `owner` made; None when it was taken already, or is not known."""
        with self._lock:
            link = self._kept.get((owner, key))
            if link:
                self._kept[owner, key] = None
            return link
