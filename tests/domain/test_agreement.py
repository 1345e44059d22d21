"""Agreement and intervals, against values worked out by hand from the published formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopchain_assets.domain.agreement import Z, krippendorff_alpha, wilson_interval

UNITS = st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=12)


def test_two_people_who_answered_all() -> None:
    """Krippendorff (2011), section B: 12 units, 3 disagreements.

    Of the 24 values a has 4, b, c and d have 6 each, e has 2. Observed: 3 pairs of 2 values each, 6/24. Expected:
    (24² - 4² - 3 x 6² - 2²) / (24 x 23) = 448/552.
    """
    one, other = "aabbdcccedda", "babbbcccedd" + "d"
    units = [[a, b] for a, b in zip(one, other, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(1 - (6 / 24) / (448 / 552), abs=1e-12)
    assert krippendorff_alpha(units) == pytest.approx(0.692, abs=5e-4)


def test_four_people_with_missing_values() -> None:
    """Krippendorff (2011), section C: 12 units, 41 values, the one that stands alone is left out.

    Of the 40 others 1 has 9, 2 has 13, 3 has 10, 4 has 5, 5 has 3: expected (40² - 384) / (40 x 39) = 1216/1560.
    Observed: units 2 and 8 with three to one give (16 - 10)/3 each, unit 6 with four values (16 - 4)/3: 8/40.
    """
    units = ["111", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"]
    assert krippendorff_alpha(units) == pytest.approx(113 / 152, abs=1e-12)
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_chance_is_about_nothing_and_contradiction_below() -> None:
    """Two values that never agree: observed 1, expected 8/12 of four values each twice in two units."""
    assert krippendorff_alpha(["ab", "ba"]) == pytest.approx(1 - 1 / (8 / 12))


@pytest.mark.parametrize("units", [[], [[]], [["a"]], [["a"], ["b"], []]])
def test_nothing_to_compare_has_no_alpha(units: list[list[str]]) -> None:
    """Where no unit has two values there is no agreement to speak of."""
    assert krippendorff_alpha(units) is None


def test_one_value_everywhere_is_agreement() -> None:
    """The formula's 0/0."""
    assert krippendorff_alpha(["aaaa", "aa"]) == 1.0


def _differing(values: list[str]) -> int:
    """Ordered pairs of values at two places that are not the same."""
    return sum(a != b for i, a in enumerate(values) for j, b in enumerate(values) if i != j)


@given(UNITS)
def test_alpha_by_counting_pairs(units: list[list[str]]) -> None:
    """The same by going through all pairs of values, as the definition says, and 1 exactly when none differ."""
    pairable = [unit for unit in units if len(unit) > 1]
    values = [value for unit in pairable for value in unit]
    told = krippendorff_alpha(units)
    if not values:
        assert told is None
        return
    observed = sum(_differing(unit) / (len(unit) - 1) for unit in pairable) / len(values)
    differing = _differing(values)
    expected = differing / (len(values) * (len(values) - 1))
    assert told == pytest.approx(1 - observed / expected if expected else 1.0)
    assert (told == 1.0) == (observed == 0)


@pytest.mark.parametrize(
    ("right", "of", "interval"),
    [
        # z² = 3.841459; where all or none are right an end is of / (of + z²)
        (10, 10, (10 / (10 + Z * Z), 1.0)),
        (0, 10, (0.0, Z * Z / (10 + Z * Z))),
        # worked out by hand: center (0.8 + 0.192073)/1.384146, half 1.959964 x sqrt(0.016 + 0.009604)/1.384146
        (8, 10, (0.490162, 0.943318)),
        (1, 2, (0.094531, 0.905469)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson_s_interval_at_known_places(right: int, of: int, interval: tuple[float, float]) -> None:
    """Values worked out by hand."""
    assert wilson_interval(right, of) == pytest.approx(interval, abs=1e-6)


@given(st.integers(1, 5_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_ends_are_where_the_share_is_just_not_refuted(shares: tuple[int, int]) -> None:
    """At each end p of the interval the share lies z standard deviations of p away: Wilson's definition."""
    right, of = shares
    low, high = wilson_interval(right, of)
    assert 0.0 <= low <= right / of <= high <= 1.0
    for end in (low, high):
        assert abs(right / of - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / of), abs=1e-7)
