"""Verification policies: which certified chains are true enough to train on."""

from __future__ import annotations

from hopchain_assets.domain.program import Objects
from hopchain_assets.domain.records import Chain, canonical_number
from hopchain_assets.ports import Evidence, Verdict


class Executed:
    """True by execution: drawn or rendered instances, audited categories, and two executors that agree.

    Everything else waits for people: its certificate is about the marks, and marks may be incomplete.
    """

    name = "executed"

    def judge(self, chain: Chain, evidence: Evidence) -> Verdict:
        """Verified by execution, or waiting with the first reason found."""
        if evidence.executed is None or canonical_number(evidence.executed) != chain.answer:
            return Verdict(waits_for="executors differ", detail=f"SQL gives {evidence.executed}, not {chain.answer}")
        if not evidence.ground_truth:
            return Verdict(waits_for="model masks", detail="a model found the instances, nobody has seen them")
        used = sorted({node.category for node in chain.program.nodes if isinstance(node, Objects)})
        missing = [category for category in used if evidence.audited.get(category) is False]
        if missing:
            return Verdict(waits_for="category incomplete", detail=f"not all are marked: {', '.join(missing)}")
        unknown = [category for category in used if category not in evidence.audited]
        if unknown:
            return Verdict(waits_for="category not audited", detail=f"nobody audited: {', '.join(unknown)}")
        return Verdict(verified_by="execution", answer_source="executed")
