"""Combinations: which instances a writer builds on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hopchain_assets.domain.combinations import SIZES, combinations
from tests.builders import picture, squares
from tests.domain.test_certify import SCENE


def test_all_sizes_and_all_categories_occur() -> None:
    """Over some pictures each size comes about as often; within one every category is used."""
    sizes: Counter[int] = Counter()
    for number in range(40):
        facts = replace(SCENE, image_id=f"{number:064d}")
        drawn = combinations(facts, 4, 0)
        assert len(set(drawn)) == len(drawn) == 4
        sizes.update(len(one) for one in drawn)
        category = {item.instance_id: item.category for item in facts.instances}
        assert {category[name] for one in drawn for name in one} == {"person", "chair", "bottle"}
    assert set(sizes) == set(SIZES) and max(sizes.values()) - min(sizes.values()) <= 2


def test_they_hang_on_picture_and_seed_alone() -> None:
    """The same ones come again; another seed draws others."""
    assert combinations(SCENE, 4, 0) == combinations(SCENE, 4, 0) != combinations(SCENE, 4, 1)


def test_a_picture_with_too_little_has_none() -> None:
    """Two instances are no combination, nor are those that may not be searched; three give one."""
    assert combinations(picture(*squares("cup", (50, 50), (100, 50))), 4, 0) == []
    crowd = picture(*squares("cup", (50, 50), (100, 50), (200, 50)), uncountable={"cup": "a crowd"})
    assert combinations(crowd, 4, 0) == []
    assert len(combinations(picture(*squares("cup", (50, 50), (100, 50), (200, 50))), 4, 0)) == 1
