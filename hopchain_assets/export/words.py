"""A question as a reader meets it, and its hops in words that need no ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hopchain_assets.domain.english.nouns import singular
from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.program import Count
from hopchain_assets.domain.records import BY_MODEL, Chain, Facts, HopKind, Instance, Level
from hopchain_assets.domain.world import World, members_of

State = Literal["certified", "verified", "waiting", "rejected"]

KIND_WORDS: Mapping[HopKind, str] = {
    "root": "start",
    "instance_chain": "instance chain",
    "perception_level": "perception level",
}
LEVEL_WORDS: Mapping[Level, str] = {"L1": "one object", "L2": "several objects"}
QUERY_TYPE_WORDS: Mapping[str, str] = {"A": "instance dependency", "B": "level alternation", "C": "both combined"}
_COLUMNS = ("left", "", "right")
_ROWS = ("top", "", "bottom")


@dataclass(frozen=True, slots=True)
class Entry:
    """One question with all that a page shows of it.

    `picture` is the picture file's bytes, of the size that `facts` states. `note` says in a
    sentence why a question waits or was rejected. `name` is the picture's file name.
    """

    picture: bytes
    facts: Facts
    chain: Chain
    state: State
    licence: str = ""
    author: str = ""
    source_page: str = ""
    split: str = ""
    name: str = ""
    note: str = ""


def form_words(chain: Chain) -> str:
    """The form that a chain was composed by, or the model that wrote it: the stand-in is told by its name."""
    who = chain.generator.removeprefix(BY_MODEL)
    return chain.skeleton if who == chain.generator else f"written by {clean_text(who)}"


def clean_text(text: str) -> str:
    """One line without control, formatting (bidirectional overrides too) or surrogate characters.

    The text comes from files and models: a lone surrogate cannot be written as UTF-8, and an
    override can show a text in another order than it is stored in.
    """
    kept = (" " if _is_space(char) else char for char in text)
    return " ".join("".join(char for char in kept if not unicodedata.category(char).startswith("C")).split())


def _is_space(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cc"


def shortened(text: str, limit: int) -> str:
    """The text in at most `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def position_words(x: float, y: float, width: float, height: float) -> str:
    """Where a point lies in a picture, by thirds: `top left`, `right`, `centre`."""
    column = _COLUMNS[min(2, max(0, int(3 * x / width)))]
    row = _ROWS[min(2, max(0, int(3 * y / height)))]
    return f"{row} {column}".strip() or "centre"


def instance_words(instance: Instance, facts: Facts) -> str:
    """An instance as `the person (top left)`."""
    category = clean_text(singular(instance.category))
    return f"the {category} ({position_words(instance.cx, instance.cy, facts.width, facts.height)})"


def result_words(result: str, facts: Facts) -> str:
    """A hop's result for a reader: an instance's words, a set's members, or the value as it is."""
    by_id = {instance.instance_id: instance for instance in facts.instances}
    if result in by_id:
        return instance_words(by_id[result], facts)
    names = [name for name in re.split(r"[\s,;]+", result.strip("[]() ")) if name]
    if names and all(name in by_id for name in names):
        return f"{len(names)} found: " + ", ".join(instance_words(by_id[name], facts) for name in names)
    return clean_text(result)


def found_instances(chain: Chain, facts: Facts) -> tuple[tuple[int, str], ...]:
    """(hop number, instance id) of the hops that find one instance, in the order of the hops."""
    known = {instance.instance_id for instance in facts.instances}
    return tuple((hop.number, hop.result) for hop in chain.hops if hop.result in known)


def counted_members(chain: Chain, facts: Facts) -> dict[str, tuple[int, ...]]:
    """The hops that count each instance: its id to their numbers, ascending."""
    plan = Plan(chain.program)
    values = plan.run(World.of(facts))
    nodes = chain.program.by_id()
    members: dict[str, tuple[int, ...]] = {}
    for hop in chain.hops:
        for name in hop.grounds:
            node = nodes.get(name)
            counted = values[plan.position[node.of]] if isinstance(node, Count) else None
            for position in members_of(int(counted or 0)):
                instance_id = facts.instances[position].instance_id
                members[instance_id] = (*members.get(instance_id, ()), hop.number)
    return members
