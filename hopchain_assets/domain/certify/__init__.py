"""The certifier: facts and a chain in, findings out, whoever wrote the chain.

A chain without findings is certified: its program gives the stated number, every hop is necessary,
every reference holds by a margin that a person can see, and the words say what the program computes.
It shares no code with the composer. Rules and their sources are in docs/certificate.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hopchain_assets.domain.certify import words
from hopchain_assets.domain.certify.decisive import Decisions
from hopchain_assets.domain.certify.margins import Margins, Ruler
from hopchain_assets.domain.certify.necessary import Necessity
from hopchain_assets.domain.certify.robust import Disturbance, disturbed_worlds, robust
from hopchain_assets.domain.certify.self_answered import Scattered, self_answered
from hopchain_assets.domain.certify.structure import Structure, chained, involved, kinds
from hopchain_assets.domain.english.reading import read_question
from hopchain_assets.domain.interpreter import Plan, Value
from hopchain_assets.domain.program import Program, ProgramError
from hopchain_assets.domain.records import Chain, Facts, Finding, canonical_number, normal_question
from hopchain_assets.domain.world import World, members_of

RULES = (
    "kinds",
    "chained",
    "countable",
    "unique_reference",
    "number",
    "coverage",
    "decisive",
    "duplicate",
    "necessary",
    "self_answered",
    "leakage",
    "bound",
    "robust",
)
INSTANCES = range(3, 7)


@dataclass(frozen=True, slots=True)
class CertifierSettings:
    """All that can be set; part of the version of the stage that certifies."""

    margins: Margins = field(default_factory=Margins)
    disturbance: Disturbance = field(default_factory=Disturbance)
    seed: int = 0


class Certifier:
    """Certifies chains of one picture; what only depends on the picture is worked out once.

    `read` is the second reader of the words; by default the reader of the composer's English. With None the rule
    `bound` is left to whoever asks another reader (`words.same_meaning`).
    """

    def __init__(
        self,
        facts: Facts,
        settings: CertifierSettings | None = None,
        read: words.Reader | None = read_question,
    ) -> None:
        self.facts, self.settings, self.read = facts, settings or CertifierSettings(), read
        self.world = World.of(facts)
        self.ruler = Ruler(facts, self.settings.margins)
        self.categories = {item.category for item in facts.instances}
        self.scattered = Scattered(facts, self.settings.seed)
        self._twins: list[World] | None = None
        self._questions: set[str] = set()
        self._programs: set[str] = set()
        self._identified: tuple[Chain, str, str] | None = None

    def certify(self, chain: Chain) -> Finding | None:
        """The first finding, None for a certified chain, which then counts for `duplicate`."""
        finding = next(self.findings(chain), None)
        if finding is None:
            self.know(chain)
        return finding

    def know(self, chain: Chain) -> None:
        """From now on the chain counts for `duplicate`."""
        question, shape = self._identity(chain)
        self._questions.add(question)
        self._programs.add(shape)

    def findings(self, chain: Chain) -> Iterator[Finding]:
        """Every finding, in the order of `RULES`; later rules are only asked where earlier ones let them."""
        try:
            program = Program.checked(chain.program.nodes, chain.program.answer)
        except ProgramError as error:
            yield Finding("number", f"the program does not hold together: {error}")
            return
        plan = Plan(program)
        values = plan.run(self.world)
        structure = Structure.of(program)
        for group in self._groups(chain, plan, values, structure):
            found = False
            for finding in group():
                found = True
                yield finding
            if found:
                return

    def _groups(
        self, chain: Chain, plan: Plan, values: list[Value], structure: Structure
    ) -> Iterator[Callable[[], Iterator[Finding]]]:
        """Groups of rules: one is asked only when the groups before it had no finding."""
        decisions = Decisions(plan.program, self.facts, self.world, self.ruler, values)
        yield lambda: kinds(structure)
        yield lambda: chained(structure, chain)
        yield decisions.countable
        yield decisions.unique_reference
        yield lambda: self._number(chain, plan, values, structure)
        yield lambda: self._coverage(chain, plan, values, structure)
        yield decisions.decisive
        answer = float(chain.answer)
        yield lambda: self._duplicate(chain)
        yield Necessity(structure, plan, self.world, values, answer).findings
        yield lambda: self_answered(structure, plan, self.scattered)
        yield lambda: words.leakage(chain.question, self.categories)
        read = self.read
        if read is not None:
            yield lambda: words.bound(chain.question, plan.program, self.facts, self.settings.seed, read)
        yield lambda: robust(plan, answer, self._disturbed())

    def _disturbed(self) -> list[World]:
        if self._twins is None:
            self._twins = disturbed_worlds(self.facts, self.settings.seed, self.settings.disturbance)
        return self._twins

    def _number(self, chain: Chain, plan: Plan, values: list[Value], structure: Structure) -> Iterator[Finding]:
        value = values[plan.position[plan.program.answer]]
        try:
            computed = canonical_number(float(value)) if value is not None else None
        except ValueError:
            computed = None
        if computed is None:
            yield Finding("number", "the program gives no finite number on this picture")
        elif computed != chain.answer:
            yield Finding("number", f"the answer is stated as {chain.answer!r}, the program gives {computed}")
        else:
            for hop, look in zip(chain.hops, structure.looks, strict=True):
                result = self._result(values[plan.position[look]], structure, look)
                if hop.result != result:
                    yield Finding("number", f"hop {hop.number} states {hop.result!r}, the program gives {result!r}")

    def _result(self, value: Value, structure: Structure, look: str) -> str:
        """A look's value as a hop states it: an instance id, `yes` or `no`, a number."""
        if look in structure.referents:
            assert isinstance(value, int)
            return self.world.ids[value.bit_length() - 1 if structure.nodes[look].gives == "set" else value]
        if isinstance(value, bool):
            return "yes" if value else "no"
        return canonical_number(float(value or 0))

    def _coverage(self, chain: Chain, plan: Plan, values: list[Value], structure: Structure) -> Iterator[Finding]:
        """3 to 6 instances: what the hops find and the members of what they count (paper: a combination)."""
        ids = {self.world.ids[k] for k in members_of(involved(structure, plan, values))}
        if len(ids) not in INSTANCES:
            yield Finding("coverage", f"{len(ids)} instances are involved, 3 to 6 are wanted")
        elif ids != set(chain.instance_ids):
            yield Finding("coverage", "the stated instances are not those that the program involves")

    def _duplicate(self, chain: Chain) -> Iterator[Finding]:
        question, shape = self._identity(chain)
        if question in self._questions:
            yield Finding("duplicate", "the same words were certified for this picture before")
        elif shape in self._programs:
            yield Finding("duplicate", "the same looks were certified for this picture before, with other constants")

    def _identity(self, chain: Chain) -> tuple[str, str]:
        """What a later chain must not repeat: the words and the looks. Asked for twice a chain, worked out once."""
        if self._identified is None or self._identified[0] is not chain:
            self._identified = (chain, normal_question(chain.question), chain.program.shape())
        return self._identified[1:]
