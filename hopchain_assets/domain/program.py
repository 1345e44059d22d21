"""The small typed language of chains: nodes in order, each a new look or a step of reckoning.

The language is documented in docs/programs.md. A program is closed under JSON: `from_json` of
`to_json` gives it back, and anything else that arrives as JSON is either a valid program or a
`ProgramError` with one sentence.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hopchain_assets.domain.codec import node_to_json, nodes_from_json, plain_number, short
from hopchain_assets.domain.nodes import (
    MAX_CONSTANT,
    MAX_NODES,
    MIDDLE,
    OPS,
    RELATIONS,
    VERSION,
    Arith,
    Axis,
    By,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Operand,
    Overlapping,
    Perceive,
    Pick,
    ProgramError,
    Read,
    Relation,
    Side,
    SideOf,
    Type,
)

# the whole language is had from here
__all__ = [
    "MAX_CONSTANT",
    "MAX_NODES",
    "MIDDLE",
    "OPS",
    "RELATIONS",
    "VERSION",
    "Arith",
    "Axis",
    "By",
    "Compare",
    "Count",
    "Extreme",
    "Farthest",
    "Filter",
    "Inside",
    "Nearest",
    "Node",
    "Objects",
    "Operand",
    "Overlapping",
    "Perceive",
    "Pick",
    "Program",
    "ProgramError",
    "Read",
    "Relation",
    "Side",
    "SideOf",
    "Type",
]


REFERENCES = frozenset({"of", "anchor", "left", "right", "condition", "yes", "no"})
_MIXED = frozenset({Extreme, Compare, Pick, Arith})


@dataclass(frozen=True, slots=True)
class Program:
    """Nodes in an order in which each reads only earlier ones, and the name of the answer.

    Raises:
        ProgramError: from `Program.checked` and `from_json`, never from the plain constructor.
    """

    nodes: tuple[Node, ...]
    answer: str

    @classmethod
    def checked(cls, nodes: Sequence[Node], answer: str) -> Program:
        """A program whose names, order and types hold.

        Raises:
            ProgramError: naming the node and what is wrong with it.
        """
        program = cls(tuple(nodes), answer)
        _check(program)
        return program

    def by_id(self) -> dict[str, Node]:
        """Nodes by their name."""
        return {node.id: node for node in self.nodes}

    def used(self) -> set[str]:
        """Names of the nodes that the answer needs, its own among them."""
        needed = {self.answer}
        for node in reversed(self.nodes):
            if node.id in needed:
                needed.update(name for name, _ in node.inputs())
        return needed

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Program.from_json` is the inverse."""
        return {"version": VERSION, "nodes": [node_to_json(node) for node in self.nodes], "answer": self.answer}

    @classmethod
    def from_json(cls, value: object) -> Program:
        """Reads a program from JSON values or JSON text.

        Raises:
            ProgramError: when it is not one; the message says which node and why.
        """
        return cls.checked(*nodes_from_json(value))

    def canonical(self) -> str:
        """The same text for programs that differ only in names, order, repeats and unused nodes."""
        return _canonical(self, constants=True)

    def shape(self) -> str:
        """As `canonical`, with the constants left out: what is looked at, and how it is combined."""
        return _canonical(self, constants=False)


def _check(program: Program) -> None:
    seen: dict[str, Type] = {}
    for node in program.nodes:
        if node.id in seen:
            raise ProgramError(f"node {node.id}: the name is used twice")
        if isinstance(node, Compare):
            _check_compare(node)
        for name, wanted in node.inputs():
            given = seen.get(name)
            if given is None:
                raise ProgramError(f"node {node.id}: reads {short(name)}, which no earlier node gives")
            if given != wanted and not (wanted == "instance" and given == "set"):
                raise ProgramError(f"node {node.id}: {name} is a {given}, but a {wanted} is needed")
        seen[node.id] = node.gives
    if seen.get(program.answer) != "number":
        raise ProgramError(f"the answer {short(program.answer)} is not a node that gives a number")


def _check_compare(node: Compare) -> None:
    if node.relation not in RELATIONS[node.by]:
        raise ProgramError(f"node {node.id}: {node.by} is compared by {', '.join(sorted(RELATIONS[node.by]))}")
    if node.by != "value" and not isinstance(node.right, str):
        raise ProgramError(f"node {node.id}: {node.by} is not compared with a number")
    if (node.by == "attribute") != bool(node.attribute):
        raise ProgramError(f"node {node.id}: the field attribute goes with by = attribute, and only with it")


def _canonical(program: Program, constants: bool) -> str:
    """Structural text of each node, so that names vanish; used nodes only, once each."""
    text: dict[str, str] = {}
    for node in program.nodes:
        kind = type(node)
        if kind in _MIXED:
            parts = _mixed_parts(node, text, constants)
        else:
            fetch, references = _layout(kind)
            # one field comes alone, several as a tuple
            values = fetch(node) if len(references) > 1 else (fetch(node),)
            parts = [text[value] if names else repr(value) for value, names in zip(values, references, strict=True)]
        joined = f"({' '.join([node.op, *parts])})"
        # a digest keeps the text of a deep program from doubling at every shared node
        text[node.id] = joined if len(joined) <= 120 else hashlib.sha256(joined.encode()).hexdigest()
    return text[program.answer]


def _mixed_parts(node: Node, text: Mapping[str, str], constants: bool) -> list[str]:
    """Fields that hold numbers, or texts that only sometimes name a node."""
    parts: list[str] = []
    for name in _field_names(type(node)):
        value = getattr(node, name)
        if isinstance(node, Arith) and name == "terms":
            parts.append(_canonical_terms(node, text, constants))
        elif not isinstance(value, str):
            parts.append(repr(plain_number(value)) if constants or name == "rank" else "#")
        elif name in REFERENCES and not (name == "right" and isinstance(node, Compare) and _is_literal(node)):
            parts.append(text[value])
        else:
            parts.append(repr(value))
    return parts


def _canonical_terms(node: Arith, text: Mapping[str, str], constants: bool) -> str:
    summed: dict[str, float] = {}
    for name, times in node.terms:
        summed[text[name]] = summed.get(text[name], 0) + times
    return "+".join(sorted(f"{plain_number(times) if constants else '#'}*{key}" for key, times in summed.items()))


def _is_literal(node: Compare) -> bool:
    return node.by == "attribute" or node.to_middle


@functools.cache
def _field_names(cls: type[Node]) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(cls) if item.name != "id")


@functools.cache
def _layout(cls: type[Node]) -> tuple[Callable[[Node], Any], tuple[bool, ...]]:
    """How to fetch an operation's fields, all of them texts, and which of them name a node."""
    names = _field_names(cls)
    return operator.attrgetter(*names), tuple(name in REFERENCES for name in names)
