"""One question about each picture alone: what `image_ratings` and `categories` have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hopchain_assets.domain.records import BY_MODEL
from hopchain_assets.export.sent import as_sent
from hopchain_assets.export.words import clean_text
from hopchain_assets.ports.vlm import Ask, Picture, Reply, Sampling, Vlm
from hopchain_assets.stages.asking import Left, Models, Progress, ask_each
from hopchain_assets.stages.facts import GROUND_TRUTH
from hopchain_assets.stages.messages import message
from hopchain_assets.stages.prompting import prompt, prompts_version
from hopchain_assets.stages.replies import Replied
from hopchain_assets.stages.spread import Failed
from hopchain_assets.warehouse.pictures import PictureStore

R = TypeVar("R", bound=Replied)

LONGEST_MODEL = 100
SAMPLING = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Question(Generic[R]):
    """What is asked. `prompt` names the file that is all of it, `schema` the reply's JSON on the wire."""

    stage: str
    purpose: str
    prompt: str
    schema: str
    replied: type[R]

    @property
    def version(self) -> tuple[object, ...]:
        """All that the question is, for the version of the stage that asks it."""
        return prompts_version(self.prompt), self.replied.schema_sent(), SAMPLING


@dataclass(frozen=True, slots=True)
class Replies(Generic[R]):
    """By picture: the replies that can be used, or why there is none. `left` were not asked: the budget is spent."""

    found: Mapping[str, Reply[R]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    left: Collection[str] = ()


def ask_of_plain(
    question: Question[R],
    vlm: Vlm | None,
    pictures: PictureStore,
    most_pixels: float,
    said: Mapping[str, Mapping[str, Any]],
    progress: Progress,
) -> Replies[R]:
    """Asks the question of each picture that nobody annotated, many at once; without a model of none.

    Args:
        pictures: one is read when its turn comes.
        most_pixels: of a picture as it is sent.
        said: what the source says of each picture.

    Raises:
        ServerUnavailable: when nothing can be asked.
        OSError: when the store cannot be reached.
    """
    ids = [name for name, words in said.items() if not annotated(words)] if vlm else []
    progress(len(said) - len(ids), len(said))
    if not vlm or not ids:
        return Replies()
    # a store that cannot be reached is no picture's fault: it fails here, before any is blamed
    pictures.has("0" * 64)

    async def work(name: str) -> Reply[R]:
        picture = await asyncio.to_thread(lambda: as_sent(pictures.get(name), most_pixels))
        return await vlm.ask(_ask(question, name, picture))

    def tell(done: int, of: int) -> None:
        progress(len(said) - of + done, len(said))

    return _sorted(dict(zip(ids, ask_each(Models(vlm), ids, work, tell), strict=True)))


def _sorted(results: Mapping[str, Reply[R] | Failed | Left]) -> Replies[R]:
    return Replies(
        found={name: result for name, result in results.items() if isinstance(result, Reply)},
        failures={name: result.error for name, result in results.items() if isinstance(result, Failed)},
        left=[name for name, result in results.items() if isinstance(result, Left)],
    )


def annotated(said: Mapping[str, Any]) -> bool:
    """Whether people, or the renderer, marked what is in the picture; a dataset that names its author did not."""
    return said.get("source") in GROUND_TRUTH or bool(said.get("marks"))


def source_of(reply: Reply[Any]) -> str:
    """The `source` of rows that rest on the reply. The name comes from a server."""
    return BY_MODEL + clean_text(reply.model)[:LONGEST_MODEL]


def _ask(question: Question[R], name: str, picture: Picture) -> Ask[R]:
    return Ask(
        purpose=question.purpose,
        stage=question.stage,
        input_id=name,
        system=prompt(question.prompt),
        prompt=message({}),
        pictures=(picture,),
        schema_name=question.schema,
        schema=question.replied.schema_sent(),
        read=question.replied.read,
        sampling=SAMPLING,
    )
