"""A writer that is wrong in three chains of ten, in ten ways: how many of those does the line let through?

Scenes are rendered, the stand-in writes about them, and the whole line judges: raw pictures to `hop_chains`, with
repairs, a binder and a perceiver that lie now and then, and the ledger. What is true is told by the stand-in's own log
alone. Run: `.venv/bin/python -m benchmarks.truth [--chains 20000] [--seed 1]`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hopchain_assets.domain.program import Program, ProgramError
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.landing import take_in
from hopchain_assets.stages.line import STAGES
from hopchain_assets.stand_in.faults import WRITTEN, Rates
from hopchain_assets.stand_in.server import running
from hopchain_assets.stand_in.truth_log import entries

PLANTED = 0.3
LIES = 0.01
PERCEIVES = 0.1
# a stand-in knows so many pictures at a time; a batch is half of them
PORTION = 128
BATCH = 64
# at least one in forty of the chains is of each kind
KINDS_PART = 40
MOST_WRONG, LEAST_RIGHT, ALPHA = 0.001, 0.8, 0.05
NOT_LOGGED = "not in the log"
UNTRUE = "untrue, nothing planted"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain by what makes it true or wrong: the picture, the words, the answer, and the program's canonical JSON."""

    image: str
    question: str
    answer: str
    program: str


@dataclass
class Account:
    """What was written, with what is wrong with it ("" for nothing), and what became of it."""

    written: dict[Chain, str] = field(default_factory=dict)
    logged: dict[Chain, Mapping[str, Any]] = field(default_factory=dict)
    accepted: set[Chain] = field(default_factory=set)
    rules: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    pictures: int = 0
    lies: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def log(self, told: Iterable[Mapping[str, Any]]) -> None:
        """Takes in a log of the stand-in. A chain that was once written with a fault has it."""
        for entry in told:
            if entry["kind"] == "request":
                self.lies[f"{entry['schema_name']} {entry.get('fault', '')}".strip()] += 1
                continue
            chain = Chain(entry["image"], entry["question"], entry["answer"], canonical(entry["program"]))
            fault = entry["fault"]
            if not fault and entry["true_answer"] not in (None, entry["answer"]):
                fault = UNTRUE
            self.written[chain] = self.written.get(chain) or fault
            self.logged[chain] = entry

    def by_fault(self) -> Counter[str]:
        """Chains written, by what is wrong with them."""
        return Counter(self.written.values())

    def accepted_by_fault(self) -> Counter[str]:
        """Chains accepted, by what is wrong with them; one that nobody wrote is wrong too."""
        return Counter(self.written.get(chain, NOT_LOGGED) for chain in self.accepted)

    def wrong(self) -> list[Chain]:
        """Those that were accepted and should not be."""
        return [chain for chain in self.accepted if self.written.get(chain, NOT_LOGGED)]

    def rejecting(self, fault: str) -> Counter[str]:
        """Chains with the fault that were not accepted, by the rule that first found something."""
        left = (chain for chain, had in self.written.items() if had == fault and chain not in self.accepted)
        return Counter(self._rule(chain) for chain in left)

    def _rule(self, chain: Chain) -> str:
        found = self.rules.get((chain.image, chain.question))
        return found.most_common(1)[0][0] if found else "nobody looked"

    def enough(self, chains: int) -> bool:
        """Whether there are as many chains as asked for, of each kind of fault too."""
        counts = self.by_fault()
        least = min(counts[fault] for fault in WRITTEN)
        return counts.total() >= chains and least >= chains / KINDS_PART


def canonical(program: object) -> str:
    """The program as the warehouse writes it; as it stands, where it holds together so little that none can be."""
    try:
        return json.dumps(Program.from_json(program).to_json(), separators=(",", ":"))
    except ProgramError:
        return json.dumps(program)


def upper_bound(wrong: int, of: int, alpha: float = ALPHA) -> float:
    """The one-sided upper bound of a share by Clopper and Pearson (Biometrika 26, 1934), with certainty 1 - alpha.

    It is the share with which so few or fewer wrong ones are found with probability alpha.
    """
    if wrong >= of:
        return 1.0
    low, high = wrong / of, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, of, middle) > alpha else (low, middle)
    return high


def _at_most(count: int, of: int, share: float) -> float:
    """The probability of at most `count` of `of`, each with this share (0 < share < 1)."""

    def logarithm(k: int) -> float:
        ways = math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        return ways + k * math.log(share) + (of - k) * math.log1p(-share)

    return math.fsum(math.exp(logarithm(k)) for k in range(count + 1))


def account_of(folder: Path, chains: int, seed: int, portion: int = PORTION, planted: float = PLANTED) -> Account:
    """Has so many chains written, and so many of each fault as go with them, and judged.

    `planted` is the share of what is written first that is wrong; some of it is wrong again when it is mended.
    """
    rates = Rates(
        dict.fromkeys(WRITTEN, planted / len(WRITTEN)), binder_lies=LIES, perceiver_lies=LIES, perceives=PERCEIVES
    )
    account = Account()
    number = 0
    while not account.enough(chains):
        _portion(account, folder, rates, seed * 10_000 + number, portion)
        number += 1
        told = account.by_fault().total()
        print(f"{told} chains written, {len(account.accepted)} accepted", file=sys.stderr, flush=True)
    return account


def _portion(account: Account, folder: Path, rates: Rates, seed: int, count: int) -> None:
    """The line over some pictures more."""
    scenes = render_scenes(folder / "scenes" / str(seed), count, seed)
    with running([scenes], rates, seed, log=folder / f"{seed}.jsonl") as server:
        line = Settings.load(environment(folder / "home", server.url)).line("truth")
        line.lake.migrate()
        sealed, _ = take_in(line.lake, read_coco(scenes.parent / "images", scenes, exhaustive=False).members, BATCH)
        for stage in STAGES[: STAGES.index("hop_chains") + 1]:
            started = time.perf_counter()
            line.run(stage, sealed.new)
            account.seconds[stage] += time.perf_counter() - started
        account.log(entries(server.log))
    account.pictures += count
    of_these = f"generator LIKE 'vlm/%' AND batch IN ({', '.join('?' * len(sealed.new))})"
    query = f"SELECT image_id, question, answer, program FROM hop_chains WHERE {of_these}"
    account.accepted |= {Chain(*row) for row in line.lake.query(query, list(sealed.new)).iter_rows()}
    query = f"SELECT image_id, question, rule FROM rejected_chains WHERE {of_these}"
    for image, question, rule in line.lake.query(query, list(sealed.new)).iter_rows():
        account.rules[image, question][rule] += 1


def environment(home: Path, url: str) -> dict[str, str]:
    """Settings with a stand-in for each of the three models."""
    models = {"VLM": "stand-in", "BINDER": "stand-in-binder", "PERCEIVER": "stand-in-perceiver"}
    named = {f"HOPCHAIN_{role}_MODEL": model for role, model in models.items()}
    # one composed chain a picture: it is the written ones that are measured
    return {"HOPCHAIN_HOME": str(home), "HOPCHAIN_VLM_URL": url, "HOPCHAIN_CHAINS_PER_PICTURE": "1", **named}


def report(account: Account) -> bool:
    """Prints tables for docs/benchmarks.md; whether the aims are reached."""
    written, accepted = account.by_fault(), account.accepted_by_fault()
    rows = [
        {
            "planted": fault or "nothing",
            "written": written[fault],
            "accepted": accepted[fault],
            "rejected by": ", ".join(f"{rule} {n}" for rule, n in account.rejecting(fault).most_common(5)),
        }
        for fault in ("", *WRITTEN, *((written | accepted).keys() - {"", *WRITTEN}))
    ]
    print(table_markdown(rows, list(rows[0])))
    wrong, of = len(account.wrong()), len(account.accepted)
    bound = upper_bound(wrong, of) if of else 1.0
    right = accepted[""] / max(1, written[""])
    hop_chains = account.seconds["hop_chains"]
    figures: list[dict[str, object]] = [
        {"what": "pictures", "figure": account.pictures},
        {"what": "chains written", "figure": written.total()},
        {"what": "of these planted wrong", "figure": f"{1 - written[''] / max(1, written.total()):.1%}"},
        {"what": "accepted", "figure": of},
        {"what": "wrong among the accepted", "figure": wrong},
        {"what": "upper bound of that share, one-sided 95%", "figure": f"{bound:.4%}"},
        {"what": "right ones accepted", "figure": f"{right:.1%}"},
        {"what": "chains a second, writing by the stand-in included", "figure": written.total() / hop_chains},
    ]  # fmt: skip
    print("\n" + table_markdown(figures, ["what", "figure"]) + "\n")
    print("asked of the stand-in:", dict(account.lies.most_common()))
    for chain in account.wrong()[:20]:
        print(json.dumps(account.logged.get(chain, {"question": chain.question, "image": chain.image})))
    return bound <= MOST_WRONG and right >= LEAST_RIGHT


def main() -> None:
    """Ends with 1 when an aim is missed, as it is with few chains: 3,000 accepted ones are needed to tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--portion", type=int, default=PORTION)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hopchain-truth-") as place:
        reached = report(account_of(Path(place), options.chains, options.seed, options.portion))
    sys.exit(not reached)


if __name__ == "__main__":
    main()
