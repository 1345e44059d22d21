"""Rule `necessary`: no hop can be skipped or got wrong without the answer changing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.interpreter import Plan, Value
from hopchain_assets.domain.program import Arith, Count, Extreme, Farthest, Nearest, Read
from hopchain_assets.domain.records import Finding
from hopchain_assets.domain.world import World, members_of

COUNT_SLIP = 2


class Necessity:
    """Runs a program again with one look's result changed, for every look."""

    def __init__(self, structure: Structure, plan: Plan, world: World, values: Sequence[Value], answer: float) -> None:
        self.structure, self.plan, self.world = structure, plan, world
        self.values, self.answer = values, answer

    def findings(self) -> Iterator[Finding]:
        """What is not necessary, look by look."""
        for look in self.structure.looks:
            node = self.structure.nodes[look]
            if look in self.structure.referents:
                yield from self._instance(look)
            elif isinstance(node, Count | Read):
                yield from self._number(look)
            else:
                yield from self._condition(look)
        yield from self._outcomes()
        yield from self._multiplied_zero()

    def _changes(self, look: str, value: Value) -> bool:
        return self.plan.answer_if(self.world, self.values, {self.plan.position[look]: value}) != self.answer

    def _instance(self, look: str) -> Iterator[Finding]:
        found = self._as_instance(self._value(look), look)
        category = self.structure.base(look).category
        anchors = self._anchors(look)
        rivals = [i for i in members_of(self.world.members(category)) if i != found and i not in anchors]
        if not rivals:
            yield Finding("necessary", f"{look}: the {category} has no rival, so nothing has to be looked for")
            return
        runner_up = self._runner_up(look, found, rivals)
        if not self._changes(look, self._given(look, runner_up)):
            yield Finding("necessary", f"{look}: taking the {category} that comes next leaves the answer as it is")
            return
        changing = sum(self._changes(look, self._given(look, rival)) for rival in rivals)
        if changing * 2 < len(rivals):
            yield Finding("necessary", f"{look}: {len(rivals) - changing} of {len(rivals)} others give the same answer")

    def _value(self, look: str) -> Value:
        return self.values[self.plan.position[look]]

    def _as_instance(self, value: Value, look: str) -> int:
        assert isinstance(value, int)
        return value.bit_length() - 1 if self.structure.nodes[look].gives == "set" else value

    def _given(self, look: str, instance: int) -> int:
        return 1 << instance if self.structure.nodes[look].gives == "set" else instance

    def _anchors(self, look: str) -> set[int]:
        """Instances that the reference itself names: nobody takes the person for the other person."""
        return {self._as_instance(self._value(other), other) for other in self.structure.needs[look]
                if other in self.structure.referents}  # fmt: skip

    def _runner_up(self, look: str, found: int, rivals: Sequence[int]) -> int:
        """The one a careless look takes: next by measure among the candidates, else in the category."""
        node = self.structure.nodes[look]
        if isinstance(node, Extreme):
            order = [i for _, i in self.world.along(node.axis)]
        elif isinstance(node, Nearest | Farthest):
            anchor = self._as_instance(self._value(node.anchor), node.anchor)
            order = [i for _, i in self.world.from_anchor(anchor, isinstance(node, Farthest))]
        else:
            return rivals[0]
        candidates = self.values[self.plan.position[node.of]]
        assert isinstance(candidates, int)
        inside = [i for i in order if i in rivals and candidates >> i & 1]
        if not inside:
            return next(i for i in order if i in rivals)
        place = order.index(found)
        behind = [i for i in inside if order.index(i) > place]
        return behind[0] if behind else inside[-1]

    def _number(self, look: str) -> Iterator[Finding]:
        for other in self._other_numbers(look):
            if not self._changes(look, other):
                yield Finding("necessary", f"{look}: {other} instead of {self._value(look)} leaves the answer as it is")
                return

    def _other_numbers(self, look: str) -> list[int]:
        value = self._value(look)
        assert value is not None
        near = range(max(0, int(value) - COUNT_SLIP), int(value) + COUNT_SLIP + 1)
        node = self.structure.nodes[look]
        if isinstance(node, Count):
            size = self.world.members(self.structure.base(node.of).category).bit_count()
            return [n for n in near if n != value and n <= size]
        return [n for n in near if n != value]

    def _condition(self, look: str) -> Iterator[Finding]:
        if not self._changes(look, not self._value(look)):
            yield Finding("necessary", f"{look}: the other outcome of the condition leaves the answer as it is")

    def _outcomes(self) -> Iterator[Finding]:
        """With c conditions all 2^c answers differ, so that two slips do not cancel out."""
        conditions = [self.plan.position[name] for name in self.structure.conditions()]
        if len(conditions) < 2:
            return
        answers = {
            self.plan.answer_if(self.world, self.values, dict(zip(conditions, outcome, strict=True)))
            for outcome in product((False, True), repeat=len(conditions))
        }
        if None in answers or len(answers) < 2 ** len(conditions):
            yield Finding("necessary", f"the {2 ** len(conditions)} outcomes of the conditions share answers")

    def _multiplied_zero(self) -> Iterator[Finding]:
        for node in self.structure.program.nodes:
            if not isinstance(node, Arith):
                continue
            for name, times in node.terms:
                if abs(times) != 1 and isinstance(self.structure.nodes[name], Count) and self._value(name) == 0:
                    yield Finding("necessary", f"{node.id} multiplies a count of 0")
                    return
