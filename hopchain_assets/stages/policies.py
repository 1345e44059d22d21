"""Verification policies: which certified chains are true enough to train on."""

from __future__ import annotations

from dataclasses import dataclass

from hopchain_assets.domain.printed import NUMBER
from hopchain_assets.domain.program import Objects, Perceive
from hopchain_assets.domain.records import Chain, canonical_number
from hopchain_assets.ports import Evidence, Verdict
from hopchain_assets.ports.reviews import Reviewed

# who verified a chain, and where its answer is from
EXECUTION = "execution"
MODELS = "models"
PEOPLE = "people"
EXECUTED = "executed"
# why a chain waits for people
INCOMPLETE = "category incomplete"
NOT_AUDITED = "category not audited"
MODELS_ONLY = "models only"
NOT_REVIEWED = "not reviewed"
DISAGREE = "people disagree"
DEFECT = "people report a defect"
ACCEPT = "who leads has to accept people's answer"
# the questions of these are put to people; those that people have closed stay closed
ASKED_OF_PEOPLE = (NOT_AUDITED, MODELS_ONLY, NOT_REVIEWED, DISAGREE, DEFECT)


@dataclass(frozen=True, slots=True)
class Executed:
    """True by execution: drawn or rendered instances, audited categories, and two executors that agree.

    Everything else waits for people. Marks may be incomplete; and where a model found the instances, read the words
    back, said how an object looks or read what is printed on it, only models agree, unless `accept_models` takes their
    word for it. Where people have closed a question, their word comes before both.
    """

    accept_models: bool = False

    @property
    def name(self) -> str:
        """Part of the version of the stage that asks."""
        return "executed, models accepted" if self.accept_models else "executed"

    def judge(self, chain: Chain, evidence: Evidence) -> Verdict:
        """Verified by people, by execution or by models, or waiting with the first reason found."""
        told = _spoilt(chain, evidence) or _by_people(chain, evidence.review)
        if told:
            return told
        unknown = [category for category in _used(chain) if category not in evidence.audited]
        if unknown and evidence.ground_truth:
            return Verdict(waits_for=NOT_AUDITED, detail=f"nobody audited: {', '.join(unknown)}")
        rests_on = _rests_on_models(chain, evidence)
        if not rests_on:
            return Verdict(verified_by=EXECUTION, answer_source=EXECUTED)
        if self.accept_models:
            return Verdict(verified_by=MODELS, answer_source=EXECUTED)
        return Verdict(MODELS, waits_for=MODELS_ONLY, detail=f"only models {' and '.join(rests_on)}")


@dataclass(frozen=True, slots=True)
class Human:
    """True by people alone (paper, stage 4): several have answered the question blind, and all alike."""

    @property
    def name(self) -> str:
        """Part of the version of the stage that asks."""
        return "human"

    def judge(self, chain: Chain, evidence: Evidence) -> Verdict:
        """Verified by people, or waiting with the first reason found."""
        told = _spoilt(chain, evidence) or _by_people(chain, evidence.review)
        return told or Verdict(waits_for=NOT_REVIEWED, detail="people have not closed the question yet")


def _spoilt(chain: Chain, evidence: Evidence) -> Verdict | None:
    """What stops a chain, whatever people say of it."""
    if evidence.executed is None or canonical_number(evidence.executed) != chain.answer:
        return Verdict(waits_for="executors differ", detail=f"SQL gives {evidence.executed}, not {chain.answer}")
    missing = [category for category in _used(chain) if evidence.audited.get(category) is False]
    if missing:
        return Verdict(waits_for=INCOMPLETE, detail=f"not all are marked: {', '.join(missing)}")
    return None


def _by_people(chain: Chain, review: Reviewed | None) -> Verdict | None:
    """What people have made of the question; None where they have not closed it."""
    match review.state if review else "open":
        case "disagreed":
            return Verdict(waits_for=DISAGREE, detail="people gave different answers")
        case "defect":
            return Verdict(waits_for=DEFECT, detail="somebody says that the question cannot be answered")
        case "unanimous" if review and review.answer == chain.answer:
            return Verdict(verified_by=PEOPLE, answer_source=EXECUTED)
        case "unanimous" if review:
            held = "" if review.accepted_by else f"people say {review.answer}, the program {chain.answer}: {ACCEPT}"
            return Verdict(verified_by=PEOPLE, answer_source=PEOPLE, answer=review.answer, held=held)
    return None


def _used(chain: Chain) -> list[str]:
    return sorted({node.category for node in chain.program.nodes if isinstance(node, Objects)})


def _rests_on_models(chain: Chain, evidence: Evidence) -> list[str]:
    rests_on = [] if evidence.ground_truth else ["found the instances"]
    rests_on += ["read the words back"] if evidence.read_by_model else []
    looks = any(isinstance(node, Perceive) for node in chain.program.nodes)
    rests_on += ["said how objects look"] if looks else []
    printed = any(getattr(node, "attribute", "") == NUMBER for node in chain.program.nodes)
    return rests_on + (["read the printed numbers"] if printed and evidence.text_by_model else [])
