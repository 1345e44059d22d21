"""What a run may spend: calls, and money."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Self

from hopchain_assets.operations.prices import PriceError, Prices
from hopchain_assets.ports.vlm import BudgetSpent


class Budget:
    """The calls and the cost that a run may have; None is no limit. Shared by all who pay in that run.

    A call under way counts as a call, so the number of calls is never exceeded; its cost is known when it has
    ended, so the cost may be exceeded by what is under way.
    """

    def __init__(self, max_cost: float | None, max_calls: int | None) -> None:
        self._max_cost, self._max_calls = max_cost, max_calls
        self._calls, self._cost, self._under_way = 0, 0.0, 0
        # models may be asked in several event loops, each in its thread
        self._lock = threading.Lock()

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._max_cost is not None or self._max_calls is not None

    def begin_with(self, calls: int, cost: float) -> None:
        """Takes over what the run had spent before, in this process or another."""
        with self._lock:
            self._calls, self._cost = max(self._calls, calls), max(self._cost, cost)

    def check_price(self, model: str, prices: Prices) -> None:
        """Raises PriceError where a cost is limited that nobody can reckon."""
        if self._max_cost is not None and prices.of(model) is None:
            raise PriceError(
                f"the cost is limited to {self._max_cost:g}, but the price of {model} is not known: name a file with "
                "its price in HOPCHAIN_PRICES, or limit the calls instead"
            )

    def place(self) -> Place:
        """Room for one call.

        Raises:
            BudgetSpent: when there is none.
        """
        with self._lock:
            if self._max_calls is not None and self._calls + self._under_way >= self._max_calls:
                raise BudgetSpent(_sentence(f"{self._max_calls:,} calls", "HOPCHAIN_MAX_CALLS", "--max-calls"))
            if self._max_cost is not None and self._cost >= self._max_cost:
                raise BudgetSpent(_sentence(f"a cost of {self._max_cost:g}", "HOPCHAIN_MAX_COST", "--max-cost"))
            self._under_way += 1
        return Place(self)

    def leave(self, calls: int, cost: float) -> None:
        """Ends a call that had a place: it was paid for, or (0 calls) it was not."""
        with self._lock:
            self._under_way -= 1
            self._calls += calls
            self._cost += cost


class Place(AbstractContextManager["Place"]):
    """Room for one call; given back at the end of the block unless it was paid for."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._paid, self._cost = budget, 0, 0.0

    def paid(self, cost: float | None) -> None:
        """Says that the call was answered, at this cost where it is known."""
        self._paid, self._cost = 1, cost or 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.leave(self._paid, self._cost)


def _sentence(what: str, setting: str, option: str) -> str:
    return f"the budget of {what} is used up; all that was paid for is kept. Raise {setting} or {option} to go on"
