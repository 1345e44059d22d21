"""What is done, pending and stale, on both catalogs where it can differ."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
import small_line

from hopchain_assets.warehouse.connect import WarehouseError
from hopchain_assets.warehouse.done import (
    Done,
    Replaced,
    StageTables,
    output_hash,
    pending,
    replace,
    upstream,
)
from hopchain_assets.warehouse.lake import Lake

STAGE = StageTables("categories", {"categories": "image_id"})


def _rows(**categories: str) -> dict[str, pl.DataFrame]:
    return {"categories": pl.DataFrame({"image_id": list(categories), "category": list(categories.values())})}


def _write(lake: Lake, hashes: dict[str, str], version: str = "1", **categories: str) -> Replaced:
    done = [Done(name, value, "done" if name in categories else "nothing", "out", 1) for name, value in hashes.items()]
    return replace(lake, STAGE, "b", version, _rows(**categories), done)


def _owed(lake: Lake, version: str, hashes: dict[str, str]) -> tuple[list[str], list[str]]:
    owed = pending(lake, "categories", version, {"b": hashes}).get("b")
    return (list(owed.to_do), list(owed.gone)) if owed else ([], [])


def _stored(lake: Lake) -> dict[str, tuple[str, str]]:
    rows = lake.query("SELECT image_id, category, stage_version FROM categories").rows()
    assert len({row[0] for row in rows}) == len(rows)
    return {name: (category, version) for name, category, version in rows}


def test_replacing_twice_changes_nothing(lake: Lake) -> None:
    """The second of two equal calls finds its inputs done, and commits nothing."""
    hashes = {"x": "1", "y": "1"}
    assert _write(lake, hashes, x="dog", y="cat") == Replaced(2, 0, 0, 0, {"categories": 2})
    before = lake.snapshot()
    assert _write(lake, hashes, x="dog", y="cat") == Replaced(0, 2, 0, 0, {})
    assert lake.snapshot() == before
    assert _owed(lake, "1", hashes) == ([], [])


def test_a_changed_input_hash_reopens_that_input_only(lake: Lake) -> None:
    """The rows of the changed input are replaced, those of its neighbour stay."""
    _write(lake, {"x": "1", "y": "1"}, x="dog", y="cat")
    assert _owed(lake, "1", {"x": "2", "y": "1"}) == (["x"], [])
    assert _write(lake, {"x": "2"}, x="wolf").done == 1
    assert _stored(lake) == {"x": ("wolf", "1"), "y": ("cat", "1")}


def test_a_changed_version_reopens_the_stage(sqlite_lake: Lake) -> None:
    """A new stage version makes every input pending, and its rows carry it."""
    hashes = {"x": "1", "y": "1"}
    _write(sqlite_lake, hashes, x="dog", y="cat")
    assert _owed(sqlite_lake, "2", hashes) == (["x", "y"], [])
    _write(sqlite_lake, hashes, version="2", x="dog", y="cow")
    assert _stored(sqlite_lake) == {"x": ("dog", "2"), "y": ("cow", "2")}


def test_nothing_found_is_done(sqlite_lake: Lake) -> None:
    """An input without rows is not tried for ever, and rows that it had before are removed."""
    _write(sqlite_lake, {"x": "1"}, x="dog")
    _write(sqlite_lake, {"x": "2"})
    assert _stored(sqlite_lake) == {}
    assert _owed(sqlite_lake, "1", {"x": "2"}) == ([], [])
    rows = sqlite_lake.query("SELECT stage, outcome, n_rows FROM stage_done").rows()
    assert rows == [("categories", "nothing", 1)]


def test_gone_inputs_take_their_rows_with_them(lake: Lake) -> None:
    """What is recorded but no longer an input is reported, and removed with its ledger row."""
    _write(lake, {"x": "1", "y": "1"}, x="dog", y="cat")
    to_do, gone = _owed(lake, "1", {"y": "1"})
    assert (to_do, gone) == ([], ["x"])
    assert replace(lake, STAGE, "b", "1", {}, [], gone) == Replaced(0, 0, 0, 1, {})
    assert _stored(lake) == {"y": ("cat", "1")}
    assert _owed(lake, "1", {"y": "1"}) == ([], [])


def test_batches_do_not_touch_each_other(sqlite_lake: Lake) -> None:
    """The same input id in another batch is another input."""
    _write(sqlite_lake, {"x": "1"}, x="dog")
    replace(sqlite_lake, STAGE, "other", "1", _rows(x="cat"), [Done("x", "1", "done", "out", 1)])
    replace(sqlite_lake, STAGE, "other", "1", {}, [], ["x"])
    assert _stored(sqlite_lake) == {"x": ("dog", "1")}


def test_work_on_outdated_inputs_is_dropped(lake: Lake) -> None:
    """When the upstream rows changed while a worker was busy, its result is thrown away, and nothing is removed."""
    _write(lake, {"x": "1"}, x="dog")
    work = [Done("x", "2", "done", "out", 1), Done("y", "1", "done", "out", 1)]
    frames = _rows(x="wolf", y="cat")
    replaced = replace(lake, STAGE, "b", "1", frames, work, ["x"], lambda _: {"x": "3", "y": "1"})
    assert replaced == Replaced(1, 0, 1, 0, {"categories": 1}, pending=1)
    assert _stored(lake) == {"x": ("dog", "1"), "y": ("cat", "1")}


def test_a_failing_call_writes_nothing(lake: Lake) -> None:
    """A frame that does not fit its table is named, and the ledger stays as it was."""
    _write(lake, {"x": "1"}, x="dog")
    frames = {"categories": _rows(x="wolf")["categories"].with_columns(colour=pl.lit("red"))}
    with pytest.raises(WarehouseError, match=r"rows for categories do not fit.*colour"):
        replace(lake, STAGE, "b", "1", frames, [Done("x", "2", "done", "out", 1)])
    assert _stored(lake) == {"x": ("dog", "1")}
    assert _owed(lake, "1", {"x": "1"}) == ([], [])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (_rows(z="dog"), "belong to no input of this call, the first to 'z'"),
        ({"images": pl.DataFrame({"image_id": ["x"]})}, "does not write the table images"),
        ({"categories": pl.DataFrame({"category": ["dog"]})}, "lack the column image_id"),
    ],
)
def test_rows_that_belong_to_nobody_are_refused(
    sqlite_lake: Lake, frames: dict[str, pl.DataFrame], message: str
) -> None:
    """A stage cannot write rows that no ledger row answers for."""
    with pytest.raises(WarehouseError, match=message):
        replace(sqlite_lake, STAGE, "b", "1", frames, [Done("x", "1", "done", "out", 1)])


def test_only_changed_output_reopens_what_follows(sqlite_lake: Lake) -> None:
    """Doing a stage again with the same result opens nothing downstream; another result opens its input only."""
    small_line.run(sqlite_lake, 1, "first")
    inputs = small_line.inputs("batch-0", "first")
    frames = small_line.mask_rows(inputs)
    replace(sqlite_lake, small_line.MASKS, "batch-0", "2", frames, small_line.results(frames, inputs))
    assert small_line.make_chains(sqlite_lake, "batch-0") == Replaced(0, 0, 0, 0, {})

    changed = next(iter(inputs))
    frames = small_line.mask_rows({changed: "other"})
    replace(sqlite_lake, small_line.MASKS, "batch-0", "2", frames, small_line.results(frames, {changed: "other"}))
    assert small_line.make_chains(sqlite_lake, "batch-0").done == 1


def test_upstream_wants_every_named_stage(sqlite_lake: Lake) -> None:
    """An input goes on only when all stages before it have done it, and none of them found nothing."""
    for stage, outcomes in {"a": {"x": "done", "y": "done", "z": "done"}, "b": {"x": "done", "y": "nothing"}}.items():
        done = [Done(name, "1", outcome, f"{stage}{name}", 0) for name, outcome in outcomes.items()]
        replace(sqlite_lake, StageTables(stage, {}), "batch", "1", {}, done)
    assert set(upstream(sqlite_lake, ["a"])["batch"]) == {"x", "y", "z"}
    both = upstream(sqlite_lake, ["a", "b"], ["batch"])["batch"]
    assert set(both) == {"x"}
    assert both["x"] != upstream(sqlite_lake, ["b", "a"])["batch"]["x"]
    assert upstream(sqlite_lake, ["a"], ["other batch"]) == {}
    assert upstream(sqlite_lake, ["a"], []) == {}


def test_output_hash_sees_content_only() -> None:
    """Order, times, batch and version leave the hash alone; a changed value, row or table changes it."""
    frame = pl.DataFrame({"image_id": ["x", "x", "y"], "category": ["dog", "cat", "dog"]})
    hashes = output_hash({"categories": frame}, "image_id", ["x", "z"])
    dressed = frame.reverse().with_columns(
        batch=pl.lit("b"), stage_version=pl.lit("2"), at=pl.lit(datetime(2026, 1, 1))
    )
    assert output_hash({"categories": dressed.select(sorted(dressed.columns))}, "image_id", ["x", "z"]) == hashes
    assert len(set(hashes.values())) == 3
    changed = frame.with_columns(category=pl.lit("dog"))
    assert output_hash({"categories": changed}, "image_id")["x"] != hashes["x"]
    assert output_hash({"categories": changed}, "image_id")["y"] == hashes["y"]
    assert output_hash({"others": frame}, {"others": "image_id"})["y"] != hashes["y"]


def test_output_hash_is_the_same_tomorrow() -> None:
    """The hash is stored, so it may not change between machines or releases."""
    frame = pl.DataFrame({"image_id": ["x"], "cx": [0.1], "n": [3], "ids": [["a", "b"]], "text": ['"\n\u00e9']})
    assert output_hash({"t": frame}, "image_id") == {"x": "c723ba10c081011bf8f2"}
