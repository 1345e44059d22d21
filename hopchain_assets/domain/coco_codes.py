"""COCO's compressed run lengths as numbers and back, many texts at once.

A number is written as signed groups of 5 bits, the lowest first, each a character from 48 on; 0x20 says that more
follow, 0x10 in the last is the sign. The first three numbers are run lengths, each later one is the difference to the
run two before it (pycocotools, `maskApi.c`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# runs and their differences fit 33 bits; longer ones would overflow the sums
MOST_GROUPS = 7


class MaskError(ValueError):
    """The run lengths do not describe a mask of this picture."""


class Runs(NamedTuple):
    """The run lengths of some texts, in pixels.

    `numbers` (how many run lengths a text has) and `lead` (the background before its first mask run) are `[texts]`;
    `ink` (mask runs, text after text) and `behind` (the background behind each, 0 where the text ends with the mask)
    are `[rows]`: text `k` has `numbers[k] // 2` of them.
    """

    numbers: Ints
    lead: Ints
    ink: Ints
    behind: Ints

    @property
    def rows(self) -> Ints:
        """Mask runs of each text, those of no length counted too."""
        return self.numbers // 2


def read_runs(texts: Sequence[str]) -> Runs:
    """The run lengths of all texts.

    Raises:
        MaskError: when one of them is not such a code.
    """
    if not texts:
        return Runs(*np.zeros((4, 0), np.int64))
    try:
        code = np.frombuffer("".join(texts).encode("ascii"), np.uint8) - np.uint8(48)
    except UnicodeEncodeError as error:
        raise MaskError("the run lengths hold a character that is not ASCII") from error
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    tail = sizes.cumsum() - 1
    # what lies below 48 has wrapped round to more than 63
    if not sizes.all() or code.max() > 63 or (code[tail] & 0x20).any():
        raise MaskError("the run lengths are cut short or hold a foreign character")
    values, last = _numbers(code)
    runs = _summed(values, np.searchsorted(last, tail) + 1)
    # each is judged before any two are added: together they may be more than 64 bits hold
    if any(part.size and (part.min() < 0 or part.max() >= 2**32) for part in runs[1:]):
        raise MaskError("a run length is negative, or too long to be one")
    return runs


def _numbers(code: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """The numbers as they are written, and where the last character of each stands."""
    last = np.flatnonzero(code < 0x20)
    groups = np.diff(last, prepend=-1)
    longest = int(groups.max())
    if longest > MOST_GROUPS:
        raise MaskError("a run length is too long to be one")
    values = code[last].astype(np.int64)
    values -= (values & 0x10) << 1
    # most numbers have one group or two, so later rounds have little left to do
    more = np.flatnonzero(groups > 1)
    for group in range(1, longest):
        values[more] = (values[more] << 5) | (code[last[more] - group] & 0x1F)
        more = more[groups[more] > group + 1]
    return values, last


def _summed(values: Ints, ends: Ints) -> Runs:
    """Differences to the run two before as run lengths; the numbers of text `k` end before `ends[k]`."""
    numbers = np.diff(ends, prepend=0)
    begin = ends - numbers
    later = np.ones(values.size, np.bool_)
    later[begin] = False
    rest = values[later]
    # behind the first come mask and background in turn, two sums that go on through all texts; a text that ends with
    # the mask gets a background of none behind it
    short = numbers % 2 == 0
    if short.any():
        rest = np.insert(rest, (ends - np.arange(1, ends.size + 1))[short], 0)
    sums = rest.reshape(-1, 2).T.cumsum(axis=1)
    rows = numbers // 2
    before = np.zeros((2, ends.size), np.int64)
    last = rows.cumsum()
    before[:, last > 0] = sums[:, last[last > 0] - 1]
    ink, behind = sums - np.concatenate((np.zeros((2, 1), np.int64), before[:, :-1]), axis=1).repeat(rows, axis=1)
    behind[last[short] - 1] = 0
    return Runs(numbers, values[begin], ink, behind)


def write_codes(values: Ints, begin: Ints) -> list[str]:
    """The texts of run lengths that lie one after the other; those of text `k` are `values[begin[k]:begin[k + 1]]`."""
    if begin.size == 1:
        return []
    told = values.copy()
    told[2:] -= values[:-2]
    first = begin[:-1, None] + np.arange(3)
    first = first[first < begin[1:, None]]
    told[first] = values[first]
    # a group of 5 bits holds -16 to 15, two -512 to 511
    bits = told ^ (told >> 63)
    groups = np.ones(told.size, np.int64)
    for group in range(1, MOST_GROUPS):
        longer = bits >= 1 << (5 * group - 1)
        if not longer.any():
            break
        groups += longer
    ends = groups.cumsum()
    place = np.arange(int(ends[-1]) if ends.size else 0) - (ends - groups).repeat(groups)
    low = (told.repeat(groups) >> (5 * place)) & 0x1F
    low += 48 + 0x20
    low[ends - 1] -= 0x20
    code = low.astype(np.uint8).tobytes().decode("ascii")
    edges = np.concatenate(([0], ends))[begin].tolist()
    return [code[start:end] for start, end in pairwise(edges)]
