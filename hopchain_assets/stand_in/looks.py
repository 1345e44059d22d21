"""The looks of a program on a picture: what is found at each, what they involve, and which of them do not matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.stand_in.evaluate import Evaluator, Node, Program, Value, Values, lone

FINDS = frozenset({"extreme", "nearest", "farthest"})
# what comes out so in more than this share of pictures need not be looked at
USUAL = 0.86
SETS = frozenset({"objects", "filter", "perceive", "side", "overlapping", "inside"})


def reads(node: Node) -> list[tuple[str, bool]]:
    """Names of the nodes that a node reads, each with whether it stands for one instance there."""
    op = node["op"]
    if op in ("objects",):
        return []
    if op == "arith":
        return [(name, False) for name, _ in node["terms"]]
    if op == "pick":
        return [(node[key], False) for key in ("condition", "yes", "no") if isinstance(node[key], str)]
    if op == "compare":
        single = node["by"] != "value"
        right = isinstance(node["right"], str) and node["by"] != "attribute" and node["right"] != "middle"
        return [(node["left"], single), *([(node["right"], single)] if right else [])]
    return [(node["of"], op == "read"), *([(node["anchor"], True)] if "anchor" in node else [])]


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks in order, the nodes that stand for one instance, and who reads each node."""

    nodes: Mapping[str, Node]
    order: Sequence[str]
    referents: frozenset[str]
    users: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, program: Program) -> Looks:
        """Reads them off a program."""
        nodes: dict[str, Node] = {node["id"]: node for node in program["nodes"]}
        users: dict[str, list[str]] = {name: [] for name in nodes}
        referents = {name for name, node in nodes.items() if node["op"] in FINDS}
        for name, node in nodes.items():
            for read, single in reads(node):
                users[read].append(name)
                referents |= {read} if single else set()
        order = [name for name, node in nodes.items() if _is_look(node, referents, users[name], nodes)]
        return cls(nodes, order, frozenset(referents), users)

    def category(self, name: str) -> str:
        """The category that a set or an instance is taken from."""
        node = self.nodes[name]
        while node["op"] != "objects":
            node = self.nodes[node["of"]]
        return node["category"]

    def conditions(self) -> list[str]:
        """The looks that judge a condition."""
        return [name for name in self.order if self.nodes[name]["op"] == "compare"]


def _is_look(node: Node, referents: set[str], users: Sequence[str], nodes: Mapping[str, Node]) -> bool:
    if node["op"] == "count":
        # a count that serves one comparison only is one look with it
        return not (len(users) == 1 and nodes[users[0]]["op"] == "compare")
    return node["op"] in ("read", "compare") or node["id"] in referents


def involved(looks: Looks, values: Values) -> frozenset[int]:
    """Positions of the instances found, and of the members of what is counted."""
    found: set[int] = set()
    for name, node in looks.nodes.items():
        if node["op"] == "count":
            members = values[node["of"]]
            found.update(members if isinstance(members, tuple) else ())
        elif name in looks.referents:
            position = lone(values[name])
            found.update(() if position is None else (position,))
    return frozenset(found)


def result(looks: Looks, values: Values, look: str) -> str:
    """What a hop states of its look: a category, `yes` or `no`, a number."""
    value = values[look]
    if look in looks.referents:
        return looks.category(look)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return canonical_number(float(value)) if isinstance(value, int | float) else "0"


def idle_look(program: Program, evaluator: Evaluator) -> str | None:
    """A look whose outcome does not matter: whatever it gave, the answer would be the same. None where each matters."""
    looks, values = Looks.of(program), evaluator.run(program)
    answer = values[program["answer"]]
    for look in looks.order:
        others = list(_others(look, looks, values, evaluator))
        if all(evaluator.answer(program, {look: other}) == answer for other in others):
            return look
    return None


def is_tight(program: Program, evaluator: Evaluator) -> bool:
    """Whether the answer shows each slip that a careless look makes, and how each condition turned out."""
    looks, values = Looks.of(program), evaluator.run(program)
    answer = values[program["answer"]]
    for look in looks.order:
        others = list(_others(look, looks, values, evaluator))
        same = [evaluator.answer(program, {look: other}) == answer for other in others]
        if not same or same[0]:
            return False
        # one of the instances further off may agree by chance, of numbers and conditions none
        if sum(same) > (len(same) / 2 if look in looks.referents else 0):
            return False
    return _outcomes_differ(program, looks, evaluator)


def is_guessable(program: Program, elsewhere: Sequence[Evaluator]) -> bool:
    """Whether a count or a condition comes out alike in nearly all other pictures with the same objects."""
    told: dict[str, list[Value]] = {node["id"]: [] for node in program["nodes"] if node["op"] in ("count", "compare")}
    for evaluator in elsewhere:
        values = evaluator.run(program)
        for name, seen in told.items():
            if values[name] is not None:
                seen.append(values[name])
    return any(seen and max(map(seen.count, seen)) > USUAL * len(seen) for seen in told.values())


def _outcomes_differ(program: Program, looks: Looks, evaluator: Evaluator) -> bool:
    conditions = looks.conditions()
    outcomes = [
        evaluator.answer(program, dict(zip(conditions, told, strict=True)))
        for told in product((True, False), repeat=len(conditions))
    ]
    return len(set(outcomes)) == len(outcomes)


def _others(look: str, looks: Looks, values: Values, evaluator: Evaluator) -> Iterator[Value]:
    """What a look might have given instead, the likeliest slip first."""
    node, value = looks.nodes[look], values[look]
    if look in looks.referents:
        yield from _rivals(node, look, looks, values, evaluator)
    elif node["op"] == "compare":
        yield not value
    elif node["op"] == "read":
        yield from (value + slip for slip in (1.0, -1.0, 2.0, -2.0))
    else:
        most = len(evaluator.known.categories.get(looks.category(node["of"]), ()))
        counts = [value + slip for slip in (1.0, -1.0, 2.0, -2.0)]
        yield from (other for other in counts if 0 <= other <= most)


def _rivals(node: Any, look: str, looks: Looks, values: Values, evaluator: Evaluator) -> Iterator[Value]:
    """Other instances of the category: the next best of the set that was searched, then the rest."""
    found = lone(values[look])
    anchor = lone(values[node["anchor"]]) if "anchor" in node else None
    if found is None:
        return
    category = evaluator.known.categories.get(looks.category(look), ())
    members = values[node["of"]] if node["op"] in FINDS else ()
    pool = set(members) if isinstance(members, tuple) else set()

    def badness(k: int) -> tuple[bool, float]:
        if anchor is not None:
            return k not in pool, abs(evaluator.apart(k, anchor) - evaluator.apart(found, anchor))
        return k not in pool, evaluator.apart(k, found)

    rivals = sorted((k for k in category if k not in (found, anchor)), key=badness)
    yield from ((k,) if node["op"] in SETS else k for k in rivals)
