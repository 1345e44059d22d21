"""What can be asked about each picture: the composer's proposals whose answer is found true here, too."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from hopchain_assets.domain.composer import ComposerSettings, compose
from hopchain_assets.domain.records import canonical_number
from hopchain_assets.stand_in.evaluate import Evaluator, Program
from hopchain_assets.stand_in.looks import Looks, involved, is_guessable, is_tight
from hopchain_assets.stand_in.truth import Known, scattered

ATTEMPTS = 400
# other pictures with the same objects, on which is seen what can be guessed
ELSEWHERE = 40
INVOLVED = range(3, 7)


@dataclass(slots=True)
class Proposal:
    """A right program with the instances it involves; whether it is a good one is only asked when needed.

    `text` is the program as JSON: hundreds of pictures are kept, with some hundred programs each.
    """

    number: int
    text: bytes
    shape: str
    involved: frozenset[int]
    categories: frozenset[str]
    attributes: frozenset[str]
    good: bool | None = None

    @property
    def program(self) -> Program:
        """The program, a new one each time."""
        return orjson.loads(self.text)


@dataclass(frozen=True, slots=True)
class Pool:
    """The proposals of one picture."""

    evaluator: Evaluator
    elsewhere: Sequence[Evaluator]
    proposals: Sequence[Proposal]

    def is_good(self, program: Program) -> bool:
        """Whether every look of it matters, and none can be guessed."""
        return is_tight(program, self.evaluator) and not is_guessable(program, self.elsewhere)


class Pools:
    """The pools of the pictures that were asked about last."""

    def __init__(self, seed: int, kept: int = 256) -> None:
        self.seed, self.kept = seed, kept
        self._pools: OrderedDict[str, Pool] = OrderedDict()

    def of(self, known: Known) -> Pool:
        """The picture's proposals, made once and kept for the pictures asked about last."""
        if known.image_id in self._pools:
            self._pools.move_to_end(known.image_id)
            return self._pools[known.image_id]
        made = self._pools[known.image_id] = Pool(
            Evaluator(known),
            [Evaluator(other) for other in scattered(known, ELSEWHERE, self.seed)],
            list(self._proposals(known)),
        )
        while len(self._pools) > self.kept:
            self._pools.popitem(last=False)
        return made

    def _proposals(self, known: Known) -> Iterator[Proposal]:
        evaluator, number = Evaluator(known), 0
        for chain in compose(known.facts(), ComposerSettings(attempts=ATTEMPTS, seed=self.seed)):
            program = chain.program.to_json()
            values = evaluator.run(program)
            answer = values[program["answer"]]
            if answer is None or canonical_number(float(answer)) != chain.answer:
                continue
            nodes = program["nodes"]
            looked_at = involved(Looks.of(program), values)
            if len(looked_at) not in INVOLVED:
                continue
            yield Proposal(
                number=number,
                text=orjson.dumps(program),
                shape=chain.program.shape(),
                involved=looked_at,
                categories=frozenset(node["category"] for node in nodes if node["op"] == "objects"),
                attributes=frozenset(node["attribute"] for node in nodes if "attribute" in node),
            )
            number += 1
