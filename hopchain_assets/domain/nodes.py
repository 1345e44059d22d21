"""The operations of the language of chains: each a new look at the picture or a step of reckoning.

docs/programs.md says what each means; `interpreter/` and `warehouse/program_sql.py` give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

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
