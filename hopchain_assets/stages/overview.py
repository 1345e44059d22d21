"""How far the line is: what `hopchain status` and the end of a run tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.lake import Lake


@dataclass(frozen=True, slots=True)
class StageCount:
    """Inputs of a stage over all batches: done as things are now, of those without a result and failed, and pending."""

    stage: str
    done: int
    nothing: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Sizes of the tables; `certified` are the chains that passed every rule.

    `rejected` maps a rule to proposals, `unused` a rule to categories of a picture that no question may be about,
    `waiting` a reason to certified chains, `examples` a split to rows of the shards. `held` of the verified ones are
    kept out of the shards until a lead accepts them.
    """

    batches: int
    landed: int
    images: int
    quarantined: int
    instances: int
    certified: int
    verified: int
    held: int
    shards: int
    shard_bytes: int
    rejected: Mapping[str, int]
    unused: Mapping[str, int]
    waiting: Mapping[str, int]
    examples: Mapping[str, int]

    @property
    def made(self) -> int:
        """All chains that were proposed."""
        return self.certified + sum(self.rejected.values())


def stage_counts(line: Line) -> list[StageCount]:
    """The stages in order. Of a stage whose upstream is pending only what is known by now can be told."""
    stages = line.stages()
    totals = {name: [0, 0, 0, 0] for name in STAGES}
    for owed in line.backlog():
        totals[owed.stage][0] += owed.done
        totals[owed.stage][3] += owed.pending
    with line.lake.reading() as connection:
        for name, stage in stages.items():
            counts = dict[str, int](connection.execute(_OUTCOMES, [name, stage.version]).fetchall())
            for place, outcome in ((1, "nothing"), (2, "failed")):
                totals[name][place] = min(counts.get(outcome, 0), totals[name][0])
    return [StageCount(name, *totals[name]) for name in STAGES]


def figures(lake: Lake) -> Figures:
    """Counts over the whole warehouse, of one snapshot."""
    with lake.reading() as connection:
        sizes = {name: int(connection.execute(sql).fetchall()[0][0]) for name, sql in _SIZES.items()}
        groups = {name: dict[str, int](connection.execute(sql).fetchall()) for name, sql in _GROUPS.items()}
    return Figures(
        **sizes,
        rejected=groups["rejected"],
        unused=groups["unused"],
        waiting=groups["waiting"],
        examples=groups["examples"],
    )


def landing(lake: Lake) -> int:
    """Pictures of the landing folders that wait for their batch, as the last look found them."""
    return lake.query(_LANDING).item()


def failed_inputs(lake: Lake, most: int = 20) -> list[tuple[str, str, str, str]]:
    """(stage, batch, input, error) of inputs at which a stage failed, the latest first."""
    return lake.query(_FAILED, [most]).rows()


def quarantined(lake: Lake, most: int = 20) -> list[tuple[str, str, str]]:
    """(source, reason, detail) of files that were set aside, the latest first."""
    return lake.query(_QUARANTINED, [most]).rows()


_OUTCOMES = "SELECT outcome, count(*) FROM stage_done WHERE stage = ? AND stage_version = ? GROUP BY 1"
_LANDING = """
    SELECT count(DISTINCT content_sha256) FROM landing_files
    WHERE NOT ends_with(lower(uri), '.json') AND content_sha256 NOT IN (SELECT content_sha256 FROM batch_members)
"""
_FAILED = """
    SELECT stage, batch, input_id, detail FROM stage_done WHERE outcome = 'failed'
    ORDER BY "at" DESC, stage, input_id LIMIT ?
"""
_QUARANTINED = 'SELECT source_uri, reason, detail FROM quarantine ORDER BY "at" DESC, source_uri LIMIT ?'
_SIZES = {
    "batches": "SELECT count(DISTINCT batch) FROM batch_members",
    "landed": "SELECT count(*) FROM batch_members",
    "images": "SELECT count(*) FROM images",
    "quarantined": "SELECT count(*) FROM quarantine",
    "instances": "SELECT count(*) FROM instances",
    "certified": "SELECT count(*) FROM hop_chains",
    "verified": "SELECT count(*) FROM verified_set",
    "held": "SELECT count(*) FROM verified_set WHERE held IS NOT NULL",
    "shards": "SELECT count(*) FROM shards",
    "shard_bytes": "SELECT coalesce(sum(byte_size), 0) FROM shards",
}
_COUNTED = "GROUP BY 1 ORDER BY n DESC, 1"
_GROUPS = {
    "rejected": f"SELECT rule, count(*) AS n FROM rejected_chains WHERE question IS NOT NULL {_COUNTED}",
    "unused": f"SELECT rule, count(*) AS n FROM rejected_chains WHERE question IS NULL {_COUNTED}",
    "waiting": f"SELECT reason, count(*) AS n FROM waiting_chains {_COUNTED}",
    "examples": f"SELECT split, count(*) AS n FROM shard_examples {_COUNTED}",
}
