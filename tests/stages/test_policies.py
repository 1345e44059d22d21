"""Which certified chains count as true: what execution proves, what only models say, and what waits for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hopchain_assets.domain.records import Chain
from hopchain_assets.ports import Evidence
from hopchain_assets.stages.policies import Executed
from tests.builders import program, stated
from tests.domain.test_certify import NODES, SCENE, WALK

CHAIN = stated(WALK, SCENE)
ALL = {"person": True, "chair": True, "bottle": True}
PROVEN = Evidence(ALL, ground_truth=True, executed=10.0)
LOOKED = program(
    "z",
    *NODES[:6],
    {"id": "s", "op": "perceive", "of": "q", "predicate": "standing", "value": "yes"},
    {**NODES[6], "of": "s"},
    *NODES[7:],
)


def judged(evidence: Evidence, chain: Chain = CHAIN, accept_models: bool = False) -> tuple[str, str]:
    verdict = Executed(accept_models).judge(chain, evidence)
    return verdict.verified_by, verdict.waits_for


def test_execution_on_audited_ground_truth_verifies() -> None:
    """Words that the grammar read, marks that people audited, and two executors that agree."""
    assert judged(PROVEN) == ("execution", "")
    assert judged(PROVEN, accept_models=True) == ("execution", "")


@pytest.mark.parametrize("executed", [None, 9.0])
def test_executors_that_differ_verify_nothing(executed: float | None) -> None:
    """Whatever models say of it."""
    evidence = replace(PROVEN, executed=executed, read_by_model=True)
    assert judged(evidence, accept_models=True) == ("", "executors differ")


@pytest.mark.parametrize(
    ("evidence", "chain"),
    [
        (replace(PROVEN, read_by_model=True), CHAIN),
        (replace(PROVEN, ground_truth=False, audited={}), CHAIN),
        (PROVEN, replace(CHAIN, program=LOOKED)),
    ],
    ids=["read the words", "found the instances", "said how objects look"],
)
def test_what_only_models_say_waits_until_the_user_takes_their_word(evidence: Evidence, chain: Chain) -> None:
    """`verified_by` is `models` either way; by default the chain waits for people."""
    assert judged(evidence, chain) == ("models", "models only")
    assert judged(evidence, chain, accept_models=True) == ("models", "")


@pytest.mark.parametrize(("audited", "why"), [({}, "category not audited"), ({"chair": False}, "category incomplete")])
def test_taking_the_models_word_audits_no_category(audited: dict[str, bool], why: str) -> None:
    """People's marks may be incomplete, and no model was asked about that."""
    evidence = replace(PROVEN, audited=audited, read_by_model=True)
    assert judged(evidence, accept_models=True) == ("", why)


def test_the_choice_is_part_of_the_stage_version() -> None:
    """Switching it makes the verified set stale."""
    assert Executed(True).name != Executed().name
