"""A book with a few dozen questions, people of different care, and their votes over two weeks: something to look at."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco_masks

from hopchain_assets.operations.review.book import ReviewBook
from hopchain_assets.operations.review.handing import Handed
from hopchain_assets.operations.review.refusals import NoMoreItems
from hopchain_assets.operations.review.voting import Answer
from hopchain_assets.ports.reviews import ReviewItem, Shown, ShownHop, ShownInstance
from tests.annotate.serving import BATCH, Clock

PHOTOS = Path(__file__).parents[3] / "shared" / "photos"
# how often each is right
PEOPLE: Mapping[str, float] = {
    "Ada Lovelace": 0.99,
    "Benoît Mandelbrot": 0.97,
    "Chioma Okafor": 0.98,
    "Daniyar": 0.95,
    "ليلى حدّاد": 0.97,
    "Quick Quentin": 0.6,
}
LEAD = "Grace Hopper"
NOTES = (
    "Two of them could be meant: the one at the window and the one behind the pillar.",
    '=HYPERLINK("http://example.org","click")',
    "<script>alert(1)</script> the sign cannot be read",
    "Die Uhr ist unscharf: ich sehe 10 nach 4 oder 20 nach 2.",
    "הכלב לא בתמונה",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture with what is marked on it."""

    image_id: str
    data: bytes
    shown: Shown


@dataclass
class Seeded:
    """What is in the book: questions by id with their true answer, ids and link secrets of people by name."""

    book: ReviewBook
    clock: Clock
    pictures: dict[str, bytes]
    truths: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def picture(self, image_id: str) -> bytes:
        """The bytes of a picture, as the service asks for them."""
        try:
            return self.pictures[image_id]
        except KeyError as error:
            raise FileNotFoundError(image_id) from error

    def of(self, name: str) -> list[str]:
        """Ids of the closed questions in one of the lists."""
        return [one.question_id for one in self.book.closed_list(name, 0, 1000)]


def seeded(book: ReviewBook, clock: Clock, seen: Sequence[Seen], questions: int = 48, rounds: int = 30) -> Seeded:
    """Fills an empty book. People answer in turns, `rounds` of them, with the care that `PEOPLE` says."""
    chance = random.Random(11)
    made = Seeded(book, clock, {one.image_id: one.data for one in seen})
    items = [_item(number, seen[number % len(seen)], chance) for number in range(questions)]
    # of some the program is wrong: people see another number
    made.truths = {
        item.question_id: str(int(item.executed) + (1 if number % 9 == 4 else 0)) for number, item in enumerate(items)
    }
    book.push(items, [BATCH])
    made.ids[LEAD], made.secrets[LEAD] = book.invite(LEAD, "lead", "test")
    for name in PEOPLE:
        made.ids[name], made.secrets[name] = book.invite(name, "annotator", made.ids[LEAD])
    for number in range(rounds):
        clock.pass_seconds(10 * 3600 if number % 3 == 2 else 600)
        for name, care in PEOPLE.items():
            clock.pass_seconds(chance.uniform(2, 60))
            handed = _hand(made, name)
            if handed:
                clock.pass_seconds(chance.lognormvariate(3.4, 0.5) * (0.2 if care < 0.8 else 1))
                book.vote(made.ids[name], handed.question_id, _answer(made, handed, care, chance))
    clock.pass_seconds(3600)
    book.mark()
    return made


def drawn_pictures(count: int = 4) -> list[Seen]:
    """Pictures with some dots, each marked."""
    return [_drawn(f"dots{number}", 3 + number) for number in range(count)]


def photographs(count: int = 12) -> list[Seen]:
    """Real photographs with the masks that people drew."""
    told: dict[str, Any] = json.loads((PHOTOS / "instances.json").read_text())
    names = {one["id"]: one["name"] for one in told["categories"]}
    return [_photograph(image, told["annotations"], names) for image in told["images"][:count]]


def _hand(made: Seeded, name: str) -> Handed | None:
    try:
        return made.book.hand(made.ids[name])
    except NoMoreItems:
        return None


def _answer(made: Seeded, handed: Handed, care: float, chance: random.Random) -> Answer:
    truth = int(made.truths[handed.question_id])
    if chance.random() < 0.035:
        defect = chance.choice(["ambiguous", "ambiguous", "several", "unreadable", "not_there"])
        return Answer(defect=defect, note=chance.choice(NOTES) if chance.random() < 0.7 else "")
    return Answer(number=str(truth if chance.random() < care else truth + chance.choice([-1, 1])))


def _item(number: int, seen: Seen, chance: random.Random) -> ReviewItem:
    a, b = chance.choice(seen.shown.categories), chance.choice(seen.shown.categories)
    question = (
        f"Find the {a} that takes up the most area in the picture. Looking from there, take the {b} whose centre is "
        f"nearest to it. How many of all {a}s and {b}s lie further to the left than that one, counting only what is "
        f"partly or wholly visible, if you add {number % 5}?"
    )
    answer = str(2 + number % 7)
    hops = (
        ShownHop(1, "root", "L2", f"the largest {a}", f"{a}, left", ("largest by 2.4 times (needed: 1.3)",)),
        ShownHop(2, "instance_chain", "L2", f"the {b} nearest to it", f"{b}, left", ("by 31 px (needed: 12)",)),
        ShownHop(3, "perception_level", "L2", f"add {number % 5} to the count", answer, ()),
    )  # fmt: skip
    told = Shown(
        seen.shown.width, seen.shown.height, f"chain{number}", "composer", answer, hops, seen.shown.instances,
        seen.shown.others, seen.shown.categories,
    )  # fmt: skip
    return ReviewItem(f"q{number:04d}", seen.image_id, BATCH, "photos", question, answer, told.to_json())


def _drawn(image_id: str, dots: int) -> Seen:
    picture = Image.new("RGB", (640, 400), "#dfe7ef")
    pen, marks = ImageDraw.Draw(picture), []
    for dot in range(dots):
        x, y = 60 + 580 * dot // dots, 200
        pen.ellipse((x - 30, y - 30, x + 30, y + 30), fill="#3b6fd8")
        mask = Image.new("1", picture.size)
        ImageDraw.Draw(mask).ellipse((x - 30, y - 30, x + 30, y + 30), fill=1)
        category = "dot" if dot % 2 else "disc"
        marks.append(ShownInstance(f"i{dot}", category, (x - 30, y - 30, x + 31, y + 31), rle(np.asarray(mask))))
    held = io.BytesIO()
    picture.save(held, "PNG")
    shown = Shown(640, 400, "", "", "", (), tuple(marks[:2]), tuple(marks[2:]), ("disc", "dot"))
    return Seen(image_id, held.getvalue(), shown)


def _photograph(image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> Seen:
    width, height = image["width"], image["height"]
    mine = [one for one in annotations if one["image_id"] == image["id"] and not one["iscrowd"]]
    marks = [_mark(one, names[one["category_id"]], width, height) for one in mine]
    data = (PHOTOS / "images" / image["file_name"]).read_bytes()
    categories = tuple(sorted({mark.category for mark in marks}))
    shown = Shown(width, height, "", "", "", (), tuple(marks[:5]), tuple(marks[5:]), categories)
    return Seen(Path(image["file_name"]).stem, data, shown)


def _mark(one: Mapping[str, Any], category: str, width: int, height: int) -> ShownInstance:
    whole = coco_masks.merge(coco_masks.frPyObjects(one["segmentation"], height, width))
    x, y, w, h = one["bbox"]
    return ShownInstance(str(one["id"]), category, (x, y, x + w, y + h), _text(whole["counts"]))


def rle(mask: NDArray[np.bool_]) -> str:
    """COCO's compressed run lengths of a mask."""
    return _text(coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"])


def _text(code: str | bytes) -> str:
    return code if isinstance(code, str) else code.decode()
