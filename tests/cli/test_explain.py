"""`hopchain explain`: what is shown of a chain holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from hopchain_assets.domain.certify.explain import chain_margins
from hopchain_assets.stages.entries import entries
from tests.cli.conftest import Hopchain, line_of


@pytest.fixture
def chain_id(done_home: Path) -> str:
    """Any chain."""
    return line_of(done_home).lake.query("SELECT min(chain_id) FROM hop_chains").item()


def test_the_sql_gives_the_answer(hopchain: Hopchain, done_home: Path, chain_id: str) -> None:
    """The printed SQL, run on the warehouse as it is, gives the printed answer."""
    told = json.loads(hopchain("explain", chain_id, "--json", home=done_home).out)
    assert line_of(done_home).lake.query(told["sql"])["answer"].item() == float(told["answer"])


def test_the_page_shows_question_hops_margins_answer_state_and_sql(
    hopchain: Hopchain, done_home: Path, chain_id: str
) -> None:
    """Everything that JSON says is on the page; instances in words, not by their ids."""
    told = json.loads(hopchain("explain", chain_id, "--json", home=done_home).out)
    page = hopchain("explain", chain_id, home=done_home).out
    flat = " ".join(page.split())
    assert " ".join(told["question"].split()) in flat
    assert f"Answer {told['answer']}" in flat and "State verified by execution" in flat
    assert page.rstrip().endswith(told["sql"].strip())
    before_sql = page.partition("Answer")[0]
    assert not any(name in before_sql for name in told["instance_ids"])
    assert told["margins"] and all(margin["measured"] > 0 for margin in told["margins"])


def test_every_margin_of_a_certified_chain_holds(done_home: Path) -> None:
    """What is shown is what rule `decisive` asked for: measured is never below needed."""
    line = line_of(done_home)
    names = line.lake.query("SELECT chain_id FROM hop_chains ORDER BY 1")["chain_id"].to_list()
    found = entries(line, names)
    assert len(found) == len(names)
    for entry in found:
        margins = chain_margins(entry.facts, entry.chain, line.chains.certifier.margins)
        assert margins and all(margin.slack >= 1 for margin in margins), (entry.chain, margins)
        assert {margin.hop for margin in margins} <= {hop.number for hop in entry.chain.hops}


def test_the_drawing_is_a_picture_of_the_right_size(hopchain: Hopchain, done_home: Path, chain_id: str) -> None:
    """The path that is printed holds a whole PNG."""
    told = json.loads(hopchain("explain", chain_id, "--json", home=done_home).out)
    size = line_of(done_home).lake.query("SELECT width, height FROM images WHERE image_id = ?", [told["image_id"]])
    with Image.open(told["drawing"]) as picture:
        assert picture.format == "PNG" and picture.size == size.row(0)


def test_a_prefix_is_enough_and_two_chains_are_told_apart(hopchain: Hopchain, done_home: Path, chain_id: str) -> None:
    """Eight characters name a chain; its case does not matter."""
    assert f"Chain    {chain_id}" in hopchain("explain", chain_id[:8].upper(), home=done_home).out


def test_a_rejected_proposal_says_its_rule(hopchain: Hopchain, done_home: Path) -> None:
    """Of a rejected chain there is no program, but the reason is known."""
    row = line_of(done_home).lake.query(
        "SELECT chain_id, rule FROM rejected_chains WHERE chain_id IS NOT NULL ORDER BY ALL LIMIT 1"
    )
    ended = hopchain("explain", row["chain_id"].item(), home=done_home)
    assert ended.code == 2 and f"rejected by rule {row['rule'].item()}" in ended.err


def test_a_waiting_chain_says_why(hopchain: Hopchain, waiting_home: Path) -> None:
    """What waits says for what."""
    name = line_of(waiting_home).lake.query("SELECT min(chain_id) FROM waiting_chains").item()
    assert "State    waiting, category not audited" in hopchain("explain", name, home=waiting_home).out
