"""The rules of the checks, each as two parts: what it reads of one batch, and its judgement of such rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import fsspec
import polars as pl
import pyarrow.parquet as pq

from hopchain_assets.domain.program import Program
from hopchain_assets.quality.answers import check_answers, check_executed, check_shards
from hopchain_assets.quality.people import check_people
from hopchain_assets.quality.suite import CheckOutcome, Frames
from hopchain_assets.quality.tables import BESIDE, SUITES, check_tables, told
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.done import pending
from hopchain_assets.warehouse.execute import execute_programs

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


def _reading_tables(stage: str) -> Read:
    columns = {suite.table: _COLUMNS.get(suite.table, "* EXCLUDE (batch, stage_version)") for suite in SUITES[stage]}
    columns |= {table: ", ".join(names) for table, names in BESIDE.get(stage, {}).items()}

    def read(line: Line, batch: str) -> Frames:
        # one snapshot: rows that another run replaces meanwhile must not look torn
        with line.lake.reading() as connection:
            frames = {
                table: connection.execute(f'SELECT {names} FROM "{table}" WHERE batch = ? ORDER BY ALL', [batch]).pl()
                for table, names in columns.items()
            }
        return {
            name: _with_files(line.shard_folder, rows) if name == "shards" else rows for name, rows in frames.items()
        }

    return read


def _judging_tables(stage: str) -> Judge:
    return lambda frames: check_tables(stage, frames)


def _with_files(folder: str, shards: pl.DataFrame) -> pl.DataFrame:
    """The shards with the size of each one's file in bytes, null where there is none."""
    files, root = fsspec.core.url_to_fs(folder)
    sizes: list[int | None] = []
    for path in shards["shard_path"]:
        try:
            sizes.append(files.size(f"{root.rstrip('/')}/{path}"))
        except FileNotFoundError:
            sizes.append(None)
    return shards.with_columns(pl.Series("file_size", sizes, dtype=pl.Int64))


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


def _read_people(line: Line, batch: str) -> Frames:
    """Rows of pictures that owe nothing: what people took back since is done again, and judged then."""
    stage = line.stages()["verified_set"]
    with line.lake.reading() as connection:
        owed = pending(connection, "verified_set", stage.version, stage.inputs(connection, [batch]), [batch]).get(batch)
        frames = {name: connection.execute(sql, [batch]).pl() for name, sql in _PEOPLE.items()}
    late = [*owed.to_do, *owed.gone] if owed else []
    return frames | {"rows": frames["rows"].filter(~pl.col("image_id").is_in(late))}


def _read_shards(line: Line, batch: str) -> Frames:
    paths = line.lake.query("SELECT shard_path FROM shards WHERE batch = ? ORDER BY ALL", [batch])["shard_path"]
    verified = line.lake.query("SELECT chain_id, answer, held FROM verified_set WHERE batch = ? ORDER BY ALL", [batch])
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

_PEOPLE = {
    "rows": """
        SELECT chain_id, question_id, image_id, answer, verified_by FROM verified_set
        WHERE batch = ? AND verified_by = 'people' ORDER BY ALL
    """,
    "votes": "SELECT question_id, person_id, number, defect FROM votes WHERE batch = ? ORDER BY ALL",
    "reviews": "SELECT question_id, needed FROM reviews WHERE batch = ? ORDER BY ALL",
}

# what no rule asks is not read: a fingerprint is taken of all that is
_COLUMNS = {
    "batch_members": "source_uri, content_sha256, landed_at",
    "images": "* EXCLUDE (batch, stage_version, license, license_url, author, source_page)",
    "votes": "* EXCLUDE (batch, note, seconds)",
    "reviews": "* EXCLUDE (batch)",
}

RULES = (
    *(Rule(stage, "rows_are_sound", told(stage), _reading_tables(stage), _judging_tables(stage)) for stage in SUITES),
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
        "verified_set",
        "people_agree",
        "Each row that people verified has the votes of as many different people as were needed, all for its answer.",
        _read_people,
        check_people,
    ),
    Rule(
        "training_shards",
        "answers_are_verified_ones",
        "Each example in the shard files rests on exactly one verified row that is not held, and carries its answer.",
        _read_shards,
        _judge_shards,
    ),
)
