"""Runs a program on the facts of one picture: the first of the two executors.

A `World` holds one picture's instances as lists, a `Plan` a program as steps; one plan runs on many
worlds (the picture's own, slightly disturbed ones, counterfactual ones), and can run again from
one node on with another value there ("what if a person had found the other chair?").

Sets are bit masks over the instances, instances their positions, conditions bools, numbers floats,
and `None` is an undefined value (docs/programs.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hopchain_assets.domain.interpreter.steps import INSIDE_SHARE, TOUCHING_PX, Step, Value, step_of
from hopchain_assets.domain.program import Pick, Program, Type
from hopchain_assets.domain.records import Facts
from hopchain_assets.domain.world import World, members_of

__all__ = ["INSIDE_SHARE", "TOUCHING_PX", "Plan", "Value", "evaluate"]


def evaluate(program: Program, facts: Facts) -> float | None:
    """The answer of the program on the facts, or None where it is undefined."""
    return Plan(program).answer(World.of(facts))


class Plan:
    """A program made ready to run: node k of the program is step k."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.position: dict[str, int] = {}
        self._steps: list[Step] = []
        self._reads: list[int] = []
        gives: dict[str, Type] = {}
        for k, node in enumerate(program.nodes):
            inputs = node.inputs()
            lone = [name for name, wanted in inputs if wanted == "instance" and gives[name] == "set"]
            self._steps.append(step_of(node, self.position, lone))
            reads = 0
            for name, _ in inputs:
                reads |= 1 << self.position[name]
            self._reads.append(reads)
            self.position[node.id] = k
            gives[node.id] = node.gives
        self._answer = self.position[program.answer]
        self._essential = self._always_needed()
        self._after: dict[int, list[int]] = {}

    def run(self, world: World) -> list[Value]:
        """The value of every node."""
        values: list[Value] = []
        for step in self._steps:
            values.append(step(world, values))
        return values

    def run_defined(self, world: World) -> list[Value] | None:
        """The value of every node, or None where the answer has no value: that is known before the last step."""
        values: list[Value] = []
        for step in self._steps:
            value = step(world, values)
            if value is None and self._essential >> len(values) & 1:
                return None
            values.append(value)
        return None if values[self._answer] is None else values

    def answer(self, world: World) -> float | None:
        """The answer alone."""
        values = self.run_defined(world)
        return None if values is None else _as_number(values[self._answer])

    def answer_if(self, world: World, values: Sequence[Value], changes: Mapping[int, Value]) -> float | None:
        """The answer when the nodes at these positions had these values, all else as in `values`."""
        changed = list(values)
        for position, value in changes.items():
            changed[position] = value
        if len(changes) == 1:
            affected = self.after(next(iter(changes)))
        else:
            affected = sorted({k for position in changes for k in self.after(position)})
        for k in affected:
            if k not in changes:
                value = changed[k] = self._steps[k](world, changed)
                if value is None and self._essential >> k & 1 and len(changes) == 1:
                    return None
        return _as_number(changed[self._answer])

    def _always_needed(self) -> int:
        """The set of nodes without whose value there is no answer: all that it uses, branches of a `pick` apart."""
        needed = 1 << self._answer
        for k in range(self._answer, -1, -1):
            if needed >> k & 1:
                node = self.program.nodes[k]
                needed |= 1 << self.position[node.condition] if isinstance(node, Pick) else self._reads[k]
        return needed

    def after(self, position: int) -> list[int]:
        """Positions of the nodes that depend on a node, in order."""
        if position not in self._after:
            reached = 1 << position
            for k in range(position + 1, len(self._reads)):
                if self._reads[k] & reached:
                    reached |= 1 << k
            self._after[position] = list(members_of(reached)[1:])
        return self._after[position]


def _as_number(value: Value) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
