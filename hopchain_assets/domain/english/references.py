"""The referring words of a question: groups, found instances, names and pronouns, read as nodes of a program."""

from __future__ import annotations

from re import Match, Pattern
from typing import Any, NamedTuple, NoReturn

from hopchain_assets.domain.english import phrases as say
from hopchain_assets.domain.english.vocabulary import Unreadable, Vocabulary, fits, quoted
from hopchain_assets.domain.program import Farthest, Filter, Nearest, Node, Objects, Overlapping, SideOf


class Group(NamedTuple):
    """A noun phrase: its node and what may still be said about it."""

    node: str
    category: str
    tail: bool  # there are words behind the noun
    anchors: tuple[str, ...]


class References:
    """A place in the text, the nodes made so far, and what has been found and named.

    Raises:
        Unreadable: from every method that reads, quoting the words that do not belong there.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.at = 0
        self.nodes: list[Node] = []
        self.made: dict[tuple[Any, ...], str] = {}
        self.found: dict[str, list[str]] = {}
        self.names: dict[str, tuple[str, str]] = {}
        self.category: dict[str, str] = {}

    # -- moving over the text --------------------------------------------------------------------

    def fail(self, why: str) -> NoReturn:
        """Refuses the words at this place."""
        raise Unreadable(f"{quoted(self.text, self.at)}: {why}")

    def take(self, pattern: Pattern[str]) -> Match[str] | None:
        """Goes behind the pattern's words where they stand here."""
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def need(self, pattern: Pattern[str], why: str) -> Match[str]:
        """Goes behind the pattern's words, which must stand here."""
        return self.take(pattern) or self.fail(why)

    def add(self, kind: type[Node], *fields: Any) -> str:
        """The node with these fields; what is said twice is one node."""
        key = (kind, *fields)
        name = self.made.get(key)
        if name is None:
            name = self.made[key] = f"n{len(self.nodes)}"
            self.nodes.append(kind(name, *fields))
        return name

    # -- groups and instances --------------------------------------------------------------------

    def noun(self, many: bool) -> str:
        """A category of the picture."""
        found = self.vocabulary.find(self.text, self.at, many)
        if found is None:
            self.fail(f"not a category of this picture in the {'plural' if many else 'singular'}")
        category, self.at = found
        return category

    def _tinted_noun(self, many: bool, tint: str) -> tuple[str, str]:
        """A noun and the colour before it. `orange` may be either, so both readings are tried."""
        noun = self.at + len(tint) + 1
        plain = self.vocabulary.find(self.text, self.at, many)
        tinted = self.vocabulary.find(self.text, noun, many)
        if plain and tinted and plain[1] == tinted[1]:
            self.fail(f"could be {plain[0]!r}, or {tinted[0]!r} in {tint}")
        if plain and (tinted is None or plain[1] > tinted[1]):
            return "", self.noun(many)
        self.at = noun
        return tint, self.noun(many)

    def _bare_group(self, many: bool) -> tuple[str, str]:
        """A colour and a noun: the group's node and its category."""
        tint = say.COLOR.match(self.text, self.at)
        color, category = self._tinted_noun(many, tint[1]) if tint else ("", self.noun(many))
        node = self.add(Objects, category)
        if color:
            node = self.add(Filter, node, "color", color)
        self.category[node] = category
        return node, category

    def group(self, many: bool) -> Group:
        """A noun phrase without its article, with all that may stand around the noun."""
        node, category = self._bare_group(many)
        facing = self.take(say.FACING)
        if facing:
            node = self.add(Filter, node, "facing", facing[1])
        anchors: tuple[str, ...] = ()
        relation = self.take(say.RELATION)
        if relation and relation["who"] and not (many and fits(relation["who"], category)):
            self.fail(f"{relation['who'] + ' are'!r} does not go with the noun before it")
        while relation:
            loose = self.text.startswith("the ", self.at)
            anchors = (*anchors, self.anchor())
            node = self._related(relation["how"], node, anchors[-1])
            relation = self.take(say.NEXT_RELATION)
            if relation and loose:
                self.fail(f"{relation['how']!r} could belong to either noun before it")
        self.category[node] = category
        return Group(node, category, bool(facing or anchors), anchors)

    def _related(self, relation: str, of: str, anchor: str) -> str:
        if relation == "touching or overlapping":
            return self.add(Overlapping, of, anchor)
        return self.add(SideOf, of, anchor, say.SIDE[relation])

    def anchor(self) -> str:
        """An instance that other words lean on: found before, or "the NOUN" with no more than a colour."""
        article = self.take(say.KNOWN)
        if article is None:
            return self._named()
        return self._that() if article[1] == "that" else self._bare_group(many=False)[0]

    def instance(self) -> str:
        """An instance that stands alone in its clause: also "the S" and "the S closest to I"."""
        if not self.take(say.THE):
            return self.anchor()
        group = self.group(many=False)
        return self.reach(group) if say.TOWARDS.match(self.text, self.at) else group.node

    def _that(self) -> str:
        begin = self.at
        found = self.found.get(self.noun(many=False), [])
        if len(found) != 1:
            self.at = begin
            self.fail(f"{'none' if not found else 'more than one'} of these was found before")
        return found[0]

    def _named(self) -> str:
        begin = self.at
        category = self.noun(many=False)
        letter = self.need(say.NAME, "a noun without that, the or a name")[1]
        known, instance = self.names.get(letter, ("", ""))
        if known != category:
            self.at = begin
            self.fail("nothing was given this name before")
        return instance

    def meant(self, pronoun: str, group: Group) -> str:
        """The anchor that `it` or `them` stands for: the only one of the sentence that fits."""
        fitting = {anchor for anchor in group.anchors if fits(pronoun, self.category[anchor])}
        if pronoun == "them" and fits(pronoun, group.category):
            self.fail("'them' could also stand for the group of its sentence")
        if len(fitting) != 1:
            self.fail(f"{pronoun!r} could stand for {len(fitting)} anchors of its sentence, not one")
        return fitting.pop()

    def reach(self, group: Group) -> str:
        """ "The S closest to I": only for a group without words behind its noun."""
        towards = self.need(say.TOWARDS, "these words cannot follow the noun")[1]
        if group.tail:
            self.fail(f"{towards!r} could belong to either noun before it")
        return self.towards(towards, group, self.anchor())

    def towards(self, towards: str, group: Group, anchor: str) -> str:
        """The group's member that is closest to or farthest from the anchor."""
        return self.add(Nearest if towards == "closest to" else Farthest, group.node, anchor)
