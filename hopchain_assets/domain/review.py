"""When people's votes make an answer true (paper, stage 4: human verification).

Several people solve a question blind. Any report of a defect discards it; otherwise all numbers must be the same, and
that number is the answer, whatever the generator said.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hopchain_assets.domain.records import canonical_number

State = Literal["open", "unanimous", "disagreed", "defect"]

# why a question cannot be answered, as an annotator may say it
DEFECTS = {
    "ambiguous": "It can be understood in more than one way",
    "several": "A description fits several objects",
    "unreadable": "Too small, dark or blurred to tell",
    "not_there": "Something it speaks of is not in the picture",
    "knowledge": "It needs knowledge from outside the picture",
    "offensive": "It is offensive",
}
# only who sees the marks can tell: it closes the category for the picture
NOT_MARKED = "not_marked"

LONGEST_NUMBER = 40
LARGEST = 1e9
# minus, en dash, figure dash, small and wide hyphen: what phones put in the place of a hyphen; wide signs of keyboards
# for Chinese and Japanese
_DASHES = dict.fromkeys([0x2212, 0x2013, 0x2012, 0xFE63, 0xFF0D], "-")
_SIGNS = _DASHES | {0xFF0B: "+", 0xFF0C: ",", 0xFF0E: ".", 0xFF0F: "/"}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+|[+-]?[0-9]+\.")
_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]+)")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){2,}|[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_RATIO = re.compile(r"([+-]?[0-9]+) ?[/\u2044] ?([0-9]+)")


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """How questions are put to people.

    - `people` different ones answer each; a question closes at the first disagreement or defect where `close_early`,
      but for a random `sample_share` that is never closed early, so that agreement can be measured on it.
    - Who takes a question keeps it for `lease_seconds`. A vote is final after `undo_seconds`, or at the next answer of
      who gave it.
    - `practice` questions with feedback come first. A `gold_share` of the others has known answers, unmarked; who has
      answered `gold_least` of them and is right in less than `gold_floor` gets no more.
    """

    people: int = 4
    close_early: bool = True
    sample_share: float = 0.05
    lease_seconds: float = 900.0
    undo_seconds: float = 30.0
    practice: int = 3
    gold_share: float = 0.1
    gold_least: int = 10
    gold_floor: float = 0.7


@dataclass(frozen=True, slots=True)
class Ballot:
    """One person's final word: a canonical number, or the reason why there is none (one of the two is empty)."""

    person_id: str
    number: str = ""
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the votes make of a question; `answer` only where they are unanimous."""

    state: State = "open"
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """How a typed answer is read: the canonical number, or "" and a sentence that says what to write instead."""

    number: str = ""
    why: str = ""


def outcome(ballots: Sequence[Ballot], people: int, early: bool) -> Outcome:
    """What the final votes on one question make of it.

    Args:
        ballots: each by another person, in any order.
        people: how many have to answer.
        early: whether it closes before all have answered, once it cannot become unanimous.

    Raises:
        ValueError: when one person has two of them.
    """
    if len({ballot.person_id for ballot in ballots}) < len(ballots):
        raise ValueError("one person has two votes on one question")
    complete = len(ballots) >= people
    if not (complete or early):
        return Outcome()
    if any(ballot.defect for ballot in ballots):
        return Outcome("defect")
    numbers = {ballot.number for ballot in ballots}
    if len(numbers) > 1:
        return Outcome("disagreed")
    return Outcome("unanimous", numbers.pop()) if complete and numbers else Outcome()


def understand(text: str) -> Understood:
    """The number that somebody typed: `7`, `7.0`, `1,5`, `1/2`, `-3`, digits of any script.

    `1,500` is refused, since it is 1500 to some and 1.5 to others; so is a number with words or a unit.
    """
    told = _plain(text)
    if not told:
        return Understood()
    if len(told) > LONGEST_NUMBER:
        return Understood(why="That is too long for a number.")
    comma = _COMMA.fullmatch(told)
    if comma and len(comma[2]) == 3 and comma[1].lstrip("+-") != "0":
        return Understood(why=f"Write {comma[1]}{comma[2]} or {comma[1]}.{comma[2]}: a comma can mean both.")
    ratio = _RATIO.fullmatch(told)
    if ratio:
        if not int(ratio[2]):
            return Understood(why="Nothing can be divided by 0.")
        value = int(ratio[1]) / int(ratio[2])
    elif _WHOLE.fullmatch(told) or _POINT.fullmatch(told):
        value = float(told)
    elif comma:
        value = float(f"{comma[1]}.{comma[2]}")
    elif _THOUSANDS.fullmatch(told):
        value = float(told.replace(",", ""))
    else:
        return Understood(why="Write one number in digits, without words or units.")
    if abs(value) > LARGEST:
        return Understood(why="That is larger than any answer here.")
    return Understood(canonical_number(value))


def is_sampled(question_id: str, share: float) -> bool:
    """Whether a question belongs to the random share that is never closed early: the same one on each machine."""
    return _fraction("sample", question_id) < share


def is_gold_turn(person_id: str, answered: int, question_id: str, share: float) -> bool:
    """Whether somebody gets one with a known answer in the place of this question, after so many answers.

    Nobody can foresee it: which question is next depends on what others answer.
    """
    return _fraction("gold", person_id, str(answered), question_id) < share


def _fraction(*parts: str) -> float:
    return int(hashlib.sha256("\n".join(parts).encode()).hexdigest()[:13], 16) / 16**13


def _plain(text: str) -> str:
    """Digits of all scripts as ASCII, one kind of minus, no space around.

    Superscripts and vulgar fractions stay: NFKC would make 52 of 5² and 11/2 of 1½.
    """
    plain = text.strip().translate(_SIGNS)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in plain)
