"""Two `hopchain run` at once over the same pictures: is anything done twice?

Run: `.venv/bin/python -m benchmarks.sharing [--pictures 96]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.landing import take_in

BATCH = 8
WORK = """
    SELECT r.stage, sum(r.n_inputs)::BIGINT AS worked, any_value(d.n) AS inputs, count(*) AS times
    FROM stage_runs AS r JOIN (SELECT stage, count(*) AS n FROM stage_done GROUP BY 1) AS d USING (stage)
    GROUP BY 1 ORDER BY min(r."at")
"""


def ready(home: Path, scenes: Path) -> Settings:
    """A home in which the pictures have landed."""
    settings = Settings.load({"HOPCHAIN_HOME": str(home), "HOPCHAIN_BATCH_SIZE": str(BATCH)})
    lake = settings.line().lake
    lake.migrate()
    take_in(lake, read_coco(scenes.parent / "images", scenes, exhaustive=False).members, BATCH)
    return settings


def run(home: Path, processes: int) -> float:
    """Seconds until all of so many `hopchain run` have ended well. A worker each, so that they compare."""
    environment = os.environ | {"HOPCHAIN_HOME": str(home), "HOPCHAIN_WORKERS": "1"}
    started = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, "-m", "hopchain_assets", "run"], env=environment, stdout=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"a run failed: {codes}")
    return time.perf_counter() - started


def main() -> None:
    """Prints a table for docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=96)
    count = parser.parse_args().pictures
    with tempfile.TemporaryDirectory(prefix="hopchain-sharing-") as place:
        folder = Path(place)
        scenes = render_scenes(folder / "scenes", count, 5)
        for processes in (1, 2):
            settings = ready(folder / f"home{processes}", scenes)
            seconds = run(settings.home, processes)
            print(f"{processes} at once: {seconds:.1f} s\n")
            rows = settings.line().lake.query(WORK).to_dicts()
            print(table_markdown(rows, ["stage", "worked", "inputs", "times"]))


if __name__ == "__main__":
    main()
