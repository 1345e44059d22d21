"""Category names as English nouns."""

from __future__ import annotations

# what people write, where it is not the category's own name or not made by the rules below
SINGULAR = {"tv": "TV", "scissors": "pair of scissors", "skis": "pair of skis"}
PLURAL = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "die": "dice",
    "mouse": "mice",
    "sheep": "sheep",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "shelf": "shelves",
    "scarf": "scarves",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "fish": "fish",
    "aircraft": "aircraft",
    "scissors": "pairs of scissors",
    "skis": "pairs of skis",
    "tv": "TVs",
    "potato": "potatoes",
    "tomato": "tomatoes",
}


def singular(category: str) -> str:
    """One of the category: `wine glass`, `TV`, `pair of scissors`."""
    return SINGULAR.get(category, category)


def plural(category: str) -> str:
    """Several of the category: `people`, `wine glasses`, `berries`. The last word takes the ending."""
    if category in PLURAL:
        return PLURAL[category]
    head, _, last = category.rpartition(" ")
    return f"{head} {_plural_word(last)}".strip()


def _plural_word(word: str) -> str:
    if word in PLURAL:
        return PLURAL[word]
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + "s"
