"""Planted faults are real faults by the stand-in's own evaluator, and a mended chain has none."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from hopchain_assets.domain.certify.words import leakage
from hopchain_assets.domain.program import Program, ProgramError
from hopchain_assets.domain.records import canonical_number
from hopchain_assets.domain.written import spoken
from hopchain_assets.stand_in.answering import StandIn
from hopchain_assets.stand_in.evaluate import Evaluator
from hopchain_assets.stand_in.faults import LEAKS, WIRE, WRITTEN, FaultError, Rates
from hopchain_assets.stand_in.looks import Looks, idle_look, involved
from hopchain_assets.stand_in.pools import Pools
from hopchain_assets.stand_in.predicates import SHADES, perceived
from hopchain_assets.stand_in.reading import read
from hopchain_assets.stand_in.truth import Known, Truth
from hopchain_assets.stand_in.wire import Request
from tests.stand_in.conftest import attributes_of, open_positions

Ask = Callable[..., Request]


# the proposals of a picture do not hang on the rates, and take longer to make than all the rest
POOLS = Pools(0)


def stand_in_of(truth: Truth, rates: Rates, seed: int = 0) -> StandIn:
    made = StandIn(truth, rates, seed)
    made.writer.pools = POOLS
    return made


def combinations_of(known: Known, number: int) -> list[list[int]]:
    random, free = Random(known.image_id), open_positions(known)
    return [random.sample(free, 3 + k % 4) for k in range(number) if len(free) >= 6]


def logged(
    stand_in: StandIn, pictures: list[Known], ask: Ask, number: int = 4
) -> list[tuple[Known, Mapping[str, Any]]]:
    """What the log would say of chains over some combinations of each picture."""
    found: list[tuple[Known, Mapping[str, Any]]] = []
    for known in pictures:
        for combination in combinations_of(known, number):
            answer = stand_in.answer(ask(known, combination))
            found += [(known, chain) for chain in answer.chains]
    return found


def answer_of(known: Known, program: Mapping[str, Any]) -> str | None:
    answer = Evaluator(known).answer(program)
    return None if answer is None else canonical_number(answer)


def test_without_rates_every_chain_is_right(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """The stated answer is the program's, the words mean the program, and the combination is involved but for one."""
    stand_in = stand_in_of(truth, Rates())
    written = 0
    for known in pictures[:6]:
        for combination in combinations_of(known, 4):
            answer = stand_in.answer(ask_for_chains(known, combination))
            for chain, told in zip(answer.value["chains"], answer.chains, strict=True):
                program = Program.from_json(json.loads(json.dumps(chain["program"])))
                assert answer_of(known, chain["program"]) == chain["answer"] == told["true_answer"]
                words = read(chain["question"], tuple(known.categories), attributes_of(known))
                assert Program.from_json(words.program).canonical() == program.canonical()
                looks = Looks.of(chain["program"])
                seen = involved(looks, Evaluator(known).run(chain["program"]))
                assert 3 <= len(seen) <= 6 and len(set(combination) - seen) <= 1
                assert [hop["node"] for hop in chain["hops"]] == list(looks.order)
                assert told["fault"] == ""
                written += 1
    assert written > 25


@pytest.mark.parametrize("kind", WRITTEN)
def test_each_kind_of_fault_is_really_one(kind: str, truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """With a rate of 1 every chain carries it, and the truth bears it out."""
    found = logged(stand_in_of(truth, Rates({kind: 1.0})), pictures[:6], ask_for_chains)
    assert len(found) > 15
    for known, chain in found:
        assert chain["fault"] == kind
        evaluator, stated = Evaluator(known), chain["program"]
        # a wrong chain is still a program: what is wrong with it is for the certifier to find
        Program.from_json(json.loads(json.dumps(stated)))
        if kind == "wrong_number":
            assert answer_of(known, stated) not in (None, chain["answer"])
        elif kind == "hallucinated_category":
            named = {node["category"] for node in stated["nodes"] if node["op"] == "objects"}
            assert named - known.categories.keys() and answer_of(known, stated) != chain["answer"]
        elif kind == "not_unique":
            assert evaluator.answer(stated) is None
        elif kind == "skippable_hop":
            assert idle_look(stated, evaluator) is not None and answer_of(known, stated) == chain["answer"]
        elif kind == "leaked_coordinates":
            assert re.search(r"[\[(].*\d.*[\])]", chain["question"])
            assert list(leakage(chain["question"], known.categories)) and spoken(chain["question"]) == chain["question"]
        else:
            assert answer_of(known, stated) == chain["answer"]
            assert chain["words_mean"] and chain["true_answer"] != chain["answer"]


@pytest.mark.parametrize("form", LEAKS)
def test_each_form_of_leak_is_one_that_the_certifier_refuses(form: str) -> None:
    """By its rule `leakage`, though not all were thought of when the rule was made."""
    slots = dict.fromkeys(("x0", "y0", "x1", "y1", "x", "y"), 87) | {"u": "0.43", "v": "0.60", "label": 3}
    question = f"Let P be the leftmost person{form.format(**slots)}. Give 3u + 2."
    assert [finding.rule for finding in leakage(spoken(question), ("person",))] == ["leakage"]


def test_right_words_leak_nothing(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """What the stand-in says where nothing is planted."""
    found = logged(stand_in_of(truth, Rates(perceives=0.3)), pictures, ask_for_chains, 8)
    assert len(found) > 100
    assert [chain["question"] for known, chain in found if list(leakage(chain["question"], known.categories))] == []


@pytest.mark.parametrize("kind", [kind for kind in WRITTEN if kind.startswith("words_")])
def test_words_that_differ_are_read_as_they_stand(
    kind: str, truth: Truth, pictures: list[Known], ask_for_chains: Ask
) -> None:
    """An honest binder finds another program in them, or words that no program says."""
    for known, chain in logged(stand_in_of(truth, Rates({kind: 1.0})), pictures[:4], ask_for_chains):
        reading = read(chain["question"], tuple(known.categories), attributes_of(known))
        loose = [phrase for phrase in reading.phrases if phrase["node"] is None]
        other = answer_of(known, reading.program) != chain["answer"]
        assert loose or other, chain["question"]


def test_rates_are_kept(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """With 5% a kind about half of all chains are spoilt, each kind among them, and a chain by one kind only."""
    found = logged(stand_in_of(truth, Rates(dict.fromkeys(WRITTEN, 0.05))), pictures, ask_for_chains, 8)
    kinds = Counter(chain["fault"] for _, chain in found)
    assert len(kinds) > 8
    assert 0.35 < 1 - kinds[""] / len(found) < 0.65


def test_the_same_question_gets_the_same_answer(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """Whatever was asked before; another seed in the request, or of the server, gives another."""
    known = pictures[0]
    combination, other = combinations_of(known, 2)
    rates = Rates(dict.fromkeys(WRITTEN, 0.05))
    one, two = stand_in_of(truth, rates), stand_in_of(truth, rates)
    two.answer(ask_for_chains(known, other))
    asked = ask_for_chains(known, combination)
    assert one.answer(asked).value == two.answer(asked).value == one.answer(asked).value
    assert one.answer(ask_for_chains(known, combination, seed=1)).value != one.answer(asked).value
    assert stand_in_of(truth, rates, seed=5).answer(asked).value != one.answer(asked).value


def mended(stand_in: StandIn, known: Known, ask: Ask, number: int = 8) -> list[Mapping[str, Any]]:
    """What the log says of the repairs of first tries; None stands for giving up."""
    told: list[Mapping[str, Any]] = []
    for combination in combinations_of(known, number):
        for chain in stand_in.answer(ask(known, combination)).value["chains"]:
            findings = [{"rule": "number", "detail": "the answer is another one"}]
            asked = ask(known, combination, seed=1000, written=chain, findings=findings, chains_wanted=1)
            told += stand_in.answer(asked).chains or [{"fault": None, "round": 1}]
    return told


def test_repairs_mend_by_their_rate(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """With 1 every planted fault is mended, with 0 none is; the log says the round."""
    rates = dict.fromkeys(WRITTEN, 0.1)
    always = mended(stand_in_of(truth, Rates(rates, mends=1.0)), pictures[0], ask_for_chains)
    never = mended(stand_in_of(truth, Rates(rates, mends=0.0)), pictures[0], ask_for_chains)
    assert len(always) > 8 and {chain["fault"] for chain in always} == {""}
    assert "" not in {chain["fault"] for chain in never}
    assert {chain["round"] for chain in [*always, *never]} == {1}


def test_a_right_chain_is_given_up_or_written_anew(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """Where nothing was planted, the stand-in has no better idea than another chain, or none."""
    stand_in = stand_in_of(truth, Rates())
    outcomes = {chain["fault"] for known in pictures[:3] for chain in mended(stand_in, known, ask_for_chains)}
    assert outcomes == {"", None}


def test_lies_of_the_binder_are_its_own(truth: Truth, pictures: list[Known], ask_for_chains: Ask) -> None:
    """A lying reader gives a valid program that means something else, and each sample lies for itself."""
    stand_in = stand_in_of(truth, Rates(binder_lies=0.5))
    known = pictures[0]
    chain = stand_in.answer(ask_for_chains(known, combinations_of(known, 1)[0])).value["chains"][0]
    said = {"question": chain["question"], "categories": sorted(known.categories), "attributes": attributes_of(known)}
    true = Program.from_json(json.loads(json.dumps(chain["program"]))).canonical()
    lies = 0
    for seed in range(60):
        value = stand_in.answer(Request("stand-in-binder", "reading", said, json.dumps(said), [], [], seed)).value
        try:
            lies += Program.from_json(json.loads(json.dumps(value["program"]))).canonical() != true
        except ProgramError as error:
            pytest.fail(f"a lie must still be a program: {error}")
    assert 15 < lies < 45


def test_chains_that_perceive_ask_for_what_masks_do_not_prove(
    truth: Truth, pictures: list[Known], ask_for_chains: Ask
) -> None:
    """With a share of 1 a colour becomes a shade that the words name, and its truth is known for each object."""
    shaded = 0
    for known, chain in logged(stand_in_of(truth, Rates(perceives=1.0)), pictures, ask_for_chains):
        for node in chain["program"]["nodes"]:
            if node["op"] == "perceive":
                shaded += 1
                assert node["predicate"] in SHADES and node["predicate"] in chain["question"]
                category = next(n["category"] for n in chain["program"]["nodes"] if n["id"] == node["of"])
                members = known.categories[category]
                assert {perceived(known.things[k], node["predicate"]) for k in members} <= {"yes", "no"}
        assert answer_of(known, chain["program"]) == chain["answer"]
    assert shaded > 5


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ({"faults": {"wrong_nmber": 0.1}}, "no fault 'wrong_nmber'"),
        ({"faults": {"wrong_number": 1.2}}, "must be from 0 to 1"),
        ({"faults": {"wrong_number": float("nan")}}, "must be from 0 to 1"),
        ({"faults": dict.fromkeys(WIRE, 0.5)}, "at most 1"),
        ({"mends": -0.1}, "must be from 0 to 1"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(rates: dict[str, Any], sentence: str) -> None:
    """A misspelt kind or an impossible share is told before anything starts."""
    with pytest.raises(FaultError, match=sentence):
        Rates(**rates)
