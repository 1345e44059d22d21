"""What the stand-in does wrong on purpose, each kind at its own rate.

A planted fault really makes the chain wrong: what it changes is worked out on the truth again, and where nothing would
come of it another place is tried. docs/stand-in.md lists the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hopchain_assets.stand_in import slips
from hopchain_assets.stand_in.evaluate import Evaluator, Program
from hopchain_assets.stand_in.looks import FINDS, Looks, idle_look, involved
from hopchain_assets.stand_in.predicates import UNKNOWN
from hopchain_assets.stand_in.slips import changed, needed

WRITTEN: tuple[str, ...] = (
    "wrong_number", "hallucinated_category", "not_unique", "skippable_hop", "leaked_coordinates",
    "words_side", "words_rank", "words_category", "words_constant", "words_adjective",
)  # fmt: skip
WIRE: tuple[str, ...] = ("broken_json", "refusal", "http_429", "http_500", "slow", "cut")
ABSENT = (
    "umbrella", "bicycle", "lamp", "clock", "kite", "giraffe", "sofa", "teapot", "guitar", "ladder", "suitcase",
    "helmet", "violin", "penguin", "wheelbarrow", "toaster",
)  # fmt: skip
LEAKS = (
    " (its box is {x0}, {y0}, {x1}, {y1})", " at ({x}, {y})", " around [{x}, {y}]", " (x = {x}, y = {y})",
    " near ({u}, {v})", " (pixel {x}, {y})",
    " (at {x}, {y})", " ({x}; {y})", " (x: {x}, y: {y})", " (shown as i{label})", " (see crop_{label})",
    " (its b\u200box is {x0}, {y0}, {x1}, {y1})",
)  # fmt: skip


class FaultError(ValueError):
    """A rate that cannot be used; the message says which and what it may be."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares from 0 to 1: `faults` by kind (`WRITTEN`, `WIRE`), `mends` of repairs, `perceives` of chains.

    `binder_lies` is the share of readings that are wrong, `perceiver_lies` that of looks, each sample for itself.
    `slow_seconds` is how long a slow reply waits.
    """

    faults: Mapping[str, float] = field(default_factory=dict)
    mends: float = 0.5
    binder_lies: float = 0.0
    perceiver_lies: float = 0.0
    perceives: float = 0.0
    slow_seconds: float = 5.0

    def __post_init__(self) -> None:
        for name in self.faults:
            if name not in WRITTEN + WIRE:
                raise FaultError(f"there is no fault {name!r}: it is one of {', '.join(WRITTEN + WIRE)}")
        shares = {**self.faults, "mends": self.mends, "binder_lies": self.binder_lies}
        shares |= {"perceiver_lies": self.perceiver_lies, "perceives": self.perceives}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise FaultError(f"the rate of {name} is {share:g}: it must be from 0 to 1")
        for group in (WRITTEN, WIRE):
            total = sum(self.faults.get(name, 0.0) for name in group)
            if total > 1 + 1e-9:
                raise FaultError(f"the rates of {', '.join(group)} add up to {total:g}: at most 1 is possible")

    def draw(self, group: Sequence[str], random: Random) -> str:
        """One of the kinds by its rate, or nothing."""
        at = random.random()
        for name in group:
            at -= self.faults.get(name, 0.0)
            if at < 0:
                return name
        return ""


@dataclass(frozen=True, slots=True)
class Planting:
    """What a fault is planted in: a right program with its picture, what it is to involve, names that may be used."""

    program: Program
    evaluator: Evaluator
    combination: frozenset[int]
    categories: Sequence[str]
    attributes: Mapping[str, Sequence[str]]
    random: Random


@dataclass(frozen=True, slots=True)
class Planted:
    """The program stated, the one that the words say, the stated answer, and what is put into the words."""

    program: Program
    said: Program
    answer: float
    leak: str = ""


def plant(fault: str, at: Planting) -> Planted | None:
    """A right program with the fault in it, None where the program has no place for it."""
    if fault.startswith("words_"):
        return _other_words(fault, at)
    return _PLANTERS[fault](at)


def _answer(at: Planting) -> float:
    answer = at.evaluator.answer(at.program)
    assert answer is not None
    return answer


def _wrong_number(at: Planting) -> Planted:
    """A slip of one at a hop and all that follows, or in the last sum."""
    right = _answer(at)
    wrong = [right + slip for slip in (1, -1, 2, 10, 3)]
    for name, value in at.evaluator.run(at.program).items():
        slipped = not value if isinstance(value, bool) else value + 1.0 if isinstance(value, float) else None
        other = None if slipped is None else at.evaluator.answer(at.program, {name: slipped})
        wrong += [other] if other is not None and other != right else []
    return Planted(at.program, at.program, wrong[at.random.randrange(len(wrong))])


def _hallucinated(at: Planting) -> Planted | None:
    """A category that is not in the picture, in the program and in the words."""
    absent = [name for name in ABSENT if name not in at.evaluator.known.categories and name not in at.categories]
    right = _answer(at)
    for mutant in _hard_to_see(slips.kinds(at.program, {}, [at.random.choice(absent)]), at):
        if at.evaluator.answer(mutant) != right:
            return Planted(mutant, mutant, right)
    return None


def _not_unique(at: Planting) -> Planted | None:
    """A group of several where one object is meant: "the mug", and there are three."""
    finds = [node for node in at.program["nodes"] if node["op"] in FINDS]
    values = at.evaluator.run(at.program)
    several = [node for node in finds if len(values[node["of"]] or ()) > 1]
    for vague in _hard_to_see((needed(slips.without(at.program, node["id"])) for node in several), at):
        if at.evaluator.answer(vague) is None:
            return Planted(vague, vague, _answer(at))
    return None


def _skippable(at: Planting) -> Planted | None:
    """A look whose outcome is all the same for the answer, which is right."""
    for mutant in _hard_to_see([*_idle(at.program), *_detours(at)], at):
        answer = at.evaluator.answer(mutant)
        if answer is not None and idle_look(mutant, at.evaluator) is not None:
            return Planted(mutant, mutant, answer)
    return None


def _idle(program: Program) -> Iterator[Program]:
    for place, node in enumerate(program["nodes"]):
        if node["op"] == "pick":
            yield changed(program, place, no=node["yes"])
            yield changed(program, place, yes=node["no"])
        for k, (name, _) in enumerate(node.get("terms", ())):
            terms = [list(term) for term in node["terms"]]
            terms[k] = [name, 0]
            yield changed(program, place, terms=terms)


def _detours(at: Planting) -> Iterator[Program]:
    """All goes on from the only one of its kind, and the words find it from another object, which is all the same."""
    alone = [name for name, members in at.evaluator.known.categories.items() if len(members) == 1]
    for place, node in enumerate(at.program["nodes"]):
        if node["op"] not in FINDS:
            continue
        for category in (name for name in alone if name in at.categories):
            nodes = slips.renamed(at.program["nodes"], node["id"], "detour")
            only = {"id": "only", "op": "objects", "category": category}
            detour = {"id": "detour", "op": "nearest", "of": "only", "anchor": node["id"]}
            yield {**at.program, "nodes": [*nodes[: place + 1], only, detour, *nodes[place + 1 :]]}


def _leaked(at: Planting) -> Planted:
    """The place of an object that is found stands in the words, or a label that only the writer was shown."""
    values, known = at.evaluator.run(at.program), at.evaluator.known
    found = [values[node["id"]] for node in at.program["nodes"] if node["op"] in FINDS]
    thing = known.things[at.random.choice(found)]
    x0, y0, x1, y1 = (round(value) for value in thing.box)
    slots = {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "x": round(thing.cx), "y": round(thing.cy)}
    slots |= {"u": f"{thing.cx / known.width:.2f}", "v": f"{thing.cy / known.height:.2f}"}
    slots |= {"label": at.random.randint(1, max(1, len(at.combination)))}
    return Planted(at.program, at.program, _answer(at), at.random.choice(LEAKS).format(**slots))


def _other_words(fault: str, at: Planting) -> Planted | None:
    """The words say something else than the program, and asked so the answer is another one."""
    right = _answer(at)
    if fault == "words_adjective" and at.random.random() < 0.5:
        said = slips.unheard(at.program, at.random.choice(UNKNOWN), at.random)
        return Planted(at.program, said, right)
    for mutant in _shuffled(_SLIPS[fault](at.program, at.attributes, at.categories), at.random):
        if at.evaluator.answer(mutant) != right:
            return Planted(at.program, mutant, right)
    if fault == "words_adjective":
        return Planted(at.program, slips.unheard(at.program, at.random.choice(UNKNOWN), at.random), right)
    return None


def _hard_to_see(mutants: Iterable[Program], at: Planting) -> list[Program]:
    """In an order of chance, but those first that still involve the combination: others fall for that alone."""

    def missed(mutant: Program) -> bool:
        return len(at.combination - involved(Looks.of(mutant), at.evaluator.run(mutant))) > 1

    return sorted(_shuffled(mutants, at.random), key=missed)


def _shuffled(items: Any, random: Random) -> list[Any]:
    found = list(items)
    random.shuffle(found)
    return found


_SLIPS: Mapping[str, slips.Slip] = {
    "words_side": slips.sides,
    "words_rank": slips.ranks,
    "words_category": slips.kinds,
    "words_constant": slips.constants,
    "words_adjective": slips.adjectives,
}
_PLANTERS: Mapping[str, Callable[[Planting], Planted | None]] = {
    "wrong_number": _wrong_number,
    "hallucinated_category": _hallucinated,
    "not_unique": _not_unique,
    "skippable_hop": _skippable,
    "leaked_coordinates": _leaked,
}
