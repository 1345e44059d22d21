"""Rule `robust`: the answer survives small errors in the masks, and doubts about which instances there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.masks import Shape, decode, dilated, eroded, pixels_in_box
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.records import Facts, Finding, Instance, Pair
from hopchain_assets.domain.strips import Strips
from hopchain_assets.domain.world import World


@dataclass(frozen=True, slots=True)
class Disturbance:
    """`worlds` slightly wrong twins of a picture: each mask loses or gains a border of `border` times the
    root of its area (at least a pixel) and moves by up to `shift` of the picture's side.

    Then a twin for each of at most `doubts` doubts, and one for all: an instance with a score below `weak_score` is
    gone, one that was left out is there."""

    worlds: int = 6
    border: float = 0.015
    shift: float = 0.004
    doubts: int = 16
    weak_score: float = 0.7


def disturbed_worlds(facts: Facts, seed: int, disturbance: Disturbance) -> list[World]:
    """The twins: every mask shrunk, every mask grown, others mixed at random; then those of the doubts."""
    variants = [_variants(item, facts, disturbance) for item in facts.instances]
    random = Random(seed)
    worlds: list[World] = []
    for number in range(disturbance.worlds):
        chosen = [options[number] if number < 2 else random.choice(options) for options in variants]
        moved = [_moved(option, random, facts, disturbance.shift) for option in chosen]
        worlds.append(_twin(facts, facts.instances, moved))
    return worlds + [_doubted(facts, changes) for changes in _doubts(facts, disturbance)]


class _Change(NamedTuple):
    """The id of an instance that is gone ("" for none), and one that is there instead (None for none)."""

    gone: str
    there: Instance | None


def _doubts(facts: Facts, disturbance: Disturbance) -> list[list[_Change]]:
    """Each doubt by itself, the weakest first, and then all at once: alone, as two may undo each other."""
    weak = sorted((item.score, item.instance_id) for item in facts.instances if item.score < disturbance.weak_score)
    changes = [_Change(name, None) for _, name in weak]
    changes += [_Change(doubt.instead_of, doubt.instance) for doubt in facts.doubts]
    alone = [[change] for change in changes[: disturbance.doubts]]
    return [*alone, changes] if len(changes) > 1 else alone


def _doubted(facts: Facts, changes: Sequence[_Change]) -> World:
    gone = {change.gone for change in changes}
    items = [item for item in facts.instances if item.instance_id not in gone]
    items += [change.there for change in changes if change.there is not None]
    return _twin(facts, items, [_plain(item, facts) for item in items])


def robust(plan: Plan, answer: float, worlds: Sequence[World]) -> Iterator[Finding]:
    """The answer is the same in every twin."""
    for number, world in enumerate(worlds, start=1):
        other = plan.answer(world)
        if other != answer:
            yield Finding("robust", f"with slightly wrong masks (twin {number}) the answer is {other}, not {answer:g}")
            return


class _Option(NamedTuple):
    """Where an instance may be: with a border lost (`grown` < 0) or gained, in pixels. `shape` is not moved along."""

    shape: Shape | None
    box: tuple[float, float, float, float]
    cx: float
    cy: float
    area: float
    grown: int


def _variants(item: Instance, facts: Facts, disturbance: Disturbance) -> list[_Option]:
    """Shrunk, grown and as it is; without a mask the instance as it is."""
    plain = _plain(item, facts)
    shape = plain.shape
    if shape is None:
        return [plain, plain, plain]
    pixels = max(1, round(disturbance.border * math.sqrt(item.area)))
    small, large = eroded(shape, pixels), dilated(shape, pixels, facts.height, facts.width)
    shrunk = plain if small is None else _Option(small, small.box, *small.center, small.area, -pixels)
    return [shrunk, _Option(large, large.box, *large.center, large.area, pixels), plain]


def _plain(item: Instance, facts: Facts) -> _Option:
    """The instance as it is."""
    shape = decode(item.mask_rle, facts.height, facts.width) if item.mask_rle else None
    return _Option(shape, item.box, item.cx, item.cy, item.area, 0)


def _moved(option: _Option, random: Random, facts: Facts, shift: float) -> _Option:
    dx, dy = random.uniform(-shift, shift) * facts.width, random.uniform(-shift, shift) * facts.height
    shape, (x0, y0, x1, y1), cx, cy, area, grown = option
    return _Option(shape, (x0 + dx, y0 + dy, x1 + dx, y1 + dy), cx + dx, cy + dy, area, grown)


def _twin(facts: Facts, items: Sequence[Instance], options: Sequence[_Option]) -> World:
    ids = [item.instance_id for item in items]
    return World(
        (facts.width, facts.height),
        ids,
        [item.category for item in items],
        [option.cx for option in options],
        [option.cy for option in options],
        [option.area for option in options],
        [item.attributes for item in items],
        _Pairs(facts.pairs, dict(zip(ids, options, strict=True))),
        facts.perceptions,
    )


class _Pairs(Mapping[tuple[str, str], Pair]):
    """Pair relations of a twin, worked out when a program asks for one: most never do."""

    def __init__(self, pairs: Mapping[tuple[str, str], Pair], options: Mapping[str, _Option]) -> None:
        self.pairs, self.options = pairs, options

    def __getitem__(self, key: tuple[str, str]) -> Pair:
        a, b = self.options[key[0]], self.options[key[1]]
        pair = self.pairs.get(key) or _measured(a, b)
        share = pair.inside_share
        if a.shape is not None:
            share = pixels_in_box(a.shape, b.box) / a.shape.area
        return Pair(pair.overlap_px, share, max(0.0, pair.edge_gap - a.grown - b.grown))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)


def _measured(a: _Option, b: _Option) -> Pair:
    """How two lie to each other of which one was left out; apart where one of them has no mask.

    Raises:
        KeyError: when there is nothing to measure.
    """
    if a.shape is None or b.shape is None:
        raise KeyError("no mask to measure by")
    return pair_table(["a", "b"], Strips.of_shapes([a.shape, b.shape]))["a", "b"]
