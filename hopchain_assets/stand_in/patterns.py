"""The tables of `vocabulary.py` as regular expressions, with which they are read back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hopchain_assets.stand_in import vocabulary as v

NP, NUM = r"(?P<{}>.+?)", r"(?P<{}>[-+0-9a-z.* ]+?)"
LABEL = r"(?:object )?([A-Z])\b"
LEAK = re.compile(r"(?: (?:at|around|near))? [(\[][^)\]]*\d[^)\]]*[)\]]")


def slotted(pattern: str) -> str:
    """A pattern of the vocabulary as a regular expression."""
    slots = {
        "label": r"(?P<label>(?:object )?[A-Z])", "letter": r"(?P<letter>[a-z])", "half": r"(?P<half>\w+)",
        "value": r"(?P<value>[\w.-]+)", "attribute": r"(?P<attribute>\w+)", "condition": r"(?P<condition>.+)",
        "yes": NUM.format("yes"), "no": NUM.format("no"), "sum": NUM.format("sum"), "b": NP.format("b"),
    }  # fmt: skip
    made = ""
    for part in re.split(r"(\{\w+\})", pattern):
        name = part[1:-1]
        is_slot = part.startswith("{")
        made += slots.get(name, NP.format(name)) if is_slot else re.escape(part)
    return made


@lru_cache(maxsize=1)
def sentences() -> list[tuple[str, re.Pattern[str]]]:
    """Every sentence with its kind, in the order in which they are tried."""
    kinds = (
        ("introduced_among", v.INTRODUCED_AMONG),
        ("introduced", v.INTRODUCED),
        ("read_number", v.READ["number"]),
        ("read_dots", v.READ["dots"]),
        ("counted", v.COUNTED),
        ("chosen", v.CHOSEN),
        ("answered_by_choice", v.ANSWERED_BY_CHOICE),
        ("reckoned", v.RECKONED),
        ("answered", v.ANSWERED),
    )
    found: list[tuple[str, re.Pattern[str]]] = []
    for kind, patterns in kinds:
        for pattern in patterns:
            text = slotted(pattern).replace("(?P<label>(?:object )?[A-Z])", "(?:[oO]bject )?(?P<label>[A-Z])")
            found.append((kind, re.compile(text)))
    return found


@lru_cache(maxsize=1)
def conditions() -> list[tuple[str, dict[str, str], re.Pattern[str]]]:
    """Every condition with its kind and the fields of its comparison."""
    found: list[tuple[str, dict[str, str], re.Pattern[str]]] = []

    def add(kind: str, patterns: Sequence[str], **fields: str) -> None:
        found.extend((kind, fields, re.compile(slotted(pattern))) for pattern in patterns)

    for relation in ("more", "fewer", "equal"):
        for pattern in v.THERE_ARE[relation]:
            # here it is a number, elsewhere an object
            text = slotted(pattern).replace(NP.format("b"), NUM.format("b"))
            found.append(("tally", {"by": "value", "relation": relation}, re.compile(text)))
    for relation, patterns in v.POSITIONS.items():
        add("two", patterns, by="position", relation=relation)
    for relation, patterns in v.AREAS.items():
        add("two", patterns, by="area", relation=relation)
    add("half", v.IN_HALF)
    add("attribute", v.COLORED, attribute="color")
    add("attribute", v.TURNED, attribute="facing")
    for relation, patterns in v.VALUES.items():
        add("value", patterns, by="value", relation=relation)
    add("attribute", (v.CARRIES,))
    return found


@lru_cache(maxsize=1)
def relations() -> list[tuple[dict[str, str], re.Pattern[str]]]:
    """Every relation with the fields of the node that it is."""
    found = [({"op": "side", "side": side}, pattern) for side, patterns in v.SIDES.items() for pattern in patterns]
    found += [({"op": "overlapping"}, v.TOUCHING), ({"op": "inside"}, v.INSIDE)]
    return [(fields, re.compile(slotted(pattern))) for fields, pattern in found]


def _any(patterns: Sequence[str]) -> str:
    label = r"(?:object )?[A-Z]\b"
    return "|".join(re.escape(pattern).replace(re.escape("{label}"), label) for pattern in patterns)


_EVERY_RELATION = [*(p for patterns in v.SIDES.values() for p in patterns), v.TOUCHING, v.INSIDE]
RELATION = re.compile(rf"(?: and)? (?:{_any(_EVERY_RELATION)})")
WAY = re.compile(rf" (?:{_any([*v.NEAREST, *v.FARTHEST])})$")
_FIRSTS = "|".join(first for options in v.FIRST.values() for first in options)
_RANKS = "|".join(v.ORDINALS[1:])
PLACED = re.compile(
    rf"((?:(?:{_RANKS}) )?(?:{_FIRSTS})|(?:{_RANKS})(?=.* from the (?:left|right|top|bottom)$)) (.+?)"
    r"( from the (?:left|right|top|bottom))?"
)
