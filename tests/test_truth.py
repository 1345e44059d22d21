"""What the certificate is worth: chains with planted faults go through the whole line, and none is accepted.

`python -m benchmarks.truth` is the same with 20,000 chains.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.truth import NOT_LOGGED, UNTRUE, Account, Chain, account_of, upper_bound
from hopchain_assets.stand_in.faults import WRITTEN

PROGRAM = {"version": 1, "nodes": [{"id": "a", "op": "objects", "category": "cup"}], "answer": "a"}


def entry(question: str, fault: str, answer: str = "3", true_answer: str | None = "3") -> dict[str, object]:
    told = {"kind": "chain", "image": "p", "question": question, "answer": answer, "true_answer": true_answer}
    return told | {"program": PROGRAM, "fault": fault}


def chain(question: str, answer: str = "3") -> Chain:
    return Chain("p", question, answer, json.dumps(PROGRAM))


def test_no_planted_chain_is_accepted_and_most_right_ones_are(tmp_path: Path) -> None:
    """Every kind of fault occurs, most chains are planted, and what is accepted is in the log without a fault."""
    account = account_of(tmp_path, 120, seed=3, portion=18, planted=0.6)
    written = account.by_fault()
    assert all(written[fault] for fault in WRITTEN) and written.total() >= 120
    assert account.wrong() == []
    assert account.accepted_by_fault().keys() == {""}
    assert len(account.accepted) >= 0.8 * written[""]


def test_the_account_counts_what_is_wrong() -> None:
    """A planted chain, an untrue one and one that nobody wrote are wrong where they are accepted."""
    account = Account()
    account.log([entry("Q1?", ""), entry("Q2?", "skippable_hop"), entry("Q3?", "", "3", "4"), entry("Q4?", "")])
    # written again with a fault, of which nothing is seen
    account.log([entry("Q4?", "leaked_coordinates"), entry("Q4?", "")])
    account.accepted |= {chain("Q1?"), chain("Q2?"), chain("Q3?"), chain("Q4?"), chain("Q1?", "5")}
    assert account.accepted_by_fault() == {
        "": 1, "skippable_hop": 1, UNTRUE: 1, "leaked_coordinates": 1, NOT_LOGGED: 1,
    }  # fmt: skip
    assert set(account.wrong()) == account.accepted - {chain("Q1?")}


@pytest.mark.parametrize(
    ("wrong", "of", "bound"),
    [(0, 1, 0.95), (0, 3000, 0.000998), (1, 10, 0.394163), (3, 100, 0.075711), (10, 10, 1.0)],
)
def test_the_upper_bound_is_that_of_clopper_and_pearson(wrong: int, of: int, bound: float) -> None:
    """Values of their tables, as statistics packages give them."""
    assert math.isclose(upper_bound(wrong, of), bound, rel_tol=1e-3)
