"""The words that a question may be made of: part of rule `bound`, for English that no grammar of ours reads.

A word that narrows a reference ("wooden", "standing") and is tested by nothing makes a question that its program does
not answer, and a reader who is a model may pass over it. So each word must be one that leads through the steps (here),
or stand for something in the program: a category, an attribute's value, a predicate that is perceived.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from hopchain_assets.domain.english.nouns import plural

_SMALL = """
a an the this that these those it its they them their theirs he him his she her hers you your we us our who whom whose
which what where when how why there here same other others another each every all both any anybody anyone anything
everybody everyone everything some somebody someone none nobody no not nor only just exactly precisely also too then
next now finally lastly afterwards before after again still yet once instead else otherwise whether if unless while
until because so as than to of in on at by from with without within into onto across along among amongst between
toward towards through over under around about for and or but either neither is are was were be been being am do does
did done have has had having can could may might must shall should will would let lets such very more most less least
fewer few fewest many much enough own out up down off away back together apart respectively
"""
_PICTURE = """
picture pictures image photo photograph scene frame view object objects thing things item items one ones kind kinds
type number numbers figure figures value values count counts total totals sum sums result results answer answers
outcome amount quantity tally place places position positions location spot point area areas size sizes space extent
part side sides half halves middle centre centres center centers edge edges corner corners distance distances
direction name names letter letters question questions condition case cases step steps group set pair pairs colour
colours color colors
"""
_PLACE = """
left right top bottom upper lower above below beneath underneath higher lower highest lowest leftmost rightmost
topmost bottommost uppermost lowermost left-hand right-hand horizontal horizontally vertical vertically far farther
farthest further furthest near nearer nearest close closer closest shorter shortest longer longest distant beside next
adjacent inside outside touching touches touch overlapping overlaps overlap larger largest bigger biggest smaller
smallest tiniest greater greatest wider widest equal equals first second third fourth fifth sixth seventh eighth ninth
tenth last extreme order rank ordered ranked counting starting beginning remaining rest
"""
_DOING = """
find finds found locate locates located look looks see seen start starts begin begins take takes taking taken pick
picks picked choose chooses chosen select selects selected consider considers considered go goes going move moves
moving turn identify identifies identified note notes noted call calls called name named write writes written keep
keeps kept remember record records recorded store stored denote denotes denoted label count counts counted tally
tallies tallied situated fall falls appear appears placed positioned located comes come came arrive arrives reach
reaches get gets got give gives given report reports reported reply replies respond return returns state states stated
say says said tell tells told use uses used using compute computes computed calculate calculates calculated determine
determines determined work works depend depends depending check checks compare compares compared covers cover fills
fill occupy occupies exceed exceeds read printed shown shows show add adds added subtract subtracts subtracted
multiply multiplies multiplied times plus minus double doubled triple tripled twice thrice increase increased decrease
decreased difference product make makes made true false yes measured judged need needs want wants
"""
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty"
LEADING = frozenset(" ".join((_SMALL, _PICTURE, _PLACE, _DOING, _COUNTED)).split())

# words that say where something is, and of a person could say what it does: let through in the former sense alone
_PLACED = re.compile(
    r"\b(?:sits?|stands?|lies?)(?=\s+(?:for|further|farther|nearer|higher|lower|closer|above|below|left|right|to the|"
    r"(?:in|on|at) the (?:left|right|top|bottom|upper|lower|middle))\b)|\bfalls? short of\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")


def unaccounted(question: str, categories: Iterable[str], tested: Iterable[str]) -> list[str]:
    """Words of the question that neither lead through its steps nor stand for anything that is tested.

    Args:
        categories: names of the objects in the picture, in the singular.
        tested: values and names of attributes and predicates that the program tests.
    """
    names = [*categories]
    known = _words([*names, *map(plural, names), *(f"{name}s" for name in names), *tested])
    return [word for word in dict.fromkeys(_words([_PLACED.sub(" ", question)])) if not _led(word, known)]


def _words(texts: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(word for text in texts for word in _WORD.findall(text.lower().replace("\u2019", "'")))


def _led(word: str, known: Collection[str]) -> bool:
    bare = word.removesuffix("'s").removesuffix("s'")
    # a letter names a number or an object
    if len(bare) == 1 or bare in LEADING or bare in known or word in known:
        return True
    parts = bare.split("-")
    return len(parts) > 1 and all(len(part) == 1 or part in LEADING or part in known for part in parts)
