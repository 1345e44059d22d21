"""Combinations: the 3 to 6 instances of a picture that a writer builds its questions on (paper: stage 3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

from hopchain_assets.domain.records import Facts, digest

SIZES = (3, 4, 5, 6)
TRIES = 8


def combinations(facts: Facts, most: int, seed: int) -> list[tuple[str, ...]]:
    """Up to `most` different sets of instance ids, each of 3 to 6 instances of categories that may be searched.

    Sizes take turns, from another one in each picture; categories that few combinations have had come first, so that
    over the pictures all sizes occur and within one many categories.
    """
    random = Random(int(digest(facts.image_id, "combinations", str(seed)), 16))
    by_category: dict[str, list[str]] = defaultdict(list)
    for item in facts.instances:
        if item.category not in facts.uncountable:
            by_category[item.category].append(item.instance_id)
    there = sum(len(items) for items in by_category.values())
    sizes = [size for size in SIZES if size <= there]
    if not sizes:
        return []
    used: Counter[str] = Counter()
    found: dict[tuple[str, ...], None] = {}
    start = random.randrange(len(sizes))
    for number in range(most * TRIES):
        size = sizes[(start + len(found)) % len(sizes)]
        drawn = _drawn(by_category, used, size, random)
        if drawn not in found:
            found[drawn] = None
            used.update(drawn)
        if len(found) == most or number > TRIES * (len(found) + 1):
            break
    return list(found)


def _drawn(by_category: dict[str, list[str]], used: Counter[str], size: int, random: Random) -> tuple[str, ...]:
    """One set: categories by turns, the least used instances of each first."""
    # kinds with several instances first: what has no rival is no look
    order = sorted(by_category, key=lambda name: (len(by_category[name]) == 1, random.random()))
    pools = [sorted(by_category[name], key=lambda item: (used[item], random.random())) for name in order]
    chosen: list[str] = []
    while len(chosen) < size:
        for pool in pools:
            if pool and len(chosen) < size:
                chosen.append(pool.pop(0))
    return tuple(sorted(chosen))
