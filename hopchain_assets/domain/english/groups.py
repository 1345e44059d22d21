"""Noun phrases: a group of things, and an instance found before or fitting alone."""

from __future__ import annotations

from dataclasses import dataclass

from hopchain_assets.domain.english.naming import Naming, Unspeakable, is_color
from hopchain_assets.domain.english.nouns import human, plural, singular
from hopchain_assets.domain.program import Farthest, Filter, Nearest, Node, Objects, Overlapping, SideOf

SIDES = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}


@dataclass(slots=True)
class _Parts:
    """A group in the order of its words: colour, noun, facing, relations with their anchors."""

    category: str
    color: str = ""
    facing: str = ""
    relations: tuple[tuple[str, str], ...] = ()


class Groups:
    """Words for the groups and instances of one program.

    Raises:
        Unspeakable: from every method, where the words would not carry the meaning.
    """

    def __init__(self, naming: Naming) -> None:
        self.naming = naming

    def one(self, name: str) -> str:
        """A group's noun phrase in the singular, without its article."""
        parts = self._parts(name)
        return f"{_before(parts)}{singular(parts.category)}{_facing(parts)}{self._relations(parts)}"

    def many(self, name: str, clause: bool = False) -> str:
        """In the plural; with `clause` the relations stand in one ("that are above ...")."""
        parts = self._parts(name)
        joint = f" {'who' if human(parts.category) else 'that'} are" if clause and parts.relations else ""
        return f"{_before(parts)}{plural(parts.category)}{_facing(parts)}{joint}{self._relations(parts)}"

    def anchors(self, name: str) -> set[str]:
        """The instances that delimit a group."""
        return {anchor for _, anchor in self._parts(name).relations}

    def anchor(self, name: str) -> str:
        """An instance that other words lean on: what leans on it must not seem to belong to its own group."""
        if name in self.naming.names:
            return self.naming.names[name]
        if not self.naming.is_bare(name):
            raise Unspeakable(f"node {name}: a group with words behind its noun cannot be an anchor")
        return f"the {self.one(name)}"

    def instance(self, name: str) -> str:
        """An instance that stands alone in its clause."""
        node = self.naming.nodes[name]
        if name in self.naming.names:
            return self.naming.names[name]
        if isinstance(node, Nearest | Farthest):
            return f"the {self.reached(node)}"
        return f"the {self.one(name)}"

    def reached(self, node: Nearest | Farthest) -> str:
        """`chair closest to that person`."""
        return f"{self.one(node.of)} {towards(node)} {self.anchor(node.anchor)}"

    def _relations(self, parts: _Parts) -> str:
        words = " and ".join(f"{relation} {self.anchor(anchor)}" for relation, anchor in parts.relations)
        return f" {words}" if words else ""

    def _parts(self, name: str) -> _Parts:
        node = self.naming.nodes[name]
        narrowing: list[Node] = []
        while not isinstance(node, Objects):
            if not isinstance(node, Filter | SideOf | Overlapping):
                raise Unspeakable(f"node {node.id}: {node.op} has no words")
            narrowing.append(node)
            node = self.naming.nodes[node.of]
        parts = _Parts(node.category)
        for step in reversed(narrowing):
            if isinstance(step, Filter):
                _filter(parts, step)
            elif isinstance(step, SideOf | Overlapping):
                self._relate(parts, step)
        return parts

    def _relate(self, parts: _Parts, step: SideOf | Overlapping) -> None:
        if parts.relations and parts.relations[-1][1] not in self.naming.names:
            raise Unspeakable(f"node {step.id}: its words could belong to the anchor before them")
        words = SIDES[step.side] if isinstance(step, SideOf) else "touching or overlapping"
        if (words, step.anchor) in parts.relations:
            raise Unspeakable(f"node {step.id}: says the same again")
        parts.relations = (*parts.relations, (words, step.anchor))


def towards(node: Nearest | Farthest) -> str:
    """`closest to` or `farthest from`."""
    return "closest to" if isinstance(node, Nearest) else "farthest from"


def _filter(parts: _Parts, step: Filter) -> None:
    """Words have one place for a colour and one for facing, in this order and before all relations."""
    later = bool(parts.facing or parts.relations)
    if step.attribute == "color" and is_color(step.value) and not parts.color and not later:
        parts.color = step.value
    elif step.attribute == "facing" and step.value in ("left", "right") and not later:
        parts.facing = step.value
    else:
        raise Unspeakable(f"node {step.id}: {step.attribute} {step.value!r} has no words in this place")


def _before(parts: _Parts) -> str:
    return f"{parts.color} " if parts.color else ""


def _facing(parts: _Parts) -> str:
    return f" facing {parts.facing}" if parts.facing else ""
