"""How far people agree, and how sure a share is, in few lines: a package for it is under the GPL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

# of the normal distribution, for 95%
Z = 1.959963984540054


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal data: 1 for agreement, 0 for chance; None where nothing can be compared.

    Args:
        units: for each thing that was judged the values that people gave it, in any order; missing ones left out.

    One value in all units counts as agreement, where the textbook's ratio would be 0/0. Source: Krippendorff,
    "Computing Krippendorff's Alpha-Reliability" (2011), section C.
    """
    counted = [Counter(unit) for unit in units if len(unit) > 1]
    if not counted:
        return None
    totals = sum(counted, Counter[str]())
    n = totals.total()
    observed = sum((unit.total() ** 2 - _squares(unit)) / (unit.total() - 1) for unit in counted) / n
    expected = (n**2 - _squares(totals)) / (n * (n - 1))
    return 1.0 - observed / expected if expected else 1.0


def wilson_interval(right: int, of: int, z: float = Z) -> tuple[float, float]:
    """Wilson's interval for a share, 95% unless said otherwise; (0, 1) where there is nothing to go by."""
    if of == 0:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    center = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / of / 4) / (1 + spread)
    # rounding must not leave the share outside
    return max(0.0, min(share, center - half)), min(1.0, max(share, center + half))


def _squares(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())
