"""How many accepted chains are wrong where a segmenter found the instances, by what it does wrong and how often?

Annotated photographs are looked at as if nobody had annotated them (`benchmarks.found_chains`). A chain is wrong where
the annotations give another number or none, or where a category of it is marked as a crowd or has a mark that cannot be
used. docs/model-masks.md tells the outcome.
Run: `.venv/bin/python -m benchmarks.model_masks [--photos ../shared/photos] [--seeds 20] [--plot FILE.svg]`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

from benchmarks.found_chains import ALL, Case, Guards, Tally, tallies
from benchmarks.model_masks_plot import Curve, trade_svg
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.stand_in.segmenter import OF_INSTANCES
from hopchain_assets.stand_in.truth import Truth

RATES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
# at these thresholds are moved: all else would take hours
MOVED = (0.0, 0.05, 0.1, 0.2)
KINDS = (*OF_INSTANCES, "spurious")
SURE, WEAK, LEAST = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8), (0.0, 0.6, 0.7, 0.8), (0.1, 0.2, 0.3, 0.4)
# of the plot: closer together
DRAWN = (0.6, 0.65, 0.7, 0.75, 0.8)
PROCESSES = 2

Results = dict[tuple[Case, Guards], Tally]
Point = tuple[Case, Guards]

_truth: Truth | None = None


def _begin(photos: Path) -> None:
    global _truth
    _truth = Truth([photos])


def _work(job: tuple[Case, int, tuple[Guards, ...]]) -> list[Tally]:
    assert _truth is not None
    return tallies(_truth, *job)


def measured(photos: Path, wanted: Mapping[Case, Iterable[Guards]], seeds: int, processes: int) -> Results:
    """A tally over all seeds for each case and each guards that are wanted of it."""
    # half of the seeds for a kind alone: there thresholds are not compared
    jobs = [
        (case, seed, tuple(dict.fromkeys(guards)))
        for case, guards in wanted.items()
        for seed in range(seeds if case.kind == ALL else (seeds + 1) // 2)
    ]
    found: Results = {}
    with Pool(processes, _begin, (photos,)) as pool:
        for (case, _, guards), made in zip(jobs, pool.imap(_work, jobs), strict=True):
            for one, tally in zip(guards, made, strict=True):
                found.setdefault((case, one), Tally()).add(tally)
    return found


def wanted_of_all() -> dict[Case, list[Guards]]:
    """Cases and guards of the whole report."""
    switches = list(switched().values())
    wanted = {Case(kind, rate): [Guards()] for kind in KINDS for rate in RATES[1:]}
    wanted |= {Case(ALL, rate): switches for rate in RATES}
    wanted |= {Case(ALL, rate, informative=False): [switches[0], Guards()] for rate in RATES[1:]}
    for rate in MOVED:
        moved = [Guards(sure, weak) for sure in SURE for weak in WEAK]
        moved += [Guards(weak=weak) for weak in DRAWN] + [Guards(least=least) for least in LEAST]
        wanted[Case(ALL, rate)] = [*switches, *moved]
    return wanted


def switched() -> dict[str, Guards]:
    """What each guard buys."""
    off = Guards(sure=0.0, weak=0.0, doubts=False)
    return {
        "no guard": off,
        "what was left out is doubted": replace(off, doubts=True),
        "weak instances are doubted": replace(off, weak=Guards().weak),
        "unsure categories are closed": replace(off, sure=Guards().sure),
        "all guards": Guards(),
    }


def report(found: Results) -> None:
    """Prints the tables of docs/benchmarks.md: share wrong, its upper bound (one-sided, 95%), chains a picture."""
    print("Each kind by itself, all guards\n")
    table("fault", RATES, ((kind, [_point(kind, rate) for rate in RATES]) for kind in (*KINDS, ALL)), found)
    print("\nAll kinds together: what each guard buys, and what all buy where scores tell nothing\n")
    off, *some, on = switched().items()
    rows = [(name, [_point(ALL, rate, guards) for rate in RATES]) for name, guards in (off, *some, on)]
    rows += [
        (f"scores that tell nothing, {name}", [_point(ALL, rate, guards, False) for rate in RATES])
        for name, guards in (off, on)
    ]
    table("guards", RATES, rows, found)
    for rate in MOVED:
        print(f"\nAll kinds together, {rate:.0%}: sure_score (down), weak_score (across)\n")
        moved = {sure: [_point(ALL, rate, Guards(sure, weak)) for weak in WEAK] for sure in SURE}
        table("sure_score", WEAK, ((f"{sure:g}", points) for sure, points in moved.items()), found)
    print("\nAll kinds together, by least_score\n")
    moved = {least: [_point(ALL, rate, Guards(least=least)) for rate in MOVED] for least in LEAST}
    table("least_score", MOVED, ((f"{least:g}", points) for least, points in moved.items()), found)
    fewest = min(tally.accepted for tally in found.values())
    print(f"\n{sum(tally.accepted for tally in found.values())} chains judged, the fewest at a point {fewest}")


def _point(kind: str, rate: float, guards: Guards | None = None, informative: bool = True) -> Point:
    """Without a fault all kinds, and all scores, are the same."""
    return (Case(kind, rate, informative) if rate else Case(ALL, 0.0)), guards or Guards()


def table(head: str, across: Sequence[float], rows: Iterable[tuple[str, Sequence[Point]]], found: Results) -> None:
    """Prints rows of points under the numbers `across`."""
    names = [f"{number:g}" for number in across]
    told = [
        {head: name} | dict(zip(names, (cell(found[point]) for point in points), strict=True)) for name, points in rows
    ]
    print(table_markdown(told, [head, *names]).replace("\\", ""))


def cell(tally: Tally) -> str:
    """A point in the words of the tables."""
    return f"{tally.share:.1%} (to {tally.bound:.1%}); {tally.per_picture:.2f}"


def curves(found: Results) -> list[Curve]:
    """Share wrong and chains a picture for each rate of faults, by `weak_score`, beginning without a guard."""
    drawn = {"none": switched()["no guard"]} | {f"{weak:g}": Guards(weak=weak) for weak in DRAWN}
    told = {
        rate: [(name, found[_point(ALL, rate, guards)]) for name, guards in drawn.items()] for rate in MOVED if rate
    }
    return [
        Curve(f"{rate:.0%}", [(name, tally.per_picture, tally.share) for name, tally in points])
        for rate, points in told.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--plot", type=Path, help="where to draw the curve, as SVG")
    options = parser.parse_args()
    started = time.perf_counter()
    found = measured(options.photos, wanted_of_all(), options.seeds, options.processes)
    report(found)
    print(f"{options.seeds} seeds, {time.perf_counter() - started:.0f} s")
    if options.plot:
        options.plot.write_text(trade_svg(curves(found), f"{Guards().weak:g}"), encoding="utf-8")


if __name__ == "__main__":
    main()
