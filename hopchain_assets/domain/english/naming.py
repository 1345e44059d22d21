"""What a question must name: which nodes it says, which numbers get letters, what each found instance is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter

from hopchain_assets.domain.english.nouns import plural, singular, speakable
from hopchain_assets.domain.program import (
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Nearest,
    Node,
    Objects,
    Overlapping,
    Program,
    SideOf,
)

LETTERS = "NMKT"
NAMES = "ABCDEF"
COLORS = frozenset((
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "gray",
    "grey", "beige", "tan", "gold", "golden", "silver", "cyan", "turquoise", "teal", "magenta", "maroon", "navy",
    "olive", "cream",
))  # fmt: skip


class Unspeakable(ValueError):
    """The program is outside this English; the message says which node."""


def is_color(value: str) -> bool:
    """Whether the words name a colour: `red`, `dark blue`."""
    shade, space, color = value.rpartition(" ")
    return color in COLORS and (not space or shade in ("light", "dark"))


class Naming:
    """The program's used nodes, equal ones as one, with their letters and names.

    `goes_inline` decides whether an instance that only one condition asks for is found inside it.

    Raises:
        Unspeakable: when there is more to keep in mind than names for it, or a noun cannot be said.
    """

    def __init__(self, program: Program, goes_inline: Callable[[], bool]) -> None:
        self.same = _equal_nodes(program)
        self.answer = self.same[program.answer].id
        self.order = _used({node.id: node for node in self.same.values()}, self.answer)
        self.nodes = {node.id: node for node in self.order}
        self.uses: dict[str, list[Node]] = {}
        for node in self.order:
            for name, _ in node.inputs():
                self.uses.setdefault(name, []).append(node)
        _check_nouns([node.category for node in self.order if isinstance(node, Objects)])
        self.inline = {n.id for n in self.order if self._may_go_inline(n) and goes_inline()}
        self.letters = self._letters()
        self.names = self._names()

    def category(self, name: str) -> str:
        """The category of a set or an instance."""
        node = self.nodes[name]
        while not isinstance(node, Objects):
            if not isinstance(node, Filter | SideOf | Overlapping | Extreme | Nearest | Farthest):
                raise Unspeakable(f"node {node.id}: {node.op} has no words")
            node = self.nodes[node.of]
        return node.category

    def is_bare(self, name: str) -> bool:
        """A group without words behind its noun: "closest to it" can follow it."""
        node = self.nodes[name]
        while isinstance(node, Filter) and node.attribute == "color":
            node = self.nodes[node.of]
        return isinstance(node, Objects)

    def _may_go_inline(self, node: Node) -> bool:
        if not isinstance(node, Nearest | Farthest) or not self.is_bare(node.of):
            return False
        uses = self.uses.get(node.id, [])
        return len(uses) == 1 and isinstance(uses[0], Compare)

    def _letters(self) -> dict[str, str]:
        """Numbers that later steps use get a letter; a count inside one condition needs none."""
        named = [n.id for n in self.order if n.gives == "number" and n.id != self.answer and self._is_kept(n)]
        if len(named) > len(LETTERS):
            raise Unspeakable(f"more than {len(LETTERS)} numbers have to be kept in mind")
        return dict(zip(named, LETTERS, strict=False))

    def _is_kept(self, node: Node) -> bool:
        return not isinstance(node, Arith) and not self._is_passing(node)

    def _is_passing(self, node: Node) -> bool:
        """A count that one condition alone asks for, and has words for in that place."""
        uses = self.uses.get(node.id, [])
        if not isinstance(node, Count) or len(uses) != 1 or not isinstance(uses[0], Compare):
            return False
        compare = uses[0]
        if compare.left == node.id:
            return compare.right != node.id
        return compare.relation != "equal" and self._is_passing(self.nodes[compare.left])

    def _names(self) -> dict[str, str]:
        """`that chair` where one chair is found, `chair A` and `chair B` where several are."""
        found = [n.id for n in self.order if n.gives == "instance" and n.id not in self.inline]
        categories = [self.category(name) for name in found]
        names: dict[str, str] = {}
        letters = iter(NAMES)
        for name, category in zip(found, categories, strict=True):
            if categories.count(category) == 1:
                names[name] = f"that {singular(category)}"
                continue
            letter = next(letters, "")
            if not letter:
                raise Unspeakable(f"more than {len(NAMES)} found things have to be named")
            names[name] = f"{singular(category)} {letter}"
        return names


def _equal_nodes(program: Program) -> dict[str, Node]:
    """For every node the first one that means the same, with its inputs replaced in the same way."""
    same: dict[str, Node] = {}
    first: dict[object, Node] = {}
    for node in program.nodes:
        renamed = _renamed(node, {name: same[name].id for name, _ in node.inputs()})
        same[node.id] = first.setdefault((type(node), _fields(type(node))(renamed)), renamed)
    return same


def _renamed(node: Node, names: dict[str, str]) -> Node:
    """The node with other names for its inputs."""
    if all(old == new for old, new in names.items()):
        return node
    if isinstance(node, Arith):
        return dataclasses.replace(node, terms=tuple((names[name], times) for name, times in node.terms))
    changes: dict[str, str] = {}
    for field in _field_names(type(node)):
        value = getattr(node, field)
        literal = field == "right" and isinstance(node, Compare) and (node.attribute or node.to_middle)
        if field in ("of", "anchor", "left", "right", "condition", "yes", "no") and not literal and value in names:
            changes[field] = names[value]
    return dataclasses.replace(node, **changes)


@cache
def _field_names(kind: type[Node]) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind) if item.name != "id")


@cache
def _fields(kind: type[Node]) -> Callable[[Node], object]:
    """Fetches all that a node of the kind says but its name."""
    return attrgetter(*_field_names(kind))


def _used(nodes: dict[str, Node], answer: str) -> list[Node]:
    reached = {answer}
    for node in reversed(nodes.values()):
        if node.id in reached:
            reached.update(name for name, _ in node.inputs())
    return [node for node in nodes.values() if node.id in reached]


def _check_nouns(categories: list[str]) -> None:
    """Each noun can be said and is no other one's: not `axes` of `ax` and `axe`, nor `orange cup` beside `cup`."""
    said: dict[str, str] = {}
    for category in categories:
        if not speakable(category):
            raise Unspeakable(f"{category!r} is not a plain noun")
        for words in {singular(category).lower(), plural(category).lower()}:
            if said.setdefault(words, category) != category:
                raise Unspeakable(f"{words!r} could be {category!r} or {said[words]!r}")
    for words, category in said.items():
        rest = words.split()
        for k in (1, 2):
            if is_color(" ".join(rest[:k])) and " ".join(rest[k:]) in said:
                raise Unspeakable(f"{category!r} could be another noun in a colour")
