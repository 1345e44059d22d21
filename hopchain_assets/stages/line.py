"""The line: its stages in order, over one warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from hopchain_assets.domain.records import digest
from hopchain_assets.ports import Policy
from hopchain_assets.ports.reviews import Reviews
from hopchain_assets.stages.asking import AskSettings, Models
from hopchain_assets.stages.categories import Categories
from hopchain_assets.stages.engine import Stage, StageReport, run_stage
from hopchain_assets.stages.hop_chains import ChainSettings, HopChains
from hopchain_assets.stages.image_ratings import ImageRatings
from hopchain_assets.stages.instance_masks import InstanceMasks
from hopchain_assets.stages.policies import Executed
from hopchain_assets.stages.raw_images import RawImages
from hopchain_assets.stages.segmenting import Sight
from hopchain_assets.stages.training_shards import ShardSettings, TrainingShards
from hopchain_assets.stages.verified_set import VerifiedSet
from hopchain_assets.warehouse.done import Pending, pending
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

BatchProgress = Callable[[str, int, int], None]
STAGES = (
    "raw_images",
    "image_ratings",
    "categories",
    "instance_masks",
    "hop_chains",
    "verified_set",
    "training_shards",
)
# stages that ask models, where there are any
ASKING = ("image_ratings", "categories", "hop_chains")


@dataclass(frozen=True, slots=True)
class Owed:
    """How far a stage is with a batch: inputs done, inputs pending (those gone included), and a hash of these."""

    batch: str
    stage: str
    done: int
    pending: int
    what: str


@dataclass(frozen=True, slots=True)
class Line:
    """All that the stages need to be run. `reviews` opens where questions are left for people; None for nowhere."""

    lake: Lake
    pictures: PictureStore
    shard_folder: str
    chains: ChainSettings = field(default_factory=ChainSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    policy: Policy = field(default_factory=Executed)
    workers: int = 1
    models: Models = field(default_factory=Models)
    asking: AskSettings = field(default_factory=AskSettings)
    sight: Sight = field(default_factory=Sight)
    reviews: Callable[[], AbstractContextManager[Reviews]] | None = None

    def stages(self) -> Mapping[str, Stage]:
        """The stages by name, in order."""
        made: tuple[Stage, ...] = (
            RawImages(self.lake, self.pictures),
            ImageRatings(self.lake, self.pictures, self.models.vlm, self.asking),
            Categories(self.lake, self.pictures, self.models.vlm, self.asking),
            InstanceMasks(self.lake, self.workers, self.pictures, self.sight),
            HopChains(self.lake, self.chains, self.workers, self.pictures, self.models, self.asking),
            VerifiedSet(self.lake, self.policy),
            TrainingShards(self.lake, self.pictures, self.shard_folder, self.shards),
        )
        return {stage.tables.stage: stage for stage in made}

    def run(self, stage: str, batches: Sequence[str], progress: BatchProgress | None = None) -> list[StageReport]:
        """Does what is pending of a stage in these batches, each once, in no certain order.

        Batches that another process has at work are left for last, and waited for: what comes after the stage
        relies on them. So two runs over the same batches share the work.
        """
        tell = progress or _silent
        at_work = self.stages()[stage]
        reports: list[StageReport] = []
        left, wait = list(batches), False
        while left:
            taken = left
            left = []
            for batch in taken:
                with self.lake.claim(stage, "" if at_work.exclusive else batch, wait) as mine:
                    if mine:
                        reports.append(run_stage(self.lake, at_work, batch, partial(tell, batch)))
                    else:
                        left.append(batch)
            wait = True
        return reports

    def publish(self) -> str:
        """Writes the manifest of all current shards; returns its path."""
        stages = self.stages()
        shards = stages["training_shards"]
        assert isinstance(shards, TrainingShards)
        return shards.publish({name: stage.version for name, stage in stages.items()})

    def backlog(self, batches: Sequence[str] | None = None) -> list[Owed]:
        """What is done and pending for every batch (for these) and stage, in order.

        As far as can be told: what is upstream of a pending stage may still change its inputs.
        """
        rows: dict[tuple[str, str], Owed] = {}
        with self.lake.reading() as connection:
            # one snapshot, or a stage that ends meanwhile would be half in it
            for name, stage in self.stages().items():
                inputs = stage.inputs(connection, batches)
                owed = pending(connection, name, stage.version, inputs, batches)
                for batch in inputs.keys() | owed.keys():
                    now, due = inputs.get(batch, {}), owed.get(batch, Pending((), ()))
                    what = digest(*due.gone, *(f"{name} {now[name]}" for name in due.to_do)) if due else ""
                    rows[batch, name] = Owed(batch, name, len(now) - len(due.to_do), len(due), what)
        names = sorted({batch for batch, _ in rows})
        return [rows.get((batch, stage), Owed(batch, stage, 0, 0, "")) for batch in names for stage in STAGES]


def pending_hash(owed: Sequence[Owed], versions: Mapping[str, str]) -> str:
    """A hash of all that a batch owes: it changes with every step forward, and with code and settings."""
    return digest(*(f"{row.stage} {versions[row.stage]} {row.what}" for row in owed if row.pending))


def _silent(_batch: str, _done: int, _of: int) -> None:
    """Nobody watches."""
