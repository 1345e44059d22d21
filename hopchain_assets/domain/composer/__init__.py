"""Proposes chains from facts. It decides nothing: every proposal goes before the certifier.

All draws are seeded by the picture and made before the search (which way a condition shall turn out,
how large a count shall be), so the balance of a data set does not depend on the order of its batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from hopchain_assets.domain.composer.draft import Draft
from hopchain_assets.domain.composer.sights import ABOUT, Counted, Found, Sighting, Sights
from hopchain_assets.domain.composer.skeletons import SKELETONS
from hopchain_assets.domain.english.wording import Unspeakable
from hopchain_assets.domain.program import Operand
from hopchain_assets.domain.records import Chain, Facts
from hopchain_assets.domain.world import World

T = TypeVar("T")

GENERATOR = "composer"
INVOLVED = range(3, 7)
# twos come by themselves: most groups have four or five members, and halves of them lie on a side
COUNT_WEIGHTS = (9, 7, 1, 6, 6)


@dataclass(frozen=True, slots=True)
class ComposerSettings:
    """`attempts` a picture at most, and the margins below which nothing is proposed (`Sights`)."""

    attempts: int = 240
    position: float = 0.03
    ratio: float = 0.15
    seed: int = 0


def compose(facts: Facts, settings: ComposerSettings) -> Iterator[Chain]:
    """Proposals for one picture, different ones, until the attempts are used up."""
    digest = hashlib.sha256(f"{settings.seed}:{facts.image_id}".encode()).digest()
    random = Random(int.from_bytes(digest[:8], "big"))
    sights = Sights(facts, settings.position, settings.ratio)
    roots = sights.roots()
    if not roots:
        return
    world = World.of(facts)
    names = list(SKELETONS)
    seen: set[str] = set()
    for attempt in range(settings.attempts):
        if attempt % len(names) == 0:
            random.shuffle(names)
        skeleton = names[attempt % len(names)]
        chain = _Attempt(sights, roots, world, random).chain(skeleton)
        if chain is not None and chain.question not in seen:
            seen.add(chain.question)
            yield chain


class _DeadEnd(Exception):
    """The picture has no plain move of the kind that the skeleton wants here."""


class _Attempt:
    """One walk along a skeleton."""

    def __init__(self, sights: Sights, roots: Sequence[Found], world: World, random: Random) -> None:
        self.sights, self.roots, self.world, self.random = sights, roots, world, random
        self.draft = Draft(sights.facts)
        self.instance: dict[str, int] = {}
        self.move: dict[str, Found] = {}
        self.node: dict[str, str] = {}
        self.answer = ""

    def chain(self, skeleton: str) -> Chain | None:
        """The chain, or None where the walk ends in a dead end or has no words."""
        try:
            for move in SKELETONS[skeleton]:
                kind, *slots = move.split()
                getattr(self, f"_{kind}")(*slots)
            if len(self.draft.instances) not in INVOLVED or not self.draft.is_sensitive(self.answer, self.world):
                return None
            return self.draft.finish(self.answer, skeleton, GENERATOR, self.random.getrandbits(32))
        except (_DeadEnd, Unspeakable):
            return None

    def _choose(self, options: Sequence[T]) -> T:
        if not options:
            raise _DeadEnd
        return options[self.random.randrange(len(options))]

    def _root(self, slot: str) -> None:
        self._keep(slot, self._choose(self.roots), None)

    def _step(self, start: str, slot: str) -> None:
        visited = set(self.instance.values())
        at, rival = self.instance[start], self.move[start].rival
        # moves that would lead elsewhere from the rival come first, where there are any
        options = [move for move in self.sights.telling_steps(at, rival) if move.instance not in visited]
        options = options or [move for move in self.sights.steps(at) if move.instance not in visited]
        self._keep(slot, self._choose(self._one_a_category(options)), self.node[start])

    def _one_a_category(self, options: Sequence[Found]) -> Sequence[Found]:
        """Draws the category first: a picture full of chairs shall not only speak of chairs."""
        categories = sorted({move.group.category for move in options})
        category = self._choose(categories)
        return [move for move in options if move.group.category == category]

    def _keep(self, slot: str, move: Found, anchor: str | None) -> None:
        self.instance[slot], self.move[slot] = move.instance, move
        self.node[slot] = self.draft.find(move, anchor)

    def _counted(self, at: str) -> Counted:
        wanted = self.random.choices(range(len(COUNT_WEIGHTS)), COUNT_WEIGHTS)[0]
        options = self.sights.telling_counts(self.instance[at], self.move[at].rival)
        options = options or self.sights.counts(self.instance[at])
        if not options:
            raise _DeadEnd
        best = min(abs(len(move.members) - wanted) for move in options)
        return self._choose([move for move in options if abs(len(move.members) - wanted) == best])

    def _count(self, at: str, number: str) -> None:
        self.node[number] = self.draft.count(self._counted(at), self.node[at])

    def _read(self, at: str, number: str) -> None:
        attribute = self._choose(self.sights.numbers(self.instance[at]))
        value = self.sights.facts.instances[self.instance[at]].attributes[attribute]
        self.node[number] = self.draft.read(self.node[at], attribute, value)

    def _alone(self, one: str, target: str, *numbers: str) -> None:
        told, astray = self.move[one].tells, self.sights.alone(self.move[one].rival)
        options = [sight for sight in self.sights.alone(self.instance[one]) if sight.about not in told]
        seen = self._turning_out([sight for sight in options if sight not in astray] or options)
        self._branch(self.draft.judge(seen, self.node[one], None), target, numbers)

    def _between(self, one: str, other: str, target: str, *numbers: str) -> None:
        told = self.move[one].tells | self.move[other].tells | {ABOUT.get(self.move[other].side or "", "")}
        options = self.sights.between(self.instance[one], self.instance[other])
        seen = self._turning_out([sight for sight in options if sight.about not in told])
        self._branch(self.draft.judge(seen, self.node[one], self.node[other]), target, numbers)

    def _turning_out(self, options: Sequence[Sighting]) -> Sighting:
        """The outcome is drawn first, then a condition that turns out so (half of all shall be "no")."""
        wanted = self.random.random() < 0.5
        return self._choose([seen for seen in options if seen.holds == wanted])

    def _many(self, at: str, target: str, *numbers: str) -> None:
        move, wanted, more = self._counted(at), self.random.random() < 0.5, self.random.random() < 0.5
        found = len(move.members)
        # "more than k" holds for k = found - 1 and fails for k = found; "fewer than k" the other way round
        than = found + (-1 if wanted else 0) if more else found + (1 if wanted else 0)
        if than < 1:
            raise _DeadEnd
        self._branch(self.draft.judge_count(move, self.node[at], more, than), target, numbers)

    def _branch(self, condition: str, target: str, numbers: Sequence[str]) -> None:
        """Both branches reckon with the same numbers, so that neither ends the chain early."""
        yes, no = self._branches([self.node[name] for name in numbers])
        picked = self.draft.pick(condition, yes, no)
        if target == "=":
            self.answer = picked
        else:
            self.node[target] = picked

    def _branches(self, numbers: Sequence[str]) -> tuple[Operand, Operand]:
        """Constants far enough apart that slips on one branch rarely land on the other."""
        low, gap = self.random.randint(1, 9), self.random.randint(11, 29)
        plus = [low, low + gap]
        if self.random.random() < 0.5:
            plus.reverse()
        if not numbers:
            return plus[0], plus[1]
        if len(numbers) > 1:
            # two elementary steps at most: with two numbers to add there is no factor left
            constants = self.random.sample((2, 3, 4, 5), 2)
            first, second = numbers[0], numbers[1]
            if self.draft.value[first] == 0 or self.draft.value[second] == 0:
                raise _DeadEnd
            return (
                self.draft.sum(((first, constants[0]), (second, 1)), 0),
                self.draft.sum(((first, 1), (second, constants[1])), 0),
            )
        number = numbers[0]
        times = [1, 1] if self.draft.value[number] == 0 else self.random.sample((1, 2, 3, 4), 2)
        return tuple(self.draft.sum(((number, times[k]),), plus[k]) for k in (0, 1))  # type: ignore[return-value]

    def _sum(self, *numbers: str) -> None:
        names = [self.node[name] for name in numbers]
        times = self.random.choice((1, 2, 3)) if self.draft.value[names[-1]] else 1
        self.answer = str(self.draft.sum((*((name, 1) for name in names[:-1]), (names[-1], times)), 0))
