"""Each answer is a unique number: one planted fault per rule, beside the clean twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.quality.answers import check_answers, check_executed, check_shards
from hopchain_assets.quality.suite import MAX_IDS, CheckOutcome, Rule, run_suite

CHAIN_TYPES = {
    "chain_id": pl.String,
    "question_id": pl.String,
    "image_id": pl.String,
    "question": pl.String,
    "answer": pl.String,
    "n_hops": pl.Int32,
}


def chains(**fault: Any) -> pl.DataFrame:
    """Four sound rows (two programs of one question among them); `fault` changes columns of the second row."""
    rows = [
        {"chain_id": "c0", "question_id": "q0", "image_id": "p0", "question": "How many?", "answer": "7", "n_hops": 3},
        {"chain_id": "c1", "question_id": "q1", "image_id": "p0", "question": "And now?", "answer": "-3", "n_hops": 6},
        {"chain_id": "c2", "question_id": "q1", "image_id": "p0", "question": "And now?", "answer": "-3", "n_hops": 4},
        {"chain_id": "c3", "question_id": "q1", "image_id": "p1", "question": "And now?", "answer": "0", "n_hops": 5},
    ]
    rows[1].update(fault)
    return pl.DataFrame(rows, schema=CHAIN_TYPES)


def broken(outcome: CheckOutcome) -> set[str]:
    return {name for name, detail in outcome.details.items() if not detail["passed"]}


def test_sound_chains_pass() -> None:
    """Two programs of one question with one answer, and one question on two pictures, are no fault."""
    outcome = check_answers("hop_chains", chains(), "chain_id")
    assert outcome.passed
    assert outcome.summary == "hop_chains: 4 rows checked, none fails."
    assert (outcome.failing_ids, outcome.n_failing, broken(outcome)) == ((), 0, set())


@pytest.mark.parametrize(
    ("fault", "rules", "ids"),
    [
        ({"chain_id": None}, {"chain_id_present"}, ("(row 1, no chain_id)",)),
        ({"chain_id": "c0"}, {"chain_id_unique"}, ("c0",)),
        ({"question": None}, {"question_present"}, ("c1",)),
        ({"question": " \t "}, {"question_not_blank"}, ("c1",)),
        ({"question_id": None}, {"question_id_present"}, ("c1",)),
        ({"image_id": None}, {"image_id_present"}, ("c1",)),
        ({"answer": None}, {"answer_present"}, ("c1",)),
        ({"answer": "-4"}, {"one_answer_a_question"}, ("c1", "c2")),
        ({"n_hops": None}, {"n_hops_present"}, ("c1",)),
        ({"n_hops": 2}, {"n_hops_in_range"}, ("c1",)),
        ({"n_hops": 7}, {"n_hops_in_range"}, ("c1",)),
    ],
)
def test_a_planted_fault_breaks_its_rule_only(fault: dict[str, Any], rules: set[str], ids: tuple[str, ...]) -> None:
    """Each fault of a chain is found by the rule made for it, and by no other, and its row is named."""
    outcome = check_answers("hop_chains", chains(**fault), "chain_id")
    assert not outcome.passed
    assert broken(outcome) == rules
    assert outcome.failing_ids == ids
    assert json.loads(json.dumps(dict(outcome.details))) == outcome.details


BAD_NUMBERS = {
    "answer_canonical": [
        *("", "07", "00", "-0", "-0.0", "+7", "7.0", "2.50", "7.", ".5", "1e3", "1,000", "0.1234567", "--3", "0x7"),
        *("seven", "nan", "inf", "-inf", "7/2", "\u0667", "\u00b3"),
    ],
    "answer_unbroken": ["7\n"],
    "answer_finite": ["9" * 400, "-" + "9" * 400],
}


def test_every_other_way_to_write_a_number_fails() -> None:
    """Text that is no number, no finite number, or not the one way to write it, is no answer."""
    spoiled = [(rule, text) for rule, texts in BAD_NUMBERS.items() for text in texts]
    rows = [
        {"chain_id": text, "question_id": text, "image_id": "p", "question": "?", "answer": text} for _, text in spoiled
    ]
    outcome = check_answers("verified_set", pl.DataFrame(rows), "chain_id")
    assert set(outcome.failing_ids) == {text for _, text in spoiled}
    for rule, texts in BAD_NUMBERS.items():
        alone = check_answers("verified_set", pl.DataFrame([row for row in rows if row["answer"] in texts]), "chain_id")
        assert rule in broken(alone)
        assert alone.details[rule]["failing"] == len(texts)


@pytest.mark.parametrize("spaced", [" 7", "7 ", "7\n", "1 000"])
def test_white_space_is_no_part_of_a_number(spaced: str) -> None:
    """A line break at the end does not slip past the pattern's end."""
    assert "answer_unbroken" in broken(check_answers("hop_chains", chains(answer=spaced), "chain_id"))


def test_what_the_line_writes_is_canonical() -> None:
    """Every way that the domain writes a number passes, large, small, negative and with six decimals."""
    values = [0, -0.0, 7, -3, 2.5, -0.5, 0.000001, -0.000001, 10, 100.25, 1 / 3, -2 / 3, 123456789, 1e22, 20.1]
    texts = [canonical_number(value) for value in values]
    ids = [f"c{place}" for place in range(len(texts))]
    frame = pl.DataFrame({"chain_id": ids, "question_id": ids, "image_id": ids, "question": ids, "answer": texts})
    assert check_answers("verified_set", frame, "chain_id").passed


def test_hops_are_asked_of_chains_only() -> None:
    """The verified set has no hops, and needs none."""
    assert check_answers("verified_set", chains().drop("n_hops"), "chain_id").passed
    with pytest.raises(ValueError, match="no column n_hops"):
        check_answers("hop_chains", chains().drop("n_hops"), "chain_id")


def test_answers_read_as_numbers_are_refused() -> None:
    """A reader that turned the text into numbers has already lost what is to be checked."""
    with pytest.raises(ValueError, match="column answer is Float64"):
        check_answers("hop_chains", chains().with_columns(pl.col("answer").cast(pl.Float64)), "chain_id")


def test_many_failures_are_counted_and_few_are_named() -> None:
    """The outcome stays small: all failing rows are counted, the first ids are given, each once."""
    frame = pl.concat([chains(answer="07").with_columns(pl.col("chain_id") + f"-{n}") for n in range(100)])
    outcome = check_answers("hop_chains", frame, "chain_id")
    assert outcome.n_failing == 200
    assert len(outcome.failing_ids) == MAX_IDS
    assert outcome.failing_ids[:2] == ("c1-0", "c2-0")
    assert outcome.details["answer_canonical"]["failing"] == 100
    assert outcome.details["answer_canonical"]["observed"][0] == "answer='07'"
    assert "200 of 400 rows fail" in outcome.summary


VERIFIED = pl.DataFrame(
    {
        "chain_id": ["c0", "c1", "c2"],
        "answer": ["7", "2.5", "4"],
        "answer_source": ["executed", "executed", "human"],
        "held": [None, None, None],
    }
)


def test_execution_gives_the_stored_answers() -> None:
    """A person's answer is not compared with the execution, and other chains' values do not matter."""
    outcome = check_executed(VERIFIED, {"c0": 7.0, "c1": 2.5, "c2": 99.0, "elsewhere": None})
    assert outcome.passed
    assert outcome.summary == "executed answers: 2 rows checked, none fails."


@pytest.mark.parametrize(
    ("executed", "rule"),
    [
        ({"c0": 7.0, "c1": 2.0}, "execution_gives_the_answer"),
        ({"c0": 7.0, "c1": 2.500001}, "execution_gives_the_answer"),
        ({"c0": 7.0, "c1": float("nan")}, "execution_gives_the_answer"),
        ({"c0": 7.0, "c1": float("inf")}, "execution_gives_the_answer"),
        ({"c0": 7.0, "c1": None}, "execution_gives_a_value"),
        ({"c0": 7.0}, "execution_gives_a_value"),
    ],
)
def test_an_execution_that_differs_or_is_missing_fails(executed: dict[str, float | None], rule: str) -> None:
    """Another number, no finite number, NULL and no execution at all each fail the row."""
    outcome = check_executed(VERIFIED, executed)
    assert (outcome.failing_ids, outcome.n_failing, broken(outcome)) == (("c1",), 1, {rule})


def test_an_executed_row_without_an_answer_fails() -> None:
    """A missing answer equals no execution."""
    frame = VERIFIED.with_columns(answer=pl.Series([None, "2.5", "4"]))
    assert broken(check_executed(frame, {"c0": 7.0, "c1": 2.5})) == {"answer_present"}


EXAMPLES = pl.DataFrame(
    {
        "example_id": ["e0", "e1"],
        "chain_id": ["c0", "c1"],
        "answer": ["7", "2.5"],
        "split": ["train", "validation"],
    }
)


def test_sound_shards_pass() -> None:
    """A verified row may wait for its shard."""
    assert check_shards(EXAMPLES, VERIFIED).passed


@pytest.mark.parametrize(
    ("column", "value", "rules"),
    [
        ("example_id", "e0", {"example_id_unique"}),
        ("example_id", None, {"example_id_present"}),
        ("chain_id", "nowhere", {"verified_once"}),
        ("chain_id", None, {"chain_id_present", "verified_once"}),
        ("answer", "2.50", {"verified_answer"}),
        ("answer", None, {"answer_present"}),
        ("split", "test", {"split_known"}),
        ("split", None, {"split_present"}),
    ],
)
def test_a_spoiled_shard_example_fails(column: str, value: str | None, rules: set[str]) -> None:
    """Each fault of a shard example is found by the rules made for it, and by no other."""
    frame = EXAMPLES.with_columns(pl.Series(column, [EXAMPLES[column][0], value], dtype=pl.String))
    assert broken(check_shards(frame, VERIFIED)) == rules


def test_a_chain_verified_twice_is_not_certain() -> None:
    """Two verified rows of one chain leave open which answer holds."""
    twice = pl.concat([VERIFIED, VERIFIED.filter(pl.col("chain_id") == "c1")])
    outcome = check_shards(EXAMPLES, twice)
    assert (broken(outcome), outcome.failing_ids) == ({"verified_once"}, ("e1",))


def test_what_is_held_is_in_no_shard() -> None:
    """Verified, and still not to be trained on."""
    held = VERIFIED.with_columns(held=pl.Series(["a lead has to accept it", None, None]))
    outcome = check_shards(EXAMPLES, held)
    assert (broken(outcome), outcome.failing_ids) == ({"not_held"}, ("e0",))


def test_shards_without_a_verified_set_fail() -> None:
    """An empty verified set is no excuse for the examples that stand on it."""
    assert check_shards(EXAMPLES, pl.DataFrame()).n_failing == 2


@pytest.mark.parametrize("schema", [None, CHAIN_TYPES])
def test_no_rows_pass_and_are_told_apart(schema: dict[str, Any] | None) -> None:
    """A batch without chains is sound, and the sentence says that nothing was looked at."""
    nothing = pl.DataFrame(schema=schema)
    human = VERIFIED.filter(pl.col("answer_source") == "human")
    outcomes = [
        check_answers("hop_chains", nothing, "chain_id"),
        check_executed(nothing, {}),
        check_executed(human, {}),
        check_shards(nothing, nothing),
    ]
    assert all(outcome.passed and "nothing to check" in outcome.summary for outcome in outcomes)


def test_a_column_of_nulls_is_judged() -> None:
    """A column that came without a type, all of it null, fails its rule and raises nothing."""
    frame = chains().with_columns(answer=pl.Series([None] * 4), n_hops=pl.Series([None] * 4))
    assert broken(check_answers("hop_chains", frame, "chain_id")) == {"answer_present", "n_hops_present"}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pr"), st.sampled_from("xy"), st.sampled_from(["1", "2"])), min_size=1))
def test_rows_of_one_question_with_different_answers_are_exactly_those_found(rows: list[tuple[str, str, str]]) -> None:
    """The rule about several rows agrees with a plain count of the answers of each picture and question."""
    answers: dict[tuple[str, str], set[str]] = {}
    for image, question, answer in rows:
        answers.setdefault((image, question), set()).add(answer)
    frame = pl.DataFrame(rows, schema=["image_id", "question_id", "answer"], orient="row")
    frame = frame.with_columns(question=pl.lit("How many?"), chain_id=pl.int_range(pl.len()).cast(pl.String))
    expected = sum(len(answers[image, question]) > 1 for image, question, _ in rows)
    assert check_answers("verified_set", frame, "chain_id").n_failing == expected


def test_a_check_is_silent_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No progress bar, no warning, no file at home or in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_answers("hop_chains", chains(answer="07"), "chain_id")
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_rule_that_cannot_be_evaluated_is_no_verdict() -> None:
    """An expectation that breaks down raises with its reason, and is neither passed nor failed."""
    rule = Rule("odd", "odd", "ExpectColumnValuesToMatchRegex", {"column": "answer", "regex": "("})
    with pytest.raises(RuntimeError, match=r"could not evaluate the rule odd: .*(parenthesis|missing|regex)"):
        run_suite("hop_chains", chains(), [rule], "chain_id")


def test_analytics_are_off_unless_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations reports nothing to anybody; a value that the user chose stays."""
    monkeypatch.delenv("GX_ANALYTICS_ENABLED", raising=False)
    check_shards(EXAMPLES, VERIFIED)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    check_shards(EXAMPLES, VERIFIED)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "true"


def test_the_room_is_light_until_it_is_used() -> None:
    """Importing the checks, and checking nothing, loads neither Great Expectations nor pandas."""
    code = (
        "import sys, polars; from hopchain_assets.quality.answers import check_answers;"
        "check_answers('hop_chains', polars.DataFrame(), 'chain_id');"
        "print([name for name in ('great_expectations', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
