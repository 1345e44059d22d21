"""Rows of the warehouse as the domain's records, and back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duckdb
import polars as pl

from hopchain_assets.domain.countable import CountLimits, uncountable
from hopchain_assets.domain.program import Program
from hopchain_assets.domain.records import Chain, Doubt, Facts, Hop, Instance, Pair
from hopchain_assets.domain.sift import OTHER_NAME

GROUND_TRUTH = frozenset({"annotation", "scene"})
# who reads the composer's English back, in `bound_by`; any other name is a model's
GRAMMAR = "grammar"


def read_facts(
    connection: duckdb.DuckDBPyConnection, batch: str, limits: CountLimits, ids: Sequence[str] | None = None
) -> dict[str, Facts]:
    """The facts of a batch's pictures (of some of them, when `ids` is given), by image id."""
    images = rows_of(connection, "images", batch, ids)
    instances = _by_image(rows_of(connection, "instances", batch, ids))
    pairs = _by_image(rows_of(connection, "pairs", batch, ids))
    perceptions = _by_image(rows_of(connection, "perceptions", batch, ids))
    categories = _by_image(rows_of(connection, "categories", batch, ids))
    bad = _by_image(rows_of(connection, "bad_annotations", batch, ids))
    doubts = _by_image(rows_of(connection, "left_out", batch, ids).filter(pl.col("doubtful")))
    found: dict[str, Facts] = {}
    for image in images.iter_rows(named=True):
        name, width, height = image["image_id"], image["width"], image["height"]
        items = tuple(_instance(row) for row in sorted(instances[name], key=lambda row: row["instance_id"]))
        crowds = [row["category"] for row in categories[name] if row["crowd"]]
        perhaps = [row["category"] for row in doubts[name]]
        reasons = uncountable(items, crowds, width, height, limits, perhaps)
        reasons |= {row["category"]: f"one of its annotations could not be used ({row['reason']})" for row in bad[name]}
        found[name] = Facts(
            image_id=name,
            width=width,
            height=height,
            instances=items,
            pairs={(r["a"], r["b"]): Pair(r["overlap_px"], r["inside_share"], r["edge_gap"]) for r in pairs[name]},
            perceptions={(row["instance_id"], row["predicate"]): row["value"] for row in perceptions[name]},
            uncountable=reasons,
            doubts=tuple(_doubt(row) for row in sorted(doubts[name], key=lambda row: row["instance_id"])),
        )
    return found


def rows_of(
    connection: duckdb.DuckDBPyConnection, table: str, batch: str, ids: Sequence[str] | None = None
) -> pl.DataFrame:
    """A table's rows of a batch, or of some pictures of it."""
    if ids is None:
        return connection.execute(f'SELECT * FROM "{table}" WHERE batch = ?', [batch]).pl()
    sql = f'SELECT * FROM "{table}" WHERE batch = ? AND list_contains(?, image_id)'
    return connection.execute(sql, [batch, list(ids)]).pl()


def chain_row(chain: Chain, bound_by: str) -> dict[str, Any]:
    """A chain as a row of `hop_chains`; `bound_by` read its words back."""
    return {
        "chain_id": chain.chain_id,
        "question_id": chain.question_id,
        "image_id": chain.image_id,
        "instance_ids": list(chain.instance_ids),
        "query_type": chain.query_type,
        "skeleton": chain.skeleton,
        "question": chain.question,
        "hops": json.dumps([asdict(hop) for hop in chain.hops], separators=(",", ":")),
        "program": json.dumps(chain.program.to_json(), separators=(",", ":")),
        "answer": chain.answer,
        "n_hops": len(chain.hops),
        "generator": chain.generator,
        "bound_by": bound_by,
    }


def chain_of(row: Mapping[str, Any]) -> Chain:
    """A row of `hop_chains` as a chain."""
    hops = tuple(
        Hop(**(hop | {"depends_on": tuple(hop["depends_on"]), "grounds": tuple(hop["grounds"])}))
        for hop in json.loads(row["hops"])
    )
    return Chain(
        image_id=row["image_id"],
        question=row["question"],
        program=Program.from_json(row["program"]),
        hops=hops,
        answer=row["answer"],
        instance_ids=tuple(row["instance_ids"]),
        query_type=row["query_type"],
        skeleton=row["skeleton"],
        generator=row["generator"],
    )


def _by_image(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        rows[row["image_id"]].append(row)
    return rows


def _doubt(row: Mapping[str, Any]) -> Doubt:
    """One that may be there. Under another name it takes its rival's place, under the same one it stands beside it."""
    return Doubt(_instance(row), row["rival_id"] if row["reason"] == OTHER_NAME else "")


def _instance(row: Mapping[str, Any]) -> Instance:
    return Instance(
        instance_id=row["instance_id"],
        category=row["category"],
        box=(row["x0"], row["y0"], row["x1"], row["y1"]),
        cx=row["cx"],
        cy=row["cy"],
        area=row["area"],
        mask_rle=row["mask_rle"],
        attributes=json.loads(row.get("attributes") or "{}"),
        score=row["score"],
    )
