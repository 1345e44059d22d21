"""The composer proposes many kinds of chains, the same ones again for the same picture."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

from hopchain_assets.domain.certify import Certifier
from hopchain_assets.domain.composer import ComposerSettings, compose
from hopchain_assets.domain.composer.skeletons import SKELETONS
from hopchain_assets.domain.interpreter import evaluate
from hopchain_assets.domain.records import Facts, canonical_number
from tests.builders import picture, squares

ROOM = picture(
    *squares("person", (40, 150), (150, 60), (260, 230), (340, 120)),
    *[
        (*box[:5], {"number": number, "color": color})  # type: ignore[misc]
        for box, number, color in zip(
            squares("card", (110, 150), (200, 250), (300, 40), (60, 40)),
            ("4", "17", "9", "12"),
            ("red", "blue", "red", "white"),
            strict=True,
        )
    ],
    *squares("bottle", (90, 230), (230, 120), (370, 270)),
)


def proposals(facts: Facts, **settings: int) -> list[tuple[str, str]]:
    return [(chain.question, chain.answer) for chain in compose(facts, ComposerSettings(**settings))]  # type: ignore[arg-type]


def test_the_same_picture_gives_the_same_proposals() -> None:
    """Seeded by the picture: neither time nor order of pictures plays a part."""
    assert proposals(ROOM) == proposals(ROOM)
    assert proposals(ROOM) != proposals(ROOM, seed=1)
    assert proposals(ROOM) != proposals(replace(ROOM, image_id="q" * 64))


CHAINS = """
from hopchain_assets.domain.certify import Certifier
from hopchain_assets.domain.composer import ComposerSettings, compose
from tests.domain.test_composer import ROOM
certifier = Certifier(ROOM)
for chain in compose(ROOM, ComposerSettings(attempts=400)):
    print(chain.chain_id, certifier.certify(chain))
"""


def test_every_process_makes_and_judges_the_same() -> None:
    """The order of a set differs from process to process; no draw may follow it."""
    said = []
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", CHAINS]
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1]
    assert said[0].count("None") > 5


def test_no_proposal_comes_twice() -> None:
    """Different words each time."""
    questions = [question for question, _ in proposals(ROOM)]
    assert len(questions) == len(set(questions)) > 20


def test_the_composers_answer_is_the_programs() -> None:
    """It reckons by itself; the interpreter agrees."""
    for chain in compose(ROOM, ComposerSettings()):
        value = evaluate(chain.program, ROOM)
        assert value is not None
        assert canonical_number(value) == chain.answer


def test_most_skeletons_are_certified_on_a_rich_picture() -> None:
    """At least nine of the kinds pass the certifier here, with three to six hops and instances each."""
    certifier = Certifier(ROOM)
    certified = [chain for chain in compose(ROOM, ComposerSettings(attempts=1500)) if certifier.certify(chain) is None]
    kinds = Counter(chain.skeleton for chain in certified)
    assert set(kinds) <= set(SKELETONS)
    assert len(kinds) >= 9, kinds
    assert {len(chain.hops) for chain in certified} <= {3, 4, 5, 6}
    assert {len(chain.instance_ids) for chain in certified} <= {3, 4, 5, 6}


def test_both_outcomes_of_conditions_occur() -> None:
    """Drawn before the search: about half of them are no."""
    chains = compose(ROOM, ComposerSettings(attempts=2000))
    results = Counter(hop.result for chain in chains for hop in chain.hops)
    assert 0.35 < results["no"] / (results["yes"] + results["no"]) < 0.65


def test_a_picture_without_rivals_gives_nothing() -> None:
    """One of each: there is nothing to look for."""
    alone = picture(*squares("person", (40, 150)), *squares("dog", (200, 100)), *squares("cup", (300, 250)))
    assert proposals(alone) == []


def test_uncountable_categories_are_not_spoken_of() -> None:
    """Neither counted nor searched."""
    closed = replace(ROOM, uncountable={"card": "a crowd of them is marked as one region"})
    assert all("card" not in question for question, _ in proposals(closed))
