"""Reads the stand-in's English back into a program, as a binder does: from the words alone.

Whatever describes something is listed as a phrase with the node that carries it, or with none: an adjective that is
in no list, a coordinate. Words that are not this English give `Unread`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from hopchain_assets.domain.english.nouns import plural, singular
from hopchain_assets.stand_in import vocabulary as v
from hopchain_assets.stand_in.nouns import forms, singular_of
from hopchain_assets.stand_in.patterns import (
    LABEL,
    LEAK,
    PLACED,
    RELATION,
    WAY,
    conditions,
    relations,
    sentences,
    slotted,
)
from hopchain_assets.stand_in.predicates import PARITY, SHADES
from hopchain_assets.stand_in.sums import NoSum, reckoned

T = TypeVar("T")


class Unread(ValueError):
    """The words are none of the stand-in's English."""


@dataclass(slots=True)
class Reading:
    """A program as JSON, and the phrases of the question with the node that says each."""

    program: dict[str, Any]
    phrases: list[dict[str, str | None]]


def read(question: str, categories: Sequence[str], attributes: Mapping[str, Sequence[str]]) -> Reading:
    """The program of a question.

    Raises:
        Unread: naming the words that cannot be read.
    """
    return _Reader(categories, attributes).read(question)


@dataclass(slots=True)
class _Reader:
    categories: Sequence[str]
    attributes: Mapping[str, Sequence[str]]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    phrases: list[dict[str, str | None]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    letters: dict[str, str] = field(default_factory=dict)
    answer: str = ""

    def read(self, question: str) -> Reading:
        """All sentences, in order."""
        for leak in LEAK.findall(question):
            self._phrase(leak.strip(" ,"), None)
        for sentence in re.split(r"(?<=[.?]) +(?=[A-Z])", LEAK.sub("", question).strip()):
            if sentence not in v.CLOSINGS:
                self._sentence(sentence)
        if not self.answer:
            raise Unread("no sentence asks for the answer")
        return Reading({"version": 1, "nodes": self.nodes, "answer": self.answer}, self.phrases)

    def _node(self, **fields: Any) -> str:
        """The id of a node of these fields; the same words twice are the same node."""
        key = repr(sorted(fields.items()))
        if key not in self.made:
            self.made[key] = name = f"r{len(self.nodes) + 1}"
            self.nodes.append({"id": name, **fields})
        return self.made[key]

    def _phrase(self, words: str, node: str | None) -> str:
        self.phrases.append({"phrase": words, "node": node})
        return node or ""

    # -- sentences -----------------------------------------------------------------------------

    def _sentence(self, sentence: str) -> None:
        for kind, pattern in sentences():
            found = pattern.fullmatch(sentence)
            if found and self._attempt(getattr(self, f"_{kind}"), found.groupdict()):
                return
        raise Unread(f"cannot read {sentence!r}")

    def _attempt(self, act: Callable[[Mapping[str, str]], T], slots: Mapping[str, str]) -> T | None:
        """What the words come to, None where they cannot be read so; what was noted on the way is then forgotten."""
        nodes, phrases = len(self.nodes), len(self.phrases)
        try:
            return act(slots)
        except Unread:
            del self.nodes[nodes:], self.phrases[phrases:]
            self.made = {key: name for key, name in self.made.items() if int(name[1:]) <= nodes}
            return None

    def _label(self, slots: Mapping[str, str], node: str) -> str:
        self.labels[slots["label"]] = node
        return node

    def _letter(self, slots: Mapping[str, str], node: str) -> str:
        self.letters[slots["letter"]] = node
        return node

    def _introduced(self, slots: Mapping[str, str]) -> str:
        return self._label(slots, self._np(slots["np"]))

    def _introduced_among(self, slots: Mapping[str, str]) -> str:
        of, one = self._group(slots["group"], plural), slots["one"]
        found = re.fullmatch(r"(?:(.+) one|one (.+?))( from the (?:left|right|top|bottom))?", one)
        if not found:
            raise Unread(f"cannot read {one!r}")
        before, way, behind = found.groups()
        return self._label(slots, self._reached(of, way) if way else self._placed(of, before, behind or ""))

    def _counted(self, slots: Mapping[str, str]) -> str:
        return self._letter(slots, self._node(op="count", of=self._group(slots["group"], plural)))

    def _read_number(self, slots: Mapping[str, str]) -> str:
        return self._letter(slots, self._node(op="read", of=self._np(slots["np"]), attribute="number"))

    def _read_dots(self, slots: Mapping[str, str]) -> str:
        return self._letter(slots, self._node(op="read", of=self._np(slots["np"]), attribute="dots"))

    def _chosen(self, slots: Mapping[str, str]) -> str:
        return self._letter(slots, self._pick(slots))

    def _reckoned(self, slots: Mapping[str, str]) -> str:
        return self._letter(slots, self._named(slots["sum"]))

    def _answered_by_choice(self, slots: Mapping[str, str]) -> str:
        self.answer = self._pick(slots)
        return self.answer

    def _answered(self, slots: Mapping[str, str]) -> str:
        self.answer = self._named(slots["sum"])
        return self.answer

    def _pick(self, slots: Mapping[str, str]) -> str:
        condition = self._condition(slots["condition"])
        self._phrase(slots["condition"], condition)
        yes, no = self._number(slots["yes"]), self._number(slots["no"])
        return self._node(op="pick", condition=condition, yes=yes, no=no)

    # -- objects and groups --------------------------------------------------------------------

    def _np(self, words: str) -> str:
        named = re.fullmatch(LABEL, words)
        if named:
            if named.group(1) not in self.labels:
                raise Unread(f"{words} was not introduced")
            return self.labels[named.group(1)]
        node = self._the(words)
        self._phrase(words, node)
        return node

    def _the(self, words: str) -> str:
        if not words.startswith("the "):
            raise Unread(f"cannot read {words!r}")
        words = words[4:]
        way = WAY.search(words)
        if way:
            return self._reached(self._group(words[: way.start()], singular), way.group(0).strip())
        placed = PLACED.fullmatch(words)
        if placed:
            before, one, behind = placed.groups()
            return self._placed(self._group(one, singular), before, behind or "")
        return self._group(words, singular)

    def _reached(self, of: str, way: str) -> str:
        for op, patterns in (("nearest", v.NEAREST), ("farthest", v.FARTHEST)):
            for pattern in patterns:
                found = re.fullmatch(slotted(pattern), way)
                if found:
                    return self._phrase(way, self._node(op=op, of=of, anchor=self._np(found["label"])))
        raise Unread(f"cannot read {way!r}")

    def _placed(self, of: str, before: str, behind: str) -> str:
        words = before.split()
        if behind:
            axis, rank = behind.rsplit(" ", 1)[1], words[0]
        else:
            axis = next((axis for axis, first in v.FIRST.items() if words[-1] in first), "")
            rank = words[0] if len(words) > 1 else "first"
        if not axis or rank not in v.ORDINALS:
            raise Unread(f"cannot read {before!r}")
        return self._phrase(before, self._node(op="extreme", of=of, axis=axis, rank=v.ORDINALS.index(rank)))

    def _group(self, words: str, form: Callable[[str], str]) -> str:
        head, narrowing = _split_relations(words)
        node = self._head(head, form)
        for relation in narrowing:
            node = self._related(node, relation)
        return node

    def _related(self, of: str, words: str) -> str:
        for fields, pattern in relations():
            found = pattern.fullmatch(words)
            if found:
                return self._phrase(words, self._node(**fields, of=of, anchor=self._np(found["label"])))
        raise Unread(f"cannot read {words!r}")

    def _head(self, words: str, form: Callable[[str], str]) -> str:
        """Adjectives and a noun."""
        parts = words.split(" ")
        noun, category = self._noun(parts, form)
        node = self._phrase(noun, self._node(op="objects", category=category))
        for adjective in reversed(parts[: len(parts) - len(noun.split(" "))]):
            node = self._described(node, adjective)
        return node

    def _described(self, of: str, adjective: str) -> str:
        for attribute, value in (("color", adjective), ("facing", adjective.removesuffix("-facing"))):
            if value in self.attributes.get(attribute, ()) and (attribute == "color" or value != adjective):
                node = self._node(op="filter", of=of, attribute=attribute, value=value)
                return self._phrase(adjective, node)
        if adjective in SHADES or adjective in PARITY:
            return self._phrase(adjective, self._node(op="perceive", of=of, predicate=adjective, value="yes"))
        self._phrase(adjective, None)
        return of

    def _noun(self, parts: Sequence[str], form: Callable[[str], str]) -> tuple[str, str]:
        """The longest known noun at the end of the words, else their last word, with its category."""
        known = forms(tuple(self.categories), form is plural)
        for start in range(len(parts)):
            noun = " ".join(parts[start:])
            if noun in known:
                return noun, known[noun]
        if form is not plural:
            return parts[-1], parts[-1]
        return parts[-1], singular_of(parts[-1])

    # -- conditions and numbers ----------------------------------------------------------------

    def _condition(self, words: str) -> str:
        for kind, fields, pattern in conditions():
            found = pattern.fullmatch(words)
            node = self._attempt(partial(self._judged, kind, fields), found.groupdict()) if found else None
            if node:
                return node
        raise Unread(f"cannot read {words!r}")

    def _judged(self, kind: str, fields: Mapping[str, str], slots: Mapping[str, str]) -> str:
        if kind == "tally":
            left = self._node(op="count", of=self._group(slots["group"], plural))
            return self._node(op="compare", **fields, left=left, right=self._number(slots["b"]))
        if kind == "value":
            left = self._named(slots["a"])
            return self._node(op="compare", **fields, left=left, right=self._number(slots["b"]))
        left = self._np(slots["a"])
        if kind == "half":
            side = next((side for side, half in v.HALVES.items() if half == slots["half"]), None)
            if side is None:
                raise Unread(f"there is no {slots['half']} half")
            return self._node(op="compare", by="position", relation=side, left=left, right="middle")
        if kind == "attribute":
            attribute = fields.get("attribute") or slots["attribute"]
            value = slots["value"]
            return self._node(op="compare", by="attribute", relation="is", left=left, right=value, attribute=attribute)
        return self._node(op="compare", **fields, left=left, right=self._np(slots["b"]))

    def _number(self, words: str) -> str | float:
        try:
            terms, plus = reckoned(words, self.letters)
        except NoSum as error:
            raise Unread(str(error)) from error
        if not terms:
            return plus
        if terms == [[terms[0][0], 1]] and not plus:
            return terms[0][0]
        return self._phrase(words, self._node(op="arith", terms=terms, plus=plus))

    def _named(self, words: str) -> str:
        number = self._number(words)
        if not isinstance(number, str):
            raise Unread(f"{words!r} is a constant")
        return number


def _split_relations(words: str) -> tuple[str, list[str]]:
    """A group's head, and its relations."""
    found = [match.span() for match in RELATION.finditer(words)]
    if not found:
        return words, []
    if found[-1][1] != len(words):
        raise Unread(f"cannot read {words!r}")
    return words[: found[0][0]], [words[start:end].removeprefix(" and").strip() for start, end in found]
