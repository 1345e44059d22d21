"""Stage `training_shards`: verified chains as files that a trainer reads; only changed batches are written anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.export.manifest import remove_unlisted, unlisted_batches, write_manifest, write_reward
from hopchain_assets.export.shards import Example, ManifestShard, split_of, write_batch
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 3


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """`validation_share` of the split groups (not of the rows) are kept for validation."""

    validation_share: float = 0.1


@dataclass(frozen=True, slots=True)
class TrainingShards:
    """Writes a batch's examples as Parquet; the batch is the input, since a file holds many pictures."""

    lake: Lake
    pictures: PictureStore
    folder: str
    settings: ShardSettings

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables("training_shards", {"shard_examples": "batch", "shards": "batch"})

    @property
    def version(self) -> str:
        """Raised by code, by the split and by where the shards go."""
        return stage_version("training_shards", CODE, self.settings, self.folder)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Each batch, with the hash of all its verified rows and of the pictures' own."""
        verified = upstream(connection, ["raw_images", "verified_set"], batches)
        return {
            batch: {batch: digest(*(f"{name}{value}" for name, value in hashes.items()))}
            for batch, hashes in verified.items()
        }

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Files in the shard folder, and rows that say which example is in which."""
        del inputs
        rows = self.lake.query(_EXAMPLES, [batch]).rows(named=True)
        examples: list[Example] = []
        for number, row in enumerate(rows, start=1):
            examples.append(self._example(row))
            progress(number, len(rows))
        written = write_batch(self.folder, batch, examples)
        by_id = {example.example_id: example for example in examples}
        placed = [
            {"batch": batch, "example_id": name, "chain_id": by_id[name].chain_id, "image_id": by_id[name].image_id}
            | {"split": shard.split, "shard_path": shard.path}
            for shard in written
            for name in shard.example_ids
        ]
        shards = [
            {"batch": batch, "shard_path": s.path, "split": s.split, "sha256": s.sha256}
            | {"n_rows": s.rows, "byte_size": s.byte_size}
            for s in written
        ]
        # all that is verified may be held
        frames = {"shard_examples": pl.DataFrame(placed), "shards": pl.DataFrame(shards)} if placed else {}
        return Work(frames, {batch: "done" if placed else "nothing"})

    def publish(self, versions: Mapping[str, str]) -> str:
        """Lists the shards of all batches that are not parked in `manifest.json`, then removes what nobody lists."""
        # of two that publish at once the one with the older rows could write last
        with self.lake.claim("publish", "", wait=True):
            rows = self.lake.query(_SHARDS)
            shards = [ManifestShard(*row) for row in rows.iter_rows()]
            write_reward(self.folder)
            path = write_manifest(self.folder, shards, versions, self.lake.snapshot())
            self._remove_old(unlisted_batches(self.folder))
        return path

    def _remove_old(self, batches: Collection[str]) -> None:
        """Removes unlisted files of these batches, unless somebody is writing the batch or wrote it just now."""
        for batch in batches:
            with self.lake.claim(self.tables.stage, batch, wait=False) as mine:
                if mine:
                    paths = self.lake.query("SELECT shard_path FROM shards WHERE batch = ?", [batch])["shard_path"]
                    remove_unlisted(self.folder, batch, paths.to_list())

    def _example(self, row: Mapping[str, Any]) -> Example:
        # near-duplicates share a split group, so growth never moves a row from one split to the other
        credit = " ".join(part for part in (row["author"], row["source_page"]) if part)
        return Example(
            example_id=digest(row["chain_id"], "full"),
            chain_id=row["chain_id"],
            image_id=row["image_id"],
            split=split_of(row["split_group"], self.settings.validation_share),
            picture=self.pictures.get(row["image_id"]),
            question=row["question"],
            answer=row["answer"],
            n_hops=row["n_hops"],
            query_type=row["query_type"],
            skeleton=row["skeleton"],
            license=row["license"] or "",
            license_url=row["license_url"] or "",
            attribution=credit,
            source_page=row["source_page"] or "",
            verified_by=row["verified_by"],
            generator=row["generator"],
        )


_SHARDS = """
SELECT shard_path, split, sha256, n_rows, byte_size FROM shards
WHERE batch NOT IN (SELECT batch FROM parked WHERE retried_at IS NULL) ORDER BY ALL
"""
_EXAMPLES = """
SELECT v.chain_id, v.image_id, v.question, v.answer, v.verified_by, c.n_hops, c.query_type, c.skeleton, c.generator,
       i.split_group, i.license, i.license_url, i.author, i.source_page
FROM verified_set AS v
JOIN hop_chains AS c ON c.chain_id = v.chain_id AND c.batch = v.batch
JOIN images AS i ON i.image_id = v.image_id AND i.batch = v.batch
WHERE v.batch = ? AND v.held IS NULL
ORDER BY v.chain_id
"""
