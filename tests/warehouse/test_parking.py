"""Batches are parked with their error, and taken up again by hand or because something else is pending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hopchain_assets.warehouse.done import Done, StageTables, replace
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.parking import Retried, forget, park, parked_now, retried_at, retry, try_anew

MASKS = StageTables("instance_masks", {"instances": "image_id"})


def test_a_parked_batch_is_there_once_with_its_last_error(lake: Lake) -> None:
    """Parked again, the new words are in the old ones' place."""
    park(lake, "b1", "h1", 3, "no space left", "run 1")
    park(lake, "b2", "h2", 3, 'it\'s "odd"\n', "run 2")
    park(lake, "b1", "h3", 1, "a check failed", "run 3")
    parked = parked_now(lake)
    assert list(parked) == ["b1", "b2"]
    first = parked["b1"]
    assert (first.pending_hash, first.attempts, first.error, first.run_id) == ("h3", 1, "a check failed", "run 3")
    assert parked["b2"].error == 'it\'s "odd"\n'
    assert lake.query("SELECT count(*) FROM parked").item() == 2
    assert retried_at(lake) == {}


def test_what_is_taken_up_again_is_not_parked_and_its_time_is_known(lake: Lake) -> None:
    """Of those asked for; the time is UTC, and it is kept until the batch is parked again."""
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    for batch in ("b1", "b2", "b3"):
        park(lake, batch, "h", 3, "broke", "run")
    assert retry(lake, ["b1", "unknown"]) == Retried(("b1",), 0)
    try_anew(lake, ["b2"])
    assert list(parked_now(lake)) == ["b3"]
    assert set(retried_at(lake)) == {"b1", "b2"}
    assert all(before < at < before + timedelta(minutes=5) for at in retried_at(lake).values())
    park(lake, "b1", "h", 3, "broke again", "run")
    assert list(parked_now(lake)) == ["b1", "b3"] and set(retried_at(lake)) == {"b2"}
    assert retry(lake) == Retried(("b1", "b3"), 0)
    assert retry(lake) == Retried((), 0)


def test_a_batch_that_ended_well_is_forgotten(lake: Lake) -> None:
    """Parked or taken up again, nothing is left of it; where there is nothing to forget, nothing is written."""
    park(lake, "b1", "h", 3, "broke", "run")
    park(lake, "b2", "h", 3, "broke", "run")
    retry(lake, ["b1"])
    forget(lake, ["b1", "b2"])
    assert parked_now(lake) == {} and retried_at(lake) == {}
    before = lake.snapshot()
    forget(lake, ["b1", "b3"])
    try_anew(lake, [])
    assert lake.snapshot() == before


def test_retry_makes_failed_inputs_pending_of_its_batches_alone(lake: Lake) -> None:
    """An empty input hash is that of no input; once opened they are not counted again."""
    for batch in ("b1", "b2"):
        done = [Done("good", "h", "done", "o", 0), Done("bad", "h", "failed", "o", 0, "ValueError: odd")]
        replace(lake, MASKS, batch, "1", {}, done)
    assert retry(lake, ["b1"]) == Retried((), 1)
    rows = lake.query("SELECT batch, input_id, input_hash FROM stage_done ORDER BY ALL").rows()
    assert rows == [("b1", "bad", ""), ("b1", "good", "h"), ("b2", "bad", "h"), ("b2", "good", "h")]
    assert retry(lake) == Retried((), 1)
    assert retry(lake) == Retried((), 0)
