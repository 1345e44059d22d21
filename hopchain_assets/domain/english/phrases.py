"""The fixed words of the English that `reading` understands, as patterns and what they stand for.

Every pattern ends at a word's end, so that the reader always stands between two words.
"""

from __future__ import annotations

import re

CONSTANT = r"(?:0|[1-9]\d{0,6})(?:\.\d{1,6})?(?![\w.]*\w)"
COLORS = (
    "(?:(?:light|dark) )?(?:red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gray|grey|beige|tan"
    "|gold|golden|silver|cyan|turquoise|teal|magenta|maroon|navy|olive|cream)"
)
ENTRY = re.compile(
    r"(Find|Look for|Start with|Locate|Now find|Next, go to|Then find|Among|Count|Let|Read|If|The answer is|What) "
)
GOING = frozenset(("Find", "Look for", "Start with", "Locate", "Now find", "Next, go to", "Then find"))
CLOSING = re.compile(r"(?:is the answer|number do you get|is the result)\?$")
THE = re.compile(r"the ")
OTHER = re.compile(r"other ")
COLOR = re.compile(rf"({COLORS}) ")
FACING = re.compile(r" facing (left|right)\b")
_RELATIONS = "to the left of|to the right of|above|below|touching or overlapping"
RELATION = re.compile(rf"(?: (?P<who>that|who) are)? (?P<how>{_RELATIONS}) ")
NEXT_RELATION = re.compile(rf" and (?P<how>{_RELATIONS}) ")
SIDE = {"to the left of": "left", "to the right of": "right", "above": "above", "below": "below"}
TOWARDS = re.compile(r" (closest to|farthest from) ")
TAKE = re.compile(r", (?:take|pick) the one(?= )")
PRONOUN = re.compile(r"(it|them)(?=[.;])")
KNOWN = re.compile(r"(that|the) ")
NAME = re.compile(r" ([A-F])(?![^\s.,;])")
CALL_ONE = re.compile(r"; call (it|them) ")
STOP = re.compile(r"\.(?: |$)")
PLACE = re.compile(
    r" (who|that) (?:"
    r"is (?P<first>furthest to the left|furthest to the right|highest|lowest) in the picture"
    r"|is (?P<nth>second|third|fourth|fifth) from the (?P<edge>left|right|top|bottom)"
    r"|takes up the (?:(?P<size_nth>second|third|fourth|fifth)-)?(?P<size>largest|smallest) area in the picture)"
    r"(?=[.;])"
)
FIRST = {
    "furthest to the left": "left",
    "furthest to the right": "right",
    "highest": "top",
    "lowest": "bottom",
}
NTH = {None: 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
SPOTS = re.compile(r"(?:dots|pips) on ")
NUMBER_ON = re.compile(r"the number on ")
CALL = re.compile(r"; call the number ([NMKT])(?=\.)")
CALL_IT = re.compile(r"; call it ([NMKT])(?=\.)")
LET = re.compile(r"([NMKT]) be the number of ")
THERE_ARE = re.compile(r"there are (more|fewer) ")
THAN = re.compile(r" than ")
HOW_MANY = re.compile(r"the number of ")
AMOUNT = re.compile(r" is (greater than|less than|exactly) ")
LETTER_IS = re.compile(r"([NMKT]) is (greater than|less than|equal to) ")
VALUE_RELATION = {
    "greater than": "more", "less than": "fewer", "equal to": "equal", "exactly": "equal",
}  # fmt: skip
PREDICATE = re.compile(
    r" (?:is in the (?P<half>left|right|upper|lower) half of the picture(?=,)"
    r"|is (?P<than>further to the left|further to the right|higher in the picture|lower in the picture) than "
    r"|takes up (?P<area>more|less) of the picture than "
    r"|(?:faces|is facing) (?P<facing>left|right)(?=,)"
    rf"|is (?P<color>{COLORS})(?=,))"
)
HALF = {"left": "left", "right": "right", "upper": "above", "lower": "below"}
POSITION = {
    "further to the left": "left",
    "further to the right": "right",
    "higher in the picture": "above",
    "lower in the picture": "below",
}
BRANCHES = re.compile(r", (?:the answer is|let ([NMKT]) be) ")
ELSE_ANSWER = re.compile(r"; otherwise, it is ")
ELSE_LET = re.compile(r"; otherwise, let it be ")
TERM = re.compile(rf"(?:({CONSTANT}) times )?([NMKT])(?!\w)")
SIGN = re.compile(r" (plus|minus) ")
UNSIGNED = re.compile(CONSTANT)
SIGNED = re.compile(rf"-?{CONSTANT}")
