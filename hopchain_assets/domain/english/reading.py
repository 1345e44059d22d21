"""Reads the composer's English back into a program: the words are proof, not an echo (rule `bound`).

The grammar is docs/english.md. This module shares no table and no code with `wording` and `nouns`: nouns are
found by taking plural endings off the question's words, and every other word must be one that the
grammar knows in that place. What English leaves open (a relation that could belong to either of two nouns,
`it` with two anchors) is not guessed: it is `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from re import Match

from hopchain_assets.domain.english import phrases as say
from hopchain_assets.domain.english.references import Group, References
from hopchain_assets.domain.english.vocabulary import Unreadable, Vocabulary, fits, quoted, vocabulary
from hopchain_assets.domain.program import (
    MAX_CONSTANT,
    MAX_NODES,
    MIDDLE,
    Arith,
    Compare,
    Count,
    Extreme,
    Objects,
    Operand,
    Pick,
    Program,
    Read,
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


class _Reader(References):
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        super().__init__(text, vocabulary)
        self.letters: dict[str, str] = {}
        self.looks: list[tuple[str, int]] = []
        self.answer: str | None = None

    def program(self) -> Program:
        while (start := self.need(say.ENTRY, "a sentence does not begin like this")[1]) != "What":
            if self.answer is not None:
                self.fail("a sentence after the answer")
            self._sentence(start)
        self.need(say.CLOSING, "no closing question that is known")
        if self.answer is None:
            raise Unreadable("no sentence says what the answer is")
        self._check_used(self.answer)
        if len(self.nodes) > MAX_NODES:
            raise Unreadable(f"the question takes {len(self.nodes)} steps, more than {MAX_NODES}")
        return Program(tuple(self.nodes), self.answer)

    def _check_used(self, answer: str) -> None:
        """A person would wonder what a look is for that the answer does not need."""
        reached = {answer}
        for node in reversed(self.nodes):
            if node.id in reached:
                reached.update([name for name, _ in node.inputs()])
        for name, end in self.looks:
            if name not in reached:
                begin = self.text.rfind(". ", 0, end) + 1
                raise Unreadable(f"{quoted(self.text, begin)}: the answer does not use this")

    # -- sentences -------------------------------------------------------------------------------

    def _sentence(self, start: str) -> None:
        if start in say.GOING:
            self._go()
        elif start == "Among":
            self._among()
        elif start == "Count":
            self._count()
        elif start == "Let":
            letter = self.need(say.LET, 'not "LETTER be the number of"')[1]
            self._define(letter, self.add(Count, self.group(many=True).node))
        elif start == "Read":
            self.need(say.NUMBER_ON, 'not "the number on"')
            number = self.add(Read, self.instance(), "number")
            self._define(self.need(say.CALL_IT, 'not "; call it LETTER."')[1], number)
        elif start == "If":
            self._pick()
        else:
            total = self._operand(always_sum=True)
            if not isinstance(total, str):
                self.fail("the answer is a constant")
            self.answer = total
        self.need(say.STOP, "the sentence should end here")

    def _go(self) -> None:
        self.need(say.THE, 'not "the"')
        group = self.group(many=False)
        place = self.take(say.PLACE)
        if place and group.tail:
            self.fail(f"it is open what the words before {place[0].strip()!r} belong to")
        self._found(self._extreme(place, group) if place else self.reach(group), group.category)

    def _among(self) -> None:
        self.need(say.THE, 'not "the"')
        other = self.take(say.OTHER) is not None
        group = self.group(many=True)
        self.need(say.TAKE, 'not ", take the one"')
        if not other and (place := self.take(say.PLACE)):
            self._found(self._extreme(place, group), group.category)
            return
        towards = self.need(say.TOWARDS, 'neither "closest to" nor "farthest from"')[1]
        pronoun = self.take(say.PRONOUN)
        anchor = self.meant(pronoun[1], group) if pronoun else self.anchor()
        # "the other chairs" are all but the one found so far
        if other and (group.node != self.made[Objects, group.category] or self.found.get(group.category) != [anchor]):
            self.fail(f'the {group.category} found before is not what the "other" ones could be told from')
        self._found(self.towards(towards, group, anchor), group.category)

    def _extreme(self, place: Match[str], group: Group) -> str:
        if not fits(place[1], group.category):
            self.fail(f"{place[1]!r} is not said of a {group.category}")
        axis = place["edge"] or place["size"] or say.FIRST[place["first"]]
        return self.add(Extreme, group.node, axis, say.NTH[place["nth"] or place["size_nth"]])

    def _found(self, instance: str, category: str) -> None:
        self.category[instance] = category
        self.looks.append((instance, self.at))
        if pronoun := self.take(say.CALL_ONE):
            named = self.noun(many=False)
            letter = self.need(say.NAME, "not a name from A to F")[1]
            if named != category or letter in self.names or not fits(pronoun[1], category):
                self.fail(f"{named} {letter} is not a new name for the {category} of this sentence")
            self.names[letter] = (category, instance)
        self.found.setdefault(category, []).append(instance)

    def _count(self) -> None:
        self.need(say.THE, 'not "the"')
        if self.take(say.SPOTS):
            number = self.add(Read, self.instance(), "dots")
        else:
            number = self.add(Count, self.group(many=True).node)
        self._define(self.need(say.CALL, 'not "; call the number LETTER."')[1], number)

    def _define(self, letter: str, number: str) -> None:
        if letter in self.letters:
            self.fail(f"the letter {letter} is given twice")
        self.letters[letter] = number
        self.looks.append((number, self.at))

    def _pick(self) -> None:
        condition = self._condition()
        letter = self.need(say.BRANCHES, 'neither ", the answer is" nor ", let LETTER be"')[1]
        yes = self._operand()
        self.need(say.ELSE_LET if letter else say.ELSE_ANSWER, "the other branch does not begin like this")
        number = self.add(Pick, condition, yes, self._operand())
        if letter:
            self._define(letter, number)
        else:
            self.answer = number

    # -- conditions ------------------------------------------------------------------------------

    def _condition(self) -> str:
        if more := self.take(say.THERE_ARE):
            left = self.add(Count, self.group(many=True).node)
            self.need(say.THAN, 'not "than"')
            return self.add(Compare, "value", more[1], left, self.add(Count, self.group(many=True).node))
        if self.take(say.HOW_MANY):
            left = self.add(Count, self.group(many=True).node)
            relation = self.need(say.AMOUNT, 'neither "is greater than", "is less than" nor "is exactly"')[1]
            return self.add(Compare, "value", say.VALUE_RELATION[relation], left, self._operand())
        if letter := self.take(say.LETTER_IS):
            return self.add(Compare, "value", say.VALUE_RELATION[letter[2]], self._letter(letter[1]), self._operand())
        return self._instance_condition(self.instance())

    def _instance_condition(self, left: str) -> str:
        said = self.need(say.PREDICATE, "not a condition that is known")
        kind, words = said.lastgroup, said[said.lastgroup or 0]
        if kind == "half":
            return self.add(Compare, "position", say.HALF[words], left, MIDDLE)
        if kind == "than":
            return self.add(Compare, "position", say.POSITION[words], left, self.instance())
        if kind == "area":
            return self.add(Compare, "area", "larger" if words == "more" else "smaller", left, self.instance())
        return self.add(Compare, "attribute", "is", left, words, kind)

    # -- numbers ---------------------------------------------------------------------------------

    def _letter(self, letter: str) -> str:
        number = self.letters.get(letter)
        if number is None:
            self.fail(f"the letter {letter} was not given a number before")
        return number

    def _operand(self, always_sum: bool = False) -> Operand:
        """A constant, a letter's number, or a sum of letters and one constant at its end."""
        if not say.TERM.match(self.text, self.at) and (constant := self.take(say.SIGNED)):
            return self._constant(constant[0])
        terms: list[tuple[str, float]] = []
        plus: float = 0
        sign = 1
        while True:
            if term := self.take(say.TERM):
                times = self._constant(term[1]) if term[1] else 1
                if not times:
                    self.fail("zero times a number says nothing")
                terms.append((self._letter(term[2]), sign * times))
            elif terms:
                plus = sign * self._constant(self.need(say.UNSIGNED, "neither a letter nor a constant")[0])
                break
            else:
                self.fail("neither a letter nor a constant")
            following = self.take(say.SIGN)
            if following is None:
                break
            sign = 1 if following[1] == "plus" else -1
        if len(terms) > _MAX_TERMS:
            self.fail(f"a sum of more than {_MAX_TERMS} terms")
        if len(terms) == 1 and terms[0][1] == 1 and not plus and not always_sum:
            return terms[0][0]
        return self.add(Arith, tuple(terms), plus)

    def _constant(self, digits: str) -> float:
        value = float(digits) if "." in digits else int(digits)
        if abs(value) > MAX_CONSTANT:
            self.fail(f"{digits} is more than a million")
        return value
