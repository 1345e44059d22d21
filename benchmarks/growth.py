"""Growth: many pictures through all stages, then 1% more, and what a change of settings does to old rows.

The facts are made and the picture files tiny, so that the line itself is measured. Each size runs in a process of its
own, whose peak of memory is told (that of its workers, too). Run: `.venv/bin/python -m benchmarks.growth`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from hopchain_assets.cli.sources import take_in
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.line import STAGES, Line

WIDTH, HEIGHT = 640, 480
KINDS = ("cup", "book", "lamp", "plate")
INSTANCES = 20


def make(folder: Path, first: int, count: int) -> Path:
    """Pictures `first` and on, and their COCO file. Twenty rectangles each, of four kinds, on a loose grid."""
    images = folder / f"images-{first}"
    images.mkdir(parents=True)
    rng = np.random.default_rng(first)
    document = {
        "info": {"exhaustive": True, "source": "benchmark"},
        "categories": [{"id": number, "name": name} for number, name in enumerate(KINDS, 1)],
        "images": [],
        "annotations": [],
    }
    for number in range(first, first + count):
        blocks = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        picture = Image.fromarray(blocks).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
        picture.save(images / f"{number}.png")
        document["images"].append({"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT})
        cells = rng.permutation(30)[:INSTANCES]
        for place, cell in enumerate(cells):
            x = float(cell % 6 * 106 + rng.integers(0, 40))
            y = float(cell // 6 * 96 + rng.integers(0, 30))
            w, h = (float(value) for value in rng.integers(24, 62, 2))
            document["annotations"].append(
                {
                    "id": number * INSTANCES + place,
                    "image_id": number,
                    "category_id": 1 + place % len(KINDS),
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    "iscrowd": 0,
                }
            )
    path = folder / f"instances-{first}.json"
    path.write_text(json.dumps(document))
    return path


def add(settings: Settings, folder: Path, first: int, count: int) -> None:
    """Makes pictures and lands them."""
    path = make(folder, first, count)
    take_in(settings, read_coco(folder / f"images-{first}", path, exhaustive=False))


def do(line: Line) -> tuple[dict[str, float], float]:
    """Seconds by stage, and for finding out what is pending."""
    started = time.perf_counter()
    due = sorted({owed.batch for owed in line.backlog() if owed.pending})
    looking = time.perf_counter() - started
    seconds: dict[str, float] = {}
    for stage in STAGES:
        seconds[stage] = sum(report.seconds for report in line.run(stage, due))
        print(f"  {stage}: {seconds[stage]:.1f} s", flush=True)
    return seconds, looking


def memory() -> float:
    """MB that this process and the largest of its children had at their peak."""
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + children) / 1024


def grow(count: int, told: multiprocessing.SimpleQueue[dict[str, float]]) -> None:
    """The whole of it for one size."""
    with tempfile.TemporaryDirectory(prefix="hopchain-growth-") as place:
        folder = Path(place)
        settings = Settings.load({"HOPCHAIN_HOME": str(folder / "home")})
        add(settings, folder, 0, count)
        line = settings.line()
        full, _ = do(line)
        peak = memory()
        add(settings, folder, count, count // 100)
        more, looking = do(line)
        started = time.perf_counter()
        left = sum(owed.pending for owed in line.backlog())
        nothing = time.perf_counter() - started
        chains = line.lake.query("SELECT count(*) FROM hop_chains").item()
        stale = stale_rows(settings, line) if count <= 2000 else 0
        told.put(
            {"full": sum(full.values()), "more": sum(more.values()) + looking, "peak": peak, "nothing": nothing}
            | {"left": left, "chains": chains, "stale": stale}
        )


def stale_rows(settings: Settings, line: Line) -> int:
    """Rows of an old version that are left after a setting changed and the line ran again."""
    chains = replace(settings.chains, per_picture=settings.chains.per_picture - 1)
    changed = replace(line, chains=chains)
    do(changed)
    current = changed.stages()["hop_chains"].version
    return line.lake.query("SELECT count(*) FROM hop_chains WHERE stage_version <> ?", [current]).item()


def main() -> None:
    """Prints a table for docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[2000, 10000])
    context = multiprocessing.get_context("spawn")
    rows = []
    for count in parser.parse_args().pictures:
        print(f"{count} pictures", flush=True)
        told: multiprocessing.SimpleQueue[dict[str, float]] = context.SimpleQueue()
        process = context.Process(target=grow, args=(count, told))
        process.start()
        found = told.get()
        process.join()
        rows.append(
            {
                "pictures": count,
                "chains": found["chains"],
                "stages, s": round(found["full"], 1),
                "1% more, s": round(found["more"], 2),
                "share": f"{100 * found['more'] / found['full']:.2f}%",
                "nothing pending, s": round(found["nothing"], 2),
                "peak, MB": round(found["peak"]),
                "stale rows": found["stale"],
            }
        )
    print(table_markdown(rows, list(rows[0])))


if __name__ == "__main__":
    main()
