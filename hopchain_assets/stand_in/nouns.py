"""Nouns of the stand-in's English back to categories."""

from __future__ import annotations

from functools import lru_cache

from hopchain_assets.domain.english.nouns import plural, singular


@lru_cache(maxsize=256)
def forms(categories: tuple[str, ...], several: bool) -> dict[str, str]:
    """The nouns of the categories, in one of their forms."""
    return {(plural if several else singular)(category): category for category in categories}


def singular_of(noun: str) -> str:
    """The category of a plural that is in no list."""
    for ending, instead in (("ies", "y"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("s", "")):
        if noun.endswith(ending) and plural(noun.removesuffix(ending) + instead) == noun:
            return noun.removesuffix(ending) + instead
    return noun
