"""A stand-in for a segmenter: it knows the true masks of its pictures, and gets them wrong by rate.

It sees nothing. A picture is known by its file (or, encoded again, by how it looks), and the same question gets the
same answer: draws are seeded by the seed, the picture, the category and the mask. What it does wrong it tells
(`planted`), so that it can be counted what comes of it. docs/model-masks.md says what is assumed.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from random import Random

from PIL import Image

from hopchain_assets.domain.masks import Shape, decode
from hopchain_assets.ports.segmenter import Found, Grounding, Segmented, SegmenterUnavailable, ToSegment
from hopchain_assets.stand_in.faults import FaultError
from hopchain_assets.stand_in.mask_slips import blob, bordered, crumbs, encoded, halves, honest, jittered, joined
from hopchain_assets.stand_in.sight import Sight
from hopchain_assets.stand_in.truth import Known, Truth

# raised when other masks or scores are made of the same settings
MADE = 1
# alpha and beta of the scores' distributions: means of 0.85 and 0.5
RIGHT_SCORE, FAULTY_SCORE = (8.5, 1.5), (4.0, 4.0)
# what is left of an instance that was missed stays below
TRACE = 0.45
THERE, NOT_THERE = (40.0, 1.0), (1.0, 12.0)
DOUBLE_BORDER = 0.03
# of these an instance has one at most
OF_INSTANCES = ("missed", "merged", "split", "jittered", "doubled")


@dataclass(frozen=True, slots=True)
class MaskFaults:
    """Shares from 0 to 1 of the instances that are wrong in each way, at most one each.

    `missed`: not found, or, a share `traced` of them, with a low score. `merged`: one mask with the nearest of its
    category. `split`: two masks. `jittered`: with another border, and moved. `doubled`: found again a little otherwise.
    `spurious` is the share of the names that are asked for under which something is found that is not there.
    """

    missed: float = 0.0
    merged: float = 0.0
    split: float = 0.0
    jittered: float = 0.0
    doubled: float = 0.0
    spurious: float = 0.0
    traced: float = 0.5

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not 0 <= share <= 1:
                raise FaultError(f"the rate of {name} is {share:g}: it must be from 0 to 1")
        total = sum(getattr(self, name) for name in OF_INSTANCES)
        if total > 1 + 1e-9:
            raise FaultError(f"the rates of {', '.join(OF_INSTANCES)} add up to {total:g}: at most 1 is possible")

    def draw(self, random: Random) -> str:
        """What is wrong with an instance, or nothing."""
        at = random.random()
        for name in OF_INSTANCES:
            at -= getattr(self, name)
            if at < 0:
                return name
        return ""


@dataclass(frozen=True, slots=True)
class Planted:
    """What was found of true instances of a picture, and what is wrong with it ("" for nothing).

    `things` are positions in `Known.things`, none for what is not there and for pieces of a crowd.
    """

    fault: str
    things: tuple[int, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A mask that an instance segmenter should find."""

    shape: Shape
    things: tuple[int, ...]
    random: Random
    fault: str


class StandInSegmenter:
    """Answers as a segmenter would, from known truth.

    Args:
        truth: the pictures that it knows, or the folders to read them from, when there is a picture to look at.
        faults: how often it is wrong.
        informative: whether what is wrong has lower scores; without it they tell nothing, the worst case.
        seed: other draws.
    """

    def __init__(
        self,
        truth: Truth | Sequence[Path],
        faults: MaskFaults | None = None,
        informative: bool = True,
        seed: int = 0,
    ) -> None:
        self._source = truth
        self.faults, self.informative, self.seed = faults or MaskFaults(), informative, seed

    @classmethod
    def of(cls, folders: Sequence[Path], told: str = "") -> StandInSegmenter:
        """From folders and settings in words: rates of `MaskFaults`, `informative` (0 or 1), `seed`.

        Such as `missed=0.05,split=0.02,seed=3`.

        Raises:
            FaultError: naming what cannot be used.
        """
        known = {field.name for field in fields(MaskFaults)}
        given: dict[str, float] = {}
        for part in (part.strip() for part in told.split(",") if part.strip()):
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in known | {"informative", "seed"}:
                names = ", ".join([*sorted(known), "informative", "seed"])
                raise FaultError(f"there is no fault {name!r}: it is one of {names}")
            try:
                given[name] = float(value)
            except ValueError as error:
                raise FaultError(f"{part!r} cannot be read: write {name}=NUMBER") from error
        informative, seed = given.pop("informative", 1.0), given.pop("seed", 0.0)
        if informative not in (0, 1) or not seed.is_integer():
            raise FaultError("informative must be 0 or 1, and seed a whole number")
        return cls(folders, MaskFaults(**given), bool(informative), int(seed))

    @cached_property
    def truth(self) -> Truth:
        """The pictures that it knows.

        Raises:
            SegmenterUnavailable: when there are none.
        """
        try:
            return self._source if isinstance(self._source, Truth) else Truth(self._source)
        except ValueError as error:
            raise SegmenterUnavailable(f"the stand-in has nothing to answer from: {error}") from error

    @cached_property
    def _sight(self) -> Sight:
        return Sight(self.truth)

    @property
    def name(self) -> str:
        """Rows that rest on it are signed with this."""
        return "stand-in"

    @property
    def version(self) -> str:
        """All settings."""
        rates = " ".join(f"{field.name}={getattr(self.faults, field.name):g}" for field in fields(self.faults))
        return f"stand-in {MADE} {rates} informative={self.informative} seed={self.seed}"

    def segment(self, pictures: Sequence[ToSegment]) -> Iterator[Segmented]:
        """What came of each picture, in order; one that is not of the truth has an error.

        Raises:
            SegmenterUnavailable: when it knows no picture.
        """
        for picture in pictures:
            try:
                known = self._known(picture)
            except (OSError, ValueError) as error:
                yield Segmented(picture.image_id, error=str(error))
                continue
            groundings = tuple(self._grounding(known, category) for category in picture.categories)
            yield Segmented(picture.image_id, groundings)

    def planted(self, known: Known, category: str) -> tuple[Planted, ...]:
        """All that is found under a name, with what is wrong with it; instances that were missed are told too."""
        made = tuple(self._planted(piece, known) for piece in self._pieces(known, category))
        random = self._random(known, category, "spurious")
        return (*made, self._spurious(known, category, random)) if random.random() < self.faults.spurious else made

    def _known(self, picture: ToSegment) -> Known:
        """The truth of a picture.

        Raises:
            ValueError: when there is none.
        """
        data = picture.read()
        name = picture.image_id
        if name not in self.truth:
            found = self._sight.picture(hashlib.sha256(data).hexdigest(), data)
            if found is None:
                raise ValueError("the stand-in knows no such picture: name its annotations as the truth")
            name = found
        known = self.truth.known(name)
        with Image.open(io.BytesIO(data)) as image:
            size = image.size
        if size != (known.width, known.height):
            raise ValueError(f"the picture is {size[0]}x{size[1]}, its annotations {known.width}x{known.height} pixels")
        return known

    def _grounding(self, known: Known, category: str) -> Grounding:
        planted = self.planted(known, category)
        found = tuple(one for made in planted for one in made.found)
        random = self._random(known, category, "presence")
        if category in known.categories or any(name == category for name, _ in known.crowds):
            return Grounding(category, random.betavariate(*THERE), found)
        # whoever finds something says that there is some
        presence = max([random.betavariate(*NOT_THERE), *(one.score for one in found)])
        return Grounding(category, presence, found)

    def _pieces(self, known: Known, category: str) -> list[_Piece]:
        """What is there of a category, each with its fault; what is merged is one piece."""
        shapes: dict[int, Shape] = {}
        for k in known.categories.get(category, ()):
            shape = decode(known.things[k].mask_rle, known.height, known.width)
            if shape is not None:
                shapes[k] = shape
        randoms = {k: self._random(known, category, known.things[k].mask_rle) for k in shapes}
        fates = {k: self.faults.draw(random) for k, random in randoms.items()}
        pieces: list[_Piece] = []
        for k in (k for k, fate in fates.items() if fate == "merged"):
            others = [other for other in shapes if other != k]
            if k not in shapes or not others:
                continue
            nearest = min(others, key=lambda other: _apart(known, k, other))
            shape = joined([shapes.pop(k), shapes.pop(nearest)])
            pieces.append(_Piece(shape, (k, nearest), randoms[k], "merged"))
        # one that has nobody left to be merged with is right
        kinds = {k: fates[k].replace("merged", "") for k in shapes}
        pieces += [_Piece(shape, (k,), randoms[k], kinds[k]) for k, shape in shapes.items()]
        return pieces + self._of_crowds(known, category)

    def _of_crowds(self, known: Known, category: str) -> list[_Piece]:
        """Pieces of the regions that are marked as crowds: there an instance segmenter sees many small ones."""
        pieces: list[_Piece] = []
        for name, mask_rle in known.crowds:
            region = decode(mask_rle, known.height, known.width) if name == category else None
            for shape in crumbs(region, self._random(known, category, mask_rle)) if region else ():
                random = self._random(known, category, mask_rle, *map(str, shape.box))
                pieces.append(_Piece(shape, (), random, self.faults.draw(random).replace("merged", "")))
        return pieces

    def _planted(self, piece: _Piece, known: Known) -> Planted:
        shape, random, size = piece.shape, piece.random, (known.height, known.width)
        right = honest(shape, random, *size)
        scored: list[tuple[Shape, float]]
        if piece.fault == "missed":
            traced = random.random() < self.faults.traced and self.informative
            scored = [(right, TRACE * random.betavariate(*FAULTY_SCORE))] if traced else []
        elif piece.fault == "merged":
            scored = [(right, self._faulty(random))]
        elif piece.fault == "split":
            scored = [(part, self._faulty(random)) for part in halves(shape, random.uniform(0.35, 0.65))]
        elif piece.fault == "jittered":
            scored = [(jittered(shape, random, *size), self._faulty(random))]
        else:
            scored = [(right, random.betavariate(*RIGHT_SCORE))]
            if piece.fault == "doubled":
                border = random.choice((-1, 1)) * random.uniform(DOUBLE_BORDER / 3, DOUBLE_BORDER)
                scored.append((bordered(shape, border, *size), self._faulty(random)))
        return Planted(piece.fault, piece.things, tuple(Found(encoded(one, *size), score) for one, score in scored))

    def _spurious(self, known: Known, category: str, random: Random) -> Planted:
        """A mask of another category under this name, or one of nothing."""
        others = [thing.mask_rle for thing in known.things if thing.category != category]
        size = (known.height, known.width)
        other = decode(random.choice(others), *size) if others and random.random() < 0.5 else None
        shape = honest(other, random, *size) if other else blob(random, *size)
        return Planted("spurious", (), (Found(encoded(shape, *size), self._faulty(random)),))

    def _faulty(self, random: Random) -> float:
        return random.betavariate(*(FAULTY_SCORE if self.informative else RIGHT_SCORE))

    def _random(self, known: Known, *told: str) -> Random:
        return Random(":".join((str(self.seed), known.image_id, *told)))


def _apart(known: Known, one: int, other: int) -> float:
    a, b = known.things[one], known.things[other]
    return math.hypot(a.cx - b.cx, a.cy - b.cy)
