"""Writes a program as a question a person would ask: one paragraph, hops in order.

Every look of the program (a found instance, a count, a number read, a condition) becomes a sentence
or a clause; `docs/english.md` lists the sentences. `write` raises `Unspeakable` for programs
outside this English (a `perceive` node, say): a model words those.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from hopchain_assets.domain.english.nouns import plural, singular
from hopchain_assets.domain.program import (
    Arith,
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
    Pick,
    Program,
    Read,
    SideOf,
)
from hopchain_assets.domain.records import canonical_number

LETTERS = "NMKT"
ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
SIDES = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}
HALVES = {"left": "left", "right": "right", "above": "upper", "below": "lower"}
EDGES = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
FIRST_ALONG = {
    "left": "furthest to the left",
    "right": "furthest to the right",
    "top": "highest up",
    "bottom": "lowest down",
}
THAN = {
    "left": "further to the left than",
    "right": "further to the right than",
    "above": "higher up in the picture than",
    "below": "lower down in the picture than",
}
VALUES = {"more": "greater than", "fewer": "less than", "equal": "equal to"}


class Unspeakable(ValueError):
    """The program is outside this English; the message says which node."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A question and, for each look of the program in order, the words that ask for it."""

    question: str
    texts: dict[str, str]


def write(program: Program, seed: int) -> Wording:
    """Words for a program; the seed chooses among equivalent ways to say it.

    Raises:
        Unspeakable: when a node has no words here.
    """
    return _Writer(program, Random(seed)).paragraph()


class _Writer:
    def __init__(self, program: Program, random: Random) -> None:
        self.nodes = program.by_id()
        self.order = program.nodes
        self.answer = program.answer
        self.random = random
        self.uses: dict[str, list[Node]] = {}
        for node in program.nodes:
            for name, _ in node.inputs():
                self.uses.setdefault(name, []).append(node)
        self.inline = {node.id for node in program.nodes if self._goes_inline(node)}
        self.letters = self._letters()
        self.names = self._names()
        self.texts: dict[str, str] = {}

    def paragraph(self) -> Wording:
        sentences = [text for node in self.order if (text := self._sentence(node))]
        closing = self._choose("What is the answer?", "What number do you get?", "What is the result?")
        return Wording(" ".join([*sentences, closing]), self.texts)

    def _choose(self, *options: str) -> str:
        return options[self.random.randrange(len(options))]

    # -- names ---------------------------------------------------------------------------------

    def _goes_inline(self, node: Node) -> bool:
        """An instance that only one condition asks for may be found inside that condition."""
        if not isinstance(node, Nearest | Farthest) or self._has_tail(node.of):
            return False
        uses = self.uses.get(node.id, [])
        return len(uses) == 1 and isinstance(uses[0], Compare) and self.random.random() < 0.5

    def _letters(self) -> dict[str, str]:
        """Numbers that later steps use get a letter; a count inside one condition needs none."""
        named = [n for n in self.order if n.gives == "number" and n.id != self.answer and self._is_named(n)]
        if len(named) > len(LETTERS):
            raise Unspeakable(f"more than {len(LETTERS)} numbers have to be kept in mind")
        return {node.id: letter for node, letter in zip(named, LETTERS, strict=False)}

    def _is_named(self, node: Node) -> bool:
        uses = self.uses.get(node.id, [])
        if isinstance(node, Arith):
            return False
        return not (isinstance(node, Count) and len(uses) == 1 and isinstance(uses[0], Compare))

    def _names(self) -> dict[str, str]:
        """`that chair` where one chair is found, `chair A` and `chair B` where several are."""
        found = [n for n in self.order if n.gives == "instance" and n.id not in self.inline]
        categories = [self._category(node) for node in found]
        names: dict[str, str] = {}
        used = 0
        for node, category in zip(found, categories, strict=True):
            if categories.count(category) == 1:
                names[node.id] = f"that {singular(category)}"
            else:
                names[node.id] = f"{singular(category)} {'ABCDEF'[used]}"
                used += 1
        return names

    def _category(self, node: Node) -> str:
        while not isinstance(node, Objects):
            if not isinstance(node, Filter | SideOf | Overlapping | Inside | Extreme | Nearest | Farthest):
                raise Unspeakable(f"node {node.id}: {node.op} has no words")
            node = self.nodes[node.of]
        return node.category

    def _has_tail(self, name: str) -> bool:
        """A group with words after its noun: "closest to it" behind them could belong to either."""
        node = self.nodes[name]
        while isinstance(node, Filter) and node.attribute == "color":
            node = self.nodes[node.of]
        return not isinstance(node, Objects)

    # -- phrases -------------------------------------------------------------------------------

    def _set(self, name: str, many: bool, other: bool = False) -> str:
        """A set as a noun phrase without its article."""
        node = self.nodes[name]
        tail = ""
        colors: list[str] = []
        while not isinstance(node, Objects):
            if isinstance(node, SideOf):
                tail = f" {SIDES[node.side]} {self._instance(node.anchor)}{tail}"
            elif isinstance(node, Overlapping):
                tail = f" touching {self._instance(node.anchor)}{tail}"
            elif isinstance(node, Inside):
                tail = f" inside the outline of {self._instance(node.anchor)}{tail}"
            elif isinstance(node, Filter) and node.attribute == "color":
                colors.append(node.value + " ")
            elif isinstance(node, Filter) and node.attribute == "facing":
                tail = f" facing {node.value}{tail}"
            else:
                raise Unspeakable(f"node {node.id}: {node.op} has no words")
            node = self.nodes[node.of]
        noun = plural(node.category) if many else singular(node.category)
        return f"{'other ' if other else ''}{''.join(colors)}{noun}{tail}"

    def _instance(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        node = self.nodes[name]
        if isinstance(node, Nearest | Farthest):
            self.texts.setdefault(name, f"the {self._reached(node)}")
            return f"the {self._reached(node)}"
        return f"the {self._set(name, many=False)}"

    def _is_other(self, node: Nearest | Farthest) -> bool:
        anchor = self.nodes[node.anchor]
        plain = isinstance(self.nodes[node.of], Objects | Filter)
        return plain and self._category(anchor) == self._category(node)

    def _reached(self, node: Nearest | Farthest) -> str:
        towards = "closest to" if isinstance(node, Nearest) else "farthest from"
        return f"{self._set(node.of, many=False, other=self._is_other(node))} {towards} {self._instance(node.anchor)}"

    def _number(self, operand: Operand) -> str:
        if not isinstance(operand, str):
            return canonical_number(operand)
        if operand in self.letters:
            return self.letters[operand]
        node = self.nodes[operand]
        if isinstance(node, Arith):
            return self._sum(node)
        raise Unspeakable(f"node {operand}: a number without a name")

    def _sum(self, node: Arith) -> str:
        words = ""
        for name, times in node.terms:
            part = self.letters.get(name)
            if part is None:
                raise Unspeakable(f"node {node.id}: adds a number without a name")
            if abs(times) != 1:
                part = f"{canonical_number(abs(times))} times {part}"
            if not words and times < 0:
                raise Unspeakable(f"node {node.id}: starts with a minus")
            words += part if not words else f" {'plus' if times > 0 else 'minus'} {part}"
        if node.plus:
            words += f" {'plus' if node.plus > 0 else 'minus'} {canonical_number(abs(node.plus))}"
        return words

    def _condition(self, node: Compare) -> str:
        if node.by == "value":
            return self._value_condition(node)
        left = self._instance(node.left)
        if node.by == "attribute":
            if node.attribute == "facing":
                return f"{left} {self._choose('faces', 'is facing')} {node.right}"
            if node.attribute == "color":
                return f"{left} is {node.right}"
            raise Unspeakable(f"node {node.id}: {node.attribute} has no words")
        if node.to_middle:
            return f"{left} is in the {HALVES[node.relation]} half of the picture"
        right = self._instance(str(node.right))
        if node.by == "area":
            return f"{left} takes up {'more' if node.relation == 'larger' else 'less'} of the picture than {right}"
        return f"{left} is {THAN[node.relation]} {right}"

    def _value_condition(self, node: Compare) -> str:
        left = self.nodes[node.left]
        if node.left in self.letters:
            return f"{self.letters[node.left]} is {VALUES[node.relation]} {self._number(node.right)}"
        if not isinstance(left, Count):
            raise Unspeakable(f"node {node.id}: compares a number without a name")
        if isinstance(node.right, str) and node.right not in self.letters:
            right = self.nodes[node.right]
            if not isinstance(right, Count) or node.relation == "equal":
                raise Unspeakable(f"node {node.id}: compares a number without a name")
            return f"there are {node.relation} {self._set(left.of, many=True)} than {self._set(right.of, many=True)}"
        amount = self._number(node.right)
        how_many = f"exactly {amount}" if node.relation == "equal" else f"{node.relation} than {amount}"
        return f"the number of {self._set(left.of, many=True)} is {how_many}"

    # -- sentences -----------------------------------------------------------------------------

    def _sentence(self, node: Node) -> str:
        if node.id in self.inline:
            return ""
        if isinstance(node, Extreme):
            text = self._root(node)
        elif isinstance(node, Nearest | Farthest):
            text = self._step(node)
        elif isinstance(node, Count) and node.id in self.letters:
            text = self._count(node)
        elif isinstance(node, Read):
            text = self._read(node)
        elif isinstance(node, Pick):
            text = self._pick(node)
        elif isinstance(node, Arith) and node.id == self.answer:
            text = f"The answer is {self._sum(node)}."
        else:
            return ""
        self.texts[node.id] = text
        return text

    def _naming(self, node: Node) -> str:
        name = self.names[node.id]
        return "" if name.startswith("that ") else f"; call this one {name}"

    def _root(self, node: Extreme) -> str:
        verb = self._choose("Find", "Look for", "Start with", "Locate")
        noun = self._set(node.of, many=False)
        who = "who" if self._category(node) == "person" else "that"
        return f"{verb} the {noun} {who} {self._place(node)}{self._naming(node)}."

    def _place(self, node: Extreme) -> str:
        if node.axis in ("largest", "smallest"):
            rank = f"{ORDINALS[node.rank]} " if node.rank > 1 else ""
            return f"takes up the {rank}{node.axis} area of the picture"
        if node.rank == 1:
            return f"is {FIRST_ALONG[node.axis]} in the picture"
        return f"is {ORDINALS[node.rank]} from the {EDGES[node.axis]}"

    def _step(self, node: Nearest | Farthest) -> str:
        anchor = self._instance(node.anchor)
        towards = "closest to" if isinstance(node, Nearest) else "farthest from"
        if not self._has_tail(node.of) and self.random.random() < 0.5:
            verb = self._choose("Now find", "Next, go to", "Then find")
            return f"{verb} the {self._reached(node)}{self._naming(node)}."
        group = self._set(node.of, many=True, other=self._is_other(node))
        of = self.nodes[node.of]
        if isinstance(of, SideOf) and of.anchor == node.anchor:
            anchor = "them" if self._category(self.nodes[node.anchor]) == "person" else "it"
        verb = self._choose("take", "pick")
        return f"Among the {group}, {verb} the one {towards} {anchor}{self._naming(node)}."

    def _count(self, node: Count) -> str:
        letter = self.letters[node.id]
        if self.random.random() < 0.7:
            return f"Count the {self._set(node.of, many=True)}; call the number {letter}."
        return f"Let {letter} be the number of {self._set(node.of, many=True)}."

    def _read(self, node: Read) -> str:
        instance, letter = self._instance(node.of), self.letters.get(node.id)
        if letter is None:
            raise Unspeakable(f"node {node.id}: the number is the answer itself")
        if node.attribute == "number":
            return f"Read the number on {instance}; call it {letter}."
        if node.attribute == "dots":
            dots = "pips" if self._category(self.nodes[node.of]) == "die" else "dots"
            return f"Count the {dots} on {instance}; call the number {letter}."
        raise Unspeakable(f"node {node.id}: {node.attribute} has no words")

    def _pick(self, node: Pick) -> str:
        compare = self.nodes[node.condition]
        if not isinstance(compare, Compare):
            raise Unspeakable(f"node {node.id}: its condition has no words")
        condition = self._condition(compare)
        self.texts[compare.id] = f"whether {condition}"
        yes, no = self._number(node.yes), self._number(node.no)
        if node.id == self.answer:
            return f"If {condition}, the answer is {yes}; otherwise, it is {no}."
        return f"If {condition}, let {self.letters[node.id]} be {yes}; otherwise, let it be {no}."
