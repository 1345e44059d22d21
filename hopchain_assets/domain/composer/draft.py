"""A program in the making: nodes, hops and involved instances grow together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hopchain_assets.domain.composer.sights import Counted, Found, Group, Sighting
from hopchain_assets.domain.english.wording import write
from hopchain_assets.domain.interpreter import Plan
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
    Operand,
    Pick,
    Program,
    Read,
    Side,
    SideOf,
)
from hopchain_assets.domain.records import Chain, Facts, Hop, HopKind, Level, canonical_number
from hopchain_assets.domain.world import World


@dataclass(slots=True)
class Look:
    """A hop in the making; `needs` are the looks (by node id) that it refers to or reckons with."""

    node: str
    kind: HopKind
    level: Level
    needs: set[str]
    result: str
    grounds: list[str]


@dataclass(slots=True)
class Draft:
    """Builds a chain move by move; every method returns the id of the node it made."""

    facts: Facts
    nodes: list[Node] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    instances: set[int] = field(default_factory=set)
    value: dict[str, float] = field(default_factory=dict)
    rivals: dict[str, int] = field(default_factory=dict)
    _sets: dict[tuple[object, ...], str] = field(default_factory=dict)
    _loose: list[str] = field(default_factory=list)

    def find(self, move: Found, anchor: str | None) -> str:
        """Finds an instance, at the picture's edge or from another instance."""
        of = self._group(move.group)
        if anchor is None:
            assert move.axis is not None
            node: Node = Extreme(self._name(), of, move.axis, move.rank)
        else:
            if move.side is not None:
                of = self._beside(of, move.side, anchor)
            node = (Farthest if move.far else Nearest)(self._name(), of, anchor)
        self.instances.add(move.instance)
        self.rivals[node.id] = move.rival
        needs = set() if anchor is None else {anchor}
        kind: HopKind = "root" if anchor is None else "instance_chain"
        return self._look(node, kind, "L2", needs, self.facts.instances[move.instance].instance_id)

    def count(self, move: Counted, anchor: str) -> str:
        """Counts a group on a side of an instance, as a look of its own."""
        of = self._beside(self._group(move.group), move.side, anchor)
        node = Count(self._name(), of)
        self.instances.update(move.members)
        self.value[node.id] = len(move.members)
        return self._look(node, self._kind("L2", {anchor}), "L2", {anchor}, str(len(move.members)))

    def read(self, instance: str, attribute: str, value: str) -> str:
        """Reads the number on an instance."""
        node = Read(self._name(), instance, attribute)
        self.value[node.id] = float(value)
        return self._look(node, self._kind("L1", {instance}), "L1", {instance}, canonical_number(float(value)))

    def judge(self, seen: Sighting, one: str, other: str | None) -> str:
        """A condition about one instance, or about two."""
        level: Level = "L1" if other is None else "L2"
        needs = {one} if other is None else {one, other}
        if seen.by == "attribute":
            node = Compare(self._name(), "attribute", "is", one, seen.value, seen.attribute)
        else:
            by = "area" if seen.by == "area" else "position"
            node = Compare(self._name(), by, seen.relation, one, other or "middle")
        return self._look(node, self._kind(level, needs), level, needs, "yes" if seen.holds else "no")

    def judge_count(self, move: Counted, anchor: str, more: bool, than: int) -> str:
        """A condition about how many of a group there are on a side: one look with its count."""
        of = self._beside(self._group(move.group), move.side, anchor)
        count = Count(self._name(), of)
        self._add(count)
        self.instances.update(move.members)
        holds = len(move.members) > than if more else len(move.members) < than
        node = Compare(self._name(), "value", "more" if more else "fewer", count.id, than)
        return self._look(node, self._kind("L2", {anchor}), "L2", {anchor}, "yes" if holds else "no")

    def sum(self, terms: tuple[tuple[str, int], ...], plus: int) -> Operand:
        """A sum of numbers, each with its factor; a plain number stays as it is."""
        if not terms:
            return plus
        node = Arith(self._name(), terms, plus)
        self.value[node.id] = plus + sum(times * self.value[name] for name, times in terms)
        return self._reckon(node)

    def pick(self, condition: str, yes: Operand, no: Operand) -> str:
        """One of two numbers by the condition that was judged last."""
        holds = self.looks[-1].result == "yes"
        node = Pick(self._name(), condition, yes, no)
        chosen = yes if holds else no
        self.value[node.id] = self.value[chosen] if isinstance(chosen, str) else chosen
        return self._reckon(node)

    def is_sensitive(self, answer: str, world: World) -> bool:
        """Whether taking the rival of any found instance changes the answer: most walks fall here, before any words."""
        plan = Plan(Program(tuple(self.nodes), answer))
        values = plan.run(world)
        return all(
            plan.answer_if(world, values, {plan.position[node]: rival}) != self.value[answer]
            for node, rival in self.rivals.items()
        )

    def finish(self, answer: str, skeleton: str, generator: str, wording_seed: int) -> Chain:
        """The chain, with its words.

        Raises:
            Unspeakable: when the program has no words in the composer's English.
        """
        program = Program(tuple(self.nodes), answer)
        wording = write(program, wording_seed)
        number = {look.node: k for k, look in enumerate(self.looks, start=1)}
        hops = tuple(
            Hop(
                number=number[look.node],
                kind=look.kind,
                level=look.level,
                depends_on=tuple(sorted(number[name] for name in look.needs)),
                grounds=tuple(look.grounds),
                text=_spoken(look, wording.texts),
                result=look.result,
            )
            for look in self.looks
        )
        return Chain(
            image_id=self.facts.image_id,
            question=wording.question,
            program=program,
            hops=hops,
            answer=canonical_number(self.value[answer]),
            instance_ids=tuple(sorted(self.facts.instances[k].instance_id for k in self.instances)),
            query_type="C",
            skeleton=skeleton,
            generator=generator,
        )

    def _name(self) -> str:
        return f"n{len(self.nodes) + 1}"

    def _add(self, node: Node) -> str:
        self.nodes.append(node)
        self._loose.append(node.id)
        return node.id

    def _group(self, group: Group) -> str:
        key: tuple[object, ...] = ("objects", group.category)
        if key not in self._sets:
            self._sets[key] = self._add(Objects(self._name(), group.category))
        name = self._sets[key]
        if group.attribute:
            key = ("filter", name, group.attribute, group.value)
            if key not in self._sets:
                self._sets[key] = self._add(Filter(self._name(), name, group.attribute, group.value))
            name = self._sets[key]
        return name

    def _beside(self, of: str, side: Side, anchor: str) -> str:
        key = ("side", of, side, anchor)
        if key not in self._sets:
            self._sets[key] = self._add(SideOf(self._name(), of, anchor, side))
        return self._sets[key]

    def _look(self, node: Node, kind: HopKind, level: Level, needs: set[str], result: str) -> str:
        self._add(node)
        self.looks.append(Look(node.id, kind, level, needs, result, self._loose))
        self._loose = []
        return node.id

    def _reckon(self, node: Node) -> str:
        """Reckoning is done in the hop of the latest look that it uses."""
        names = {name for name, _ in node.inputs()}
        used = [k for k, look in enumerate(self.looks) if not names.isdisjoint(look.grounds)]
        home = self.looks[max(used)]
        home.needs |= {self.looks[k].node for k in used} - {home.node}
        home.grounds.append(node.id)
        self.nodes.append(node)
        return node.id

    def _kind(self, level: Level, needs: set[str]) -> HopKind:
        levels = {look.level for look in self.looks if look.node in needs}
        return "instance_chain" if levels == {level} else "perception_level"


def _spoken(look: Look, texts: Mapping[str, str]) -> str:
    """The words of a hop: those of its look, and of what is reckoned with it; a pick's words hold its condition's."""
    reckoned = [texts[name] for name in look.grounds[look.grounds.index(look.node) + 1 :] if name in texts]
    own = texts[look.node]
    return " ".join(reckoned if reckoned and look.result in ("yes", "no") else [own, *reckoned])
