"""The line: the six stages in order, over one warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hopchain_assets.ports import Policy
from hopchain_assets.stages.categories import Categories
from hopchain_assets.stages.engine import Progress, Stage, StageReport, run_stage
from hopchain_assets.stages.hop_chains import ChainSettings, HopChains
from hopchain_assets.stages.instance_masks import InstanceMasks
from hopchain_assets.stages.policies import Executed
from hopchain_assets.stages.raw_images import RawImages
from hopchain_assets.stages.training_shards import ShardSettings, TrainingShards
from hopchain_assets.stages.verified_set import VerifiedSet
from hopchain_assets.warehouse.done import pending
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.pictures import PictureStore

STAGES = ("raw_images", "categories", "instance_masks", "hop_chains", "verified_set", "training_shards")


@dataclass(frozen=True, slots=True)
class Line:
    """All that the stages need to be run."""

    lake: Lake
    pictures: PictureStore
    shard_folder: str
    chains: ChainSettings = field(default_factory=ChainSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    policy: Policy = field(default_factory=Executed)

    def stages(self) -> Mapping[str, Stage]:
        """The stages by name, in order."""
        made: tuple[Stage, ...] = (
            RawImages(self.lake, self.pictures),
            Categories(self.lake),
            InstanceMasks(self.lake),
            HopChains(self.lake, self.chains),
            VerifiedSet(self.lake, self.policy),
            TrainingShards(self.lake, self.pictures, self.shard_folder, self.shards),
        )
        return {stage.tables.stage: stage for stage in made}

    def run(self, stage: str, batch: str, progress: Progress | None = None) -> StageReport:
        """Does what is pending of a stage in a batch."""
        return run_stage(self.lake, self.stages()[stage], batch, progress)

    def publish(self) -> str:
        """Writes the manifest of all current shards; returns its path."""
        stages = self.stages()
        shards = stages["training_shards"]
        assert isinstance(shards, TrainingShards)
        return shards.publish({name: stage.version for name, stage in stages.items()})

    def pending(self) -> dict[str, dict[str, int]]:
        """Pending inputs by batch and stage, as far as can be told: what is upstream of them may still change."""
        found: dict[str, dict[str, int]] = {}
        for batch, stage, _, count in self.backlog():
            found.setdefault(batch, {})[stage] = count
        return found

    def backlog(self) -> list[tuple[str, str, int, int]]:
        """`(batch, stage, done, pending)` for every batch and stage; inputs that are gone are pending too."""
        rows: list[tuple[str, str, int, int]] = []
        names = batches(self.lake)
        with self.lake.open() as connection:
            for batch in names:
                for name, stage in self.stages().items():
                    inputs = stage.inputs(connection, batch)
                    to_do, gone = pending(connection, name, batch, stage.version, inputs)
                    rows.append((batch, name, len(inputs) - len(to_do), len(to_do) + len(gone)))
        return rows
