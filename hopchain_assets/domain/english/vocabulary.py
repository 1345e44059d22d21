"""Recognises a picture's categories in running text, singular or plural; the reader's side of `nouns`."""

from __future__ import annotations

import re
from functools import lru_cache


class Unreadable(ValueError):
    """The question is not in this English; the message quotes the words that were not understood."""


_IRREGULAR = {
    "people": "person", "children": "child", "dice": "die", "mice": "mouse", "lice": "louse", "feet": "foot",
    "teeth": "tooth", "geese": "goose", "oxen": "ox", "cacti": "cactus",
}  # fmt: skip
_UNCHANGED = ("sheep", "fish", "deer", "moose", "bison", "craft", "shrimp", "salmon")
_ENDINGS = (
    ("men", ("man",)), ("ves", ("f", "fe")), ("ies", ("y",)), ("zes", ("",)), ("es", ("",)), ("s", ("",)),
)  # fmt: skip
_HUMAN = frozenset(("person", "man", "woman", "child", "boy", "girl", "baby"))
_PAIR = re.compile(r"pair(s?) of ")
# these have two halves and no singular of their own: "the shorts" could be one or many
_HALVED = frozenset((
    "jeans", "pants", "trousers", "shorts", "leggings", "tights", "overalls", "glasses", "sunglasses", "goggles",
    "binoculars", "headphones", "earphones", "scissors", "pliers", "tongs", "tweezers", "skis",
))  # fmt: skip


@lru_cache(maxsize=4096)
def _stems(word: str) -> tuple[str, ...]:
    """Every singular that a plural word could come from; the categories decide which it was."""
    stems = {word.removesuffix(many) + one for many, one in _IRREGULAR.items() if word.endswith(many)}
    if word.endswith(_UNCHANGED):
        stems.add(word)
    for ending, singulars in _ENDINGS:
        if word.endswith(ending):
            stems.update(word[: -len(ending)] + singular for singular in singulars)
    return tuple(stems)


class Vocabulary:
    """The categories of one picture, to be recognised in running text."""

    def __init__(self, categories: frozenset[str]) -> None:
        # words before the last one stand as they are; only the last one has a plural
        self.by_head: dict[str, dict[str, tuple[str, ...]]] = {}
        lengths: set[int] = set()
        for category in categories:
            *head, last = category.lower().split() or [""]
            names = self.by_head.setdefault("".join(word + " " for word in head), {})
            names[last] = (*names.get(last, ()), category)
            lengths.add(len(head) + 1)
        self.lengths = sorted(lengths, reverse=True)

    def find(self, text: str, at: int, many: bool) -> tuple[str, int] | None:
        """The category named at a place of the text, and where its words end.

        Raises:
            Unreadable: when the words could name two categories.
        """
        pair = _PAIR.match(text, at)
        if pair and bool(pair[1]) == many and (found := self._longest(text, pair.end(), False, halved=True)):
            return found
        return self._longest(text, at, many, halved=False)

    def _longest(self, text: str, at: int, many: bool, halved: bool) -> tuple[str, int] | None:
        words = text[at:].split(" ", self.lengths[0]) if self.lengths else []
        for length in self.lengths:
            head = "".join([word + " " for word in words[: length - 1]])
            names = self.by_head.get(head.lower())
            if names is None or len(words) < length:
                continue
            last = words[length - 1].rstrip(".,;?")
            stems = _stems(last.lower()) if many else (last.lower(),)
            if not many and (stems[0] in _HALVED) != halved:
                continue
            found = [category for stem in stems if stem in names for category in names[stem]]
            if len(found) > 1:
                raise Unreadable(f"{quoted(text, at)}: the noun could be {' or '.join(sorted(found))}")
            if found:
                return found[0], at + len(head) + len(last)
        return None


@lru_cache(maxsize=512)
def vocabulary(categories: frozenset[str]) -> Vocabulary:
    """The same vocabulary for the same categories: a picture has many questions."""
    return Vocabulary(categories)


def quoted(text: str, at: int) -> str:
    """The first words of the text from that place to the sentence's end, for an error message."""
    words = text[at : at + 200].partition(". ")[0].split()
    if not words:
        return "the question's end"
    return f'"{" ".join(words[:6])[:80]}{" ..." if len(words) > 6 else ""}"'


def fits(word: str, category: str) -> bool:
    """`who` and `them` are for human beings, `that` and `it` for the rest."""
    return (word in ("who", "them")) == (category.lower().rpartition(" ")[2] in _HUMAN)
