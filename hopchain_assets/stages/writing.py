"""Questions that a model writes over combinations of a picture's instances, and mends at most twice.

Nothing of them is believed: each becomes a chain of its writer's claims, goes before the certifier, and its words are
read back by somebody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from hopchain_assets.domain.certify import Certifier, CertifierSettings
from hopchain_assets.domain.certify.words import bound
from hopchain_assets.domain.combinations import combinations
from hopchain_assets.domain.english.reading import Unreadable, read_question
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import (
    BY_MODEL,
    NO_REPLY,
    NOT_WRITTEN,
    UNUSABLE,
    Chain,
    Facts,
    Finding,
    digest,
    normal_question,
)
from hopchain_assets.domain.written import Draft, StatedHop, chain_of_draft, looked_at, program_of, spoken, uncovered
from hopchain_assets.export.sent import FORM, as_sent, crops_sent
from hopchain_assets.ports.vlm import Ask, CallFailed, Picture, Sampling, UnusableReply
from hopchain_assets.stages import binding, perceiving
from hopchain_assets.stages.asking import Models, together
from hopchain_assets.stages.binding import Binder, differing, loose_words
from hopchain_assets.stages.facts import GRAMMAR
from hopchain_assets.stages.messages import combination_message, message
from hopchain_assets.stages.perceiving import Perceived, Perceiver, PerceiveSettings
from hopchain_assets.stages.prompting import prompt, prompts_version
from hopchain_assets.stages.replies import Look, Reading, Written, WrittenChain

T = TypeVar("T")

DUPLICATE = Finding("duplicate", "the same words, or the same looks, were certified for this picture before")
# what a repair is told of at most
FINDINGS = 6
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=32_768)


class Compute(Protocol):
    """Calls a function of a module elsewhere, so that the questions in flight need not wait for it."""

    def __call__(self, function: Callable[..., T], *arguments: object) -> Awaitable[T]:
        """Its result."""
        ...


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """`combinations` a picture, `wanted` chains for each, `repairs` rounds at most for a chain with findings."""

    combinations: int = 3
    wanted: int = 2
    repairs: int = 2
    perceive: PerceiveSettings = field(default_factory=PerceiveSettings)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was written and not certified. `chain_id` names it, whether or not it ever was a chain."""

    chain_id: str
    question: str
    generator: str
    finding: Finding


@dataclass(slots=True)
class PictureWritten:
    """What came of one picture: chains with who read their words back, what was refused, what was perceived."""

    chains: list[tuple[Chain, str]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    perceived: list[Perceived] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settled:
    """A certified chain, who read its words back, and how it was written last."""

    chain: Chain
    bound_by: str
    written: WrittenChain


@dataclass(slots=True)
class Writer:
    """Writes for one picture. Make a new one for each."""

    models: Models
    settings: WriterSettings
    certifier: CertifierSettings
    facts: Facts
    whole: Picture
    crops: Mapping[str, Picture]
    compute: Compute
    made: PictureWritten = field(default_factory=PictureWritten)
    _perceiver: Perceiver | None = None

    @classmethod
    def of_picture(
        cls,
        models: Models,
        settings: WriterSettings,
        certifier: CertifierSettings,
        facts: Facts,
        data: bytes,
        sent_pixels: float,
        compute: Compute,
    ) -> Writer:
        """A writer for the stored picture `data`."""
        items = [item for item in facts.instances if item.category not in facts.uncountable]
        crops = crops_sent(data, (item.box for item in items), sent_pixels)
        by_id = {item.instance_id: crop for item, crop in zip(items, crops, strict=True)}
        return cls(models, settings, certifier, facts, as_sent(data, sent_pixels), by_id, compute)

    async def write(self) -> PictureWritten:
        """All combinations of the picture, side by side."""
        if self.models.perceiver is not None:
            self._perceiver = Perceiver(self.models.perceiver, self.settings.perceive, self.facts.image_id)
        drawn = combinations(self.facts, self.settings.combinations, self.certifier.seed)
        settled = await together(self._combination(chosen) for chosen in drawn)
        # by combination and place in its reply: the order in which replies come must not matter to the rows
        self._keep([chain for of_combination in settled for chain in of_combination if chain])
        self.made.refused.sort(key=lambda refused: (refused.chain_id, refused.finding.rule))
        self.made.perceived.sort(key=lambda seen: (seen.instance_id, seen.predicate))
        return self.made

    def _keep(self, certified: Sequence[Settled]) -> None:
        """Those that repeat none before them."""
        known: set[str] = set()
        for one in certified:
            keys = {normal_question(one.chain.question), one.chain.program.shape()}
            if keys & known:
                self._refuse(one.written, one.chain.generator, DUPLICATE)
            else:
                known |= keys
                self.made.chains.append((one.chain, one.bound_by))

    async def _combination(self, chosen: Collection[str]) -> list[Settled | None]:
        asked = combination_message(self.facts, chosen, self.settings.wanted)
        chains, generator = await self._ask("write", asked, chosen, 0)
        return await together(self._settle(chain, generator, asked, chosen) for chain in chains[: self.settings.wanted])

    async def _settle(
        self, written: WrittenChain, generator: str, asked: Mapping[str, object], chosen: Collection[str]
    ) -> Settled | None:
        """Certified, or refused, and then mended as often as is allowed."""
        for repair_round in range(1, self.settings.repairs + 2):
            try:
                judged = await self._judge(written, generator, chosen)
            except CallFailed as error:
                judged = [Finding(NO_REPLY, str(error))]
            if isinstance(judged, tuple):
                return Settled(*judged, written)
            self._refuse(written, generator, judged[0])
            # its writer can do nothing about a reader who does not answer
            if repair_round > self.settings.repairs or judged[0].rule in NOT_WRITTEN:
                return None
            told = [{"rule": finding.rule, "detail": finding.detail} for finding in judged[:FINDINGS]]
            document = {**asked, "chains_wanted": 1, "written": written.model_dump(), "findings": told}
            mended, generator = await self._ask("repair", document, chosen, repair_round)
            if not mended:
                return None
            written = mended[0]
        return None

    async def _judge(
        self, written: WrittenChain, generator: str, chosen: Collection[str]
    ) -> tuple[Chain, str] | list[Finding]:
        """The chain with who read its words back, or what is wrong with it."""
        draft = _draft(written)
        program = program_of(draft)
        if isinstance(program, Finding):
            return [program]
        facts = await self._with_perceptions(program, draft.question)
        if isinstance(facts, Finding):
            return [facts]
        chain = chain_of_draft(facts, draft, program, generator)
        if isinstance(chain, Finding):
            return [chain]
        findings = await self.compute(certified, facts, self.certifier, chain)
        if findings:
            return findings
        idle = uncovered(chain, chosen)
        if idle:
            return [idle]
        bound_by, finding = await self._bound(chain, facts)
        if finding:
            return [finding]
        return chain, bound_by

    async def _bound(self, chain: Chain, facts: Facts) -> tuple[str, Finding | None]:
        """Who read the words back, and where their reading differs. The grammar is asked before any model."""
        categories = {item.category for item in facts.instances}
        try:
            read_question(chain.question, categories)
        except Unreadable:
            pass
        else:
            return GRAMMAR, next(bound(chain.question, chain.program, facts, self.certifier.seed), None)
        loose = loose_words(chain.question, chain.program, facts)
        if loose:
            return "", loose
        assert self.models.binder is not None
        readings = await Binder(self.models.binder).readings(chain, facts)
        if isinstance(readings, Finding):
            return "", readings
        found = await self.compute(differing, chain, facts, readings, self.certifier.seed)
        return self.models.binder.model, found

    async def _with_perceptions(self, program: Program, question: str) -> Facts | Finding:
        """The facts with what the program's `perceive` nodes need."""
        asked = looked_at(program, self.facts, question)
        if isinstance(asked, Finding) or not asked:
            return asked if isinstance(asked, Finding) else self.facts
        if self._perceiver is None:
            return Finding("decisive", f"nobody is set to look whether something is {asked[0][1]!r}")
        by_id = {item.instance_id: item for item in self.facts.instances}
        seen = await self._perceiver.look([(by_id[name], self.crops[name], predicate) for name, predicate in asked])
        doubtful = next((one for one in seen if not one.value), None)
        if doubtful:
            category = by_id[doubtful.instance_id].category
            return Finding("decisive", f"whether one {category} is {doubtful.predicate!r} is not certain")
        # the same object may have been looked at for another chain
        self.made.perceived += [one for one in seen if one not in self.made.perceived]
        return replace(self.facts, perceptions={(s.instance_id, s.predicate): s.value for s in seen})

    async def _ask(
        self, purpose: str, document: Mapping[str, object], chosen: Collection[str], repair_round: int
    ) -> tuple[Sequence[WrittenChain], str]:
        """What was written, and by whom; nothing where no reply could be used, which is kept with its reason."""
        assert self.models.vlm is not None
        system = prompt("write") if purpose == "write" else prompt("repair") + prompt("write")
        crops = (self.crops[item.instance_id] for item in self.facts.instances if item.instance_id in chosen)
        ask = Ask(
            purpose=purpose,
            stage="hop_chains",
            input_id=self.facts.image_id,
            system=system,
            prompt=message(document),
            pictures=(self.whole, *crops),
            schema_name="chains",
            schema=Written.schema_sent(),
            read=Written.read,
            sampling=SAMPLING,
            repair_round=repair_round,
        )
        try:
            reply = await self.models.vlm.ask(ask)
        except (UnusableReply, CallFailed) as error:
            rule = UNUSABLE if isinstance(error, UnusableReply) else NO_REPLY
            name = digest(self.facts.image_id, ask.prompt, str(repair_round))
            finding = Finding(rule, f"{purpose}: {error}")
            self.made.refused.append(Refused(name, "", f"{BY_MODEL}{self.models.vlm.model}", finding))
            return [], ""
        return reply.value.chains, f"{BY_MODEL}{reply.model}"

    def _refuse(self, written: WrittenChain, generator: str, finding: Finding) -> None:
        # by its text: a program that does not hold together has no canonical form
        name = digest(self.facts.image_id, normal_question(written.question), message(written.model_dump()))
        self.made.refused.append(Refused(name, written.question, generator, finding))


def certified(facts: Facts, settings: CertifierSettings, chain: Chain) -> list[Finding]:
    """Every finding but those about duplicates and the reading of the words."""
    return list(Certifier(facts, settings, read=None).findings(chain))


def _draft(written: WrittenChain) -> Draft:
    hops = [StatedHop(hop.node, hop.text, hop.result) for hop in written.hops]
    return Draft(spoken(written.question), written.program, hops, written.answer)


def asked_as(models: Models, settings: WriterSettings, sent_pixels: float) -> tuple[object, ...]:
    """All that the rows depend on where models are asked, beside what the certifier goes by."""
    perceived = (prompts_version("perceive"), perceiving.SAMPLING, Look.schema_sent()) if models.perceiver else ()
    return (
        models.version,
        settings,
        sent_pixels,
        FORM,
        prompts_version("write", "repair", "bind"),
        (SAMPLING, FINDINGS, Written.schema_sent()),
        (binding.SAMPLING, binding.SAMPLES, binding.SPARE, Reading.schema_sent()),
        *perceived,
    )
