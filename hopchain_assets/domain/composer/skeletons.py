"""The plans that chains are made by.

A skeleton is a list of moves over slots: instances are kept under small letters, numbers under capitals.

| move | meaning |
|---|---|
| `root a` | an instance that stands out in the picture becomes `a` |
| `step a b` | from `a` to another instance `b` |
| `count b N` | how many of a group lie on a side of `b` |
| `read b N` | the number on `b` |
| `alone c T ...` | a condition about `c` alone picks what becomes `T` (or the answer) |
| `between a b T ...` | a condition about `a` and `b` picks |
| `many b T ...` | a condition about how many of a group lie on a side of `b` picks |
| `sum ...` | the answer is a sum |

What follows the slot that a condition fills are the numbers that both of its branches reckon with.
"""

from __future__ import annotations

from collections.abc import Mapping

SKELETONS: Mapping[str, tuple[str, ...]] = {
    "walk-count-branch": ("root a", "step a b", "count b N", "step b c", "alone c = N"),
    "count-then-half": ("root a", "step a b", "count b N", "alone b = N"),
    "half-then-count": ("root a", "step a b", "alone b T", "count b N", "sum T N"),
    "long-walk": ("root a", "step a b", "step b c", "alone c T", "count c N", "sum T N"),
    "two-counts": ("root a", "step a b", "count b N", "step b c", "count c M", "alone c = N M"),
    "compare-then-branch": ("root a", "step a b", "between a b T", "count b N", "alone b = T N"),
    "compare-and-walk": ("root a", "step a b", "count b N", "between a b T N", "step b c", "alone c = T"),
    "many-then-branch": ("root a", "step a b", "many b T", "step b c", "count c N", "alone c = T N"),
    "root-count-branch": ("root a", "count a N", "step a b", "count b M", "alone b = N M"),
    "read-and-branch": ("root a", "step a b", "read b N", "step b c", "alone c = N"),
    "read-two": ("root a", "step a b", "read b N", "step b c", "read c M", "sum N M"),
    "read-and-count": ("root a", "read a N", "step a b", "count b M", "alone b = N M"),
}
