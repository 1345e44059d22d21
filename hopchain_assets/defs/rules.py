"""The rules of the checks, each as two parts: what it reads of one batch, and its judgement of such rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import fsspec
import polars as pl
import pyarrow.parquet as pq

from hopchain_assets.domain.program import Program
from hopchain_assets.quality.answers import check_answers, check_executed, check_shards
from hopchain_assets.quality.suite import CheckOutcome
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.execute import execute_programs

Frames = Mapping[str, pl.DataFrame]
Read = Callable[[Line, str], Frames]
Judge = Callable[[Frames], CheckOutcome]

_SHARD_COLUMNS = {
    "example_id": "extra_info.example_id",
    "chain_id": "extra_info.chain_id",
    "split": "extra_info.split",
    "answer": "reward_model.ground_truth",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A named check of an asset. `read` is asked batch by batch, `judge` may be given several batches at once."""

    asset: str
    name: str
    says: str
    read: Read
    judge: Judge


def _reading_answers(table: str, *more: str) -> Read:
    columns = ", ".join(("chain_id", "question_id", "image_id", "question", "answer", *more))

    def read(line: Line, batch: str) -> Frames:
        return {"rows": line.lake.query(f'SELECT {columns} FROM "{table}" WHERE batch = ? ORDER BY ALL', [batch])}

    return read


def _judging_answers(table: str) -> Judge:
    return lambda frames: check_answers(table, frames["rows"], "chain_id")


def _read_programs(line: Line, batch: str) -> Frames:
    return {name: line.lake.query(sql, [batch]) for name, sql in _EXECUTED.items()}


def _judge_execution(frames: Frames) -> CheckOutcome:
    # a verified row whose chain is gone has no program to run: it is left out here, and fails for want of a value
    known = frames["rows"].drop_nulls(["program", "width", "height"]).unique("chain_id", maintain_order=True)
    programs = [
        (row["chain_id"], row["image_id"], Program.from_json(row["program"]), row["width"], row["height"])
        for row in known.iter_rows(named=True)
    ]
    executed = execute_programs(frames["instances"], frames["pairs"], frames["perceptions"], programs)
    return check_executed(frames["rows"], executed)


def _read_shards(line: Line, batch: str) -> Frames:
    paths = line.lake.query("SELECT shard_path FROM shards WHERE batch = ? ORDER BY ALL", [batch])["shard_path"]
    verified = line.lake.query("SELECT chain_id, answer FROM verified_set WHERE batch = ? ORDER BY ALL", [batch])
    return {"rows": _examples(line.shard_folder, paths.to_list()), "verified": verified}


def _judge_shards(frames: Frames) -> CheckOutcome:
    return check_shards(frames["rows"], frames["verified"])


def _examples(folder: str, paths: Sequence[str]) -> pl.DataFrame:
    """Ids, splits and answers as a trainer will read them: from the files, without their pictures."""
    rows: list[dict[str, str]] = []
    for path in paths:
        with fsspec.open(f"{folder.rstrip('/')}/{path}", "rb") as file:
            table = pq.ParquetFile(file).read(columns=list(_SHARD_COLUMNS.values())).flatten()
        rows += table.to_pylist()
    named = [{name: row[column] for name, column in _SHARD_COLUMNS.items()} for row in rows]
    return pl.DataFrame(named, schema=dict.fromkeys(_SHARD_COLUMNS, pl.String))


_EXECUTED = {
    "rows": """
        SELECT v.chain_id, v.answer, v.answer_source, c.program, c.image_id, i.width, i.height
        FROM verified_set AS v
        LEFT JOIN hop_chains AS c ON c.chain_id = v.chain_id AND c.batch = v.batch
        LEFT JOIN images AS i ON i.image_id = c.image_id AND i.batch = c.batch
        WHERE v.batch = ? ORDER BY ALL
    """,
    "instances": "SELECT * EXCLUDE (mask_rle, stage_version) FROM instances WHERE batch = ? ORDER BY ALL",
    "pairs": "SELECT * EXCLUDE (stage_version) FROM pairs WHERE batch = ? ORDER BY ALL",
    "perceptions": "SELECT * EXCLUDE (stage_version) FROM perceptions WHERE batch = ? ORDER BY ALL",
}

RULES = (
    Rule(
        "hop_chains",
        "answer_is_unique_number",
        "Each answer is one finite canonical number, and no question about a picture has two different ones.",
        _reading_answers("hop_chains", "n_hops"),
        _judging_answers("hop_chains"),
    ),
    Rule(
        "verified_set",
        "answer_is_unique_number",
        "Each answer is one finite canonical number, and no question about a picture has two different ones.",
        _reading_answers("verified_set"),
        _judging_answers("verified_set"),
    ),
    Rule(
        "verified_set",
        "sql_execution_agrees",
        "Where the answer comes from execution, the stored program run as SQL on the stored rows gives that number.",
        _read_programs,
        _judge_execution,
    ),
    Rule(
        "training_shards",
        "answers_are_verified_ones",
        "Each example in the shard files rests on exactly one verified row and carries its answer.",
        _read_shards,
        _judge_shards,
    ),
)
