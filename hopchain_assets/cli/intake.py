"""Pictures on their way from a source into batches: bytes to the store first, then the rows that name them.

Whatever kills an import, what was sealed before is kept, and the next import goes on after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hopchain_assets.cli.telling import SHOWN_LEFT_OUT
from hopchain_assets.settings import Settings
from hopchain_assets.sources.incoming import LeftOut, Picture
from hopchain_assets.warehouse.known import Known, known_contents
from hopchain_assets.warehouse.landing import Landed, land

WINDOW = 64
WINDOW_BYTES = 64_000_000


@dataclass(slots=True)
class Taken:
    """What an import did so far. Of what was left out the first ten are kept, and the number of all."""

    new: int = 0
    known: int = 0
    twice: int = 0
    changed: int = 0
    n_left_out: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Pictures that the source gave, new or not."""
        return self.new + self.known + self.twice


class Intake:
    """Takes pictures in, and seals them into batches `at_once`: a multiple of the batch size makes full ones.

    The warehouse is made by the first picture that comes.
    """

    def __init__(self, settings: Settings, at_once: int) -> None:
        self.taken = Taken()
        line = settings.line()
        self._lake, self._store = line.lake, line.pictures.originals
        self._batch_size, self._at_once = settings.batch_size, at_once
        self._window: list[Picture] = []
        self._weight = 0
        self._waiting: dict[str, Landed] = {}
        self._migrated = False

    def take(self, rows: Iterable[Picture | LeftOut], progress: Callable[[int], None]) -> Taken:
        """Takes in what the rows give; `progress` is told how many of them are done."""
        try:
            for done, row in enumerate(rows, start=1):
                if isinstance(row, Picture):
                    self._look_at(row)
                else:
                    self.leave_out([row])
                progress(done)
        finally:
            # also after Ctrl-C: what was fetched is not fetched again
            self._store_window()
            self._seal(len(self._waiting))
        return self.taken

    def leave_out(self, rows: Sequence[LeftOut]) -> None:
        """Notes rows that give nothing."""
        self.taken.n_left_out += len(rows)
        self.taken.left_out += rows[: SHOWN_LEFT_OUT - len(self.taken.left_out)]

    def _look_at(self, picture: Picture) -> None:
        self._window.append(picture)
        self._weight += len(picture.data or b"")
        if len(self._window) >= min(WINDOW, self._at_once) or self._weight > WINDOW_BYTES:
            self._store_window()

    def _store_window(self) -> None:
        """Stores the pictures at hand that are not known; they are looked up together, for each look takes a while."""
        if not self._window:
            return
        if not self._migrated:
            self._lake.migrate()
            self._migrated = True
        known = known_contents(self._lake, [one.content_sha256 for one in self._window])
        for one in self._window:
            if one.content_sha256 in self._waiting:
                self.taken.twice += 1
            elif self._wanted(one, known.get(one.content_sha256)):
                if one.data is not None:
                    self._store.put(one.content_sha256, one.data)
                self._waiting[one.content_sha256] = Landed(one.source_uri, one.content_sha256, one.annotations)
        self._window, self._weight = [], 0
        while len(self._waiting) >= self._at_once:
            self._seal(self._at_once)

    def _wanted(self, picture: Picture, known: Known | None) -> bool:
        if known is None:
            self.taken.new += 1
            return True
        if known.batch in self.taken.batches:
            self.taken.twice += 1
        else:
            self.taken.known += 1
        # marks and licences that are there already are never put aside for less
        return picture.annotations is not None and not known.annotated

    def _seal(self, number: int) -> None:
        members = list(self._waiting.values())[:number]
        if members:
            sealed = land(self._lake, members, self._batch_size)
            self.taken.batches += sealed.new
            self.taken.changed += len(sealed.changed)
            for member in members:
                del self._waiting[member.content_sha256]
