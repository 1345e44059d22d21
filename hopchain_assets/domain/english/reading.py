"""Reads the composer's English back into a program: the words are proof, not an echo (rule `bound`).

The grammar is docs/english.md. This module shares no table and no code with `wording` and `nouns`: nouns are
found by taking plural endings off the question's words, and every other word must be one that the
grammar knows in that place. What English leaves open (a relation that could belong to either of two nouns,
`it` with two anchors) is not guessed: it is `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from re import Match, Pattern
from typing import Any, NamedTuple, NoReturn

from hopchain_assets.domain.english import phrases as say
from hopchain_assets.domain.english.vocabulary import Unreadable, Vocabulary, fits, quoted, vocabulary
from hopchain_assets.domain.program import (
    MAX_CONSTANT,
    MAX_NODES,
    MIDDLE,
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

__all__ = ["Unreadable", "read_question"]

_MAX_TERMS = 6


def read_question(question: str, categories: Iterable[str]) -> Program:
    """The program that a question's words ask for.

    `categories` are the names known in the picture; any other noun is not understood. Node names of the
    result are arbitrary: compare `Program.canonical()`.

    Raises:
        Unreadable: quoting the words that were not understood, and why.
    """
    return _Reader(" ".join(question.split()), vocabulary(frozenset(categories))).program()


class _Group(NamedTuple):
    """A noun phrase: its node and what may still be said about it."""

    node: str
    category: str
    other: bool
    tail: bool  # there are words behind the noun
    anchors: tuple[str, ...]
    loose: bool  # the last anchor is a bare "the NOUN", which could take the words that follow


class _Reader:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.at = 0
        self.nodes: list[Node] = []
        self.made: dict[tuple[Any, ...], str] = {}
        self.letters: dict[str, str] = {}
        self.found: dict[str, list[str]] = {}
        self.names: dict[str, tuple[str, str]] = {}
        self.category: dict[str, str] = {}
        self.answer: str | None = None

    def program(self) -> Program:
        while (start := self._need(say.ENTRY, "a sentence does not begin like this")[1]) != "What":
            if self.answer is not None:
                self._fail("a sentence after the answer")
            self._sentence(start)
        self._need(say.CLOSING, "no closing question that is known")
        if self.answer is None:
            raise Unreadable("no sentence says what the answer is")
        if len(self.nodes) > MAX_NODES:
            raise Unreadable(f"the question takes {len(self.nodes)} steps, more than {MAX_NODES}")
        return Program(tuple(self.nodes), self.answer)

    # -- moving over the text --------------------------------------------------------------------

    def _fail(self, why: str) -> NoReturn:
        raise Unreadable(f"{quoted(self.text, self.at)}: {why}")

    def _take(self, pattern: Pattern[str]) -> Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _need(self, pattern: Pattern[str], why: str) -> Match[str]:
        return self._take(pattern) or self._fail(why)

    def _add(self, kind: type[Node], *fields: Any) -> str:
        key = (kind, *fields)
        name = self.made.get(key)
        if name is None:
            name = self.made[key] = f"n{len(self.nodes)}"
            self.nodes.append(kind(name, *fields))
        return name

    # -- sentences -------------------------------------------------------------------------------

    def _sentence(self, start: str) -> None:
        if start in say.GOING:
            self._go()
        elif start == "Among":
            self._among()
        elif start == "Count":
            self._count()
        elif start == "Let":
            letter = self._need(say.LET, 'not "LETTER be the number of"')[1]
            self._define(letter, self._add(Count, self._plain_group(many=True).node))
        elif start == "Read":
            self._need(say.NUMBER_ON, 'not "the number on"')
            number = self._add(Read, self._instance(), "number")
            self._define(self._need(say.CALL_IT, 'not "; call it LETTER."')[1], number)
        elif start == "If":
            self._pick()
        else:
            total = self._operand(always_sum=True)
            if not isinstance(total, str):
                self._fail("the answer is a constant")
            self.answer = total
        self._need(say.STOP, "the sentence should end here")

    def _go(self) -> None:
        self._need(say.THE, 'not "the"')
        group = self._group(many=False)
        place = self._take(say.PLACE)
        if place:
            if group.other or group.loose or not fits(place[1], group.category):
                self._fail(f"it is open what the words before {place[0].strip()!r} belong to")
            axis = place["edge"] or place["size"] or say.FIRST[place["first"]]
            instance = self._add(Extreme, group.node, axis, say.NTH[place["nth"] or place["size_nth"]])
        else:
            instance = self._reach(group)
        self._found(instance, group.category)

    def _among(self) -> None:
        self._need(say.THE, 'not "the"')
        group = self._group(many=True)
        self._need(say.TAKE, 'not ", take the one"')
        towards = self._need(say.TOWARDS, 'neither "closest to" nor "farthest from"')[1]
        pronoun = self._take(say.PRONOUN)
        anchor = self._meant(pronoun[1], group) if pronoun else self._instance(reaching=False)
        self._found(self._towards(towards, group, anchor), group.category)

    def _found(self, instance: str, category: str) -> None:
        self.category[instance] = category
        if self._take(say.CALL_ONE):
            named = self._noun(many=False)
            letter = self._need(say.NAME, "not a name from A to F")[1]
            if named != category or letter in self.names:
                self._fail(f"{named} {letter} is not a new name for the {category} of this sentence")
            self.names[letter] = (category, instance)
        self.found.setdefault(category, []).append(instance)

    def _count(self) -> None:
        self._need(say.THE, 'not "the"')
        if self._take(say.SPOTS):
            number = self._add(Read, self._instance(), "dots")
        else:
            number = self._add(Count, self._plain_group(many=True).node)
        self._define(self._need(say.CALL, 'not "; call the number LETTER."')[1], number)

    def _define(self, letter: str, number: str) -> None:
        if letter in self.letters:
            self._fail(f"the letter {letter} is given twice")
        self.letters[letter] = number

    def _pick(self) -> None:
        condition = self._condition()
        letter = self._need(say.BRANCHES, 'neither ", the answer is" nor ", let LETTER be"')[1]
        yes = self._operand()
        self._need(say.ELSE_LET if letter else say.ELSE_ANSWER, "the other branch does not begin like this")
        number = self._add(Pick, condition, yes, self._operand())
        if letter:
            self._define(letter, number)
        else:
            self.answer = number

    # -- conditions ------------------------------------------------------------------------------

    def _condition(self) -> str:
        if more := self._take(say.THERE_ARE):
            left = self._add(Count, self._plain_group(many=True).node)
            self._need(say.THAN, 'not "than"')
            return self._add(Compare, "value", more[1], left, self._add(Count, self._plain_group(many=True).node))
        if self._take(say.HOW_MANY):
            left = self._add(Count, self._plain_group(many=True).node)
            relation = self._need(say.AMOUNT, 'neither "is more than", "is fewer than" nor "is exactly"')[1]
            return self._add(Compare, "value", say.VALUE_RELATION[relation], left, self._operand())
        if letter := self._take(say.LETTER_IS):
            return self._add(Compare, "value", say.VALUE_RELATION[letter[2]], self._letter(letter[1]), self._operand())
        return self._instance_condition(self._instance())

    def _instance_condition(self, left: str) -> str:
        said = self._need(say.PREDICATE, "not a condition that is known")
        kind, words = said.lastgroup, said[said.lastgroup or 0]
        if kind == "half":
            return self._add(Compare, "position", say.HALF[words], left, MIDDLE)
        if kind == "than":
            return self._add(Compare, "position", say.POSITION[words], left, self._instance())
        if kind == "area":
            return self._add(Compare, "area", "larger" if words == "more" else "smaller", left, self._instance())
        return self._add(Compare, "attribute", "is", left, words, kind)

    # -- groups and instances --------------------------------------------------------------------

    def _noun(self, many: bool) -> str:
        found = self.vocabulary.find(self.text, self.at, many)
        if found is None:
            self._fail(f"not a category of this picture in the {'plural' if many else 'singular'}")
        category, self.at = found
        return category

    def _tinted_noun(self, many: bool, tint: str) -> tuple[str, str]:
        """A noun and the colour before it. `orange` may be either, so both readings are tried."""
        noun = self.at + len(tint) + 1
        plain = self.vocabulary.find(self.text, self.at, many)
        tinted = self.vocabulary.find(self.text, noun, many)
        if plain and tinted and plain[1] == tinted[1]:
            self._fail(f"could be {plain[0]!r}, or {tinted[0]!r} in {tint}")
        if plain and (tinted is None or plain[1] > tinted[1]):
            return "", self._noun(many)
        self.at = noun
        return tint, self._noun(many)

    def _group(self, many: bool, relations: bool = True) -> _Group:
        before = self._need(say.BEFORE_NOUN, "not a noun")
        color, category = before["color"], ""
        if color:
            self.at = before.start("color")
            color, category = self._tinted_noun(many, color)
        else:
            category = self._noun(many)
        node = self._add(Objects, category)
        if color:
            node = self._add(Filter, node, "color", color)
        if facing := self._take(say.FACING):
            node = self._add(Filter, node, "facing", facing[1])
        anchors: tuple[str, ...] = ()
        loose = False
        while relations and (relation := self._take(say.RELATION)):
            if loose:
                self._fail(f"{relation[1]!r} could belong to either noun before it")
            loose = self.text.startswith("the ", self.at)
            anchors = (*anchors, self._instance(reaching=False, related=False))
            node = self._related(relation[1], node, anchors[-1])
        self.category[node] = category
        return _Group(node, category, bool(before["other"]), bool(facing or anchors), anchors, loose)

    def _plain_group(self, many: bool) -> _Group:
        group = self._group(many)
        if group.other:
            self._fail('it is open which are the "other" ones before these words')
        return group

    def _related(self, relation: str, of: str, anchor: str) -> str:
        if relation == "touching":
            return self._add(Overlapping, of, anchor)
        if relation == "inside the outline of":
            return self._add(Inside, of, anchor)
        return self._add(SideOf, of, anchor, say.SIDE[relation])

    def _instance(self, reaching: bool = True, related: bool = True) -> str:
        """A reference; with `reaching` also "the S closest to I", with `related` also an S with relations."""
        article = self._take(say.KNOWN)
        if article is None:
            return self._named()
        if article[1] == "that":
            return self._that()
        group = self._group(many=False, relations=related)
        if reaching and say.TOWARDS.match(self.text, self.at):
            return self._reach(group)
        if group.other:
            self._fail('it is open which is the "other" one before these words')
        return group.node

    def _that(self) -> str:
        begin = self.at
        found = self.found.get(self._noun(many=False), [])
        if len(found) != 1:
            self.at = begin
            self._fail(f"{'none' if not found else 'more than one'} of these was found before")
        return found[0]

    def _named(self) -> str:
        begin = self.at
        category = self._noun(many=False)
        letter = self._need(say.NAME, "a noun without that, the or a name")[1]
        known, instance = self.names.get(letter, ("", ""))
        if known != category:
            self.at = begin
            self._fail("nothing was given this name before")
        return instance

    def _meant(self, pronoun: str, group: _Group) -> str:
        """The anchor that `it` or `them` stands for: the only one of the sentence that fits."""
        fitting = {anchor for anchor in group.anchors if fits(pronoun, self.category[anchor])}
        if len(fitting) != 1:
            self._fail(f"{pronoun!r} could stand for {len(fitting)} anchors of its sentence, not one")
        return fitting.pop()

    def _reach(self, group: _Group) -> str:
        """ "The S closest to I": only for a group without words behind its noun."""
        towards = self._need(say.TOWARDS, "these words cannot follow the noun")[1]
        if group.tail:
            self._fail(f"{towards!r} could belong to either noun before it")
        return self._towards(towards, group, self._instance(reaching=False))

    def _towards(self, towards: str, group: _Group, anchor: str) -> str:
        if group.other and self.category[anchor] != group.category:
            self._fail(f'"other" ones than what? The anchor is no {group.category}')
        return self._add(Nearest if towards == "closest to" else Farthest, group.node, anchor)

    # -- numbers ---------------------------------------------------------------------------------

    def _letter(self, letter: str) -> str:
        number = self.letters.get(letter)
        if number is None:
            self._fail(f"the letter {letter} was not given a number before")
        return number

    def _operand(self, always_sum: bool = False) -> Operand:
        """A constant, a letter's number, or a sum of letters and one constant at its end."""
        if not say.TERM.match(self.text, self.at) and (constant := self._take(say.SIGNED)):
            return self._constant(constant[0])
        terms: list[tuple[str, float]] = []
        plus: float = 0
        sign = 1
        while True:
            if term := self._take(say.TERM):
                times = self._constant(term[1]) if term[1] else 1
                terms.append((self._letter(term[2]), sign * times))
            elif terms:
                plus = sign * self._constant(self._need(say.UNSIGNED, "neither a letter nor a constant")[0])
                break
            else:
                self._fail("neither a letter nor a constant")
            following = self._take(say.SIGN)
            if following is None:
                break
            sign = 1 if following[1] == "plus" else -1
        if len(terms) > _MAX_TERMS:
            self._fail(f"a sum of more than {_MAX_TERMS} terms")
        if len(terms) == 1 and terms[0][1] == 1 and not plus and not always_sum:
            return terms[0][0]
        return self._add(Arith, tuple(terms), plus)

    def _constant(self, digits: str) -> float:
        value = float(digits) if "." in digits else int(digits)
        if abs(value) > MAX_CONSTANT:
            self._fail(f"{digits} is more than a million")
        return value
