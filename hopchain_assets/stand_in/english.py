"""Writes a program in the stand-in's own English (`vocabulary.py`), one sentence a step.

Several ways to say each step are drawn by a seed. `reading.py` reads every one of them back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from hopchain_assets.domain.english.nouns import plural, singular, speakable
from hopchain_assets.domain.records import canonical_number
from hopchain_assets.stand_in import vocabulary as v
from hopchain_assets.stand_in.evaluate import Node, Program
from hopchain_assets.stand_in.looks import FINDS, Looks, reads

_WORD = re.compile(r"[\w-]+(\.\w+)?")
SAID = "said"  # an attribute that no object has: its value is an adjective that is only said


class Unsaid(ValueError):
    """The program holds something that this English has no words for."""


@dataclass(frozen=True, slots=True)
class Words:
    """A question, and the words of each look, by its node."""

    question: str
    texts: dict[str, str]


def put_into_words(program: Program, seed: int) -> Words:
    """Words for a program.

    Raises:
        Unsaid: when there are none.
    """
    return _Writer(program, Random(seed)).words()


@dataclass(slots=True)
class _Group:
    """A set in words: its adjectives, its noun, and how it lies to other objects."""

    category: str
    before: list[str] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)


class _Writer:
    def __init__(self, program: Program, random: Random) -> None:
        self.program, self.random = program, random
        self.looks = Looks.of(program)
        self.nodes = self.looks.nodes
        self.needed = self._needed()
        self.title = self._draw(("", "object "))
        self.times = self._draw(("{0}{1}", "{0} * {1}", "{0} times {1}"))
        self.labels: dict[str, str] = {}
        self.letters: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def words(self) -> Words:
        """The sentences of all nodes that reach the answer, in the order of the program."""
        sentences = [text for name in self.needed if (text := self._sentence(self.nodes[name]))]
        closing = self._draw(v.CLOSINGS)
        question = " ".join([*sentences, *([closing] if closing else [])])
        return Words(question, self.texts)

    def _draw(self, options: Sequence[str]) -> str:
        return options[self.random.randrange(len(options))]

    def _needed(self) -> list[str]:
        reached = {self.program["answer"]}
        for node in reversed(self.program["nodes"]):
            if node["id"] in reached:
                reached.update(name for name, _ in reads(node))
        return [name for name in self.nodes if name in reached]

    def _users(self, name: str) -> list[Node]:
        return [self.nodes[user] for user in self.looks.users[name] if user in set(self.needed)]

    # -- sentences -----------------------------------------------------------------------------

    def _sentence(self, node: Node) -> str:
        name, op = node["id"], node["op"]
        is_answer = name == self.program["answer"]
        text = ""
        if name in self.looks.referents:
            text = "" if self._goes_inline(node) else self._introduced(node)
        elif op == "count" and not self._counts_inline(node):
            text = self._lettered(node, self._draw(v.COUNTED), group=self._group_of(node["of"]))
        elif op == "read":
            if node["attribute"] not in v.READ:
                raise Unsaid(f"{node['attribute']} is not read")
            text = self._lettered(node, self._draw(v.READ[node["attribute"]]), np=self._np(node["of"]))
        elif op == "pick":
            text = self._choice(node, is_answer)
        elif op == "arith" and not is_answer and not self._sums_inline(node):
            text = self._lettered(node, self._draw(v.RECKONED), sum=self._sum(node))
        if is_answer and op != "pick":
            total = self._draw(v.ANSWERED).format(sum=self._sum(node) if op == "arith" else self._number(name))
            text = f"{text} {total}".strip()
        return text

    def _lettered(self, node: Node, pattern: str, **slots: str) -> str:
        slots = {key: text for key, text in slots.items() if text}
        letter = self.letters[node["id"]] = self._next(v.LETTERS, self.letters)
        return self._said(node, _capital(pattern.format(letter=letter, **slots)))

    def _said(self, node: Node, text: str) -> str:
        self.texts[node["id"]] = text
        return text

    def _next(self, names: str, taken: dict[str, str]) -> str:
        if len(taken) == len(names):
            raise Unsaid("it has more names than there are letters")
        return names[len(taken)]

    def _introduced(self, node: Node) -> str:
        of = node["id"] if node["op"] not in FINDS else node["of"]
        among = node["op"] in FINDS and self._group(of).relations
        slots = {"group": self._group_of(of), "one": self._one_of(node)} if among else {"np": self._np(node["id"])}
        self.labels[node["id"]] = label = self.title + self._next(v.LABELS, self.labels)
        pattern = self._draw(v.INTRODUCED_AMONG if among else v.INTRODUCED)
        return self._said(node, _capital(pattern.format(label=label, **slots)))

    def _choice(self, node: Node, is_answer: bool) -> str:
        slots = {"yes": self._number(node["yes"]), "no": self._number(node["no"])}
        compare = self.nodes[node["condition"]]
        condition = self._condition(compare)
        self.texts[compare["id"]] = f"whether {condition}"
        if is_answer:
            text = self._draw(v.ANSWERED_BY_CHOICE).format(condition=condition, **slots)
            return self._said(node, _capital(text))
        return self._lettered(node, self._draw(v.CHOSEN), condition=condition, **slots)

    # -- what stands inside another sentence ---------------------------------------------------

    def _goes_inline(self, node: Node) -> bool:
        """An object that is only read or judged once, and has no relation in its words, needs no name."""
        users = self._users(node["id"])
        of = node["id"] if node["op"] not in FINDS else node["of"]
        single = len(users) == 1 and users[0]["op"] in ("read", "compare")
        return single and not self._group(of).relations and not self._is_twice(users[0])

    def _is_twice(self, user: Node) -> bool:
        names = [name for name, _ in reads(user)]
        users = self._users(user["id"])
        # one condition may be asked for by several choices, and is then said several times
        return len(set(names)) < len(names) or len(users) > 1

    def _counts_inline(self, node: Node) -> bool:
        users = self._users(node["id"])
        if len(users) != 1 or users[0]["op"] != "compare" or node["id"] == self.program["answer"]:
            return False
        compare = users[0]
        return compare["left"] == node["id"] and compare["right"] != node["id"] and len(self._users(compare["id"])) == 1

    def _sums_inline(self, node: Node) -> bool:
        return all(user["op"] == "pick" for user in self._users(node["id"]))

    def _np(self, name: str) -> str:
        """Words for one object: its name, or what singles it out."""
        if name in self.labels:
            return self.labels[name]
        node = self.nodes[name]
        if node["op"] not in FINDS:
            words = f"the {_one(self._group(name))}"
        elif node["op"] == "extreme":
            before, behind = self._place(node)
            words = f"the {before} {_one(self._group(node['of']))}{behind}"
        else:
            words = f"the {_one(self._group(node['of']))} {self._way(node)}"
        self.texts[name] = words
        return words

    def _one_of(self, node: Node) -> str:
        """`one nearest to P`, `second one from the left`: behind the group that it is one of."""
        if node["op"] != "extreme":
            return f"one {self._way(node)}"
        before, behind = self._place(node)
        return f"{before} one{behind}"

    def _way(self, node: Node) -> str:
        ways = v.NEAREST if node["op"] == "nearest" else v.FARTHEST
        return self._draw(ways).format(label=self._np(node["anchor"]))

    def _place(self, node: Node) -> tuple[str, str]:
        """What stands before and behind the noun."""
        axis, rank = node["axis"], node["rank"]
        first = self._draw(v.FIRST[axis])
        if rank == 1:
            return first, ""
        if axis in ("largest", "smallest"):
            return f"{v.ORDINALS[rank]} {first}", ""
        return str(v.ORDINALS[rank]), f" from the {axis}"

    def _group_of(self, name: str) -> str:
        return _many(self._group(name))

    def _group(self, name: str) -> _Group:
        """Every step that narrows a set takes members away, so their order does not matter."""
        node = self.nodes[name]
        if node["op"] == "objects":
            if not speakable(node["category"]):
                raise Unsaid(f"{node['category']!r} is no plain noun")
            return _Group(node["category"])
        group = self._group(node["of"])
        op = node["op"]
        if op == "filter" and node["attribute"] in ("color", SAID):
            group.before.insert(0, node["value"])
        elif op == "filter" and node["attribute"] == "facing":
            group.before.insert(0, f"{node['value']}-facing")
        elif op == "perceive" and node["value"] == "yes" and " " not in node["predicate"]:
            group.before.insert(0, node["predicate"])
        elif op == "side":
            group.relations.append(self._draw(v.SIDES[node["side"]]).format(label=self._np(node["anchor"])))
        elif op == "overlapping":
            group.relations.append(v.TOUCHING.format(label=self._np(node["anchor"])))
        elif op == "inside":
            group.relations.append(v.INSIDE.format(label=self._np(node["anchor"])))
        else:
            raise Unsaid(f"node {name} narrows by what has no words here")
        return group

    def _condition(self, node: Node) -> str:
        by, relation = node["by"], node["relation"]
        if by == "value":
            return self._value_condition(node)
        a = self._np(node["left"])
        if by == "attribute":
            if not _WORD.fullmatch(node["right"]):
                raise Unsaid(f"{node['right']!r} is not one word")
            patterns = {"color": v.COLORED, "facing": v.TURNED}.get(node["attribute"], (v.CARRIES,))
            return self._draw(patterns).format(a=a, attribute=node["attribute"], value=node["right"])
        if by == "position" and node["right"] == "middle":
            return self._draw(v.IN_HALF).format(a=a, half=v.HALVES[relation])
        patterns = v.POSITIONS[relation] if by == "position" else v.AREAS[relation]
        return self._draw(patterns).format(a=a, b=self._np(node["right"]))

    def _value_condition(self, node: Node) -> str:
        left, relation, b = self.nodes[node["left"]], node["relation"], self._number(node["right"])
        if left["op"] == "count" and left["id"] not in self.letters:
            return self._draw(v.THERE_ARE[relation]).format(group=self._group_of(left["of"]), b=b)
        return self._draw(v.VALUES[relation]).format(a=self._number(node["left"]), b=b)

    # -- numbers -------------------------------------------------------------------------------

    def _number(self, operand: str | float) -> str:
        if not isinstance(operand, str):
            return canonical_number(operand)
        if operand in self.letters:
            return self.letters[operand]
        node = self.nodes[operand]
        if node["op"] != "arith":
            raise Unsaid(f"node {operand} is a number without a letter")
        return self._sum(node)

    def _sum(self, node: Node) -> str:
        words = ""
        # "2 times u + v" could be twice the sum
        alone = len(node["terms"]) == 1 and not node.get("plus", 0)
        times = self.times if alone else self.times.replace(" times ", " * ")
        for name, factor in node["terms"]:
            letter = self._number(name)
            if len(letter) > 1:
                raise Unsaid(f"node {node['id']} adds up a sum")
            part = letter if abs(factor) == 1 else times.format(canonical_number(abs(factor)), letter)
            words += part if not words and factor >= 0 else f" {'+' if factor >= 0 else '-'} {part}"
        plus = node.get("plus", 0)
        if plus:
            words += f" {'+' if plus > 0 else '-'} {canonical_number(abs(plus))}"
        return words.strip()


def _one(group: _Group) -> str:
    return _joined(group, singular(group.category))


def _many(group: _Group) -> str:
    return _joined(group, plural(group.category))


def _joined(group: _Group, noun: str) -> str:
    words = [*group.before, noun]
    if group.relations:
        words.append(" and ".join(group.relations))
    return " ".join(words)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
