"""Stage `verified_set`: a policy decides which certified chains are true; the others wait with a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.ports import Evidence, Policy
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.stages.facts import GRAMMAR, GROUND_TRUTH, chain_of, rows_of
from hopchain_assets.warehouse.done import Inputs, StageTables, upstream
from hopchain_assets.warehouse.execute import execute_programs
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import current_audits
from hopchain_assets.warehouse.reviews import current_reviews

CODE = 3


@dataclass(frozen=True, slots=True)
class VerifiedSet:
    """Executes every certified chain again, as SQL on the stored rows, and asks the policy."""

    lake: Lake
    policy: Policy

    exclusive: ClassVar[bool] = False
    tables: ClassVar[StageTables] = StageTables(
        "verified_set", {"verified_set": "image_id", "waiting_chains": "image_id"}
    )

    @property
    def version(self) -> str:
        """Raised by code and by the choice of policy."""
        return stage_version("verified_set", CODE, self.policy.name)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Pictures with certified chains; what people said of their categories and questions is part of the hash."""
        words: dict[str, list[str]] = defaultdict(list)
        for image, category, exhaustive, _ in current_audits(connection, batches).iter_rows():
            words[image].append(f"{category}={exhaustive}")
        for image, reviews in current_reviews(connection, batches).items():
            words[image] += [
                digest(name, told.state, told.answer, told.accepted_by, str(told.needed))
                for name, told in reviews.items()
            ]
        ready = upstream(connection, ["hop_chains", "instance_masks"], batches)
        return {
            batch: {name: digest(value, *sorted(words.get(name, ()))) for name, value in hashes.items()}
            for batch, hashes in ready.items()
        }

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """A row for each chain: verified, or waiting."""
        with self.lake.reading() as connection:
            chains = rows_of(connection, "hop_chains", batch, inputs)
            instances = rows_of(connection, "instances", batch, inputs)
            pairs = rows_of(connection, "pairs", batch, inputs)
            perceptions = rows_of(connection, "perceptions", batch, inputs)
            audits = current_audits(connection, [batch])
            reviews = current_reviews(connection, [batch])
            images = rows_of(connection, "images", batch, inputs)
            read = set(rows_of(connection, "texts", batch, inputs).filter(pl.col("decisive"))["image_id"])
        audited: dict[str, dict[str, bool]] = defaultdict(dict)
        for image, category, exhaustive, _ in audits.iter_rows():
            audited[image][category] = exhaustive
        modelled = set(instances.filter(~pl.col("source").is_in(list(GROUND_TRUTH)))["image_id"])
        parsed = [(row, chain_of(row)) for row in chains.iter_rows(named=True)]
        size = {row["image_id"]: (row["width"], row["height"]) for row in images.iter_rows(named=True)}
        programs = [(row["chain_id"], chain.image_id, chain.program, *size[chain.image_id]) for row, chain in parsed]
        executed = execute_programs(instances, pairs, perceptions, programs)
        verified: list[dict[str, Any]] = []
        waiting: list[dict[str, Any]] = []
        for number, (row, chain) in enumerate(parsed, start=1):
            name = chain.image_id
            evidence = Evidence(
                audited=audited[name],
                ground_truth=name not in modelled,
                executed=executed[row["chain_id"]],
                read_by_model=row["bound_by"] != GRAMMAR,
                text_by_model=name in read,
                review=reviews.get(name, {}).get(row["question_id"]),
            )
            verdict = self.policy.judge(chain, evidence)
            base = {"chain_id": row["chain_id"], "question_id": row["question_id"], "image_id": name}
            if not verdict.waits_for:
                verified.append(
                    base | {"question": chain.question, "answer": verdict.answer or chain.answer}
                    | {"answer_source": verdict.answer_source, "verified_by": verdict.verified_by}
                    | {"held": verdict.held or None}
                )  # fmt: skip
            else:
                by = verdict.verified_by or None
                waiting.append(base | {"reason": verdict.waits_for, "detail": verdict.detail, "verified_by": by})
            progress(number, len(parsed))
        with_rows = {row["image_id"] for row in verified}
        frames = {
            "verified_set": pl.DataFrame(verified, schema_overrides={"held": pl.String} if verified else None),
            "waiting_chains": pl.DataFrame(waiting, schema_overrides={"verified_by": pl.String} if waiting else None),
        }
        outcomes = {name: "done" if name in with_rows else "nothing" for name in inputs}
        return Work({table: frame for table, frame in frames.items() if frame.height}, outcomes)
