"""Category names as English nouns."""

from __future__ import annotations

import re
from functools import lru_cache

# what people write, where it is not the category's own name or not made by the rules below
SINGULAR = {"tv": "TV"}
PLURAL = {
    "tv": "TVs",
    "die": "dice",
    "ox": "oxen",
    "mongoose": "mongooses",
    "stomach": "stomachs",
    "quiz": "quizzes",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "mango": "mangoes",
    "mosquito": "mosquitoes",
}
# also at the end of a longer word: policeman, goldfish, bookshelf
ENDINGS = {
    "person": "people",
    "man": "men",
    "child": "children",
    "mouse": "mice",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "leaf": "leaves",
    "loaf": "loaves",
    "shelf": "shelves",
    "scarf": "scarves",
    "wolf": "wolves",
    "calf": "calves",
    "knife": "knives",
    "sheep": "sheep",
    "fish": "fish",
    "deer": "deer",
    "bison": "bison",
    "moose": "moose",
    "shrimp": "shrimp",
    "aircraft": "aircraft",
    "spacecraft": "spacecraft",
}
NO_MEN = ("human", "ottoman", "talisman", "shaman", "caiman", "roman", "german")
PAIRS = frozenset((
    "jeans", "sunglasses", "pants", "trousers", "headphones", "earphones", "goggles", "glasses", "binoculars",
    "shorts", "leggings", "tights", "overalls", "scissors", "pliers", "tongs", "tweezers", "skis",
))  # fmt: skip
HUMANS = frozenset(("person", "man", "woman", "child", "boy", "girl", "baby"))

PLAIN = re.compile(r"[A-Za-z][A-Za-z'-]+(?: [A-Za-z][A-Za-z'-]+)*")
# a name with one of these is a phrase: its plural is not at its end, or it runs into the sentence around it
JOINTS = frozenset((
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "inside", "is", "of", "on", "or", "other", "than",
    "that", "the", "to", "with", "who", "facing", "closest", "farthest", "touching", "above", "below", "left",
    "right", "pair", "pairs", "one", "it", "them",
))  # fmt: skip


@lru_cache(maxsize=1024)
def speakable(category: str) -> bool:
    """Whether the category's name is a plain noun that these rules can use."""
    return PLAIN.fullmatch(category) is not None and JOINTS.isdisjoint(category.lower().split())


def human(category: str) -> bool:
    """Whether one says `who` and `them`, not `that` and `it`."""
    return category.lower().rpartition(" ")[2] in HUMANS


def singular(category: str) -> str:
    """One of the category: `wine glass`, `TV`, `pair of scissors`."""
    if _is_pair(category):
        return f"pair of {category}"
    return SINGULAR.get(category, category)


@lru_cache(maxsize=1024)
def plural(category: str) -> str:
    """Several of the category: `people`, `wine glasses`, `berries`. The last word takes the ending."""
    if _is_pair(category):
        return f"pairs of {category}"
    head, space, last = category.rpartition(" ")
    return f"{head}{space}{_plural_word(last)}"


def _is_pair(category: str) -> bool:
    return category.rpartition(" ")[2] in PAIRS


def _plural_word(word: str) -> str:
    if word in PLURAL:
        return PLURAL[word]
    for ending, endings in ENDINGS.items():
        if word.endswith(ending) and not word.endswith(NO_MEN):
            return word.removesuffix(ending) + endings
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + "s"
