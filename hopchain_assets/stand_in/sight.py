"""Recognises pictures and crops by the bytes that are sent, and such as were encoded again by how they look."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from hopchain_assets.export.sent import SENT_PIXELS, crops_sent
from hopchain_assets.stand_in.truth import Known, Truth

CLOSE = 8
# pictures whose crops are made in search of one crop, at most: each takes some 50 ms
SEARCHED = 40


class Sight:
    """Finds the picture, or the object in a picture, that bytes show."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._alike = _Alike()
        self._found: dict[str, str | None] = {}
        self._crops: dict[str, tuple[str, int]] = {}
        self._cropped: set[str] = set()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._alike_crops = _Alike()

    def picture(self, sha256: str, data: bytes) -> str | None:
        """The name of a picture of the truth, None where it is none of them."""
        if sha256 in self.truth:
            return sha256
        if sha256 not in self._found:
            if not self._alike.names:
                self._alike.add((name, self.truth.path(name).read_bytes()) for name in self.truth.names())
            self._found[sha256] = self._alike.closest(data)
        return self._found[sha256]

    def note(self, name: str, crops: Iterable[tuple[str, int]]) -> None:
        """That these crops (by the sha256 of their bytes) show these objects of a picture."""
        self._asked[name] = None
        self._asked.move_to_end(name)
        for sha256, position in crops:
            self._crops[sha256] = (name, position)

    def object(self, sha256: str, data: bytes) -> tuple[str, int] | None:
        """The picture and the position of the object that a crop shows, None where it is not found.

        Looked for in the pictures that were asked about last, and some others.
        """
        if sha256 in self._crops:
            return self._crops[sha256]
        waiting = [name for name in [*reversed(self._asked), *self.truth.names()] if name not in self._cropped]
        for name in list(dict.fromkeys(waiting))[:SEARCHED]:
            self._crop(name)
            if sha256 in self._crops:
                return self._crops[sha256]
        known = self._alike_crops.closest(data)
        if known is None:
            return None
        name, _, position = known.partition(":")
        return name, int(position)

    def _crop(self, name: str) -> None:
        self._cropped.add(name)
        known = self.truth.known(name)
        # as the line sends them by default; crops of other sizes are known by their looks
        crops = crops_sent(self.truth.path(name).read_bytes(), [thing.box for thing in known.things], SENT_PIXELS)
        self._alike_crops.add((f"{name}:{k}", crop.data) for k, crop in enumerate(crops))
        for k, crop in enumerate(crops):
            self._crops[crop.sha256] = (name, k)


class _Alike:
    """Pictures by 64 bits of how they look: whether each of 8 x 8 fields is darker than the one to its right."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._bits = np.zeros(0, np.uint64)

    def add(self, pictures: Iterable[tuple[str, bytes]]) -> None:
        named = list(pictures)
        self.names += [name for name, _ in named]
        self._bits = np.concatenate([self._bits, np.array([_look(data) for _, data in named], np.uint64)])

    def closest(self, data: bytes) -> str | None:
        """The one picture that looks so, None where none or several do."""
        if not self.names:
            return None
        try:
            look = _look(data)
        except OSError:
            return None
        apart = np.bitwise_count(self._bits ^ np.uint64(look))
        best = int(apart.min())
        found = np.flatnonzero(apart == best)
        return self.names[found[0]] if best <= CLOSE and len(found) == 1 else None


def _look(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        # a JPEG is decoded at an eighth of its size: thousands take seconds
        image.draft("L", (72, 64))
        grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = (grey[:, :-1] < grey[:, 1:]).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def crops_of(shas: Sequence[str], instances: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The sha256 of the picture that each instance names as its crop (1 is the whole picture)."""
    places = [instance.get("picture") for instance in instances]
    return [shas[p - 1] if isinstance(p, int) and 1 < p <= len(shas) else None for p in places]


def matched(known: Known, instances: Collection[Mapping[str, Any]]) -> list[int | None]:
    """The object that each instance of a request is: of its category, with the box that overlaps its own most.

    Boxes come in 0..1000 of the picture; None where less than half of the two boxes is shared.
    """
    found: list[int | None] = []
    for instance in instances:
        box = [v * s / 1000 for v, s in zip(instance["box"], (known.width, known.height) * 2, strict=True)]
        members = known.categories.get(str(instance["category"]), ())
        best = max(members, key=lambda k: _shared(box, known.things[k].box), default=None)
        found.append(best if best is not None and _shared(box, known.things[best].box) >= 0.5 else None)
    return found


def _shared(one: Sequence[float], other: Sequence[float]) -> float:
    """What two boxes share, of all that they cover together."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both) if areas > both else 0.0
