"""`hopchain plan`, and the budgets of `hopchain run`: what would be done and paid, before and while it happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hopchain_assets.operations.ledger import Ledger
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stand_in.server import running
from hopchain_assets.warehouse.landing import Landed, land
from tests.cli.conftest import SCENES, Ended, Hopchain, line_of
from tests.operations.answering import COST, Model, ask_all, paid, question

ADDRESS = {"HOPCHAIN_VLM_URL": "http://127.0.0.1:9/v1"}
# what a test pays for: one combination of one chain
SMALL = {"HOPCHAIN_COMBINATIONS": "1", "HOPCHAIN_CHAINS_WANTED": "1", "HOPCHAIN_WORKERS": "1"}


def planned(ended: Ended) -> tuple[dict[str, dict[str, int]], list[dict[str, object]]]:
    told = json.loads(ended.out)
    return {row["stage"]: row for row in told["stages"]}, told["calls"]


def test_nothing_is_pending_where_all_is_done(hopchain: Hopchain, done_home: Path) -> None:
    """A finished home: no stage is due, nobody would be asked."""
    ended = hopchain("plan", home=done_home)
    assert ended.code == 0 and "Nothing is pending" in ended.out
    stages, calls = planned(hopchain("plan", "--format", "json", home=done_home))
    assert sum(row["new"] + row["other_version"] + row["other_input"] for row in stages.values()) == 0
    assert calls == []


def test_a_changed_setting_is_told_apart_from_new_pictures(hopchain: Hopchain, done_home: Path) -> None:
    """Another margin makes exactly `hop_chains` stale, for every picture."""
    stages, _ = planned(hopchain("plan", "--format", "json", home=done_home, settings={"HOPCHAIN_SEED": "5"}))
    assert {name: row["other_version"] for name, row in stages.items() if row["other_version"]} == {
        "hop_chains": SCENES
    }


def test_a_model_is_planned_before_it_is_asked(hopchain: Hopchain, done_home: Path, tmp_path: Path) -> None:
    """Calls by purpose for every picture, marked as assumed, with their cost where prices are known."""
    # another test's run may have made it
    database = done_home / "operations.sqlite"
    before = database.stat().st_mtime_ns if database.exists() else None
    ended = hopchain("plan", home=done_home, settings=ADDRESS)
    assert ended.code == 0 and "assumed" in ended.out and "HOPCHAIN_PRICES" in ended.out
    prices = tmp_path / "prices.toml"
    prices.write_text('["*"]\ninput = 1.0\noutput = 10.0\n')
    stages, calls = planned(
        hopchain("plan", "--format", "json", home=done_home, settings={**ADDRESS, "HOPCHAIN_PRICES": str(prices)})
    )
    assert stages["hop_chains"]["asked"] == SCENES and stages["image_ratings"]["asked"] == 0
    by_purpose = {call["purpose"]: call for call in calls}
    assert {name: call["calls"] for name, call in by_purpose.items()} == {
        "write": 3 * SCENES,
        "repair": 3 * SCENES,
        "bind": 18 * SCENES,
    }
    assert by_purpose["write"]["cost"] == pytest.approx(3 * SCENES * (5_000 + 10 * 8_000) / 1e6)
    assert by_purpose["bind"]["model"] == "openai/gpt-oss-120b"
    assert (database.stat().st_mtime_ns if database.exists() else None) == before


def test_looks_are_planned_where_there_were_some(hopchain: Hopchain, tmp_path: Path) -> None:
    """Nobody can guess them; the ledger tells how many there were."""
    settings = {**ADDRESS, "HOPCHAIN_PERCEIVER_MODEL": "m"}
    line = line_of(tmp_path)
    line.lake.migrate()
    land(line.lake, [Landed("file:///a.jpg", "0" * 64, '{"marks": [{}]}')], 64)
    _, before = planned(hopchain("plan", "--format", "json", home=tmp_path, settings=settings))
    assert "perceive" not in {call["purpose"] for call in before}
    asks = [question(0, purpose="perceive", sample_index=number) for number in range(5)]
    ask_all(paid(Model(), f"sqlite:///{tmp_path}/operations.sqlite"), asks)
    _, after = planned(hopchain("plan", "--format", "json", home=tmp_path, settings=settings))
    (told,) = [call for call in after if call["purpose"] == "perceive"]
    assert (told["model"], told["calls"], told["cost"], told["measured"]) == ("m", 5, pytest.approx(5 * COST), True)


def test_a_run_stops_cleanly_at_its_budget_and_the_next_goes_on(
    hopchain: Hopchain, scene_folder: Path, tmp_path: Path
) -> None:
    """Six calls are allowed and six are paid; the run ends well, and what it did not come to is pending."""
    home = tmp_path / "home"
    line = line_of(home)
    line.lake.migrate()
    members = read_coco(scene_folder / "images", scene_folder / "instances.json", exhaustive=True).members
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], 64)
    with running([scene_folder / "instances.json"]) as server:
        models = {
            "HOPCHAIN_VLM_URL": server.url,
            "HOPCHAIN_VLM_MODEL": "stand-in",
            "HOPCHAIN_BINDER_MODEL": "stand-in-binder",
            **SMALL,
        }
        first = hopchain("run", "--max-calls", "6", home=home, settings=models)
        assert first.code == 0 and "budget was spent" in first.err, first.err
        assert _paid(home) == 6
        stages, calls = planned(hopchain("plan", "--format", "json", home=home, settings=models))
        assert 0 < stages["hop_chains"]["new"] <= SCENES
        assert all(call["measured"] for call in calls if call["purpose"] in ("write", "bind"))
        second = hopchain("run", home=home, settings=models)
        assert second.code == 0 and "budget" not in second.err, second.err
        paid = _paid(home)
        again = hopchain("run", home=home, settings={**models, "HOPCHAIN_SEED": "1"})
        assert again.code == 0, again.err
        asked = hopchain("query", "SELECT count(*) AS n FROM operations.calls", "--format", "csv", home=home)
        assert int(asked.out.split()[-1]) == _paid(home) >= paid
    keys = hopchain(
        "query", "SELECT count(DISTINCT key) = count(*) FROM operations.calls", "--format", "csv", home=home
    )
    assert keys.out.split()[-1] == "true"


def _paid(home: Path) -> int:
    return sum(spent.calls for spent in Ledger(f"sqlite:///{home / 'operations.sqlite'}").spent_by(["stage"]))
