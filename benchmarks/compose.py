"""How many chains a second are composed and certified on one core?

On rendered scenes of 3 to 12 objects. Every round also times two plainer jobs on the same pictures, in the same minute:
composing as many chains a picture without any certificate, and running each certified program once. Their ratios to
the main figure stay put when a busy machine moves all of them. Times are processor seconds of this process.
Run: `.venv/bin/python -m benchmarks.compose [--scenes 60] [--seed 7] [--rounds 5]`.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median

from benchmarks.scene_chains import scene_facts
from hopchain_assets.domain.composer import compose
from hopchain_assets.domain.countable import uncountable
from hopchain_assets.domain.interpreter import evaluate
from hopchain_assets.domain.pairs import pair_table
from hopchain_assets.domain.records import Chain, Facts
from hopchain_assets.domain.strips import Strips
from hopchain_assets.stages.hop_chains import ChainSettings, certified_chains

SETTINGS = ChainSettings()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pictures = scene_facts(options.scenes, options.seed)
    found = [certified_chains(facts, SETTINGS) for facts in pictures]
    chains = [(facts, chain) for facts, (certified, _) in zip(pictures, found, strict=True) for chain in certified]
    jobs: dict[str, Callable[[], int]] = {
        "chains composed and certified": lambda: _certified(pictures),
        "chains composed only": lambda: _composed(pictures),
        "certified programs run once": lambda: _run(chains),
        "pictures measured (facts)": lambda: _measured(pictures),
    }
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            rates[name].append(_rate(job))
    rejected = sum(len(refused) for _, refused in found)
    print(f"{options.scenes} scenes, {sum(len(facts.instances) for facts in pictures)} objects: ", end="")
    print(f"{len(chains)} chains certified, {rejected} rejected; {options.rounds} rounds")
    print(f"{'a second, on one core':32}{'best':>10}{'median':>10}{'main job / this':>18}")
    main_rate = median(rates["chains composed and certified"])
    for name, measured in rates.items():
        print(f"{name:32}{max(measured):10.0f}{median(measured):10.0f}{main_rate / median(measured):18.2f}")


def _rate(job: Callable[[], int]) -> float:
    # a round shall not pay for the garbage of the one before
    gc.collect()
    start = time.process_time()
    done = job()
    return done / (time.process_time() - start)


def _certified(pictures: Sequence[Facts]) -> int:
    return sum(len(certified_chains(facts, SETTINGS)[0]) for facts in pictures)


def _composed(pictures: Sequence[Facts]) -> int:
    """As many chains a picture as are certified at most, with nothing asked of them."""
    return sum(len(list(islice(compose(facts, SETTINGS.composer), SETTINGS.per_picture))) for facts in pictures)


def _run(chains: Sequence[tuple[Facts, Chain]]) -> int:
    for facts, chain in chains:
        assert evaluate(chain.program, facts) == float(chain.answer)
    return len(chains)


def _measured(pictures: Sequence[Facts]) -> int:
    """Decodes and measures all masks again: what the facts of a picture cost before any chain."""
    for facts in pictures:
        items = facts.instances
        strips = Strips.decode([item.mask_rle for item in items], facts.height, facts.width)
        assert strips.areas.tolist() == [item.area for item in items]
        pair_table([item.instance_id for item in items], strips)
        uncountable(items, (), facts.width, facts.height, SETTINGS.limits)
    return len(pictures)


if __name__ == "__main__":
    main()
