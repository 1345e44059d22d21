"""How much of the answers can be guessed without the picture?

A text-only guesser, fitted on other pictures: it knows the question's program, so it sees the skeleton, the
categories and all constants, and it has learnt how counts, numbers and conditions turn out. It names the most likely
answer. Run: `.venv/bin/python -m benchmarks.answer_prior [--scenes 150] [--seed 7]`.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from benchmarks.scene_chains import scene_facts
from hopchain_assets.domain.certify.structure import Structure
from hopchain_assets.domain.interpreter import Plan
from hopchain_assets.domain.program import Count, Read
from hopchain_assets.domain.records import Chain, Facts
from hopchain_assets.domain.world import World
from hopchain_assets.stages.hop_chains import ChainSettings, certified_chains

FOLDS = 5
Key = tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    pictures = scene_facts(options.scenes, options.seed)
    chains = [(k, f, c) for k, f in enumerate(pictures) for c in certified_chains(f, ChainSettings())[0]]
    right = sum(_guess(_fitted(chains, k % FOLDS), f, c) == float(c.answer) for k, f, c in chains)
    counts, outcomes = Counter[str](), Counter[str]()
    for _, facts, chain in chains:
        for (kind, *_), value in _looks(chain, facts):
            (counts if kind == "count" else outcomes)[str(value)] += kind in ("count", "condition")
    answers, skeletons = Counter(c.answer for *_, c in chains), Counter(c.skeleton for *_, c in chains)
    total, said = sum(counts.values()), outcomes["True"] + outcomes["False"]
    print(f"chains                         {len(chains)} on {options.scenes} scenes")
    print(f"text-only guesser right        {right / len(chains):.1%}")
    print(f"commonest answer               {answers.most_common(1)[0][1] / len(chains):.1%}")
    print(f"conditions that are no         {outcomes['False'] / said:.1%} of {said}")
    print("counts                         " + ", ".join(f"{k}: {v / total:.0%}" for k, v in sorted(counts.items())))
    print(
        "skeletons                      " + ", ".join(f"{k} {v / len(chains):.0%}" for k, v in skeletons.most_common())
    )


Chains = Sequence[tuple[int, Facts, Chain]]
_memory: dict[int, dict[Key, Counter[float | bool]]] = {}


def _fitted(chains: Chains, fold: int) -> dict[Key, Counter[float | bool]]:
    """How looks turned out on the pictures of the other folds, by what the words say of them."""
    if fold not in _memory:
        seen: dict[Key, Counter[float | bool]] = defaultdict(Counter)
        for k, facts, chain in chains:
            if k % FOLDS != fold:
                for key, value in _looks(chain, facts):
                    for cut in range(1, len(key) + 1):
                        seen[key[:cut]][value] += 1
        _memory[fold] = seen
    return _memory[fold]


def _looks(chain: Chain, facts: Facts) -> Iterator[tuple[Key, float | bool]]:
    """Counts, numbers and conditions of a chain with what the text tells of them, coarse to fine."""
    structure, plan = Structure.of(chain.program), Plan(chain.program)
    values = plan.run(World.of(facts))
    for look in structure.looks:
        key = _key(structure, chain, look)
        value = values[plan.position[look]]
        if key and value is not None:
            yield key, value


def _key(structure: Structure, chain: Chain, look: str) -> Key:
    node = structure.nodes[look]
    if isinstance(node, Count):
        return ("count", chain.skeleton, str(structure.looks.index(look)), structure.base(node.of).category)
    if isinstance(node, Read):
        return ("read", node.attribute, structure.base(node.of).category)
    if node.gives == "condition":
        relation = getattr(node, "relation", "")
        return ("condition", relation, chain.skeleton)
    return ()


def _guess(seen: dict[Key, Counter[float | bool]], facts: Facts, chain: Chain) -> float | None:
    """The likeliest answer over all ways in which the looks may turn out."""
    structure, plan, world = Structure.of(chain.program), Plan(chain.program), World.of(facts)
    values = plan.run(world)
    looks = [(look, key) for look in structure.looks if (key := _key(structure, chain, look))]
    options = []
    for look, key in looks:
        best = next(
            (seen[key[:cut]] for cut in range(len(key), 0, -1) if sum(seen[key[:cut]].values()) >= 20), Counter()
        )
        options.append([(plan.position[look], value, n / sum(best.values())) for value, n in best.most_common(8)])
    likely: Counter[float | None] = Counter()
    for way in product(*options):
        weight = 1.0
        for *_, share in way:
            weight *= share
        likely[plan.answer_if(world, values, {position: value for position, value, _ in way})] += weight  # type: ignore[misc]
    return likely.most_common(1)[0][0] if likely else None


if __name__ == "__main__":
    main()
