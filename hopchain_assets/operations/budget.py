"""What may be spent: calls, and money, in a run and in a day."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from hopchain_assets.operations.prices import PriceError, Prices
from hopchain_assets.ports.vlm import BudgetSpent


@dataclass(slots=True)
class _Limit:
    """The most that may be spent in one respect, and what has been; None is no limit."""

    max_cost: float | None
    max_calls: int | None
    raise_calls: str
    raise_cost: str
    calls: int = 0
    cost: float = 0.0

    @property
    def is_one(self) -> bool:
        return self.max_cost is not None or self.max_calls is not None

    def reached(self, under_way: int) -> str:
        """What is used up, and what to raise; empty as long as there is room."""
        if self.max_calls is not None and self.calls + under_way >= self.max_calls:
            return f"the budget of {self.max_calls:,} calls {self.raise_calls}"
        if self.max_cost is not None and self.cost >= self.max_cost:
            return f"the budget of a cost of {self.max_cost:g} {self.raise_cost}"
        return ""


class Budget:
    """The calls and the cost that a run may have, and a day (UTC) of all runs. Shared by all who pay in that run.

    A call under way counts as a call, so the number of calls is never exceeded; its cost is known when it has
    ended, so the cost may be exceeded by what is under way. None is no limit.
    """

    def __init__(
        self,
        max_cost: float | None,
        max_calls: int | None,
        day_cost: float | None = None,
        day_calls: int | None = None,
    ) -> None:
        kept = "is used up; all that was paid for is kept. Raise"
        self._run = _Limit(max_cost, max_calls, f"{kept} --max-calls to go on", f"{kept} --max-cost to go on")
        self._day = _Limit(
            day_cost,
            day_calls,
            f"a day {kept} HOPCHAIN_MAX_CALLS_A_DAY, or go on tomorrow (UTC)",
            f"a day {kept} HOPCHAIN_MAX_COST_A_DAY, or go on tomorrow (UTC)",
        )
        self._under_way = 0
        # models may be asked in several event loops, each in its thread
        self._lock = threading.Lock()

    @property
    def limits_run(self) -> bool:
        """Whether there is a limit for the run."""
        return self._run.is_one

    @property
    def limits_day(self) -> bool:
        """Whether there is a limit for the day."""
        return self._day.is_one

    def begin_with(self, calls: int, cost: float) -> None:
        """Takes over what the run had spent before, in this process or another."""
        with self._lock:
            self._run.calls, self._run.cost = max(self._run.calls, calls), max(self._run.cost, cost)

    def begin_day(self, calls: int, cost: float) -> None:
        """Takes over what this day had spent before, whoever did."""
        with self._lock:
            self._day.calls, self._day.cost = calls, cost

    def day_is_spent(self) -> bool:
        """Whether nothing more may be asked today."""
        return bool(self._day.reached(0))

    def check_price(self, model: str, prices: Prices) -> None:
        """Raises PriceError where a cost is limited that nobody can reckon."""
        most = self._run.max_cost if self._run.max_cost is not None else self._day.max_cost
        if most is not None and prices.of(model) is None:
            raise PriceError(
                f"the cost is limited to {most:g}, but the price of {model} is not known: name a file with "
                "its price in HOPCHAIN_PRICES, or limit the calls instead"
            )

    def place(self) -> Place:
        """Room for one call.

        Raises:
            BudgetSpent: when there is none.
        """
        with self._lock:
            for limit in (self._run, self._day):
                reached = limit.reached(self._under_way)
                if reached:
                    raise BudgetSpent(reached)
            self._under_way += 1
        return Place(self)

    def leave(self, calls: int, cost: float) -> None:
        """Ends a call that had a place: it was paid for, or (0 calls) it was not."""
        with self._lock:
            self._under_way -= 1
            for limit in (self._run, self._day):
                limit.calls += calls
                limit.cost += cost


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
