"""What the stand-in answers to each kind of question, told apart by the name of the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hopchain_assets.stand_in import slips
from hopchain_assets.stand_in.faults import ABSENT, Rates
from hopchain_assets.stand_in.predicates import perceived
from hopchain_assets.stand_in.reading import Unread, read
from hopchain_assets.stand_in.sight import Sight, crops_of, matched
from hopchain_assets.stand_in.truth import Known, Truth
from hopchain_assets.stand_in.wire import Refused, Request
from hopchain_assets.stand_in.writer import Order, Writer

MANY = 4
FLIPPED = {"yes": "no", "no": "yes", "unsure": "yes"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON value of a reply, the picture of the truth that it is about, and what the log says of it."""

    value: Mapping[str, Any]
    image: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    chains: Sequence[Mapping[str, Any]] = ()


class StandIn:
    """Answers from known truth, with faults by rate. The same question gets the same answer."""

    def __init__(self, truth: Truth, rates: Rates, seed: int = 0) -> None:
        self.truth, self.rates, self.seed = truth, rates, seed
        self.sight = Sight(truth)
        self.writer = Writer(rates, seed)

    def answer(self, request: Request) -> Answer:
        """The answer.

        Raises:
            Refused: 400 for a question of another kind, or one that lacks what it needs.
        """
        answers = {
            "rating": self._rating,
            "categories": self._categories,
            "chains": self._chains,
            "reading": self._reading,
            "look": self._look,
        }
        if request.schema_name not in answers:
            raise Refused(400, f"the stand-in knows no schema {request.schema_name!r}")
        try:
            return answers[request.schema_name](request, request.random(self.seed))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Refused(400, f"the request lacks something: {type(error).__name__} {error}") from error

    def _known(self, request: Request) -> Known | None:
        name = self.sight.picture(request.shas[0], request.pictures[0])
        return None if name is None else self.truth.known(name)

    def _rating(self, request: Request, random: Random) -> Answer:
        known = self._known(request)
        if known is None:
            value = {"complexity": 1, "quality": "Low", "complex_objects": [], "reason": "The picture is not known."}
            return Answer(value)
        many = [category for category, members in known.categories.items() if len(members) >= MANY]
        value = {
            "complexity": min(10, 1 + len(known.things) // 2),
            "quality": "High" if known.width * known.height >= 300_000 else "Medium",
            "complex_objects": [{"name": category, "why": "count or density"} for category in sorted(many)],
            "reason": f"There are {len(known.things)} objects of {len(known.categories)} kinds.",
        }
        return Answer(value, known.image_id)

    def _categories(self, request: Request, random: Random) -> Answer:
        known = self._known(request)
        if known is None:
            return Answer({"categories": []})
        named = sorted(known.categories)
        notes = {}
        if random.random() < self.rates.faults.get("hallucinated_category", 0.0):
            extra = random.choice([name for name in ABSENT if name not in known.categories])
            named.insert(random.randrange(len(named) + 1), extra)
            notes = {"fault": "hallucinated_category", "hallucinated": extra}
        return Answer({"categories": named}, known.image_id, notes)

    def _chains(self, request: Request, random: Random) -> Answer:
        known, said = self._known(request), request.said
        if known is None:
            return Answer({"chains": []})
        instances = said["instances"]
        positions = matched(known, instances)
        crops = crops_of(request.shas, instances)
        pairs = zip(crops, positions, strict=True)
        self.sight.note(known.image_id, [(sha, k) for sha, k in pairs if sha is not None and k is not None])
        order = Order(
            wanted=int(said["chains_wanted"]) if "chains_wanted" in said else 1,
            combination=frozenset(k for k in positions if k is not None),
            categories=tuple(said["categories"]),
            attributes=said.get("attributes") or {},
        )
        if "written" in said:
            chains = self.writer.mend(known, order, said["written"], request.repair_round, random)
        else:
            chains = self.writer.write(known, order, request.repair_round, random)
        logged = [chain.logged for chain in chains]
        return Answer({"chains": [chain.sent for chain in chains]}, known.image_id, chains=logged)

    def _reading(self, request: Request, random: Random) -> Answer:
        said = request.said
        attributes, categories = said.get("attributes") or {}, tuple(said["categories"])
        notes: dict[str, Any] = {"question": said["question"]}
        try:
            reading = read(str(said["question"]), categories, attributes)
        except Unread as error:
            return Answer(_nothing_read(str(said["question"]), categories), None, notes | {"unread": str(error)})
        program, phrases = reading.program, reading.phrases
        if random.random() < self.rates.binder_lies:
            program, phrases = _misread(program, phrases, attributes, categories, random)
            notes["fault"] = "binder_lie"
        return Answer({"program": program, "phrases": phrases}, None, notes)

    def _look(self, request: Request, random: Random) -> Answer:
        found = self.sight.object(request.shas[0], request.pictures[0])
        predicate = str(request.said["predicate"])
        if found is None:
            return Answer({"value": "unsure"}, None, {"predicate": predicate})
        name, position = found
        truly = perceived(self.truth.known(name).things[position], predicate) or "unsure"
        lies = random.random() < self.rates.perceiver_lies
        notes = {"predicate": predicate, "object": position, "truth": truly} | ({"fault": "lie"} if lies else {})
        return Answer({"value": FLIPPED[truly] if lies else truly}, name, notes)


def _misread(
    program: Mapping[str, Any],
    phrases: list[dict[str, str | None]],
    attributes: Mapping[str, Sequence[str]],
    categories: Sequence[str],
    random: Random,
) -> tuple[Mapping[str, Any], list[dict[str, str | None]]]:
    """A reading with a slip in it; unknown words are sometimes passed over instead."""
    mapped = [phrase for phrase in phrases if phrase["node"] is not None]
    if len(mapped) < len(phrases) and random.random() < 0.5:
        return program, mapped
    ways = [slips.sides, slips.ranks, slips.kinds, slips.constants, slips.adjectives]
    random.shuffle(ways)
    for way in ways:
        mutants = list(way(program, attributes, categories))
        if mutants:
            misread = random.choice(mutants)
            names = {node["id"] for node in misread["nodes"]}
            return misread, [phrase for phrase in phrases if phrase["node"] is None or phrase["node"] in names]
    return program, phrases


def _nothing_read(question: str, categories: Sequence[str]) -> Mapping[str, Any]:
    """A reading of words that are not the stand-in's: a program that says nothing of them."""
    nodes = [
        {"id": "a", "op": "objects", "category": categories[0] if categories else "object"},
        {"id": "b", "op": "count", "of": "a"},
    ]
    phrases = [{"phrase": question, "node": None}]
    return {"program": {"version": 1, "nodes": nodes, "answer": "b"}, "phrases": phrases}
