"""Questions that a model writes: nothing of them is believed, over a real wire."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hopchain_assets.domain.certify import CertifierSettings
from hopchain_assets.domain.combinations import combinations
from hopchain_assets.domain.records import Facts
from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.stages.asking import Models
from hopchain_assets.stages.facts import GRAMMAR
from hopchain_assets.stages.spread import computing
from hopchain_assets.stages.writing import PictureWritten, Writer, WriterSettings
from tests.builders import HEIGHT, WIDTH, stated
from tests.domain.test_certify import NODES, SCENE, WALK
from tests.stages.model_server import Asked, ModelServer

QUESTION = (
    "Start at the person who is more to the left than anybody else. Go to the chair on their right-hand side that is "
    "the nearest. How many people stand further right than that chair? Multiply that by 3 and add 1 when the bottle "
    "nearest to the chair is in the left half of the scene, and multiply it by 5 and add 22 otherwise."
)
PROGRAM = {"version": 1, "nodes": [dict(node) for node in NODES], "answer": "z"}
PHRASES = [{"phrase": "more to the left than anybody else", "node": "a"}, {"phrase": "nearest to", "node": "d"}]
HOPS = [
    {"number": 1, "node": "a", "text": "the leftmost person", "result": "person"},
    {"number": 2, "node": "b", "text": "the nearest chair to the right", "result": "chair"},
    {"number": 3, "node": "n", "text": "people right of the chair", "result": "3"},
    {"number": 4, "node": "d", "text": "the bottle nearest to the chair", "result": "bottle"},
    {"number": 5, "node": "h", "text": "whether it is in the left half", "result": "yes"},
]
CHAIN: Mapping[str, Any] = {"question": QUESTION, "hops": HOPS, "program": PROGRAM, "answer": "10"}
ONCE = WriterSettings(combinations=1, wanted=1)
# a seed whose combination the chain covers but for one instance at most
SEED = next(
    seed for seed in range(99) if len(set(combinations(SCENE, 1, seed)[0]) - set(stated(WALK, SCENE).instance_ids)) < 2
)

Reply = Callable[[Asked], object]


def told(asked: Asked) -> dict[str, Any]:
    """The JSON document of a question."""
    return json.loads(asked.body["messages"][-1]["content"][-1]["text"])


def chains(*written: Mapping[str, Any]) -> dict[str, Any]:
    return {"chains": list(written)}


def once(*written: Mapping[str, Any]) -> Reply:
    """Writes these, and gives up what it is to mend."""
    return lambda asked: chains() if "written" in told(asked) else chains(*written)


def reading(program: Mapping[str, Any] = PROGRAM, *loose: str) -> dict[str, Any]:
    return {"program": program, "phrases": [*PHRASES, *({"phrase": phrase, "node": None} for phrase in loose)]}


def changed(name: str, **changes: Any) -> dict[str, Any]:
    """The program with one node changed."""
    return {**PROGRAM, "nodes": [{**node, **changes} if node["id"] == name else dict(node) for node in NODES]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(lambda asked: 500) as started:
        yield started


def write(
    server: ModelServer,
    facts: Facts = SCENE,
    settings: WriterSettings = ONCE,
    perceiver: bool = False,
    **replies: Reply,
) -> PictureWritten:
    """What comes of a picture when the models reply so, by the name of the schema."""
    server.answer = lambda asked: _told(replies[asked.schema](asked))
    models = Models(
        OpenAiChat(server.url, "writer"),
        OpenAiChat(server.url, "reader"),
        OpenAiChat(server.url, "looker") if perceiver else None,
    )
    return asyncio.run(_write(models, facts, settings))


def _told(reply: object) -> str | int:
    """A reply's text, or an HTTP status as it stands."""
    return reply if isinstance(reply, int) else json.dumps(reply)


async def _write(models: Models, facts: Facts, settings: WriterSettings) -> PictureWritten:
    grey = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 128, np.uint8)).save(grey, "PNG")
    with computing(1) as compute:
        writer = Writer.of_picture(models, settings, CertifierSettings(seed=SEED), facts, grey.getvalue(), 1e6, compute)
        for model in models.named:
            await model.__aenter__()
        try:
            return await writer.write()
        finally:
            for model in models.named:
                await model.__aexit__(None, None, None)


def rules(made: PictureWritten) -> list[str]:
    return [refused.finding.rule for refused in made.refused]


def test_a_right_chain_is_certified_and_bound_by_three_readings(server: ModelServer) -> None:
    """The chain comes through with its writer, the reader's name, and the hops' claims as the program's own."""
    made = write(server, chains=once(CHAIN), reading=lambda _: reading())
    assert len(made.chains) == 1
    chain, bound_by = made.chains[0]
    assert (chain.generator, bound_by, chain.answer) == ("vlm/writer", "reader", "10")
    assert chain.program.canonical() == WALK.canonical()
    assert [hop.result for hop in chain.hops] == [hop.result for hop in stated(WALK, SCENE).hops]
    assert server.count("reading") == 3


def test_the_writer_sees_crops_and_boxes_and_the_reader_only_words(server: ModelServer) -> None:
    """A crop for each instance of the combination, boxes in 0..1000; no picture and no box for the reader."""
    write(server, chains=once(CHAIN), reading=lambda _: reading())
    first = next(asked for asked in server.asked if asked.schema == "chains")
    document = told(first)
    assert len(first.pictures) == 1 + len(document["instances"])
    assert all(0 <= value <= 1000 for one in document["instances"] for value in one["box"])
    assert document["categories"] == {"bottle": 2, "chair": 3, "person": 4}
    read = next(asked for asked in server.asked if asked.schema == "reading")
    assert read.pictures == ()
    assert told(read).keys() == {"question", "categories", "attributes"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"answer": "11"}, "number"),
        ({"answer": "ten"}, "number"),
        ({"hops": HOPS[:4]}, "chained"),
        ({"hops": [{**HOPS[2], "result": "2"}, *HOPS[:2], *HOPS[3:]]}, "number"),
        ({"hops": [{**HOPS[0], "result": "chair"}, *HOPS[1:]]}, "number"),
        ({"program": changed("p", category="unicorn")}, "countable"),
        ({"program": changed("b", anchor="nobody")}, "number"),
        ({"question": QUESTION + " The bounding box of the chair may help."}, "leakage"),
    ],
)
def test_a_wrong_claim_is_refused_never_mended_by_us(server: ModelServer, change: Mapping[str, Any], rule: str) -> None:
    """Whatever the writer claims stays as it was claimed, is found out, and is kept with its rule."""
    wrong = {**CHAIN, **change}
    made = write(
        server,
        chains=once(wrong),
        reading=lambda _: reading(),
    )
    assert made.chains == []
    assert set(rules(made)) == {rule}


def test_a_writer_is_told_its_findings_and_mends_twice_at_most(server: ModelServer) -> None:
    """Two rounds of repair with the certifier's findings, then the chain is given up."""
    wrong = {**CHAIN, "answer": "11"}
    made = write(
        server,
        chains=lambda _: chains(wrong),
        reading=lambda _: reading(),
    )
    repairs = [told(asked) for asked in server.asked if "written" in told(asked)]
    finding = {"rule": "number", "detail": "the answer is stated as '11', the program gives 10"}
    assert [(document["written"], document["findings"]) for document in repairs] == [(wrong, [finding])] * 2
    assert rules(made) == ["number"] * 3


def test_what_was_mended_is_certified(server: ModelServer) -> None:
    """A chain that comes back right from its repair goes on like any other; what it was before is kept too."""
    made = write(
        server,
        chains=lambda asked: chains(CHAIN if "written" in told(asked) else {**CHAIN, "answer": "11"}),
        reading=lambda _: reading(),
    )
    assert [chain.answer for chain, _ in made.chains] == ["10"]
    assert rules(made) == ["number"]


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (reading(changed("r", side="left")), "another program"),
        (reading(changed("a", rank=2)), "another program"),
        (reading(changed("o", category="chair")), "another program"),
        (reading(changed("y", plus=2)), "another program"),
        (reading(PROGRAM, "wooden"), "'wooden'"),
        (reading({**PROGRAM, "answer": "p"}), "is no program"),
    ],
)
def test_one_reading_of_three_that_differs_refuses_the_chain(
    server: ModelServer, read: Mapping[str, Any], says: str
) -> None:
    """Side, rank, category and constant, and an adjective that nothing tests."""
    made = write(
        server,
        chains=once(CHAIN),
        reading=lambda asked: read if asked.body["seed"] == 1 else reading(),
    )
    assert made.chains == []
    assert any(refused.finding.rule == "bound" and says in refused.finding.detail for refused in made.refused)


def test_a_reply_that_cannot_be_used_is_kept_as_such(server: ModelServer) -> None:
    """The combination is lost with its reason, and nothing else."""
    made = write(server, chains=lambda _: {"chains": "none"}, reading=lambda _: reading())
    assert rules(made) == ["unusable_reply"]
    assert "chains" in made.refused[0].finding.detail


def test_unusable_readings_are_asked_for_again(server: ModelServer) -> None:
    """Two of five readings may be lost."""
    made = write(
        server,
        chains=once(CHAIN),
        reading=lambda asked: {} if asked.body["seed"] in (0, 3) else reading(),
    )
    assert len(made.chains) == 1


def test_the_grammar_is_asked_before_any_reader(server: ModelServer) -> None:
    """A question in the composer's English needs no model to be read back."""
    plain = {**CHAIN, "question": stated(WALK, SCENE).question}
    made = write(
        server,
        chains=once(plain),
        reading=lambda _: reading(),
    )
    assert [bound_by for _, bound_by in made.chains] == [GRAMMAR]
    assert server.count("reading") == 0


STANDING = {
    **PROGRAM,
    "nodes": [
        *(dict(node) for node in NODES[:6]),
        {"id": "s", "op": "perceive", "of": "q", "predicate": "standing", "value": "yes"},
        {**NODES[6], "of": "s"},
        *(dict(node) for node in NODES[7:]),
    ],
}
SAID_OTHERWISE = {
    **STANDING,
    "nodes": [{**n, "predicate": "are standing"} if n["op"] == "perceive" else n for n in STANDING["nodes"]],
}
STANDING_CHAIN = {
    **CHAIN,
    "question": QUESTION.replace("How many people stand", "How many people are standing"),
    "program": STANDING,
}


def looking(value: Callable[[Asked], str]) -> Reply:
    return lambda asked: {"value": value(asked)}


def test_what_masks_cannot_prove_is_looked_at_five_times_on_the_crop_alone(server: ModelServer) -> None:
    """All agree that everybody stands: the looks are kept, and the chain rests on them."""
    made = write(
        server,
        chains=once(STANDING_CHAIN),
        reading=lambda _: reading(
            {
                **STANDING,
                "nodes": [
                    {**n, "predicate": "are standing"} if n["op"] == "perceive" else n for n in STANDING["nodes"]
                ],
            }
        ),
        look=looking(lambda _: "yes"),
        perceiver=True,
    )
    looks = [asked for asked in server.asked if asked.schema == "look"]
    assert len(looks) == 5 * 4 and all(len(asked.pictures) == 1 for asked in looks)
    assert {asked.body["seed"] for asked in looks} == set(range(5))
    assert told(looks[0]) == {"category": "person", "predicate": "standing"}
    assert [(seen.value, seen.samples, seen.source) for seen in made.perceived] == [("yes", 5, "looker")] * 4
    assert [chain.answer for chain, _ in made.chains] == ["10"]


@pytest.mark.parametrize("doubt", ["no", "unsure"])
def test_looks_that_do_not_agree_decide_nothing(server: ModelServer, doubt: str) -> None:
    """Three of five are no majority with a margin."""
    made = write(
        server,
        chains=once(STANDING_CHAIN),
        reading=lambda _: reading(STANDING),
        look=looking(lambda asked: "yes" if asked.body["seed"] < 3 else doubt),
        perceiver=True,
    )
    assert made.chains == [] and made.perceived == []
    assert {refused.finding.rule for refused in made.refused} == {"decisive"}


def test_without_a_perceiver_no_look_is_believed(server: ModelServer) -> None:
    """The chain is refused before anything is asked."""
    made = write(
        server,
        chains=once(STANDING_CHAIN),
        reading=lambda _: reading(STANDING),
    )
    assert rules(made) and set(rules(made)) == {"decisive"}
    assert server.count("reading") == 0


def test_the_order_of_replies_does_not_matter(server: ModelServer) -> None:
    """The same rows come out whichever reply was faster."""

    several = WriterSettings(combinations=6, wanted=2)
    both = once(CHAIN, {**CHAIN, "answer": "11"})
    first = write(server, settings=several, chains=both, reading=lambda _: reading())
    again = write(server, settings=several, chains=both, reading=lambda _: reading())
    assert [chain.chain_id for chain, _ in first.chains] == [chain.chain_id for chain, _ in again.chains]
    assert [refused.chain_id for refused in first.refused] == [refused.chain_id for refused in again.refused]


def test_uncountable_categories_are_not_offered(server: ModelServer) -> None:
    """The writer is not shown what it may not ask about."""
    facts = replace(SCENE, uncountable={"bottle": "too many"})
    write(server, facts=facts, chains=lambda _: chains(), reading=lambda _: reading())
    for asked in server.asked:
        document = told(asked)
        assert "bottle" not in document["categories"]
        assert all(one["category"] != "bottle" for one in document["instances"])


@pytest.mark.parametrize("word", ["wooden", "empty", "old"])
def test_a_word_that_no_step_tests_needs_no_reader_to_be_found(server: ModelServer, word: str) -> None:
    """A reader who passes over it would bind the question all the same."""
    question = QUESTION.replace("Go to the chair", f"Go to the {word} chair")
    made = write(server, chains=once({**CHAIN, "question": question}), reading=lambda _: reading())
    assert rules(made) == ["bound"] and word in made.refused[0].finding.detail
    assert server.count("reading") == 0


def test_a_node_that_the_answer_does_not_need_carries_no_phrase(server: ModelServer) -> None:
    """A reading that says "leftmost" at a node beside the point leaves the phrase open."""
    idle = {**PROGRAM, "nodes": [*PROGRAM["nodes"], {"id": "w", "op": "count", "of": "c"}]}
    read = {"program": idle, "phrases": [{"phrase": "more to the left", "node": "w"}]}
    made = write(server, chains=once(CHAIN), reading=lambda _: read)
    assert rules(made) == ["bound"]


@pytest.mark.parametrize("role", ["reading", "look"])
def test_who_does_not_answer_is_not_the_writers_fault(server: ModelServer, role: str) -> None:
    """The chain is set aside to be tried again, and its writer is not asked to mend it."""
    replies: dict[str, Reply] = {"reading": lambda _: reading(STANDING), "look": looking(lambda _: "yes")}
    replies[role] = lambda _: 400
    made = write(server, chains=once(STANDING_CHAIN), perceiver=True, reading=replies["reading"], look=replies["look"])
    assert made.chains == [] and rules(made) == ["no_reply"]
    assert server.count("chains") == 1


def test_of_two_alike_the_first_one_stays(server: ModelServer) -> None:
    """The other is refused as a duplicate; nobody is asked to mend that."""
    twice = WriterSettings(combinations=1, wanted=2)
    made = write(server, settings=twice, chains=once(CHAIN, CHAIN), reading=lambda _: reading())
    assert len(made.chains) == 1 and rules(made) == ["duplicate"]
    assert server.count("chains") == 1


def test_more_chains_than_wanted_are_not_looked_at(server: ModelServer) -> None:
    """A server that does not hold to what was asked costs no more for it."""
    made = write(server, chains=once(CHAIN, {**CHAIN, "answer": "11"}), reading=lambda _: reading())
    assert len(made.chains) == 1 and rules(made) == []
