"""What masks cannot prove is asked of another model, on the crop of one object alone, several times."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hopchain_assets.domain.records import Instance
from hopchain_assets.ports.vlm import Ask, Picture, Sampling, UnusableReply, Vlm
from hopchain_assets.stages.asking import together
from hopchain_assets.stages.messages import message
from hopchain_assets.stages.prompting import prompt
from hopchain_assets.stages.replies import Look

SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=4_096)


@dataclass(frozen=True, slots=True)
class PerceiveSettings:
    """A crop is looked at `samples` times; a value counts when `agreeing` of them or more gave it."""

    samples: int = 5
    agreeing: int = 4


@dataclass(frozen=True, slots=True)
class Perceived:
    """What the looks at one object came to; `value` is empty where they did not agree."""

    instance_id: str
    predicate: str
    value: str
    samples: int
    source: str


@dataclass(slots=True)
class Perceiver:
    """Looks at the objects of one picture; the same is never asked twice."""

    vlm: Vlm
    settings: PerceiveSettings
    image_id: str
    seen: dict[tuple[str, str], asyncio.Task[Perceived]] = field(default_factory=dict)

    async def look(self, items: Sequence[tuple[Instance, Picture, str]]) -> list[Perceived]:
        """What each (object, its crop, predicate) came to."""
        tasks: list[asyncio.Task[Perceived]] = []
        for item, crop, predicate in items:
            key = (item.instance_id, predicate)
            if key not in self.seen:
                self.seen[key] = asyncio.create_task(self._one(item, crop, predicate))
            tasks.append(self.seen[key])
        return await together(tasks)

    async def _one(self, item: Instance, crop: Picture, predicate: str) -> Perceived:
        asks = [self._ask(item, crop, predicate, number) for number in range(self.settings.samples)]
        values = await together(self._value(ask) for ask in asks)
        counts = Counter(values)
        value, times = counts.most_common(1)[0]
        certain = value in ("yes", "no") and times >= self.settings.agreeing
        return Perceived(item.instance_id, predicate, value if certain else "", len(values), self.vlm.model)

    async def _value(self, ask: Ask[Look]) -> str:
        """A look of which nothing can be made counts as one that was not sure."""
        try:
            return (await self.vlm.ask(ask)).value.value
        except UnusableReply:
            return "unsure"

    def _ask(self, item: Instance, crop: Picture, predicate: str, number: int) -> Ask[Look]:
        return Ask(
            purpose="perceive",
            stage="hop_chains",
            input_id=self.image_id,
            system=prompt("perceive"),
            prompt=message({"category": item.category, "predicate": predicate}),
            pictures=(crop,),
            schema_name="look",
            schema=Look.schema_sent(),
            read=Look.read,
            sampling=SAMPLING,
            sample_index=number,
        )
