"""The stand-in's own English, as tables: one for its writer and its reader, and other than the composer's.

A sentence is a pattern with slots in braces. Objects that are found go by a capital (P, Q, ...), numbers by a small
letter (u, v, ...). docs/stand-in.md shows what comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LABELS = "PQRSVWFGHJ"
LETTERS = "uvwzkghm"

# {label} is an object's capital, {letter} a number's letter, {np} words for one object, {group} words for several
INTRODUCED: Sequence[str] = (
    "Let {label} be {np}.",
    "Take {np} as {label}.",
    "Look at {np}, from now on {label}.",
    "{label} stands for {np}.",
)
# {one} is "the one nearest to P", "the second one from the left"
INTRODUCED_AMONG: Sequence[str] = (
    "Among the {group}, let {label} be the {one}.",
    "Among the {group}, take the {one} as {label}.",
    "Of the {group}, pick the {one}, from now on {label}.",
)
COUNTED: Sequence[str] = (
    "Write {letter} for how many {group} there are.",
    "Tally the {group} and keep the result as {letter}.",
    "Let {letter} be the tally of {group}.",
)
READ: Mapping[str, Sequence[str]] = {
    "number": (
        "Write {letter} for the number printed on {np}.",
        "Let {letter} be the number that {np} shows.",
    ),
    "dots": (
        "Write {letter} for how many dots are on {np}.",
        "Let {letter} be the dots on {np}, counted.",
    ),
}
CHOSEN: Sequence[str] = (
    "If {condition}, then {letter} is {yes}, and else {no}.",
    "Let {letter} be {yes} if {condition}, and {no} if not.",
    "Depending on whether {condition}, let {letter} be {yes} or {no}.",
)
RECKONED: Sequence[str] = ("Let {letter} be {sum}.", "Write {letter} for {sum}.")
ANSWERED_BY_CHOICE: Sequence[str] = (
    "If {condition}, reply with {yes}, and else with {no}.",
    "Give {yes} if {condition}, and {no} if not.",
    "Depending on whether {condition}, the outcome is {yes} or {no}.",
)
ANSWERED: Sequence[str] = ("Give {sum}.", "The outcome is {sum}.", "Reply with {sum}.")
CLOSINGS: Sequence[str] = ("", "Which number is it?", "What do you arrive at?", "Which number comes out?")

# a relation of a group to an object, behind the noun
SIDES: Mapping[str, Sequence[str]] = {
    "left": ("further left than {label}", "on the left side of {label}"),
    "right": ("further right than {label}", "on the right side of {label}"),
    "above": ("higher up than {label}", "nearer to the top than {label}"),
    "below": ("lower down than {label}", "nearer to the bottom than {label}"),
}
TOUCHING = "in contact with {label}"
INSIDE = "within the outline of {label}"
NEAREST: Sequence[str] = ("nearest to {label}", "at the shortest distance from {label}")
FARTHEST: Sequence[str] = ("furthest away from {label}", "most distant from {label}")

FIRST: Mapping[str, Sequence[str]] = {
    "left": ("leftmost",),
    "right": ("rightmost",),
    "top": ("topmost", "uppermost"),
    "bottom": ("bottommost", "lowermost"),
    "largest": ("biggest",),
    "smallest": ("tiniest",),
}
ORDINALS: Sequence[str] = (
    "", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip

HALVES: Mapping[str, str] = {"left": "left", "right": "right", "above": "top", "below": "bottom"}
IN_HALF: Sequence[str] = ("{a} sits in the {half} half of the image", "{a} is found in the {half} half of the scene")
POSITIONS: Mapping[str, Sequence[str]] = {
    "left": ("{a} is further left than {b}", "{a} has its middle to the left of that of {b}"),
    "right": ("{a} is further right than {b}", "{a} has its middle to the right of that of {b}"),
    "above": ("{a} is higher up than {b}", "{a} is nearer to the top than {b}"),
    "below": ("{a} is lower down than {b}", "{a} is nearer to the bottom than {b}"),
}
AREAS: Mapping[str, Sequence[str]] = {
    "larger": ("{a} covers a larger area than {b}", "{a} fills more of the image than {b}"),
    "smaller": ("{a} covers a smaller area than {b}", "{a} fills less of the image than {b}"),
}
COLORED: Sequence[str] = ("{a} is {value} in colour", "the colour of {a} is {value}")
TURNED: Sequence[str] = ("{a} looks towards the {value}", "{a} is turned to the {value}")
CARRIES = "{a} has the {attribute} {value}"
VALUES: Mapping[str, Sequence[str]] = {
    "more": ("{a} exceeds {b}", "{a} is more than {b}"),
    "fewer": ("{a} falls short of {b}", "{a} is below {b}"),
    "equal": ("{a} equals {b}", "{a} comes to exactly {b}"),
}
THERE_ARE: Mapping[str, Sequence[str]] = {
    "more": ("there are more than {b} {group}", "the tally of {group} exceeds {b}"),
    "fewer": ("there are fewer than {b} {group}", "the tally of {group} falls short of {b}"),
    "equal": ("there are exactly {b} {group}", "the tally of {group} equals {b}"),
}
