"""Reads what the report page shows: yields, losses, mix, what waits, what failed, and some chains to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from hopchain_assets.export.report_data import CheckRow, Example, Group, Loss, Report, StageTime, Trouble, Yields
from hopchain_assets.export.words import Entry
from hopchain_assets.stages.entries import entries, file_name
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.stages.overview import stage_counts
from hopchain_assets.stages.policies import ACCEPT

LATEST_BATCHES = 20
EXAMPLES = 2
SAMPLES = 8
GROUPS = 12
CANDIDATES = 8


def read_report(line: Line, checks: Sequence[CheckRow] = ()) -> Report:
    """The report, of one snapshot; what is pending is of the moment after.

    Raises:
        WarehouseError: when there is no warehouse.
    """
    with line.lake.reading() as connection:
        by_batch = _yields(connection)
        of_verified = any(row.verified for row in by_batch)
        report = Report(
            written_at=datetime.now(UTC),
            snapshot=int(_rows(connection, "SELECT max(snapshot_id) FROM hopchain.snapshots()")[0][0]),
            total=_sum(by_batch),
            batches=tuple(by_batch[:LATEST_BATCHES]),
            n_batches=len(by_batch),
            unused=_groups(connection, _UNUSED),
            answers=_pairs(connection, _ANSWERS.format(table="verified_set" if of_verified else "hop_chains")),
            answers_of="verified" if of_verified else "certified",
            mix={name: _pairs(connection, _MIX.format(column=column)) for name, column in _MIXED.items()},
            splits=_pairs(connection, _SPLITS),
            seconds=_seconds(connection),
            waiting=_groups(connection, _WAITING),
            set_aside=tuple(_with_name(group) for group in _groups(connection, _SET_ASIDE)),
            bad_marks=_groups(connection, _BAD_MARKS),
            rated_out=_groups(connection, _RATED_OUT),
            troubles=_troubles(connection),
            checks=tuple(checks),
            margins=line.chains.certifier.margins,
        )
        counts, picked = _rows(connection, _LOSSES), _rows(connection, _LOSS_EXAMPLES.format(most=EXAMPLES))
    pending = tuple((stage.stage, stage.pending) for stage in stage_counts(line) if stage.pending)
    return replace(report, losses=_losses(line, counts, picked), pending=pending)


def samples(line: Line, most: int = SAMPLES) -> list[Entry]:
    """Chains to look at: verified ones first, spread over pictures and forms; a third of a picture comes last."""
    rows = line.lake.query(_CANDIDATES.format(each=CANDIDATES)).rows()
    chosen: list[str] = []
    of_image: Counter[str] = Counter()
    of_form: Counter[str] = Counter()
    while rows and len(chosen) < most:
        best = min(rows, key=lambda row: (of_image[row[1]] > 1, not row[3], of_image[row[1]], of_form[row[2]], row[4]))
        rows.remove(best)
        if line.pictures.has(best[1]):
            chosen.append(best[0])
            of_image[best[1]] += 1
            of_form[best[2]] += 1
    return entries(line, chosen)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return connection.execute(sql).fetchall()


def _pairs(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[tuple[str, int], ...]:
    return tuple((str(name), int(count)) for name, count, *_ in _rows(connection, sql))


def _groups(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Group, ...]:
    """The largest groups, and one for all the others; each row ends with the count of all."""
    rows = _rows(connection, sql)
    groups = [Group(str(name or ""), int(count), str(words or "")) for name, count, words, _ in rows]
    left = int(rows[0][3]) - sum(group.count for group in groups) if rows else 0
    return (*groups, Group("all others", left)) if left else tuple(groups)


def _yields(connection: duckdb.DuckDBPyConnection) -> list[Yields]:
    """One for each batch, the latest first."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for batch, what, count in _rows(connection, _YIELDS):
        found[batch][what] = count
    made: list[Yields] = []
    for batch in sorted(found, reverse=True):
        counts = found[batch]
        proposed = counts.get("certified", 0) + counts.pop("rejected", 0)
        made.append(Yields(batch, proposed=proposed, **counts))
    return made


def _sum(rows: Sequence[Yields]) -> Yields:
    names = [name for name in Yields.__slots__ if name != "batch"]
    return Yields("", **{name: sum(getattr(row, name) for row in rows) for name in names})


def _losses(line: Line, counts: Sequence[tuple[str, int]], picked: Sequence[Any]) -> tuple[Loss, ...]:
    examples: dict[str, list[Example]] = defaultdict(list)
    for rule, image_id, question, detail, uri in picked:
        examples[rule].append(Example(question or "", detail or "", file_name(uri or ""), _picture(line, image_id)))
    return tuple(Loss(rule, count, tuple(examples[rule])) for rule, count in counts)


def _picture(line: Line, image_id: str) -> bytes:
    try:
        return line.pictures.get(image_id)
    except FileNotFoundError:
        # a report is for looking at what there is, also where the store has lost something
        return b""


def _seconds(connection: duckdb.DuckDBPyConnection) -> tuple[StageTime, ...]:
    rows = [StageTime(stage, runs, inputs, made, took) for stage, runs, inputs, made, took in _rows(connection, _TIMES)]
    return tuple(sorted(rows, key=lambda row: (STAGES.index(row.stage) if row.stage in STAGES else 99, row.stage)))


def _with_name(group: Group) -> Group:
    """A file's address, before its tab, as the name that people know."""
    uri, _, detail = group.words.partition("\t")
    return replace(group, words=": ".join(part for part in (file_name(uri) or uri, detail) if part))


def _troubles(connection: duckdb.DuckDBPyConnection) -> tuple[Trouble, ...]:
    failed = [Trouble("failed", *row) for row in _rows(connection, _FAILED)]
    parked = [
        Trouble("parked", batch, f"{error or 'no error was kept'} (after {attempts} attempts)")
        for batch, error, attempts in _rows(connection, _PARKED)
    ]
    return (*parked, *failed)


_YIELDS = """
SELECT batch, 'landed' AS what, count(*) AS n FROM batch_members GROUP BY batch
UNION ALL SELECT batch, 'usable', count(*) FROM images GROUP BY batch
UNION ALL SELECT batch, 'with_instances', count(DISTINCT image_id) FROM instances GROUP BY batch
UNION ALL SELECT batch, 'with_questions', count(DISTINCT image_id) FROM hop_chains GROUP BY batch
UNION ALL SELECT batch, 'certified', count(*) FROM hop_chains GROUP BY batch
UNION ALL SELECT batch, 'rejected', count(*) FROM rejected_chains WHERE question IS NOT NULL GROUP BY batch
UNION ALL SELECT batch, 'verified', count(*) FROM verified_set GROUP BY batch
UNION ALL SELECT batch, 'in_shards', count(*) FROM shard_examples GROUP BY batch
"""
_LOSSES = """
SELECT rule, count(*) AS n FROM rejected_chains WHERE question IS NOT NULL GROUP BY rule ORDER BY n DESC, rule
"""
# by a hash, so that the examples are of any pictures, and the same ones on the same tables
_LOSS_EXAMPLES = """
SELECT r.rule, r.image_id, r.question, r.detail, i.source_uri
FROM (
    SELECT rule, image_id, question, detail, batch FROM rejected_chains WHERE question IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY rule ORDER BY hash(chain_id, image_id), detail) <= {most}
) AS r LEFT JOIN images AS i ON i.image_id = r.image_id AND i.batch = r.batch
ORDER BY r.rule, r.question
"""
_UNUSED = f"""
SELECT split_part(detail, ': ', 1) AS category, count(*) AS n, min(substr(detail, strpos(detail, ': ') + 2)),
    sum(count(*)) OVER ()
FROM rejected_chains WHERE question IS NULL GROUP BY category ORDER BY n DESC, category LIMIT {GROUPS}
"""
_ANSWERS = "SELECT answer, count(*) AS n FROM {table} GROUP BY answer ORDER BY n DESC, answer"
_MIXED = {"hops": "n_hops", "type": "query_type", "form": "skeleton"}
_MIX = "SELECT {column}, count(*) AS n FROM hop_chains GROUP BY 1 ORDER BY 1"
_SPLITS = "SELECT split, count(*) AS n FROM shard_examples GROUP BY split ORDER BY n DESC, split"
_TIMES = """
SELECT stage, count(*), coalesce(sum(n_inputs), 0)::BIGINT, coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(seconds), 0)
FROM stage_runs GROUP BY stage
"""
# the sentence of a row that is held names its numbers
_WAITING = f"""
SELECT reason, count(*) AS n, detail, sum(count(*)) OVER () FROM (
    SELECT reason, detail FROM waiting_chains
    UNION ALL SELECT 'verified, but held', $${ACCEPT}$$ FROM verified_set WHERE held IS NOT NULL
) GROUP BY reason, detail
ORDER BY n DESC, reason, detail LIMIT {GROUPS}
"""
_SET_ASIDE = f"""
SELECT reason, count(*) AS n, min(source_uri || chr(9) || coalesce(detail, '')), sum(count(*)) OVER ()
FROM quarantine GROUP BY reason ORDER BY n DESC, reason LIMIT {GROUPS}
"""
_BAD_MARKS = f"""
SELECT reason, count(*) AS n, min(category), sum(count(*)) OVER ()
FROM bad_annotations GROUP BY reason ORDER BY n DESC, reason LIMIT {GROUPS}
"""
_RATED_OUT = f"""
SELECT if(quality = 'Low', 'low quality', 'complexity ' || complexity) AS what, count(*) AS n, min(reason),
    sum(count(*)) OVER ()
FROM image_ratings WHERE NOT kept GROUP BY what ORDER BY n DESC, what LIMIT {GROUPS}
"""
# what was taken up again is pending, and has no input hash
_FAILED = f"""
SELECT stage || ', ' || if(count(DISTINCT batch) = 1, min(batch), count(DISTINCT batch) || ' batches'),
    coalesce(detail, ''), count(*) AS n FROM stage_done
WHERE outcome = 'failed' AND input_hash <> '' GROUP BY stage, detail ORDER BY n DESC, stage, detail LIMIT {GROUPS}
"""
_PARKED = f"""
SELECT batch, error, attempts FROM parked WHERE retried_at IS NULL ORDER BY "at" DESC, batch LIMIT {GROUPS}
"""
# of each form some, in an order that has nothing to do with the pictures
_CANDIDATES = """
SELECT c.chain_id, c.image_id, c.skeleton, v.chain_id IS NOT NULL AS verified, hash(c.chain_id) AS turn
FROM hop_chains AS c LEFT JOIN verified_set AS v ON v.chain_id = c.chain_id AND v.batch = c.batch
QUALIFY row_number() OVER (PARTITION BY c.skeleton, verified ORDER BY turn) <= {each}
"""
