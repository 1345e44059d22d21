"""A model whose every reply is paid for once: the `Vlm` port, with the ledger in front of it."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Self

from hopchain_assets.operations.budget import Budget, Place
from hopchain_assets.operations.keys import call_key
from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.operations.prices import Prices
from hopchain_assets.operations.questions import Claim
from hopchain_assets.operations.statements import Row, Stored, new_id, storable, utc_now
from hopchain_assets.ports.vlm import Ask, Reply, T, UnusableReply, Usage, Vlm

# how long to wait before looking again whether another process has got its answer
FIRST_LOOK, LONGEST_LOOK = 0.05, 1.0


class Paid:
    """A `Vlm` that asks `inner` only for what the ledger does not have, within a budget. The constructor opens nothing.

    `run` marks what is paid for, and is what the budget counts; where it is empty the budget counts this process.
    """

    def __init__(self, inner: Vlm, ledger: Ledger, prices: Prices, budget: Budget, run: str) -> None:
        self._inner, self._ledger, self._prices, self._budget, self._run = inner, ledger, prices, budget, run
        self._open = AsyncExitStack()
        self._turns = self._all_turns()

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def revision(self) -> str:
        return self._inner.revision

    @property
    def width(self) -> int:
        return self._inner.width

    async def __aenter__(self) -> Self:
        # waiters of an earlier event loop are not those of this one
        self._turns = self._all_turns()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._ledger)
            if self._budget.limits_day:
                self._budget.begin_day(*await self._ledger.day_total())
            if self._run and self._budget.limits_run:
                self._budget.begin_with(*await self._ledger.run_total(self._run))
            await stack.enter_async_context(self._inner)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def ask(self, ask: Ask[T]) -> Reply[T]:
        """The reply, committed to the ledger before it is handed over; `reused` when it was there.

        Raises:
            PriceError: when a cost is limited and the price of this model is not known.
            OperationsError: when the ledger fails. A reply that came meanwhile is lost, and nothing more is paid for.
            UnusableReply, CallFailed, ServerUnavailable, BudgetSpent: as the port has it.
        """
        self._budget.check_price(self.model, self._prices)
        key = call_key(self.model, self.revision, ask)
        found = await self._ledger.shared(key, lambda: self._found(key, ask))
        return _reused(ask, found) if isinstance(found, Stored) else found

    def _all_turns(self) -> asyncio.Semaphore:
        """As many turns as the model can take questions: what is under way at once, and may exceed a cost."""
        return asyncio.Semaphore(max(1, self._inner.width))

    async def _found(self, key: str, ask: Ask[T]) -> tuple[Reply[T], Stored]:
        look = FIRST_LOOK
        while (stored := await self._ledger.find(key)) is None:
            # who only waits for its turn would have a place in the budget before the others' cost is known
            async with self._turns:
                with self._budget.place() as place:
                    claim = await self._ledger.claim(key)
                    if isinstance(claim, Claim):
                        return await self._bought(ask, claim, place)
            if claim is not None:
                stored = claim
                break
            await asyncio.sleep(look * random.uniform(0.5, 1.0))
            look = min(LONGEST_LOOK, look * 1.5)
        return _reused(ask, stored), stored

    async def _bought(self, ask: Ask[T], claim: Claim, place: Place) -> tuple[Reply[T], Stored]:
        try:
            try:
                reply = await self._inner.ask(ask)
            except UnusableReply as unusable:
                await self._recorded(ask, claim, place, unusable)
                raise
            before = await self._recorded(ask, claim, place, reply)
        except BaseException:
            # failed or cancelled with nothing paid for: others may try. Where a row was written, the claim has ended
            self._ledger.release(claim)
            raise
        if before is not None:
            # whoever asks later gets the first answer, so everybody does
            return _reused(ask, before), before
        return reply, Stored("", reply.text, reply.model, reply.reasoning, reply.usage, reply.seconds)

    async def _recorded(self, ask: Ask[T], claim: Claim, place: Place, got: Reply[T] | UnusableReply) -> Stored | None:
        row = self._row(ask, claim, got)
        place.paid(row["cost"])
        return await self._ledger.record(claim, row)

    def _row(self, ask: Ask[T], claim: Claim, got: Reply[T] | UnusableReply) -> Row:
        unusable = isinstance(got, UnusableReply)
        return {
            "id": new_id(),
            "key": claim.key,
            "model": self.model,
            "revision": self.revision,
            "served_by": storable(got.model),
            "purpose": ask.purpose,
            "stage": ask.stage,
            "input_id": ask.input_id,
            "run": self._run,
            "sample_index": ask.sample_index,
            "repair_round": ask.repair_round,
            "outcome": "unusable" if unusable else "answered",
            "reason": got.reason if unusable else "",
            "detail": storable(got.detail) if unusable else "",
            "reply": storable(got.text),
            "reasoning": storable(got.reasoning),
            "prompt_tokens": got.usage.prompt,
            "completion_tokens": got.usage.completion,
            "reasoning_tokens": got.usage.reasoning,
            "seconds": got.seconds,
            "cost": self._prices.cost(self.model, got.usage),
            "at": utc_now(),
        }


def _reused(ask: Ask[T], stored: Stored) -> Reply[T]:
    try:
        value = ask.read(stored.text)
    except ValueError as error:
        # what the question may be answered with has become stricter; the answer is not paid for again
        raise UnusableReply(
            "not of the schema", str(error), stored.text, stored.model, stored.reasoning, Usage(), 0.0
        ) from error
    return Reply(value, stored.text, stored.model, stored.reasoning, stored.usage, stored.seconds, reused=True)
