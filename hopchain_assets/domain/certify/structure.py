"""The shape of a chain: what its looks are, how they hang together, and the rules about that.

A *look* is a node that makes a person look at the picture again: an instance found, a number counted or
read, a condition judged. A count that serves one comparison only is one look with it. Rules: `kinds`,
`chained`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hopchain_assets.domain.interpreter import Plan, Value
from hopchain_assets.domain.program import (
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Nearest,
    Node,
    Objects,
    Pick,
    Program,
    Read,
    Type,
)
from hopchain_assets.domain.records import Chain, Finding, HopKind, Level


@dataclass(slots=True)
class Structure:
    """Looks in program order with what each needs to have been seen before.

    `needs[look]` are the looks that the look itself refers to (not those that are only reckoned with
    afterwards), `group[node]` the look in whose hop a node is done, `referents` the nodes that stand for one instance.
    """

    program: Program
    nodes: dict[str, Node]
    looks: list[str] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    referents: list[str] = field(default_factory=list)
    hop_needs: dict[str, set[str]] = field(default_factory=dict)
    inputs: dict[str, tuple[tuple[str, Type], ...]] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)

    @classmethod
    def of(cls, program: Program) -> Structure:
        """Reads the structure off a program."""
        self = cls(program, program.by_id())
        self.inputs = {node.id: node.inputs() for node in program.nodes}
        self._find_referents()
        users = self._users()
        below: dict[str, set[str]] = {}
        for node in program.nodes:
            seen: set[str] = set()
            for name, _ in self.inputs[node.id]:
                seen |= {name} if name in below and name in self.looks else below[name]
            if self._is_look(node, users.get(node.id, [])):
                self.looks.append(node.id)
                self.needs[node.id] = seen
            below[node.id] = seen
        self.levels = {look: self._level(look) for look in self.looks}
        self._group()
        return self

    def level(self, look: str) -> Level:
        """L1 for what one object shows by itself, L2 for what several show together."""
        return self.levels[look]

    def _level(self, look: str) -> Level:
        node = self.nodes[look]
        alone = isinstance(node, Read) or (isinstance(node, Compare) and (node.by == "attribute" or node.to_middle))
        if node.gives == "set":
            alone = not self.needs[look]
        return "L1" if alone else "L2"

    def kind(self, look: str) -> HopKind:
        """How a look goes on from the ones it needs."""
        if not self.needs[look]:
            return "root"
        if look in self.referents:
            return "instance_chain"
        changed = any(self.level(other) != self.level(look) for other in self.needs[look])
        return "perception_level" if changed else "instance_chain"

    def base(self, name: str) -> Objects:
        """The category that a set or an instance is taken from."""
        node = self.nodes[name]
        while not isinstance(node, Objects):
            node = self.nodes[self.inputs[node.id][0][0]]
        return node

    def conditions(self) -> list[str]:
        """The conditions, in program order."""
        return [look for look in self.looks if self.nodes[look].gives == "condition"]

    def longest_path(self) -> int:
        """Looks on the longest way from a root, each needing the one before."""
        length: dict[str, int] = {}
        for look in self.looks:
            length[look] = 1 + max((length[other] for other in self.needs[look]), default=0)
        return max(length.values(), default=0)

    def used_looks(self) -> set[str]:
        """Looks that the answer depends on."""
        return self.program.used() & set(self.looks)

    def _find_referents(self) -> None:
        standing = {
            name for node in self.program.nodes for name, wanted in self.inputs[node.id] if wanted == "instance"
        }  # a set stands for an instance here when it has one member
        self.referents = [n.id for n in self.program.nodes if n.gives == "instance" or n.id in standing]

    def _users(self) -> dict[str, list[Node]]:
        users: dict[str, list[Node]] = {}
        for node in self.program.nodes:
            for name, _ in self.inputs[node.id]:
                users.setdefault(name, []).append(node)
        return users

    def _is_look(self, node: Node, users: list[Node]) -> bool:
        if isinstance(node, Count):
            return not (users and all(isinstance(user, Compare) for user in users) and len(users) == 1)
        if isinstance(node, Extreme | Nearest | Farthest | Read | Compare):
            return True
        return node.id in self.referents

    def _group(self) -> None:
        """A set is seen in the hop that first needs it, reckoning done in the hop of the latest look it uses."""
        place = {look: k for k, look in enumerate(self.looks)}
        for node in self.program.nodes:
            if node.id in place:
                self.group[node.id] = node.id
                self.hop_needs[node.id] = set(self.needs[node.id])
                for name in self._seen_with(node):
                    self.group.setdefault(name, node.id)
            elif isinstance(node, Pick | Arith):
                used = {self.group[name] for name, _ in self.inputs[node.id]}
                home = max(used, key=place.__getitem__)
                self.group[node.id] = home
                self.hop_needs[home] |= used - {home}

    def _seen_with(self, look: Node) -> set[str]:
        """Sets and uncounted counts below a look, down to the looks before it."""
        found: set[str] = set()
        waiting = [name for name, _ in self.inputs[look.id]]
        while waiting:
            node = self.nodes[waiting.pop()]
            if node.id not in self.looks and node.id not in found and not isinstance(node, Pick | Arith):
                found.add(node.id)
                waiting.extend(name for name, _ in self.inputs[node.id])
        return found


def involved(structure: Structure, plan: Plan, values: Sequence[Value]) -> int:
    """The set of the instances that hops find, and of the members of what they count (paper: a combination)."""
    found = 0
    for node in plan.program.nodes:
        if isinstance(node, Count):
            members = values[plan.position[node.of]]
            found |= members if isinstance(members, int) else 0
        elif node.id in structure.referents:
            value = values[plan.position[node.id]]
            if isinstance(value, int):
                found |= value if node.gives == "set" else 1 << value
    return found


def kinds(structure: Structure) -> Iterator[Finding]:
    """Both hop kinds and both levels occur (paper: every query is L3 and alternates)."""
    kinds_seen = {structure.kind(look) for look in structure.looks}
    levels = {structure.level(look) for look in structure.looks}
    for kind in ("instance_chain", "perception_level"):
        if kind not in kinds_seen:
            yield Finding("kinds", f"no hop is of the kind {kind}")
    for level in ("L1", "L2"):
        if level not in levels:
            yield Finding("kinds", f"no hop is of level {level}")


def chained(structure: Structure, chain: Chain) -> Iterator[Finding]:
    """One root, everything else grows from it and ends in the answer; no branch ends the chain early."""
    roots = [look for look in structure.looks if not structure.needs[look]]
    if len(roots) != 1:
        yield Finding("chained", f"{len(roots)} hops start afresh ({', '.join(roots)}), one may")
    used = structure.used_looks()
    unused = [look for look in structure.looks if look not in used]
    if unused:
        yield Finding("chained", f"hop {unused[0]} does not reach the answer")
    longest = structure.longest_path()
    if longest < 3:
        yield Finding("chained", f"the longest path has {longest} hops, it needs 3")
    if not 3 <= len(structure.looks) <= 6:
        yield Finding("chained", f"there are {len(structure.looks)} hops, 3 to 6 are allowed")
    yield from _early_exits(structure)
    yield from _misstated(structure, chain)


def _early_exits(structure: Structure) -> Iterator[Finding]:
    """What only one branch of a pick needs would not have to be looked at on the other."""
    for node in structure.program.nodes:
        if not isinstance(node, Pick):
            continue
        for branch, other in ((node.yes, node.no), (node.no, node.yes)):
            if not isinstance(branch, str):
                continue
            elsewhere = _reached_without(structure, node.id, branch, other)
            lost = (_looks_below(structure, branch)) - elsewhere
            if lost:
                yield Finding("chained", f"{sorted(lost)[0]} is needed on one branch of {node.id} only: an early exit")


def _looks_below(structure: Structure, name: str) -> set[str]:
    reached = {name}
    for node in reversed(structure.program.nodes):
        if node.id in reached:
            reached.update(below for below, _ in structure.inputs[node.id])
    return reached & set(structure.looks)


def _reached_without(structure: Structure, pick: str, branch: str, other: object) -> set[str]:
    """Nodes the answer needs when `pick` takes its other branch."""
    reached = {structure.program.answer}
    for node in reversed(structure.program.nodes):
        if node.id not in reached:
            continue
        for name, _ in structure.inputs[node.id]:
            if node.id == pick and name == branch and name != other:
                continue
            reached.add(name)
    return reached


def _misstated(structure: Structure, chain: Chain) -> Iterator[Finding]:
    """The hops that the chain lists are the program's own."""
    if len(chain.hops) != len(structure.looks):
        yield Finding("chained", f"{len(chain.hops)} hops are stated, the program has {len(structure.looks)}")
        return
    number = {look: k for k, look in enumerate(structure.looks, start=1)}
    for hop, look in zip(chain.hops, structure.looks, strict=True):
        stated = (hop.number, hop.kind, hop.level, set(hop.depends_on))
        found = (
            number[look],
            structure.kind(look),
            structure.level(look),
            {number[other] for other in structure.hop_needs[look]},
        )
        if stated != found or look not in hop.grounds:
            yield Finding("chained", f"hop {hop.number} is stated as {stated}, the program says {found} at {look}")
            return
