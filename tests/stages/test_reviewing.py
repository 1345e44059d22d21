"""Questions that go out to people, and what comes back: the warehouse holds what they say, and only that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa

from hopchain_assets.operations.database import Database
from hopchain_assets.operations.tables import review_items
from hopchain_assets.operations.trouble import OperationsError
from hopchain_assets.ports.reviews import Cast, Reviewed, Shown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.reviewing import (
    PRACTICE_EACH,
    bring_reviews,
    mark_of,
    push_reviews,
    waiting_for_people,
)
from hopchain_assets.warehouse.landing import Audit, Landed, batches, land, record_audits
from hopchain_assets.warehouse.reviews import put_reviews
from tests.stages.conftest import new_line, run_all
from tests.voters import PLAIN, Answer, Crowd, number

# a few chains, quickly
FEW = {**PLAIN, "HOPCHAIN_CHAINS_PER_PICTURE": "4", "HOPCHAIN_ATTEMPTS": "60"}


def unaudited(home: Path, scenes: Path, **environ: str) -> Line:
    """Four scenes as if people had marked them: nobody has said that all is marked. All stages are done."""
    line = new_line(home, **FEW | environ)
    document = json.loads((scenes / "instances.json").read_text())
    document["info"] = {}
    copy = home / "plain.json"
    copy.write_text(json.dumps(document))
    members = read_coco(scenes / "images", copy, exhaustive=False).members[:4]
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members], 2)
    run_all(line)
    return line


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Line:
    """Composed once; what tests do to it is undone before the next."""
    home = tmp_path_factory.mktemp("reviewing")
    return unaudited(home, scenes)


@pytest.fixture
def home(made: Line) -> Path:
    return made.lake.lock_folder.parent


@pytest.fixture
def waiting(made: Line, home: Path) -> Line:
    """All chains wait, nobody was asked yet."""
    for file in home.glob("operations.sqlite*"):
        file.unlink()

    def forget(connection: duckdb.DuckDBPyConnection) -> None:
        for table in ("votes", "reviews", "category_audit"):
            connection.execute(f"DELETE FROM {table}")

    made.lake.transact("test", "", forget)
    run_all(made)
    return made


def crowd_of(line: Line, home: Path, many: int = 4) -> Crowd:
    settings = Settings.load({"HOPCHAIN_HOME": str(home), **PLAIN})
    return Crowd(settings.operations, settings.review.rules, many)


def items(home: Path) -> dict[str, sa.Row[tuple[object, ...]]]:
    """The book's rows, by question."""
    database = Database(Settings.load({"HOPCHAIN_HOME": str(home)}).operations)
    with database.connected(reading=True) as connection:
        return {row.question_id: row for row in connection.execute(sa.select(review_items))}


def truths(line: Line) -> dict[str, str]:
    """The program's answer of each question."""
    return dict(line.lake.query("SELECT question_id, answer FROM hop_chains ORDER BY chain_id DESC").iter_rows())


def of(line: Line, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    return line.lake.query(f"SELECT {columns} FROM {table} ORDER BY ALL").rows()


def test_chains_that_wait_become_questions_once(waiting: Line, home: Path) -> None:
    """Each waiting question is asked once, with all that a lead may see; pushed again, nothing is new or rewritten."""
    asked = set(waiting.lake.query("SELECT question_id FROM waiting_chains")["question_id"])
    assert push_reviews(waiting) == len(asked) == waiting_for_people(waiting) > 10
    before = items(home)
    assert set(before) == asked and {row.kind for row in before.values()} == {"work"}
    mark = mark_of(waiting)
    assert push_reviews(waiting) == 0 and mark_of(waiting) == mark and items(home) == before
    chains = {row["question_id"]: row for row in waiting.lake.query("FROM hop_chains").iter_rows(named=True)}
    for question_id, row in before.items():
        chain, shown = chains[question_id], Shown.from_json(str(row.shown))
        assert shown.to_json() == row.shown
        assert (row.executed, row.batch, row.source) == (chain["answer"], chain["batch"], "annotation")
        assert (shown.chain_id, shown.answer) == (chain["chain_id"], chain["answer"])
        assert {one.instance_id for one in shown.instances} == set(chain["instance_ids"])
        assert [hop.number for hop in shown.hops] == list(range(1, chain["n_hops"] + 1))
        assert all(one.mask_rle for one in shown.instances) and not any(one.mask_rle for one in shown.others)
        marked = waiting.lake.query(
            "SELECT count(*) FROM instances WHERE image_id = ? AND list_contains(?, category)",
            [chain["image_id"], list(shown.categories)],
        ).item()
        assert sum(one.category in shown.categories for one in (*shown.instances, *shown.others)) == marked
    assert any(
        "needed" in text for row in before.values() for hop in Shown.from_json(row.shown).hops for text in hop.margins
    )


def test_what_cannot_be_shown_is_no_record() -> None:
    """JSON of another form is told apart."""
    for text in ("[]", "{}", '{"hops": 3}'):
        with pytest.raises(ValueError, match="nothing to show"):
            Shown.from_json(text)


def test_a_push_ends_in_time_and_goes_on(waiting: Line) -> None:
    """With no time at all nothing is begun; the next call leaves all that is left."""
    assert push_reviews(waiting, seconds=0) == 0 == waiting_for_people(waiting)
    assert push_reviews(waiting) == waiting_for_people(waiting) > 0


def test_chains_that_execution_verifies_are_for_practice(tmp_path: Path, scenes: Path) -> None:
    """A few of each source, spread over pictures, the same ones each time; under `human` all are work."""
    home = tmp_path / "home"
    line = new_line(home, **PLAIN)
    imported = read_coco(scenes / "images", scenes / "instances.json", exhaustive=False).members
    land(line.lake, [Landed(m.source_uri, m.content_sha256, m.annotations) for m in imported], 3)
    record_audits(line.lake, [Audit(m.content_sha256, c, True, "scene") for m in imported for c in m.categories])
    run_all(line)
    assert push_reviews(line) == PRACTICE_EACH
    practice = items(home)
    assert {row.kind for row in practice.values()} == {"practice"} and waiting_for_people(line) == 0
    assert len({row.image_id for row in practice.values()}) > 1
    assert push_reviews(line) == 0

    human = new_line(home, **PLAIN, HOPCHAIN_POLICY="human")
    run_all(human)
    assert {row[0] for row in of(human, "waiting_chains", "DISTINCT reason")} == {"not reviewed"}
    push_reviews(human)
    questions = human.lake.query("SELECT count(DISTINCT question_id) FROM hop_chains").item()
    assert waiting_for_people(human) == questions
    assert {row.kind for row in items(home).values()} == {"work"}


def test_a_batch_that_is_out_of_date_is_left(waiting: Line, home: Path) -> None:
    """Half way through a run nothing is withdrawn: the batch is looked at when its verified set is done."""
    push_reviews(waiting)
    before, first = items(home), batches(waiting.lake)[0]
    changed = new_line(home, **FEW | {"HOPCHAIN_CHAINS_PER_PICTURE": "2"})
    changed.run("hop_chains", [first])
    assert push_reviews(changed) == 0 and items(home) == before
    run_all(changed)
    push_reviews(changed)
    gone = {name for name, row in items(home).items() if row.withdrawn == "gone"}
    left = set(changed.lake.query("SELECT question_id FROM waiting_chains")["question_id"])
    assert gone == set(before) - left and gone


def test_votes_come_into_the_warehouse_as_they_are(waiting: Line, home: Path) -> None:
    """Closed questions with their votes, and nothing of open ones; only batches in which something changed are told."""
    push_reviews(waiting)
    crowd, truth, names = crowd_of(waiting, home), truths(waiting), batches(waiting.lake)
    assert bring_reviews(waiting) == []
    in_first = {row.question_id for row in items(home).values() if row.batch == names[0]}
    for person in crowd.people[:3]:
        while handed := crowd.book.hand(person):
            crowd.book.vote(person, handed.question_id, number(truth[handed.question_id]))
    assert bring_reviews(waiting) == [] and of(waiting, "votes") == []
    last = crowd.people[3]
    while handed := crowd.book.hand(last):
        if handed.question_id in in_first:
            crowd.book.vote(last, handed.question_id, Answer(number=truth[handed.question_id], note="sure, \u202e<b>"))
        else:
            # somebody sees a defect, and nothing else of this batch is answered any more
            crowd.book.vote(last, handed.question_id, Answer(defect="ambiguous"))
            break
    crowd.book.mark()
    changed = bring_reviews(waiting)
    assert set(changed) <= set(names) and changed
    closed, cast = crowd.book.reviewed()
    assert [tuple(row) for row in of(waiting, "reviews", "question_id, state, coalesce(answer, ''), needed")] == sorted(
        (one.question_id, one.state, one.answer, 4) for one in closed
    )
    stored = of(waiting, "votes", "question_id, person_id, coalesce(number, ''), coalesce(defect, ''), note, \"at\"")
    assert stored == sorted((v.question_id, v.person_id, v.number, v.defect, v.note or None, v.at) for v in cast)
    assert bring_reviews(waiting) == []
    states = dict(waiting.lake.query("SELECT state, count(*) FROM reviews GROUP BY ALL").iter_rows())
    assert states.get("defect") == 1 or set(states) == {"unanimous"}


def test_verified_set_and_shards_follow(waiting: Line, home: Path) -> None:
    """By people's word alone: agreed, other than the program, torn, with a defect; what is done stays done."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    other, torn, broken, *fine = sorted(items(home))

    def says(question_id: str, place: int) -> Answer:
        if question_id == other:
            return number("999")
        if question_id == torn:
            return number("1" if place else "2")
        if question_id == broken:
            return Answer(defect="several", note="two of them")
        return number(truth[question_id])

    crowd.answer(says)
    assert bring_reviews(waiting) == batches(waiting.lake)
    worked = run_all(waiting)
    assert {stage for stage, count in worked.items() if count} == {"verified_set", "training_shards"}
    verified = {row["question_id"]: row for row in waiting.lake.query("FROM verified_set").iter_rows(named=True)}
    assert set(verified) == {other, *fine}
    assert {row["verified_by"] for row in verified.values()} == {"people"}
    assert all(verified[name]["answer"] == truth[name] and not verified[name]["held"] for name in fine)
    assert (verified[other]["answer"], verified[other]["answer_source"]) == ("999", "people") and verified[other][
        "held"
    ]
    reasons = dict(waiting.lake.query("SELECT question_id, reason FROM waiting_chains").iter_rows())
    assert reasons == {torn: "people disagree", broken: "people report a defect"}
    examples = "SELECT DISTINCT question_id FROM shard_examples JOIN hop_chains USING (chain_id)"
    assert set(waiting.lake.query(examples)["question_id"]) == set(fine)

    # all is closed: nobody is asked again, and those that people verified measure other people
    assert push_reviews(waiting) == 0 == waiting_for_people(waiting)
    assert {row.withdrawn for row in items(home).values()} == {""}

    crowd.book.accept(other, crowd.lead)
    (batch,) = bring_reviews(waiting)
    worked = run_all(waiting)
    assert (worked["verified_set"], worked["training_shards"]) == (1, 1)
    assert of(waiting, "verified_set", "count(*) FILTER (held IS NOT NULL)") == [(0,)]
    shard = waiting.lake.query(
        "SELECT shard_path FROM shard_examples JOIN hop_chains USING (chain_id) WHERE question_id = ?", [other]
    ).item()
    rows = pl.read_parquet(Path(waiting.shard_folder) / shard)
    assert "999" in [row["ground_truth"] for row in rows["reward_model"]] and batch


def test_votes_that_are_set_aside_take_their_rows_back(waiting: Line, home: Path) -> None:
    """Of all batches that somebody voted in; a fifth person's votes bring them back."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    bring_reviews(waiting)
    run_all(waiting)
    full = of(waiting, "shard_examples", "example_id")
    assert len(full) >= len(truth)
    crowd.book.set_votes_aside(crowd.people[0], crowd.lead)
    assert bring_reviews(waiting) == batches(waiting.lake)
    assert of(waiting, "votes") == of(waiting, "reviews") == []
    run_all(waiting)
    assert of(waiting, "verified_set") == of(waiting, "shard_examples") == of(waiting, "shards") == []
    assert not list(Path(waiting.shard_folder).rglob("*.parquet"))
    assert push_reviews(waiting) == 0 and waiting_for_people(waiting) == len(truth)
    crowd.join(1)
    assert crowd.answer(lambda question_id, _: number(truth[question_id])) == len(truth)
    bring_reviews(waiting)
    run_all(waiting)
    assert of(waiting, "shard_examples", "example_id") == full


def test_a_question_that_is_reopened_or_removed_is_withdrawn(waiting: Line, home: Path) -> None:
    """One question, one picture; removed, it is asked no more, pushed or not."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    bring_reviews(waiting)
    run_all(waiting)
    one, two = sorted(truth)[:2]
    crowd.book.reopen(one, crowd.lead)
    crowd.book.remove_item(two, crowd.lead)
    bring_reviews(waiting)
    worked = run_all(waiting)
    assert (
        worked["verified_set"]
        == waiting.lake.query(
            "SELECT count(DISTINCT image_id) FROM hop_chains WHERE list_contains(?, question_id)", [[one, two]]
        ).item()
    )
    verified = set(waiting.lake.query("SELECT question_id FROM verified_set")["question_id"])
    assert verified == set(truth) - {one, two}
    push_reviews(waiting)
    assert waiting_for_people(waiting) == 1 and items(home)[two].withdrawn == "removed"


def test_an_object_without_a_mark_closes_its_category(waiting: Line, home: Path, tmp_path: Path) -> None:
    """Who leads reports it, the category is not complete from then on; told once, and to the picture's own home."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    bring_reviews(waiting)
    run_all(waiting)
    name, row = next(iter(items(home).items()))
    category = Shown.from_json(str(row.shown)).categories[0]
    crowd.book.report_not_marked(name, category, crowd.lead)
    shared = Settings.load({"HOPCHAIN_HOME": str(home)}).operations
    assert bring_reviews(new_line(tmp_path / "other", **FEW, HOPCHAIN_OPERATIONS=shared)) == []
    assert bring_reviews(waiting) == [row.batch]
    said = of(waiting, "category_audit", 'image_id, category, exhaustive, "by"')
    assert said == [(row.image_id, category, False, f"review/{crowd.lead}")]
    assert crowd.book.not_marked() == [] and bring_reviews(waiting) == []
    assert of(waiting, "category_audit", 'image_id, category, exhaustive, "by"') == said
    run_all(waiting)
    using = waiting.lake.query(
        "SELECT chain_id FROM hop_chains WHERE image_id = ? AND contains(program, ?)",
        [row.image_id, json.dumps(category)],
    )["chain_id"]
    assert not set(using) & set(waiting.lake.query("SELECT chain_id FROM verified_set")["chain_id"])
    reasons = waiting.lake.query(
        "SELECT DISTINCT reason FROM waiting_chains WHERE list_contains(?, chain_id)", [using.to_list()]
    )
    assert reasons["reason"].to_list() == ["category incomplete"]


def test_certifying_anew_keeps_the_votes(waiting: Line, home: Path) -> None:
    """Votes belong to the words: rows that go and come back find them, and nobody is asked twice."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    bring_reviews(waiting)
    run_all(waiting)
    before, votes = of(waiting, "verified_set", "chain_id, answer, verified_by"), of(waiting, "votes")
    fewer = new_line(home, **FEW | {"HOPCHAIN_CHAINS_PER_PICTURE": "1"})
    run_all(fewer)
    push_reviews(fewer)
    bring_reviews(fewer)
    assert len(of(fewer, "verified_set")) < len(before) and of(fewer, "votes") == votes
    again = new_line(home, **FEW)
    run_all(again)
    assert push_reviews(again) == 0 == waiting_for_people(again)
    assert bring_reviews(again) == [] and of(again, "votes") == votes
    assert of(again, "verified_set", "chain_id, answer, verified_by") == before


def test_fewer_people_are_enough_where_the_settings_say_so(waiting: Line, home: Path) -> None:
    """What was closed keeps the number of people that it needed then, whatever is set later."""
    line = new_line(home, **FEW, HOPCHAIN_REVIEW_PEOPLE="2")
    push_reviews(line)
    settings = Settings.load({"HOPCHAIN_HOME": str(home), **PLAIN, "HOPCHAIN_REVIEW_PEOPLE": "2"})
    crowd, truth = Crowd(settings.operations, settings.review.rules, 2), truths(line)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    bring_reviews(line)
    assert set(of(line, "reviews", "state, needed")) == {("unanimous", 2)}
    four = new_line(home, **FEW)
    assert bring_reviews(four) == [] and set(of(four, "reviews", "needed")) == {(2,)}
    assert of(waiting, "reviews", "count(*)") == [(len(truth),)]


def test_rows_of_another_warehouse_are_left_out(waiting: Line) -> None:
    """Two homes may share an operations database: each takes what is of its own batches."""
    (first, second) = batches(waiting.lake)
    at = waiting.lake.query("SELECT max(landed_at) FROM batch_members").item()
    told = [Reviewed(f"q{batch}", "p", batch, "unanimous", "7", "", 1) for batch in (first, "elsewhere")]
    cast = [Cast(one.question_id, "p", one.batch, "me", "7", "", "", None, at, "page") for one in told]
    assert put_reviews(waiting.lake, told, cast) == [first]
    assert of(waiting, "reviews", "batch") == of(waiting, "votes", "batch") == [(first,)]
    moved = [Reviewed("q", "p", second, "defect", "", "", 1)]
    assert put_reviews(waiting.lake, moved, []) == [first, second]
    assert of(waiting, "reviews", "batch, state, answer") == [(second, "defect", None)] and of(waiting, "votes") == []


def test_a_database_that_is_away_is_told(waiting: Line, home: Path) -> None:
    """One error for all calls; nothing is changed, and nothing is lost."""
    away = new_line(home, **FEW, HOPCHAIN_OPERATIONS="postgresql://nobody@127.0.0.1:9/none")
    for call in (mark_of, waiting_for_people, bring_reviews, push_reviews):
        with pytest.raises(OperationsError, match="nobody@127"):
            call(away)
    assert push_reviews(waiting) > 0


SCRIPT = """
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES
from hopchain_assets.stages.reviewing import bring_reviews, push_reviews
from hopchain_assets.warehouse.landing import batches
line = Settings.load().line()
print("ready", flush=True)
for _ in range(2):
    bring_reviews(line)
    for stage in STAGES:
        line.run(stage, batches(line.lake))
    push_reviews(line)
line.publish()
"""


def start(home: Path) -> subprocess.Popen[bytes]:
    variables: Mapping[str, str] = {**os.environ, **FEW, "HOPCHAIN_HOME": str(home), "HOPCHAIN_WORKERS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_killed_anywhere_between_people_and_shards(waiting: Line, home: Path) -> None:
    """SIGKILL at random points of bringing, running and pushing: in the end all that people said is there once."""
    push_reviews(waiting)
    crowd, truth = crowd_of(waiting, home), truths(waiting)
    crowd.answer(lambda question_id, _: number(truth[question_id]))
    name, row = next(iter(items(home).items()))
    category = Shown.from_json(str(row.shown)).categories[0]
    crowd.book.report_not_marked(name, category, crowd.lead)
    random = Random(11)
    for _ in range(6):
        process = start(home)
        assert process.stdout and process.stdout.readline()
        time.sleep(1.2 * random.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = start(home)
    _, errors = last.communicate(timeout=180)
    assert last.returncode == 0, errors.decode()
    assert bring_reviews(waiting) == [] and not any(owed.pending for owed in waiting.backlog())
    closed, cast = crowd.book.reviewed()
    assert len(of(waiting, "reviews")) == len(closed) and len(of(waiting, "votes")) == len(cast)
    assert of(waiting, "category_audit", "category, exhaustive") == [(category, False)]
    verified = of(waiting, "verified_set", "chain_id")
    assert verified == of(waiting, "shard_examples", "chain_id") and len(set(verified)) == len(verified) > 0
