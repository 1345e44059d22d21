"""Twenty SIGKILLs while the line runs itself, and a reader that polls all the while.

Drops pictures of 20 batches into the landing folder of a running `hopchain ui`, kills a process of it at random, twenty
times (runs, workers, code server, daemon, or all at once), starts it again when it is gone, and compares the tables
with those of an undisturbed run. Linux only. Run: `.venv/bin/python -m benchmarks.faults [--kills 20] [--seed 1]`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stages.landing import take_in
from hopchain_assets.stages.line import STAGES, Line

PICTURES, BATCH = 80, 4
PORT = 3977
TABLES = (
    "images", "categories", "instances", "pairs", "hop_chains", "rejected_chains", "verified_set", "waiting_chains",
    "shard_examples", "shards",
)  # fmt: skip
NOT_CONTENT = "batch, stage_version, ingested_at, source_uri"


class Service:
    """`hopchain ui`, with every process that it starts."""

    def __init__(self, home: Path) -> None:
        self._environment = os.environ | environment(home)
        self._log = (home.parent / "service.log").open("ab")
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Starts it in a session of its own."""
        program = [sys.executable, "-m", "hopchain_assets", "ui", "--port", str(PORT)]
        self._process = subprocess.Popen(
            program, env=self._environment, stdout=self._log, stderr=self._log, start_new_session=True
        )
        self.starts += 1

    def keep_up(self) -> None:
        """Starts it again when it has ended, as a supervisor would."""
        if self._process.poll() is not None:
            self.start()

    def processes(self) -> list[int]:
        """All that belong to it, orphans too."""
        mark = f"HOPCHAIN_HOME={self._environment['HOPCHAIN_HOME']}"
        found = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        return [pid for pid in found if pid != os.getpid() and mark in _read(pid, "environ")]

    def kill_one(self, chance: random.Random) -> str:
        """Kills one process, or now and then all of them; says which."""
        found = self.processes()
        if chance.random() < 0.2:
            for process in found:
                _kill(process)
            return "all"
        # the runs and their workers do the writing: two of three kills are theirs
        runs = [process for process in found if _kind(process) in ("run", "worker")]
        victim = chance.choice(runs if runs and chance.random() < 0.67 else found) if found else None
        if victim is None:
            return "none"
        kind = _kind(victim)
        _kill(victim)
        return kind

    def stop(self) -> None:
        """Ends it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for process in self.processes():
            _kill(process)


def _read(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace").split("\0")
    except OSError:
        # it ended meanwhile
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kind(pid: int) -> str:
    words = " ".join(_read(pid, "cmdline"))
    for mark, kind in (
        ("forkserver", "worker"), ("spawn_main", "run"), ("api grpc", "code server"), ("code-server", "code server"),
        ("daemon", "daemon"), ("webserver", "web server"),
    ):  # fmt: skip
        if mark in words:
            return kind
    return "service"


def environment(home: Path) -> dict[str, str]:
    """Small batches that are sealed soon."""
    return {"HOPCHAIN_HOME": str(home), "HOPCHAIN_BATCH_SIZE": str(BATCH), "HOPCHAIN_QUIET_SECONDS": "5"}


def contents(line: Line) -> dict[str, Counter[tuple[object, ...]]]:
    """The rows of every table, without times and batch names."""
    found: dict[str, Counter[tuple[object, ...]]] = {}
    for table in TABLES:
        columns = [name for name in line.lake.query(f"FROM {table} LIMIT 0").columns if name not in NOT_CONTENT]
        if table in ("shards", "shard_examples"):
            columns = [name for name in columns if name != "shard_path"]
        frame = line.lake.query(f"SELECT {', '.join(columns)} FROM {table}")
        found[table] = Counter(tuple(map(str, row)) for row in frame.iter_rows())
    return found


class Reader(threading.Thread):
    """Polls the warehouse; counts what it saw, errors and halves."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self.line, self.looks, self.errors, self.halves = line, 0, Counter[str](), 0
        self.done = threading.Event()

    def run(self) -> None:
        """A batch's instances and ledger are of one state, whenever one looks."""
        while not self.done.wait(0.1):
            try:
                self.halves += self.line.lake.query(HALVES).item()
                self.looks += 1
            except Exception as error:
                self.errors[str(error)[:200]] += 1


# pictures whose rows are not those that their ledger tells of
HALVES = """
    SELECT count(*) FROM
        (SELECT input_id, n_rows FROM stage_done WHERE stage = 'hop_chains') AS told
        FULL JOIN (
            SELECT image_id, count(*) AS n FROM
                (SELECT image_id FROM hop_chains UNION ALL SELECT image_id FROM rejected_chains) GROUP BY ALL
        ) AS there ON there.image_id = told.input_id
    WHERE coalesce(n_rows, 0) <> coalesce(n, 0)
"""


def undisturbed(home: Path, scenes: Path) -> Line:
    """The same pictures through the line in this process."""
    settings = Settings.load(environment(home))
    line = settings.line()
    line.lake.migrate()
    take_in(line.lake, read_coco(scenes.parent / "images", scenes, exhaustive=False).members, BATCH)
    names = sorted({owed.batch for owed in line.backlog()})
    for stage in STAGES:
        line.run(stage, names)
    return line


def unfinished(line: Line) -> int:
    """Inputs that are pending, counting pictures that have not landed."""
    landed = line.lake.query("SELECT count(*) FROM batch_members").item()
    return PICTURES - landed + sum(owed.pending for owed in line.backlog())


def disturb(service: Service, line: Line, kills: int, chance: random.Random) -> tuple[Counter[str], float]:
    """Kills, and waits until all is done; returns what was killed and the seconds."""
    killed: Counter[str] = Counter()
    started = time.monotonic()
    next_kill = started + chance.uniform(3, 20)
    while killed.total() < kills or unfinished(line):
        time.sleep(0.5)
        service.keep_up()
        if killed.total() < kills and time.monotonic() > next_kill:
            killed[service.kill_one(chance)] += 1
            print(f"{time.monotonic() - started:6.0f} s  killed {dict(killed)}, {unfinished(line)} pending", flush=True)
            next_kill = time.monotonic() + chance.uniform(3, 20)
        if time.monotonic() - started > 1800:
            raise SystemExit(f"after half an hour {unfinished(line)} inputs are still pending")
    return killed, time.monotonic() - started


def main() -> None:
    """Prints what happened; ends with 1 when the tables differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="hopchain-faults-"))
    scenes = render_scenes(place / "scenes", PICTURES, 5)
    expected = contents(undisturbed(place / "alone", scenes))
    home = place / "home"
    line = Settings.load(environment(home)).line()
    line.lake.migrate()
    service = Service(home)
    time.sleep(15)
    shutil.copytree(place / "scenes", home / "landing" / "scenes")
    reader = Reader(line)
    reader.start()
    try:
        killed, seconds = disturb(service, line, options.kills, random.Random(options.seed))
    finally:
        reader.done.set()
        reader.join()
        service.stop()
    found = contents(line)
    differing = [table for table in TABLES if found[table] != expected[table]]
    parked = line.lake.query("SELECT count(*) FROM parked WHERE retried_at IS NULL").item()
    print(f"{seconds:.0f} s, {killed.total()} kills {dict(killed)}, started {service.starts} times")
    rows = sum(map(Counter.total, found.values()))
    print(f"rows: {rows}; tables that differ: {differing or 'none'}; parked: {parked}")
    print(f"reader: {reader.looks} looks, {reader.halves} halves, errors: {dict(reader.errors) or 'none'}")
    if not differing:
        shutil.rmtree(place)
    sys.exit(bool(differing or parked or reader.halves or reader.errors))


if __name__ == "__main__":
    main()
