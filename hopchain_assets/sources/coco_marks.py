"""The annotations of a COCO file: what each says of its object, or why it cannot be used.

A mark that is refused stays in its place with its reason, so that the stage that draws the masks reports it, and its
category is not counted in that picture. Whatever a mark says has become short, printable text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hopchain_assets.sources.segmentation import SourceError, checked, refused

ATTRIBUTES = ("color", "number", "dots", "facing")
LONGEST_CATEGORY = 60
LONGEST_ATTRIBUTE = 40
LONGEST_SHOWN = 60

Id = int | str
Row = Mapping[str, Any]
Names = Mapping[Id, Sequence[object]]


def id_of(value: object) -> Id:
    """An id as it can be looked up; empty for what is none. Tables that passed through floats write 7.0 for 7."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else ""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else ""


def shown(value: object) -> str:
    """A value of the file as it may stand in a sentence."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value[:LONGEST_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def cleaned(text: str) -> str:
    """Text on one line, without what cannot be printed."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def marks_of(rows: Sequence[tuple[int, Row]], names: Names) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The marks of one picture, and the categories that they name.

    `rows` are its annotations with their places in the file, `names` all names that the file gives to an id of
    a category.
    """
    marks: list[dict[str, Any]] = []
    named: set[str] = set()
    seen: set[Id] = set()
    for place, row in rows:
        key = id_of(row.get("id"))
        again = key != "" and key in seen
        seen.add(key)
        mark, category = _mark(row, names, again)
        label = f"entry {place}" if key == "" else cleaned(str(key))[:LONGEST_SHOWN]
        marks.append({"id": f"{label}, entry {place}" if again else label, **mark})
        named.update([category] if category else [])
    return marks, tuple(sorted(named))


def _mark(row: Row, names: Names, again: bool) -> tuple[dict[str, Any], str]:
    """A mark without its id, and its category, which is empty where the file names none."""
    category, crowd, reason = "", False, ""
    segmentation: Any = None
    attributes: dict[str, str] = {}
    try:
        category = _category(row.get("category_id"), names)
        crowd = _crowd(row.get("iscrowd"))
        if again:
            raise SourceError("its id is that of another annotation of the picture: give each its own")
        attributes = _attributes(row.get("attributes"))
        segmentation = checked(row.get("segmentation"))
    except SourceError as error:
        reason = str(error)
    mark = {
        "category": category or cleaned(f"category {id_of(row.get('category_id'))}"[:LONGEST_SHOWN]),
        # a crowd's region is not drawn, so nobody would read its reason
        "crowd": crowd and not reason,
        "segmentation": refused(reason) if reason else segmentation,
        "attributes": attributes,
    }
    return mark, category


def _category(value: object, names: Names) -> str:
    """The name of a category, trimmed and in lower case, as nouns are compared."""
    found = sorted({_name(name) for name in names.get(id_of(value), ())})
    if not found:
        raise SourceError(f"its category_id is {shown(value)}, which is not among the categories of the file")
    if len(found) > 1:
        raise SourceError(f"its category_id {shown(value)} has several names: {shown(found[0])}, {shown(found[1])}")
    name = found[0]
    if not name:
        raise SourceError(f"its category {shown(value)} has no name")
    if len(name) > LONGEST_CATEGORY:
        raise SourceError(f"the name of its category is {len(name)} letters long, more than {LONGEST_CATEGORY}")
    if not name.isprintable():
        raise SourceError("the name of its category holds a character that cannot be printed")
    return name


def _name(value: object) -> str:
    # by spaces alone: a line break or a tab inside of a name is told, not mended
    return " ".join(word for word in value.strip().lower().split(" ") if word) if isinstance(value, str) else ""


def _crowd(value: object) -> bool:
    # a text like "0" is true to Python
    if value is None or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise SourceError(f"its iscrowd is {shown(value)}: it must be 0 or 1")


def _attributes(value: object) -> dict[str, str]:
    """The decisive attributes as texts.

    One that cannot be read must not be passed over: without its colour an object falls out of every count by colour.
    """
    given = value if isinstance(value, dict) else {}
    return {key: _attribute(key, given[key]) for key in ATTRIBUTES if given.get(key) not in (None, "")}


def _attribute(key: str, value: object) -> str:
    usable = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    usable = usable and not isinstance(value, bool)
    text = cleaned(str(value)) if usable else ""
    if not text or len(text) > LONGEST_ATTRIBUTE:
        raise SourceError(f"its attribute {key} is {shown(value)}: it must be a short text or a number")
    return text
