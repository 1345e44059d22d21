"""What the sensors request, and what becomes of it: real ticks on a real instance, and real runs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from looking import Home, materialisations
from ticking import Desk, covered, desk, due, never_began
from webhook_server import nobody_listens, webhook

from hopchain_assets import cli
from hopchain_assets.defs.partitions import PARTITIONS
from hopchain_assets.settings import Settings
from hopchain_assets.stages.landing import SETTLE_SECONDS
from hopchain_assets.stages.line import STAGES
from hopchain_assets.warehouse.parking import parked_now

Hopchain = Callable[..., str]
OTHER_SPLIT = {"HOPCHAIN_VALIDATION_SHARE": "0.5"}
THIRD_SPLIT = {"HOPCHAIN_VALIDATION_SHARE": "0.7"}


@pytest.fixture
def hopchain(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Hopchain:
    """A command in the home of these settings; what it says."""

    def call(settings: Settings, *arguments: str) -> str:
        monkeypatch.setenv("HOPCHAIN_HOME", str(settings.home))
        capfd.readouterr()
        assert cli.call(arguments) == 0
        return capfd.readouterr().out

    return call


@contextmanager
def no_shards(settings: Settings) -> Iterator[None]:
    """A file in the place of the shard folder."""
    folder, away = Path(settings.shard_folder), settings.home / "away"
    folder.rename(away)
    folder.write_text("in the way")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


@dataclass(frozen=True)
class Arrival:
    """Two pictures and their COCO file dropped in the folder: what each look and each run came to."""

    home: Home
    looks: list[list[dg.RunRequest]]
    taken_in: list[list[str]]
    after: list[tuple[list[str], bool]]


@pytest.fixture(scope="module")
def arrival(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Arrival:
    home = tmp_path_factory.mktemp("arrival")
    settings = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_BATCH_SIZE": "1"})
    settings.line().lake.migrate()
    with desk((settings, [])) as at:
        looks = [at.tick("landing")]
        for file in [*sorted((scenes.parent / "images").iterdir())[:2], scenes]:
            shutil.copy(file, home / "landing")
        looks.append(at.tick("landing"))
        time.sleep(SETTLE_SECONDS + 0.1)
        looks.append(at.tick("landing"))
        at.batches += at.instance.get_dynamic_partitions(PARTITIONS)
        runs = [at.execute(request).run_id for request in looks[-1]]
        taken_in = [[one for one in STAGES if materialisations(at.instance, one, run)] for run in runs]
        looks.append(at.tick("landing"))
        return Arrival((settings, at.batches), looks, taken_in, at.go_on())


@pytest.fixture
def mended(arrival: Arrival) -> Home:
    """Two batches, done. Tests spoil them, and mend them again."""
    return arrival.home


def test_what_is_dropped_in_the_folder_goes_all_the_way(arrival: Arrival) -> None:
    """Files are sealed at the second look, requested once, taken in with what is marked in them, and end as shards."""
    settings, names = arrival.home
    empty, first, second, third = arrival.looks
    assert (empty, first, third) == ([], [], [])
    assert [request.partition_key for request in second] == names and len(names) == 2
    assert all(request.asset_selection == [dg.AssetKey("raw_images")] for request in second)
    assert arrival.taken_in == [["raw_images"]] * 2
    assert arrival.after == [(names, True)]
    assert not due(settings)
    assert settings.line().lake.query("SELECT count(DISTINCT image_id) FROM shard_examples").item() == 2


def test_neighbours_share_a_run_and_are_told_apart_when_it_fails(three_batches: Home) -> None:
    """New batches are requested together; a request under way is not repeated; after a failure each has its own."""
    with desk(three_batches) as at:
        (request,) = at.tick("pending")
        assert covered(request, at.batches) == at.batches
        run = never_began(at, request)
        assert at.tick("pending") == []
        at.instance.report_run_failed(run)
        assert [covered(one, at.batches) for one in at.tick("pending")] == [[batch] for batch in at.batches]
        assert not parked_now(at.lake)


def test_a_shared_run_that_leaves_all_as_it_was_is_not_repeated(three_batches: Home) -> None:
    """It ended well, and the same is pending: each batch is requested alone, three times, and parked."""
    settings, names = three_batches
    with desk(three_batches) as at:
        (request,) = at.tick("pending")
        ended_well(at, request)
        for _ in range(3):
            requests = at.tick("pending")
            assert [covered(one, names) for one in requests] == [[batch] for batch in names]
            for one in requests:
                ended_well(at, one)
        assert at.tick("pending") == []
    assert {entry.error for entry in parked_now(settings.line().lake).values()} == {
        "its runs end well, but it stays pending"
    }


def test_batches_that_need_models_wait_while_the_day_is_spent(mended: Home) -> None:
    """No run is requested that could ask nobody, nothing is parked, and with a larger budget they go on."""
    with desk(mended) as at:
        model = {"HOPCHAIN_VLM_URL": "http://127.0.0.1:9/v1"}
        held = at.with_settings(**model, HOPCHAIN_MAX_CALLS_A_DAY="0")
        assert due(held.settings) and [held.tick("pending") for _ in range(2)] == [[], []]
        assert not parked_now(held.lake)
        freed = at.with_settings(**model, HOPCHAIN_MAX_CALLS_A_DAY="1")
        assert {batch for request in freed.tick("pending") for batch in covered(request, at.batches)} == set(at.batches)


def ended_well(at: Desk, request: dg.RunRequest) -> None:
    """A run that did nothing, and ended well."""
    run = never_began(at, request)
    for kind in (dg.DagsterEventType.RUN_START, dg.DagsterEventType.RUN_SUCCESS):
        at.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run.run_id)


def test_a_setting_that_goes_to_and_fro_is_followed_each_time(mended: Home) -> None:
    """The same may be pending again: it is requested again, though Dagster saw as much before."""
    with desk(mended, "training_shards") as at:
        assert at.go_on() == []
        for environ in (OTHER_SPLIT, {}, OTHER_SPLIT):
            changed = at.with_settings(**environ)
            assert changed.go_on() == [(at.batches, True)]
            assert not due(changed.settings)


def test_a_failing_step_is_tried_three_times_and_parked(mended: Home, hopchain: Hopchain) -> None:
    """Then nothing is requested, status tells why, and what is mended is taken up by hand, or with another setting."""
    with desk(mended, "training_shards") as at:
        first, second = at.batches
        other = at.with_settings(**THIRD_SPLIT)
        with no_shards(other.settings):
            together, *alone = other.go_on()
        assert together == (at.batches, False)
        assert sorted(alone) == sorted([([batch], False) for batch in at.batches for _ in range(3)])
        parked = parked_now(at.lake)
        assert {name: entry.attempts for name, entry in parked.items()} == {first: 3, second: 3}
        assert all(entry.error.startswith("training_shards: ") for entry in parked.values())
        assert all(at.instance.get_run_by_id(entry.run_id) for entry in parked.values())
        shown = json.loads(hopchain(at.settings, "status", "--format", "json"))["parked"]
        assert [(one["batch"], one["attempts"]) for one in shown] == [(first, 3), (second, 3)]
        assert "hopchain retry" in hopchain(at.settings, "status")
        assert other.go_on() == []

        assert first in hopchain(at.settings, "retry", "--batch", first)
        assert other.go_on() == [([first], True)]
        assert list(parked_now(at.lake)) == [second] and list(due(other.settings)) == [second]

        assert at.go_on() == [(at.batches, True)]
        assert not parked_now(at.lake) and not due(at.settings)


def test_a_failing_check_parks_its_batch_alone_and_tells(mended: Home, hopchain: Hopchain) -> None:
    """No later stage is run, the webhook hears of it, the manifest leaves the batch out until it is mended."""
    settings, (good, bad) = mended
    lake = settings.line().lake
    chain, answer = lake.query("SELECT chain_id, answer FROM hop_chains WHERE batch = ? LIMIT 1", [bad]).row(0)

    def say(text: str) -> None:
        change = "UPDATE hop_chains SET answer = ? WHERE chain_id = ?"
        lake.transact("spoil", bad, lambda connection: connection.execute(change, [text, chain]))

    with webhook() as server, desk(mended, "hop_chains", "training_shards") as at:
        at.tick("failed_checks")
        other = at.with_settings(**OTHER_SPLIT, HOPCHAIN_ALERT_WEBHOOK=server.address)
        say("seven")
        together, *alone = other.go_on()
        assert together == ([good, bad], False) and sorted(alone) == [([good], True), ([bad], False)]
        (entry,) = parked_now(lake).values()
        assert entry.batch == bad and entry.attempts == 1
        assert entry.error.startswith("hop_chains, check answer_is_unique_number: ")
        assert materialisations(at.instance, "hop_chains", entry.run_id)
        assert not materialisations(at.instance, "training_shards", entry.run_id)
        for _ in range(3):
            other.tick("failed_checks")
        assert [message["kind"] for message in server.messages] == ["parked", "failed check", "failed check"]
        assert all(message["batches"] == [bad] for message in server.messages)
        assert all("answer_is_unique_number" in message["text"] for message in server.messages)
        assert published(other.settings) == {good}

        say(answer)
        assert other.go_on() == []
        assert bad in hopchain(settings, "retry")
        assert other.go_on() == [([bad], True)]
        assert published(other.settings) == {good, bad}


def published(settings: Settings) -> set[str]:
    """The batches of which there are shards in a manifest that is written now."""
    manifest = json.loads(Path(settings.line().publish()).read_text())
    return {shard["path"].partition("/")[2].rpartition("-")[0] for shard in manifest["shards"]}


def test_who_cancels_a_run_does_not_get_it_back(mended: Home) -> None:
    """A cancelled run parks what it was over at once, whatever it had done; what changes later is tried.

    The webhook is down, which no tick minds.
    """
    with desk(mended, "training_shards") as at:
        other = at.with_settings(**THIRD_SPLIT, HOPCHAIN_ALERT_WEBHOOK=nobody_listens())
        (request,) = other.tick("pending")
        run = never_began(other, request)
        at.instance.report_run_canceled(run)
        assert other.tick("pending") == []
        assert {entry.error for entry in parked_now(at.lake).values()} == {"its run was cancelled in Dagster"}
        assert other.tick("pending") == []
        assert at.go_on() == [(at.batches, True)]
