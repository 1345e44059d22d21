"""How many are let in at once, and how long is waited between attempts."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopchain_assets.models.gate import Gate, Place
from hopchain_assets.models.retrying import Pauses, retry_after

STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "come", "come", "cancel", "go", "replied", "crowded"]), st.integers(0, 20)),
    max_size=40,
)


class Visitors:
    """Tasks at a gate, and a plain model of who should be inside."""

    def __init__(self, least: int, most: int) -> None:
        self.gate = Gate(least, most)
        self.came: list[asyncio.Task[None]] = []
        self.let_in: list[int] = []
        self.inside: dict[int, tuple[Place, asyncio.Event]] = {}

    def come(self) -> None:
        number = len(self.came)

        async def visit() -> None:
            async with self.gate.place() as place:
                self.let_in.append(number)
                self.inside[number] = (place, asyncio.Event())
                try:
                    await self.inside[number][1].wait()
                finally:
                    del self.inside[number]

        self.came.append(asyncio.create_task(visit()))

    def step(self, what: str, which: int) -> None:
        if what == "come":
            self.come()
        elif what == "cancel" and self.came:
            self.came[which % len(self.came)].cancel()
        elif self.inside:
            place, leaving = list(self.inside.values())[which % len(self.inside)]
            if what == "replied":
                place.replied()
            elif what == "crowded":
                place.crowded()
            leaving.set()

    @property
    def waiting(self) -> int:
        return sum(not task.done() for task in self.came) - len(self.inside)


@settings(max_examples=200, deadline=None)
@given(least=st.integers(1, 2), more=st.integers(0, 2), steps=STEPS, hurried=st.booleans())
def test_a_gate_is_fair_loses_no_place_and_keeps_its_bounds(
    least: int, more: int, steps: list[tuple[str, int]], hurried: bool
) -> None:
    """Whoever comes, leaves or is cancelled, in any order and in any moment."""

    async def play() -> None:
        visitors = Visitors(least, least + more)
        gate = visitors.gate
        for what, which in steps:
            before = len(visitors.inside)
            visitors.step(what, which)
            # hurried: several things happen before any task runs, so some are cancelled in the moment they are let in
            if not hurried or which % 3 == 0:
                await _settled()
                assert gate.inside == len(visitors.inside)
                assert visitors.waiting == 0 or gate.inside >= int(gate.limit)
                assert len(visitors.inside) <= max(int(gate.limit), before)
            assert gate.least <= gate.limit <= gate.most
        # in a hurry a place may be given to one who runs only after a later one, for whom another was free
        assert hurried or visitors.let_in == sorted(visitors.let_in)
        for task in visitors.came:
            task.cancel()
        await asyncio.gather(*visitors.came, return_exceptions=True)
        assert gate.inside == 0

    asyncio.run(play())


def test_a_place_given_to_one_who_is_cancelled_goes_to_the_next() -> None:
    """The cancellation comes after the place was given and before the waiter runs."""

    async def play() -> list[int]:
        visitors = Visitors(1, 1)
        for what in ("come", "come", "come"):
            visitors.step(what, 0)
        await _settled()
        visitors.step("go", 0)
        while visitors.gate.inside != 1 or visitors.inside:
            await asyncio.sleep(0)
        visitors.step("cancel", 1)
        await _settled()
        visitors.step("go", 0)
        await asyncio.gather(*visitors.came, return_exceptions=True)
        return visitors.let_in

    assert asyncio.run(play()) == [0, 2]


async def _settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def test_a_burst_halves_once_and_a_round_of_replies_lifts_by_one() -> None:
    """Those who were inside at the first sign of a crowd tell of the same crowd."""

    async def play() -> None:
        gate = Gate(1, 64)
        crowd = [gate.place() for _ in range(64)]
        for place in crowd:
            await place.__aenter__()
        for place in crowd:
            place.crowded()
        assert gate.limit == 32
        for place in crowd:
            await place.__aexit__()
        for _ in range(32):
            gate.replied()
        assert 32.9 < gate.limit <= 33
        async with gate.place() as place:
            place.crowded()
        assert 16 <= gate.limit <= 17

    asyncio.run(play())


@pytest.mark.parametrize("bounds", [(0, 5), (3, 2)])
def test_bounds_that_make_no_sense_are_refused(bounds: tuple[int, int]) -> None:
    """At least one is let in."""
    with pytest.raises(ValueError, match="least <= most"):
        Gate(*bounds)


@given(failed=st.integers(1, 10_000), told=st.none() | st.floats(0, 1e9))
def test_a_pause_lies_between_the_servers_wish_and_the_doubled_pause_on_top(failed: int, told: float | None) -> None:
    """Exponential, jittered, and capped on both counts."""
    pauses = Pauses(first=0.5, most=30.0, told=120.0)
    wish = min(told or 0.0, 120.0)
    assert wish <= pauses.after(failed, told) <= wish + min(30.0, 0.5 * 2 ** min(failed - 1, 100))


def test_retry_after_is_seconds_or_a_date() -> None:
    """As RFC 9110 has it, and fractions, which some servers send."""
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert retry_after("7") == 7.0 and retry_after(" 0.25 ") == 0.25
    assert 80 < (retry_after(format_datetime(later, usegmt=True)) or 0) <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert all(retry_after(text) is None for text in (None, "", "soon", "-3", "nan", "inf", "1e9"))


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{1,5} [0-9:]{1,9} [+A-Z0-9]{1,6}"))
def test_any_retry_after_is_a_wait_or_nothing(text: str) -> None:
    """A server may put anything there."""
    seconds = retry_after(text)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
