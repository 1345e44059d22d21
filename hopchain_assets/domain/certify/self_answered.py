"""Rule `self_answered`: no count and no condition can be told from the words alone.

"The person to the right of A ... if A is further to the right" needs no look: the words have
decided it. Here a chain runs on pictures that nobody has seen, with as many objects of each category, scattered at
random: where a condition nearly always turns out the same, or a count nearly always gives the same number,
whenever the chain has an answer at all, a reader can tell it without looking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.interpreter import Plan, Value, World
from hopchain_assets.domain.program import Count
from hopchain_assets.domain.records import Facts, Finding, Pair

MOST_WORLDS = 160
ENOUGH = 48
SELDOM = 0.08


class Scattered:
    """Pictures with the same objects anywhere, made when they are asked for and kept."""

    def __init__(self, facts: Facts, seed: int) -> None:
        self.facts, self.random = facts, Random(seed)
        self.worlds: list[World] = []

    def world(self, number: int) -> World:
        """The picture of that number."""
        while len(self.worlds) <= number:
            self.worlds.append(self._scatter())
        return self.worlds[number]

    def _scatter(self) -> World:
        facts, random = self.facts, self.random
        uniform, items = random.random, facts.instances
        attributes = [item.attributes for item in items]
        for category in sorted({item.category for item in items}):
            places = [k for k, item in enumerate(items) if item.category == category]
            donors = [items[k].attributes for k in places]
            random.shuffle(donors)
            for k, donor in zip(places, donors, strict=True):
                attributes[k] = donor
        return World(
            (facts.width, facts.height),
            [item.instance_id for item in items],
            [item.category for item in items],
            [uniform() * facts.width for _ in items],
            [uniform() * facts.height for _ in items],
            [item.area * (0.3 + 2.7 * uniform()) for item in items],
            attributes,
            self._relations(),
            facts.perceptions,
        )

    def _relations(self) -> dict[tuple[str, str], Pair]:
        random, facts = self.random, self.facts
        chosen = [key for key in facts.pairs if random.random() < 0.4]
        return dict.fromkeys(chosen, Pair(0.0, 1.0, 0.0))


def self_answered(structure: Structure, plan: Plan, scattered: Scattered) -> Iterator[Finding]:
    """Counts and conditions that turn out the same on nearly all scattered pictures on which the chain has an answer."""
    watched = {
        look: plan.position[look]
        for look in structure.looks
        if structure.nodes[look].gives == "condition" or isinstance(structure.nodes[look], Count)
    }
    seen: dict[str, Counter[Value]] = {look: Counter() for look in watched}
    answer = plan.position[plan.program.answer]
    runs = 0
    for number in range(MOST_WORLDS):
        values = plan.run(scattered.world(number))
        if values[answer] is None:
            continue
        runs += 1
        for look, position in watched.items():
            seen[look][values[position]] += 1
        if runs >= ENOUGH or all(_varies(counter, ENOUGH) for counter in seen.values()):
            break
    for look, counter in seen.items():
        if not _varies(counter, max(runs, 1)):
            value, times = counter.most_common(1)[0] if counter else ("nothing", 0)
            yield Finding("self_answered", f"{look} is {value} in {times} of {runs} pictures nobody has seen")
            return


def _varies(counter: Counter[Value], runs: int) -> bool:
    """Whether what is not the commonest value came often enough."""
    if not counter:
        return False
    return sum(counter.values()) - max(counter.values()) >= max(2, SELDOM * runs)
