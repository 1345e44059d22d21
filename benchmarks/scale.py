"""A large warehouse: SQL models, the README's queries, and finding out what is pending.

One batch of 64 pictures with 20 instances each goes through the real line; its rows are then repeated under other
names until there are a million instances and two hundred thousand chains. Files are as upkeep leaves them: merged.
Run: `.venv/bin/python -m benchmarks.scale`.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks.growth import add
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.settings import Settings
from hopchain_assets.stages.line import STAGES, Line
from hopchain_assets.warehouse.landing import batches
from hopchain_assets.warehouse.model_files import read_checks, read_models
from hopchain_assets.warehouse.models import build_models, run_checks

PICTURES, COPIES, CHAINS = 64, 781, 4
README = Path(__file__).parents[1] / "README.md"
TABLES = (
    "batch_members", "images", "categories", "category_audit", "instances", "hop_chains", "rejected_chains",
    "verified_set", "shard_examples", "shards", "stage_done", "stage_runs",
)  # fmt: skip
IDS = (
    "batch", "image_id", "content_sha256", "instance_id", "chain_id", "question_id", "example_id", "shard_path",
    "input_id", "split_group",
)  # fmt: skip


def grown(home: Path) -> Line:
    """The large warehouse."""
    settings = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_CHAINS_PER_PICTURE": str(CHAINS)})
    add(settings, home / "source", 0, PICTURES)
    line = settings.line()
    for stage in STAGES:
        line.run(stage, batches(line.lake))
    line.lake.transact("scale", "", _repeat)
    return line


def _repeat(connection: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES:
        names = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
        changed = [f'md5("{name}" || k) AS "{name}"' for name in names if name in IDS]
        if "instance_ids" in names:
            changed.append("list_transform(instance_ids, one -> md5(one || k)) AS instance_ids")
        connection.execute(
            f"INSERT INTO {table} SELECT * EXCLUDE (k) REPLACE ({', '.join(changed)}) "
            f"FROM {table}, (SELECT unnest(range({COPIES})) AS k)"
        )


def seconds(work: Callable[[], object]) -> float:
    """The best of three."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Prints tables for docs/benchmarks.md."""
    with tempfile.TemporaryDirectory(prefix="hopchain-scale-") as place:
        line = grown(Path(place))
        lake = line.lake
        sizes = {name: lake.query(f"SELECT count(*) FROM {name}").item() for name in TABLES}
        print(table_markdown([sizes], list(sizes)))
        rows: list[dict[str, object]] = []

        def told(kind: str, name: str, work: Callable[[], object]) -> None:
            rows.append({"what": kind, "name": name, "s": round(seconds(work), 2)})

        models = read_models()
        build_models(lake, models)
        for model in models:
            told(
                "model, built whole", model.name, lambda name=model.name: build_models(lake, models, [name], full=True)
            )
        for query in re.findall(r'hopchain query "(SELECT .+?)"', README.read_text(encoding="utf-8")):
            told("README's query", query, lambda sql=query: lake.query(sql))
        first = next(name for name in batches(lake) if name.startswith("b0"))
        for stage in STAGES:
            told("nothing pending, one batch", stage, lambda name=stage: line.run(name, [first]))
        told("what is pending, all stages and batches", "", line.backlog)
        told("all set-wide checks", "", lambda: run_checks(lake, read_checks()))
        print(table_markdown(rows, ["what", "name", "s"]))


if __name__ == "__main__":
    main()
