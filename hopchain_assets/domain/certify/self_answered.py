"""Rule `self_answered`: no count and no condition can be told from the words alone.

"The person to the right of A ... if A is further to the right" needs no look: the words have
decided it. Here a chain runs on pictures that nobody has seen, with as many objects of each category, scattered at
random: where a condition nearly always turns out the same, or a count nearly always gives the same number,
whenever the chain has an answer at all, a reader can tell it without looking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from random import Random

from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.interpreter import Plan, Value
from hopchain_assets.domain.program import Count
from hopchain_assets.domain.records import Facts, Finding, Pair
from hopchain_assets.domain.world import World

MOST_WORLDS = 160
ENOUGH = 48
SELDOM = 0.08
_TOUCHING = Pair(0.0, 1.0, 0.0)


class Scattered:
    """Pictures with the same objects anywhere, made when they are asked for and kept."""

    def __init__(self, facts: Facts, seed: int) -> None:
        self.facts, self.random = facts, Random(seed)
        self.worlds: list[World] = []
        items = facts.instances
        self._ids, self._categories = [item.instance_id for item in items], [item.category for item in items]
        self._attributes = [item.attributes for item in items]
        self._places = [
            [k for k, other in enumerate(self._categories) if other == category]
            for category in sorted(set(self._categories))
        ]

    def world(self, number: int) -> World:
        """The picture of that number."""
        while len(self.worlds) <= number:
            self.worlds.append(self._scatter())
        return self.worlds[number]

    def _scatter(self) -> World:
        width, height, uniform = self.facts.width, self.facts.height, self.random.random
        return World(
            (width, height),
            self._ids,
            self._categories,
            attributes=self._exchanged(),
            cx=[uniform() * width for _ in self._ids],
            cy=[uniform() * height for _ in self._ids],
            area=[item.area * (0.3 + 2.7 * uniform()) for item in self.facts.instances],
            pairs={key: _TOUCHING for key in self.facts.pairs if uniform() < 0.4},
            perceptions=self.facts.perceptions,
        )

    def _exchanged(self) -> list[Mapping[str, str]]:
        """Instances of a category take one another's attributes."""
        attributes = list(self._attributes)
        for places in self._places:
            donors = [self._attributes[k] for k in places]
            self.random.shuffle(donors)
            for k, donor in zip(places, donors, strict=True):
                attributes[k] = donor
        return attributes


def self_answered(structure: Structure, plan: Plan, scattered: Scattered) -> Iterator[Finding]:
    """Counts and conditions that turn out the same on nearly all scattered pictures on which the chain answers."""
    # looks that have not varied enough yet: one that has needs no watching, more pictures never take that back
    seen: dict[str, dict[Value, int]] = {
        look: {}
        for look in structure.looks
        if structure.nodes[look].gives == "condition" or isinstance(structure.nodes[look], Count)
    }
    runs = 0
    for number in range(MOST_WORLDS):
        values = plan.run_defined(scattered.world(number))
        if values is None:
            continue
        runs += 1
        for look, times in seen.items():
            value = values[plan.position[look]]
            times[value] = times.get(value, 0) + 1
        seen = {look: times for look, times in seen.items() if not _varies(times, runs, ENOUGH)}
        if runs >= ENOUGH or not seen:
            break
    for look, times in seen.items():
        if not _varies(times, runs, max(runs, 1)):
            value, often = max(times.items(), key=itemgetter(1)) if times else ("nothing", 0)
            yield Finding("self_answered", f"{look} is {value} in {often} of {runs} pictures nobody has seen")
            return


def _varies(times: Mapping[Value, int], seen: int, runs: int) -> bool:
    """Whether what is not the commonest value came often enough."""
    return bool(times) and seen - max(times.values()) >= max(2, SELDOM * runs)
