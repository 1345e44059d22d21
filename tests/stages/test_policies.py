"""Which certified chains count as true: what execution proves, what only models say, and what waits for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hopchain_assets.domain.records import Chain
from hopchain_assets.ports import Evidence, Policy, Verdict
from hopchain_assets.ports.reviews import Reviewed
from hopchain_assets.quality.tables import WAITING_REASONS
from hopchain_assets.stages.policies import ASKED_OF_PEOPLE, Executed, Human
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
    assert len({Executed(True).name, Executed().name, Human().name}) == 3


# --- what people say

UNAUDITED = replace(PROVEN, audited={})
MODELLED = replace(PROVEN, read_by_model=True)
POLICIES = [Executed(), Executed(accept_models=True), Human()]


def reviewed(state: str, answer: str = "", accepted_by: str = "") -> Reviewed:
    return Reviewed(CHAIN.question_id, CHAIN.image_id, "b1", state, answer, accepted_by, 4)


def after(evidence: Evidence, policy: Policy, *said: str) -> Verdict:
    return policy.judge(CHAIN, replace(evidence, review=reviewed(*said)))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("evidence", [PROVEN, UNAUDITED, MODELLED], ids=["proven", "not audited", "models only"])
def test_what_people_closed_is_as_they_say(evidence: Evidence, policy: Policy) -> None:
    """Whatever the policy, and whatever else is missing: their number, or no verified answer at all."""
    assert after(evidence, policy, "unanimous", "10") == Verdict(verified_by="people", answer_source="executed")
    other = after(evidence, policy, "unanimous", "11")
    assert (other.verified_by, other.answer_source, other.answer, other.waits_for) == ("people", "people", "11", "")
    assert "11" in other.held and "10" in other.held
    accepted = after(evidence, policy, "unanimous", "11", "lead")
    assert (accepted.answer, accepted.answer_source, accepted.held) == ("11", "people", "")
    assert after(evidence, policy, "disagreed").waits_for == "people disagree"
    assert after(evidence, policy, "defect").waits_for == "people report a defect"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_people_cannot_mend_what_the_line_knows_to_be_wrong(policy: Policy) -> None:
    """Executors that differ and categories that are not complete wait, whatever people say."""
    assert after(replace(PROVEN, executed=9.0), policy, "unanimous", "10").waits_for == "executors differ"
    incomplete = replace(PROVEN, audited=ALL | {"chair": False})
    assert after(incomplete, policy, "unanimous", "10").waits_for == "category incomplete"


@pytest.mark.parametrize("review", [None, reviewed("open")])
def test_until_people_have_closed_it_the_policy_decides(review: Reviewed | None) -> None:
    """By execution a proven chain needs nobody; under `human` every chain waits for people."""

    def judged(evidence: Evidence, policy: Policy) -> tuple[str, str]:
        verdict = policy.judge(CHAIN, replace(evidence, review=review))
        return verdict.verified_by, verdict.waits_for

    assert judged(PROVEN, Executed()) == ("execution", "")
    assert judged(UNAUDITED, Executed()) == ("", "category not audited")
    assert judged(MODELLED, Executed(accept_models=True)) == ("models", "")
    for evidence in (PROVEN, UNAUDITED, MODELLED):
        assert judged(evidence, Human()) == ("", "not reviewed")


def test_what_waits_for_people_is_put_to_them() -> None:
    """All reasons of both policies but the two that people cannot mend."""
    assert set(WAITING_REASONS) - set(ASKED_OF_PEOPLE) == {"executors differ", "category incomplete"}
    assert set(ASKED_OF_PEOPLE) < set(WAITING_REASONS)
