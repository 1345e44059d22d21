"""A chain over a segmenter's instances has to hold whatever it may have missed or made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hopchain_assets.domain.certify import Certifier, CertifierSettings
from hopchain_assets.domain.certify.robust import Disturbance
from hopchain_assets.domain.countable import CountLimits, uncountable
from hopchain_assets.domain.records import Doubt, Facts, Instance
from tests.builders import HEIGHT, WIDTH, instance, stated
from tests.domain.test_certify import SCENE, WALK, rule_of

# the chain counts the people to the right of a chair, and asks of a bottle and of the leftmost person
LEFTMOST, RIGHTMOST = "i0", "i3"
UNUSED_CHAIR = "i6"


def extra(category: str, x: int, y: int) -> Instance:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y - 10 : y + 10, x - 10 : x + 10] = True
    return instance("left out", category, mask)


def judged(facts: Facts, settings: CertifierSettings | None = None) -> str:
    return rule_of(facts, stated(WALK, SCENE), settings)


def scored(name: str, score: float) -> Facts:
    items = (replace(item, score=score) if item.instance_id == name else item for item in SCENE.instances)
    return replace(SCENE, instances=tuple(items))


def test_an_instance_that_was_left_out_and_would_be_counted_rejects() -> None:
    """One more person to the right, and the count is another one."""
    assert judged(replace(SCENE, doubts=(Doubt(extra("person", 370, 200)),))) == "robust"


def test_one_that_would_change_nothing_does_not() -> None:
    """A person to the left of the chair is neither counted nor leftmost; nobody asks about dogs."""
    assert judged(replace(SCENE, doubts=(Doubt(extra("person", 90, 40)),))) == "certified"
    assert judged(replace(SCENE, doubts=(Doubt(extra("dog", 370, 200)),))) == "certified"


def test_an_object_that_may_go_by_another_name_rejects_where_it_is_counted() -> None:
    """The rightmost person may be a statue."""
    statue = replace(SCENE.instances[3], instance_id="left out", category="statue")
    assert judged(replace(SCENE, doubts=(Doubt(statue, RIGHTMOST),))) == "robust"


def test_two_doubts_that_undo_each_other_are_both_seen() -> None:
    """One person may be gone and another there: together the count is the same."""
    facts = replace(scored(RIGHTMOST, 0.55), doubts=(Doubt(extra("person", 370, 200)),))
    assert judged(facts) == "robust"


@pytest.mark.parametrize(("name", "rule"), [(LEFTMOST, "robust"), (RIGHTMOST, "robust"), (UNUSED_CHAIR, "certified")])
def test_a_chain_holds_without_each_weak_instance(name: str, rule: str) -> None:
    """What is counted or chosen must be sure; the chair that no step ever comes to need not be."""
    assert judged(scored(name, 0.55)) == rule


def test_surer_ones_are_taken_for_there() -> None:
    """At the bound itself an instance is no longer weak."""
    assert judged(scored(RIGHTMOST, 0.7)) == "certified"
    stricter = CertifierSettings(disturbance=Disturbance(weak_score=0.8))
    assert judged(scored(RIGHTMOST, 0.7), stricter) == "robust"


def test_more_doubts_than_twins_are_seen_together() -> None:
    """The last of forty doubts has no twin of its own, and is in the one for all."""
    harmless = [Doubt(extra("dog", 20 + 9 * k, 280)) for k in range(39)]
    assert judged(replace(SCENE, doubts=(*harmless, Doubt(extra("person", 370, 200))))) == "robust"


def test_a_left_out_instance_touches_what_it_touches() -> None:
    """Its pairs are in no table, so they are measured from the masks."""
    from hopchain_assets.domain.certify.robust import disturbed_worlds

    there = extra("person", 370, 120)
    facts = replace(SCENE, doubts=(Doubt(there), Doubt(replace(extra("cup", 389, 120), instance_id="beside"))))
    world = disturbed_worlds(facts, 0, Disturbance())[-1]
    pair = world.pairs["left out", "beside"]
    assert (pair.overlap_px, pair.edge_gap) == (20.0, 0.0)
    assert world.pairs["left out", LEFTMOST].edge_gap > 100


def test_a_category_with_an_unsure_instance_is_not_counted() -> None:
    """Whether it is there is a guess, so the number is one."""
    facts = scored(RIGHTMOST, 0.4)
    reasons = uncountable(facts.instances, (), WIDTH, HEIGHT, CountLimits())
    assert list(reasons) == ["person"] and "0.40" in reasons["person"]
    assert uncountable(scored(RIGHTMOST, 0.5).instances, (), WIDTH, HEIGHT, CountLimits()) == {}
    assert judged(replace(facts, uncountable=reasons)) == "countable"


def test_a_category_that_may_be_there_is_easily_taken_for_another() -> None:
    """A chair is no chair for sure where something may be a bench."""
    reasons = uncountable(SCENE.instances, (), WIDTH, HEIGHT, CountLimits(), perhaps=["bench"])
    assert "bench" in reasons["chair"]


def test_people_s_marks_are_never_weak() -> None:
    """Drawn instances have a score of 1: nothing changes for them."""
    assert len(Certifier(SCENE)._disturbed()) == Disturbance().worlds
