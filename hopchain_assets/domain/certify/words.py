"""Rules about the words: `leakage` and `bound`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator

from hopchain_assets.domain.certify.worlds import differing_world
from hopchain_assets.domain.english.reading import Unreadable, read_question
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Facts, Finding

# what the writer of a question may see and its reader never does, labels (i3) too; the letters looked for ahead only
# save time
HIDDEN = re.compile(
    r"\b(?=[abcilmops])(?:(?:bounding|box(?:es)?|borders?|masks?|crops?|cropped|patch(?:es)?|segment(?:s|ed|ation)?"
    r"|outlined|pixels?|coordinates?|ids?|instances?|annotations?|labell?ed)(?:_\w*|\d+)?|i_?\d+)\b",
    re.IGNORECASE,
)
# sums and choices may set numbers side by side: those of one digit, "10,000", "12, 15u", "19; 22 if not"
COORDINATES = re.compile(
    r"[\[({<]\s*\d+(?:\.\d+)?\s*[,;]\s*[-+]?\d"
    r"|\b(?=[.\da-fnxyXY])(?:0?\.\d{2,}|[xy]\d?\s*[=:]\s*\d|[XY]\s*[=:]\s*\d{2,}\b|[0-9a-f]{12,}\b"
    r"|(?:at|near|around)\s+\d{1,3},\d{3}\b"
    r"|(?!\d{1,3}(?:,\d{3})+\b)(?:\d{2,}(?:\.\d+)?|\d\.\d+)\s*[,;\u060c\u3001]\s*[-+]?(?:\d{2,}(?:\.\d+)?|\d\.\d+)\b"
    r"(?!\.\d|\s*[+*\u00d7]|\s+(?:if|else|otherwise|when|unless|times|plus|minus)\b))"
)
# signs of no width that Unicode does not count among the control and format signs (category C)
EMPTY = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
QUOTED = re.compile(r"[\"\u201c\u201d\u00ab\u00bb\u2018]|(?<!\w)'[^']+'")

PLAIN_NAME = re.compile(r"\w(?:[^']*\w)?")

Reader = Callable[[str, Collection[str]], Program]


def leakage(question: str, categories: Collection[str]) -> Iterator[Finding]:
    """No boxes, coordinates, masks, ids or quoted text of the picture (paper: the writer's aids stay hidden).

    The words are judged in their NFKC form; a sign that cannot be seen, which could part or hide one, is refused.
    """
    if _holds_unseen(question):
        yield Finding("leakage", "the question holds signs that cannot be seen")
        return
    if not question.isascii():
        question = unicodedata.normalize("NFKC", question)
        categories = [unicodedata.normalize("NFKC", category) for category in categories]
    # a plain name that is taken out makes no leak, so a question that has none with the names has none without them
    if _leak(question) is None and all(PLAIN_NAME.fullmatch(category) for category in categories):
        return
    bare = question
    for category in sorted(categories, key=len, reverse=True):
        bare = re.sub(rf"\b{re.escape(category)}(?:e?s)?\b", "thing", bare, flags=re.IGNORECASE)
    leak = _leak(bare)
    if leak:
        yield Finding("leakage", f"the question {leak}")


def _holds_unseen(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    return EMPTY.search(text) is not None or any(unicodedata.category(sign).startswith("C") for sign in text)


def _leak(text: str) -> str | None:
    for pattern, what in ((HIDDEN, "speaks of"), (COORDINATES, "holds the coordinate or id"), (QUOTED, "quotes with")):
        found = pattern.search(text)
        if found:
            return f"{what} {found.group(0)!r}"
    return None


def bound(question: str, program: Program, facts: Facts, seed: int, read: Reader = read_question) -> Iterator[Finding]:
    """Another reading of the words alone gives the same program, or one with equal results.

    Equal in canonical form, or else on the facts and on 32 counterfactual worlds that tell the program
    from each of its one-operation mutants.
    """
    categories = {item.category for item in facts.instances}
    try:
        reading = read(question, categories)
    except Unreadable as error:
        yield Finding("bound", f"the words cannot be read back: {error}")
        return
    difference = same_meaning(program, reading, facts, seed)
    if difference:
        yield Finding("bound", f"the words say another program: {difference}")


def same_meaning(program: Program, reading: Program, facts: Facts, seed: int) -> str:
    """Empty where both say the same in canonical form, or give equal results on the picture and on 32 worlds.

    Otherwise where they differ.
    """
    return "" if reading.canonical() == program.canonical() else differing_world(program, reading, facts, seed)
