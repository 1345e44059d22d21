"""The whole line with people, through the sensors: photographs, chains, questions, votes, verified set, shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from looking import evaluations
from ticking import Desk, desk, due

from hopchain_assets.defs.sensors import REVIEW_SECONDS
from hopchain_assets.ports.reviews import Shown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.warehouse.landing import Landed, batches, land
from tests.voters import PLAIN, Answer, Crowd, number

PHOTOS = Path(__file__).parents[3] / "shared" / "photos"
# a few chains of each: composing takes the time
FEW = {**PLAIN, "HOPCHAIN_CHAINS_PER_PICTURE": "3", "HOPCHAIN_ATTEMPTS": "60", "HOPCHAIN_WORKERS": "1"}
CHOSEN = ("078499", "114174", "174632", "177977", "231460", "253955")
AWAY = "postgresql://nobody@127.0.0.1:9/none"

pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"the photographs are not there: {PHOTOS}")


@dataclass
class Work:
    """A desk, and the people who work there."""

    at: Desk
    crowd: Crowd

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.at.lake.query(sql).rows()

    def truths(self) -> dict[str, str]:
        """The program's answer of each question."""
        return dict(self.at.lake.query("SELECT question_id, answer FROM hop_chains").iter_rows())

    def verified(self) -> dict[str, tuple[str, str, bool]]:
        """Answer, its source and whether it is held, by question."""
        sql = "SELECT question_id, answer, answer_source, held IS NOT NULL FROM verified_set"
        return {str(row[0]): (str(row[1]), str(row[2]), bool(row[3])) for row in self.rows(sql)}

    def trained_on(self) -> dict[str, str]:
        """Answers by question, as the files of the manifest have them."""
        folder = Path(self.at.settings.shard_folder)
        manifest = json.loads(Path(self.at.settings.line().publish()).read_text())
        asked = dict(self.at.lake.query("SELECT chain_id, question_id FROM hop_chains").iter_rows())
        found: dict[str, str] = {}
        for shard in manifest["shards"]:
            rows = self.at.lake.query(
                f"SELECT extra_info.chain_id, reward_model.ground_truth FROM '{folder / shard['path']}'"
            )
            found |= {asked[chain]: answer for chain, answer in rows.iter_rows()}
        return found

    def look(self) -> list[list[str]]:
        """A tick of `reviews`, and all runs that follow from it, all of which end well; the batches of each."""
        assert self.at.tick("reviews") == []
        done = self.at.go_on()
        assert all(success for _, success in done) and not due(self.at.settings)
        return [names for names, _ in done]


@contextmanager
def work(home: Path, names: Sequence[str]) -> Iterator[Work]:
    """These photographs in batches of three, the line run over them."""
    settings = Settings.load({"HOPCHAIN_HOME": str(home), **FEW})
    line = settings.line()
    line.lake.migrate()
    members = read_coco(PHOTOS / "images", PHOTOS / "instances.json", exhaustive=False).members
    chosen = [m for m in members if any(name in m.source_uri for name in names)]
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in chosen], 3)
    with desk((settings, batches(line.lake))) as at:
        assert all(success for _, success in at.go_on())
        # what follows from people is done by these two
        at.only = ("verified_set", "training_shards")
        yield Work(at, Crowd(settings.operations, settings.review.rules))


def test_what_people_say_of_photographs_goes_into_the_shards_and_out_again(tmp_path: Path) -> None:
    """Unanimous questions are trained on, others not; each word that is taken back or added is followed."""
    with work(tmp_path / "home", CHOSEN) as the:
        at, crowd, truth = the.at, the.crowd, the.truths()
        assert the.rows("SELECT DISTINCT reason FROM waiting_chains") == [("category not audited",)]
        assert the.look() == [] and crowd.book.waiting() == len(truth) > 12

        other, torn, broken, *fine = sorted(truth)

        def says(question_id: str, place: int) -> Answer:
            if question_id == other:
                return number("777")
            if question_id == torn:
                return number(str(place))
            return Answer(defect="unreadable") if question_id == broken else number(truth[question_id])

        crowd.answer(says)
        together = the.look()
        assert together and {batch for names in together for batch in names} == set(at.batches)
        agreed = {name: truth[name] for name in fine}
        assert the.verified() == {name: (truth[name], "executed", False) for name in fine} | {
            other: ("777", "people", True)
        }
        assert the.trained_on() == agreed
        assert sorted(the.rows("SELECT question_id, reason FROM waiting_chains")) == sorted(
            [(torn, "people disagree"), (broken, "people report a defect")]
        )
        seen = {key[1] for key, one in _evaluations(at).items() if one.passed and key[0] == "verified_set"}
        assert "people_agree" in seen
        assert the.look() == [] == the.look()

        crowd.book.accept(other, crowd.lead)
        assert len(the.look()) == 1
        assert the.trained_on() == agreed | {other: "777"}

        crowd.book.set_votes_aside(crowd.people[1], crowd.lead)
        the.look()
        # the other three still disagree about one, and report a defect of the other
        assert the.verified() == {} == the.trained_on()
        assert the.rows("SELECT count(*) FROM shards") == [(0,)]

        crowd.join(1)
        crowd.answer(says)
        the.look()
        assert the.trained_on() == agreed
        assert the.verified()[other] == ("777", "people", True)

        name = fine[0]
        told = crowd.book.told(name)
        assert told is not None
        category = Shown.from_json(told.shown).categories[0]
        at.only = ()
        crowd.book.report_not_marked(name, category, crowd.lead)
        the.look()
        using = {
            str(question)
            for question, program in the.rows(
                f"SELECT question_id, program FROM hop_chains WHERE image_id = '{told.closed.image_id}'"
            )
            if category in {node.get("category") for node in json.loads(str(program))["nodes"]}
        }
        assert name in using and the.trained_on() == {key: value for key, value in agreed.items() if key not in using}
        incomplete = the.rows("SELECT DISTINCT question_id FROM waiting_chains WHERE reason = 'category incomplete'")
        assert {str(question) for (question,) in incomplete} == using
        assert the.look() == []


def test_the_sensor_is_cheap_and_bears_a_database_that_is_away(tmp_path: Path) -> None:
    """Where nothing changed nothing is done; where votes cannot be fetched it says so, and goes on later."""
    with work(tmp_path / "home", CHOSEN[:1]) as the:
        at = the.at
        assert the.look() == []
        at.tick("reviews")
        settled = at.cursors["reviews"]
        assert at.tick("reviews") == [] and at.cursors["reviews"] == settled
        truth = the.truths()
        the.crowd.answer(lambda question_id, _: number(truth[question_id]))
        away = at.with_settings(**FEW, HOPCHAIN_OPERATIONS=AWAY)
        assert away.tick("reviews") == [] and at.cursors["reviews"] == settled
        assert away.go_on() == []
        assert the.look() and the.trained_on() == truth


def test_it_looks_every_half_minute(tmp_path: Path) -> None:
    """The sensor runs from the start, at a pace that people do not notice."""
    with desk((Settings.load({"HOPCHAIN_HOME": str(tmp_path)}), [])) as at:
        sensor = at.definitions.get_repository_def().get_sensor_def("reviews")
    assert sensor.minimum_interval_seconds == REVIEW_SECONDS == 30
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def _evaluations(at: Desk) -> dict[tuple[str, str, str], dg.AssetCheckEvaluation]:
    last = at.instance.get_run_records(limit=1)[0].dagster_run.run_id
    return evaluations(at.instance, last)
