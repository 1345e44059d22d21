"""Writes a program as a question a person would ask: one paragraph, hops in order.

Every look of the program (a found instance, a count, a number read, a condition) becomes a sentence
or a clause; `docs/english.md` lists the sentences. `write` raises `Unspeakable` for programs
outside this English (a `perceive` node, say): a model words those.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from hopchain_assets.domain.english.groups import Groups, towards
from hopchain_assets.domain.english.naming import Naming, Unspeakable, is_color
from hopchain_assets.domain.english.nouns import human
from hopchain_assets.domain.program import (
    MAX_CONSTANT,
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Nearest,
    Node,
    Objects,
    Operand,
    Pick,
    Program,
    Read,
)
from hopchain_assets.domain.records import canonical_number

__all__ = ["Unspeakable", "Wording", "write"]

ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
HALVES = {"left": "left", "right": "right", "above": "upper", "below": "lower"}
FIRST_ALONG = {
    "left": "furthest to the left",
    "right": "furthest to the right",
    "top": "highest",
    "bottom": "lowest",
}
THAN = {
    "left": "further to the left than",
    "right": "further to the right than",
    "above": "higher in the picture than",
    "below": "lower in the picture than",
}
VALUES = {"more": "greater than", "fewer": "less than", "equal": "equal to"}


@dataclass(frozen=True, slots=True)
class Wording:
    """A question and, for each look of the program in order, the words that ask for it."""

    question: str
    texts: dict[str, str]


def write(program: Program, seed: int) -> Wording:
    """Words for a program; the seed chooses among equivalent ways to say it.

    Nodes that do not reach the answer are not said, and equal nodes are said once.

    Raises:
        Unspeakable: when a node has no words here, or its words would not carry its meaning.
    """
    return _Writer(program, Random(seed)).paragraph()


class _Writer:
    def __init__(self, program: Program, random: Random) -> None:
        self.random = random
        self.naming = Naming(program, goes_inline=lambda: random.random() < 0.5)
        self.groups = Groups(self.naming)
        self.nodes = self.naming.nodes
        self.found: list[str] = []
        self.texts: dict[str, str] = {}

    def paragraph(self) -> Wording:
        sentences: list[str] = []
        for node in self.naming.order:
            if text := self._sentence(node, first=not sentences):
                sentences.append(text)
                self.texts[node.id] = text
        closing = self._choose("What is the answer?", "What number do you get?", "What is the result?")
        same = self.naming.same
        texts = {name: self.texts[node.id] for name, node in same.items() if node.id in self.texts}
        return Wording(" ".join([*sentences, closing]), texts)

    def _choose(self, *options: str) -> str:
        return options[self.random.randrange(len(options))]

    # -- sentences -----------------------------------------------------------------------------

    def _sentence(self, node: Node, first: bool) -> str:
        if node.id in self.naming.names:
            text = self._root(node, first) if isinstance(node, Extreme) else self._step(node, first)
            self.found.append(node.id)
            return f"{text}{self._calling(node.id)}."
        if node.id == self.naming.answer:
            return self._last(node)
        if node.id not in self.naming.letters:
            return ""
        if isinstance(node, Count):
            return self._count(node)
        if isinstance(node, Read):
            return self._read(node)
        return self._pick(node)

    def _calling(self, name: str) -> str:
        called = self.naming.names[name]
        pronoun = "them" if human(self.naming.category(name)) else "it"
        return "" if called.startswith("that ") else f"; call {pronoun} {called}"

    def _root(self, node: Extreme, first: bool) -> str:
        who = "who" if human(self.naming.category(node.of)) else "that"
        place = f"{who} {_place(node)}"
        if self.naming.is_bare(node.of):
            return f"{self._going(first)} the {self.groups.one(node.of)} {place}"
        return f"Among the {self.groups.many(node.of)}, {self._choose('take', 'pick')} the one {place}"

    def _going(self, first: bool) -> str:
        return self._choose("Find", "Look for", "Locate", *(["Start with"] if first else []))

    def _step(self, node: Node, first: bool) -> str:
        assert isinstance(node, Nearest | Farthest)
        if self.naming.is_bare(node.of) and self.random.random() < 0.5:
            verb = self._choose("Now find", "Next, go to", "Then find") if self.found else self._going(first)
            return f"{verb} the {self.groups.reached(node)}"
        group = f"{'other ' if self._is_other(node) else ''}{self.groups.many(node.of)}"
        anchor = self._pronoun(node) or self.groups.anchor(node.anchor)
        return f"Among the {group}, {self._choose('take', 'pick')} the one {towards(node)} {anchor}"

    def _is_other(self, node: Nearest | Farthest) -> bool:
        """Whether the group stands out as "the other ones": its only member found so far is the anchor."""
        group = self.nodes[node.of]
        if not isinstance(group, Objects):
            return False
        return [name for name in self.found if self.naming.category(name) == group.category] == [node.anchor]

    def _pronoun(self, node: Nearest | Farthest) -> str:
        """`it` or `them` for an anchor that the sentence named, when nothing else in it fits the word."""
        anchors = self.groups.anchors(node.of)
        if node.anchor not in anchors:
            return ""
        is_human = human(self.naming.category(node.anchor))
        fitting = [name for name in anchors if human(self.naming.category(name)) == is_human]
        if len(fitting) > 1 or (is_human and human(self.naming.category(node.of))):
            return ""
        return "them" if is_human else "it"

    def _count(self, node: Count) -> str:
        letter, group = self.naming.letters[node.id], self.groups.many(node.of, clause=True)
        if self.random.random() < 0.7:
            return f"Count the {group}; call the number {letter}."
        return f"Let {letter} be the number of {group}."

    def _read(self, node: Read) -> str:
        instance, letter = self.groups.instance(node.of), self.naming.letters[node.id]
        if node.attribute == "number":
            return f"Read the number on {instance}; call it {letter}."
        if node.attribute == "dots":
            dots = "pips" if self.naming.category(node.of) == "die" else "dots"
            return f"Count the {dots} on {instance}; call the number {letter}."
        raise Unspeakable(f"node {node.id}: {node.attribute} has no words")

    def _pick(self, node: Node) -> str:
        assert isinstance(node, Pick)
        compare = self.nodes[node.condition]
        assert isinstance(compare, Compare)
        condition = self._condition(compare)
        self.texts[compare.id] = f"whether {condition}"
        yes, no = self._number(node.yes), self._number(node.no)
        if node.id == self.naming.answer:
            return f"If {condition}, the answer is {yes}; otherwise, it is {no}."
        return f"If {condition}, let {self.naming.letters[node.id]} be {yes}; otherwise, let it be {no}."

    def _last(self, node: Node) -> str:
        if isinstance(node, Pick):
            return self._pick(node)
        if isinstance(node, Arith):
            return f"The answer is {self._sum(node)}."
        raise Unspeakable(f"node {node.id}: a {node.op} as the answer has no words")

    # -- conditions ----------------------------------------------------------------------------

    def _condition(self, node: Compare) -> str:
        if node.by == "value":
            return self._value_condition(node)
        left = self._instance(node.left)
        if node.by == "attribute":
            if node.attribute == "facing" and node.right in ("left", "right"):
                return f"{left} {self._choose('faces', 'is facing')} {node.right}"
            if node.attribute == "color" and is_color(str(node.right)):
                return f"{left} is {node.right}"
            raise Unspeakable(f"node {node.id}: {node.attribute} {node.right!r} has no words")
        if node.to_middle:
            return f"{left} is in the {HALVES[node.relation]} half of the picture"
        right = self._instance(str(node.right))
        if node.by == "area":
            return f"{left} takes up {'more' if node.relation == 'larger' else 'less'} of the picture than {right}"
        return f"{left} is {THAN[node.relation]} {right}"

    def _instance(self, name: str) -> str:
        words = self.groups.instance(name)
        if name in self.naming.inline:
            self.texts[name] = words
        return words

    def _value_condition(self, node: Compare) -> str:
        letters = self.naming.letters
        if node.left in letters:
            return f"{letters[node.left]} is {VALUES[node.relation]} {self._number(node.right)}"
        left, right = self.nodes[node.left], self.nodes.get(str(node.right))
        if not isinstance(left, Count):
            raise Unspeakable(f"node {node.id}: compares a number without a name")
        if isinstance(right, Count) and right.id not in letters:
            return f"there are {node.relation} {self.groups.many(left.of)} than {self.groups.many(right.of)}"
        relation = "exactly" if node.relation == "equal" else VALUES[node.relation]
        return f"the number of {self.groups.many(left.of, clause=True)} is {relation} {self._number(node.right)}"

    # -- numbers -------------------------------------------------------------------------------

    def _number(self, operand: Operand) -> str:
        if not isinstance(operand, str):
            return _constant(operand)
        if operand in self.naming.letters:
            return self.naming.letters[operand]
        node = self.nodes[operand]
        if isinstance(node, Arith):
            if not node.plus and list(_summed(node).values()) == [1]:
                raise Unspeakable(f"node {node.id}: reckons nothing")
            return self._sum(node)
        raise Unspeakable(f"node {operand}: a number without a name")

    def _sum(self, node: Arith) -> str:
        words = ""
        for name, times in _summed(node).items():
            part = self.naming.letters.get(name)
            if part is None:
                raise Unspeakable(f"node {node.id}: adds {name}, a number without a name")
            if not times or (not words and times < 0):
                raise Unspeakable(f"node {node.id}: {times} times {name} has no words in this place of a sum")
            if abs(times) != 1:
                part = f"{_constant(abs(times))} times {part}"
            words += part if not words else f" {'plus' if times > 0 else 'minus'} {part}"
        if node.plus:
            words += f" {'plus' if node.plus > 0 else 'minus'} {_constant(abs(node.plus))}"
        return words


def _summed(node: Arith) -> dict[str, float]:
    """How many times each number is added in all."""
    times: dict[str, float] = {}
    for name, more in node.terms:
        times[name] = times.get(name, 0) + more
    return times


def _place(node: Extreme) -> str:
    if node.rank != 1 and node.rank not in ORDINALS:
        raise Unspeakable(f"node {node.id}: rank {node.rank} has no words")
    if node.axis in ("largest", "smallest"):
        rank = f"{ORDINALS[node.rank]}-" if node.rank > 1 else ""
        return f"takes up the {rank}{node.axis} area in the picture"
    if node.rank == 1:
        return f"is {FIRST_ALONG[node.axis]} in the picture"
    return f"is {ORDINALS[node.rank]} from the {node.axis}"


def _constant(value: float) -> str:
    """A constant in digits.

    Raises:
        Unspeakable: when six decimals or a million do not hold it.
    """
    if not abs(value) <= MAX_CONSTANT or float(canonical_number(value)) != value:
        raise Unspeakable(f"the constant {value} has no plain digits")
    return canonical_number(value)
