"""The small typed language of chains: nodes in order, each a new look or a step of reckoning.

The language is documented in docs/programs.md. A program is closed under JSON: `from_json` of
`to_json` gives it back, and anything else that arrives as JSON is either a valid program or a
`ProgramError` with one sentence.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

VERSION = 1
MAX_NODES = 48
MAX_CONSTANT = 1_000_000

Type = Literal["set", "instance", "number", "condition"]
Side = Literal["left", "right", "above", "below"]
Axis = Literal["left", "right", "top", "bottom", "largest", "smallest"]
By = Literal["value", "position", "area", "attribute"]
Relation = Literal["more", "fewer", "equal", "left", "right", "above", "below", "larger", "smaller", "is"]
Operand = str | float

RELATIONS: Mapping[str, frozenset[str]] = {
    "value": frozenset({"more", "fewer", "equal"}),
    "position": frozenset({"left", "right", "above", "below"}),
    "area": frozenset({"larger", "smaller"}),
    "attribute": frozenset({"is"}),
}
MIDDLE = "middle"


class ProgramError(ValueError):
    """The JSON is not a program; the message says which node and what to mend."""


@dataclass(frozen=True, slots=True)
class Node:
    """A named step. Subclasses are the operations."""

    op: ClassVar[str]
    gives: ClassVar[Type]
    id: str

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        """Names of the nodes this one reads, each with the type that it needs."""
        return ()


@dataclass(frozen=True, slots=True)
class Objects(Node):
    """Every instance of a category."""

    op: ClassVar[str] = "objects"
    gives: ClassVar[Type] = "set"
    category: str


@dataclass(frozen=True, slots=True)
class _Narrowing(Node):
    gives: ClassVar[Type] = "set"
    of: str

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        return ((self.of, "set"),)


@dataclass(frozen=True, slots=True)
class Filter(_Narrowing):
    """Members whose attribute has the value; a member without the attribute falls out."""

    op: ClassVar[str] = "filter"
    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Perceive(_Narrowing):
    """Members for which `perceptions` holds the value for the predicate."""

    op: ClassVar[str] = "perceive"
    predicate: str
    value: str


@dataclass(frozen=True, slots=True)
class _Anchored(Node):
    of: str
    anchor: str

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        return ((self.of, "set"), (self.anchor, "instance"))


@dataclass(frozen=True, slots=True)
class SideOf(_Anchored):
    """Members whose centre lies on that side of the anchor's centre."""

    op: ClassVar[str] = "side"
    gives: ClassVar[Type] = "set"
    side: Side


@dataclass(frozen=True, slots=True)
class Overlapping(_Anchored):
    """Members whose mask touches or overlaps the anchor's."""

    op: ClassVar[str] = "overlapping"
    gives: ClassVar[Type] = "set"


@dataclass(frozen=True, slots=True)
class Inside(_Anchored):
    """Members at least nine tenths of whose mask lies in the anchor's box."""

    op: ClassVar[str] = "inside"
    gives: ClassVar[Type] = "set"


@dataclass(frozen=True, slots=True)
class Extreme(_Narrowing):
    """The member at a rank along an axis; rank 1 is the leftmost, topmost, largest and so on."""

    op: ClassVar[str] = "extreme"
    gives: ClassVar[Type] = "instance"
    axis: Axis
    rank: int


@dataclass(frozen=True, slots=True)
class Nearest(_Anchored):
    """The member whose centre is closest to the anchor's centre."""

    op: ClassVar[str] = "nearest"
    gives: ClassVar[Type] = "instance"


@dataclass(frozen=True, slots=True)
class Farthest(_Anchored):
    """The member whose centre is farthest from the anchor's centre."""

    op: ClassVar[str] = "farthest"
    gives: ClassVar[Type] = "instance"


@dataclass(frozen=True, slots=True)
class Count(_Narrowing):
    """How many members."""

    op: ClassVar[str] = "count"
    gives: ClassVar[Type] = "number"


@dataclass(frozen=True, slots=True)
class Read(Node):
    """The number that an instance carries (`number`, `dots`)."""

    op: ClassVar[str] = "read"
    gives: ClassVar[Type] = "number"
    of: str
    attribute: str

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        return ((self.of, "instance"),)


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """A condition. What `left` and `right` are depends on `by`; see docs/programs.md."""

    op: ClassVar[str] = "compare"
    gives: ClassVar[Type] = "condition"
    by: By
    relation: Relation
    left: str
    right: Operand
    attribute: str = ""

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        kind: Type = "number" if self.by == "value" else "instance"
        found: list[tuple[str, Type]] = [(self.left, kind)]
        if isinstance(self.right, str) and self.by != "attribute" and not self.to_middle:
            found.append((self.right, kind))
        return tuple(found)

    @property
    def to_middle(self) -> bool:
        """Whether the position is compared with the middle of the picture."""
        return self.by == "position" and self.right == MIDDLE


@dataclass(frozen=True, slots=True)
class Pick(Node):
    """One of two numbers, each a constant or a node, by a condition."""

    op: ClassVar[str] = "pick"
    gives: ClassVar[Type] = "number"
    condition: str
    yes: Operand
    no: Operand

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        branches: list[tuple[str, Type]] = [(b, "number") for b in (self.yes, self.no) if isinstance(b, str)]
        return ((self.condition, "condition"), *branches)


@dataclass(frozen=True, slots=True)
class Arith(Node):
    """The sum of node times factor over `terms`, plus a constant."""

    op: ClassVar[str] = "arith"
    gives: ClassVar[Type] = "number"
    terms: tuple[tuple[str, float], ...]
    plus: float = 0

    def inputs(self) -> tuple[tuple[str, Type], ...]:
        return tuple((name, "number") for name, _ in self.terms)


OPS: Mapping[str, type[Node]] = {
    cls.op: cls
    for cls in (
        Objects, Filter, Perceive, SideOf, Overlapping, Inside, Extreme, Nearest, Farthest,
        Count, Read, Compare, Pick, Arith,
    )
}  # fmt: skip


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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Program.from_json` is the inverse."""
        return {"version": VERSION, "nodes": [_node_json(node) for node in self.nodes], "answer": self.answer}

    @classmethod
    def from_json(cls, value: object) -> Program:
        """Reads a program from JSON values or JSON text.

        Raises:
            ProgramError: when it is not one; the message says which node and why.
        """
        if isinstance(value, str | bytes):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise ProgramError(f"the program is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise ProgramError("a program is an object with version, nodes and answer")
        extra = set(value) - {"version", "nodes", "answer"}
        if extra:
            raise ProgramError(f"a program has no field {sorted(map(str, extra))[0]!r}")
        if value.get("version") != VERSION or isinstance(value.get("version"), bool):
            raise ProgramError(f"this release reads programs of version {VERSION}, not {value.get('version')!r}")
        nodes, answer = value.get("nodes"), value.get("answer")
        if not isinstance(nodes, list) or not nodes or not isinstance(answer, str):
            raise ProgramError("a program needs a list of nodes and the name of its answer")
        if len(nodes) > MAX_NODES:
            raise ProgramError(f"a program has at most {MAX_NODES} nodes, this one has {len(nodes)}")
        return cls.checked([_node_from_json(node) for node in nodes], answer)

    def canonical(self) -> str:
        """The same text for programs that differ only in names, order, repeats and unused nodes."""
        return _canonical(self, constants=True)

    def shape(self) -> str:
        """As `canonical`, with the constants left out: what is looked at, and how it is combined."""
        return _canonical(self, constants=False)


def _node_json(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {"id": node.id, "op": node.op}
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if item.name == "id" or (isinstance(node, Compare) and item.name == "attribute" and not value):
            continue
        if isinstance(node, Arith) and item.name == "terms":
            value = [[name, _plain(times)] for name, times in node.terms]
        out[item.name] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == int(value) else value


_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def _node_from_json(value: object) -> Node:
    if not isinstance(value, dict):
        raise ProgramError("each node is an object with id and op")
    name, op = value.get("id"), value.get("op")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == MIDDLE:
        raise ProgramError(f"a node's id is a short lower-case word, not {_short(name)}")
    if not isinstance(op, str) or op not in OPS:
        raise ProgramError(f"node {name}: there is no operation {_short(op)}")
    cls = OPS[op]
    known = {item.name: item for item in dataclasses.fields(cls) if item.name != "id"}
    for key in value:
        if key not in known and key not in ("id", "op"):
            raise ProgramError(f"node {name}: {op} has no field {_short(key)}")
    arguments: dict[str, Any] = {}
    for key, item in known.items():
        if key not in value:
            if item.default is dataclasses.MISSING:
                raise ProgramError(f"node {name}: {op} needs the field {key!r}")
            continue
        arguments[key] = _FIELDS[key](name, key, value[key])
    return cls(id=name, **arguments)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _text(node: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 100 or not value.isprintable():
        raise ProgramError(f"node {node}: {key} is a short printable text, not {_short(value)}")
    return value


def _number(node: str, key: str, value: object) -> float:
    # bool is an int to Python, and NaN passes every range test written the other way round
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_CONSTANT:
        raise ProgramError(f"node {node}: {key} is a number within a million, not {_short(value)}")
    if not math.isfinite(value):
        raise ProgramError(f"node {node}: {key} is not finite")
    return value


def _operand(node: str, key: str, value: object) -> Operand:
    return _text(node, key, value) if isinstance(value, str) else _number(node, key, value)


def _choice(options: Any) -> Callable[[str, str, object], str]:
    names = get_args(options)

    def read(node: str, key: str, value: object) -> str:
        if value not in names or not isinstance(value, str):
            raise ProgramError(f"node {node}: {key} is one of {', '.join(names)}, not {_short(value)}")
        return value

    return read


def _rank(node: str, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10:
        raise ProgramError(f"node {node}: {key} is a whole number from 1 to 10, not {_short(value)}")
    return value


def _terms(node: str, key: str, value: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 6:
        raise ProgramError(f"node {node}: terms is a list of one to six [node, times]")
    terms: list[tuple[str, float]] = []
    for term in value:
        if not isinstance(term, list) or len(term) != 2:
            raise ProgramError(f"node {node}: a term is [node, times], not {_short(term)}")
        terms.append((_text(node, key, term[0]), _number(node, key, term[1])))
    return tuple(terms)


_FIELDS: Mapping[str, Callable[[str, str, object], Any]] = {
    "category": _text, "attribute": _text, "value": _text, "predicate": _text,
    "of": _text, "anchor": _text, "left": _text, "condition": _text,
    "right": _operand, "yes": _operand, "no": _operand,
    "side": _choice(Side), "axis": _choice(Axis), "by": _choice(By), "relation": _choice(Relation),
    "rank": _rank, "terms": _terms, "plus": _number,
}  # fmt: skip


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
                raise ProgramError(f"node {node.id}: reads {_short(name)}, which no earlier node gives")
            if given != wanted and not (wanted == "instance" and given == "set"):
                raise ProgramError(f"node {node.id}: {name} is a {given}, but a {wanted} is needed")
        seen[node.id] = node.gives
    if seen.get(program.answer) != "number":
        raise ProgramError(f"the answer {_short(program.answer)} is not a node that gives a number")


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
            parts.append(repr(_plain(value)) if constants or name == "rank" else "#")
        elif name in REFERENCES and not (name == "right" and isinstance(node, Compare) and _is_literal(node)):
            parts.append(text[value])
        else:
            parts.append(repr(value))
    return parts


def _canonical_terms(node: Arith, text: Mapping[str, str], constants: bool) -> str:
    summed: dict[str, float] = {}
    for name, times in node.terms:
        summed[text[name]] = summed.get(text[name], 0) + times
    return "+".join(sorted(f"{_plain(times) if constants else '#'}*{key}" for key, times in summed.items()))


def _is_literal(node: Compare) -> bool:
    return node.by == "attribute" or node.to_middle


REFERENCES = frozenset({"of", "anchor", "left", "right", "condition", "yes", "no"})


_MIXED = frozenset({Extreme, Compare, Pick, Arith})


@functools.cache
def _field_names(cls: type[Node]) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(cls) if item.name != "id")


@functools.cache
def _layout(cls: type[Node]) -> tuple[Callable[[Node], Any], tuple[bool, ...]]:
    """How to fetch an operation's fields, all of them texts, and which of them name a node."""
    names = _field_names(cls)
    return operator.attrgetter(*names), tuple(name in REFERENCES for name in names)
