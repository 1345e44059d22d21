"""Verification policies: which certified chains are true enough to train on."""

from __future__ import annotations

from dataclasses import dataclass

from hopchain_assets.domain.printed import NUMBER
from hopchain_assets.domain.program import Objects, Perceive
from hopchain_assets.domain.records import Chain, canonical_number
from hopchain_assets.ports import Evidence, Verdict

# who verified a chain, and why it waits, where nobody but models has said that it is right
MODELS = "models"
MODELS_ONLY = "models only"


@dataclass(frozen=True, slots=True)
class Executed:
    """True by execution: drawn or rendered instances, audited categories, and two executors that agree.

    Everything else waits for people. Marks may be incomplete; and where a model found the instances, read the words
    back, said how an object looks or read what is printed on it, only models agree, unless `accept_models` takes their
    word for it.
    """

    accept_models: bool = False

    @property
    def name(self) -> str:
        """Part of the version of the stage that asks."""
        return "executed, models accepted" if self.accept_models else "executed"

    def judge(self, chain: Chain, evidence: Evidence) -> Verdict:
        """Verified by execution or by models, or waiting with the first reason found."""
        if evidence.executed is None or canonical_number(evidence.executed) != chain.answer:
            return Verdict(waits_for="executors differ", detail=f"SQL gives {evidence.executed}, not {chain.answer}")
        used = sorted({node.category for node in chain.program.nodes if isinstance(node, Objects)})
        missing = [category for category in used if evidence.audited.get(category) is False]
        if missing:
            return Verdict(waits_for="category incomplete", detail=f"not all are marked: {', '.join(missing)}")
        unknown = [category for category in used if category not in evidence.audited]
        if unknown and evidence.ground_truth:
            return Verdict(waits_for="category not audited", detail=f"nobody audited: {', '.join(unknown)}")
        rests_on = _rests_on_models(chain, evidence)
        if not rests_on:
            return Verdict(verified_by="execution", answer_source="executed")
        if self.accept_models:
            return Verdict(verified_by=MODELS, answer_source="executed")
        return Verdict(MODELS, waits_for=MODELS_ONLY, detail=f"only models {' and '.join(rests_on)}")


def _rests_on_models(chain: Chain, evidence: Evidence) -> list[str]:
    rests_on = [] if evidence.ground_truth else ["found the instances"]
    rests_on += ["read the words back"] if evidence.read_by_model else []
    looks = any(isinstance(node, Perceive) for node in chain.program.nodes)
    rests_on += ["said how objects look"] if looks else []
    printed = any(getattr(node, "attribute", "") == NUMBER for node in chain.program.nodes)
    return rests_on + (["read the printed numbers"] if printed and evidence.text_by_model else [])
