"""A server that fails, and a line that is killed five times: is every picture settled, and what was paid for twice?

Plain pictures are rated and named by a stand-in that answers 5% of the requests with 500 and 3% with 429, cuts 2% of
the connections and breaks 2% of the replies. The process that runs the line is ended by SIGKILL, each time when a part
more of the questions has been answered, and started again. What the server sent is told by its own log.
Run: `.venv/bin/python -m benchmarks.paid_faults [--pictures 500] [--kills 5]`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from pathlib import Path

from benchmarks.growth import make
from hopchain_assets.export.markdown import table_markdown
from hopchain_assets.settings import Settings
from hopchain_assets.sources.coco import read_coco
from hopchain_assets.stages.line import STAGES
from hopchain_assets.stand_in.faults import Rates
from hopchain_assets.stand_in.server import Running, running
from hopchain_assets.stand_in.truth_log import entries
from hopchain_assets.warehouse.landing import Landed, batches, land

BATCH = 64
STAGES_RUN = STAGES[: STAGES.index("categories") + 1]
ASKING = ("image_ratings", "categories")
# some replies take their time, so that there is something in flight whenever the process is killed
RATES = Rates({"http_500": 0.05, "cut": 0.02, "broken_json": 0.02, "http_429": 0.03, "slow": 0.3}, slow_seconds=0.3)
# a server that is about to send a reply when its asker is killed has sent it by then
SETTLE_SECONDS = 1.0


@dataclass
class Survived:
    """What the server answered and the ledger holds, at the end and after each kill; and how the pictures ended."""

    in_flight: int
    rows: int = 0
    keys: int = 0
    claims: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    lost: list[int] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    unexplained: int = 0
    pending: int = 0
    seconds: float = 0.0

    @property
    def answered(self) -> int:
        """Requests to which a reply was sent whole, usable or not."""
        return self.sent["answered"]

    @property
    def within(self) -> bool:
        """Whether no more was answered than the ledger has, but for what was in flight at the kills."""
        return self.answered - self.keys <= self.in_flight * len(self.lost) and max(self.lost) <= self.in_flight


def survive(folder: Path, pictures: int, kills: int, in_flight: int = 64, rates: Rates = RATES) -> Survived:
    """Runs the line until nothing is pending, with so many kills on the way."""
    annotations = make(folder, 0, pictures)
    survived = Survived(in_flight)
    with running([annotations.rename(folder / "images-0" / "instances.json")], rates) as server:
        given = {
            "HOPCHAIN_HOME": str(folder / "home"),
            "HOPCHAIN_VLM_URL": server.url,
            "HOPCHAIN_VLM_MODEL": "stand-in",
            "HOPCHAIN_IN_FLIGHT": str(in_flight),
        }
        land_plain(given, folder / "images-0")
        started = time.perf_counter()
        for number in range(kills):
            # each picture is asked about twice
            kill_after(given, server, (number + 1) * 2 * pictures // (kills + 1))
            time.sleep(SETTLE_SECONDS)
            missing = _sent(server)["answered"] - ledger(given, "SELECT count(*) FROM calls")
            survived.lost.append(missing - sum(survived.lost))
        finish(given)
        survived.seconds = time.perf_counter() - started
        survived.sent = _sent(server)
    survived.rows = ledger(given, "SELECT count(*) FROM calls")
    survived.keys = ledger(given, "SELECT count(DISTINCT key) FROM calls")
    survived.claims = ledger(given, "SELECT count(*) FROM claims")
    _settled(survived, given, pictures)
    return survived


def land_plain(given: Mapping[str, str], images: Path) -> None:
    """Lands the pictures of a folder as if nobody had said anything about them."""
    line = Settings.load(given).line()
    line.lake.migrate()
    members = read_coco(images, images / "instances.json", exhaustive=False).members
    land(line.lake, [Landed(member.source_uri, member.content_sha256, None) for member in members], BATCH)


def work(given: Mapping[str, str]) -> None:
    """The line as far as plain pictures go, in the process that is killed."""
    line = Settings.load(given).line("killed")
    for stage in STAGES_RUN:
        line.run(stage, batches(line.lake))


def kill_after(given: Mapping[str, str], server: Running, answered: int) -> None:
    """Ends the line by SIGKILL when so many replies were sent since the log began."""
    process = started(given)
    while _sent(server)["answered"] < answered:
        if not process.is_alive():
            raise RuntimeError(f"the line ended with {process.exitcode} before it could be killed")
        time.sleep(0.02)
    process.kill()
    process.join()


def finish(given: Mapping[str, str]) -> None:
    """Runs the line to its end."""
    process = started(given)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the line ended with {process.exitcode}")


def started(given: Mapping[str, str]) -> SpawnProcess:
    """A process that does `work`."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=(dict(given),))
    process.start()
    return process


def _sent(server: Running) -> Counter[str]:
    """What the server did with requests: `answered`, `cut`, or the status of an error."""
    told = (entry for entry in entries(server.log) if entry["kind"] == "request")
    return Counter(
        "cut" if entry.get("cut") else "answered" if entry["status"] == 200 else str(entry["status"]) for entry in told
    )


def ledger(given: Mapping[str, str], sql: str) -> int:
    """A number from the ledger's file."""
    connection = sqlite3.connect(Path(given["HOPCHAIN_HOME"]) / "operations.sqlite")
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


def _settled(survived: Survived, given: Mapping[str, str], pictures: int) -> None:
    """How the pictures ended; those that are nowhere count as pending."""
    line = Settings.load(given).line()
    rows = line.lake.query("SELECT stage, outcome, input_id, detail FROM stage_done").rows()
    survived.outcomes = Counter((stage, outcome) for stage, outcome, _, _ in rows if stage in ASKING)
    survived.unexplained = sum(outcome == "failed" and not detail for _, outcome, _, detail in rows)
    seen = {name for stage, _, name, _ in rows if stage == "image_ratings"}
    owed = sum(row.pending for row in line.backlog() if row.stage in STAGES_RUN)
    survived.pending = pictures - len(seen) + owed


def report(survived: Survived, pictures: int) -> None:
    """Prints a table for docs/benchmarks.md."""
    ended = ", ".join(f"{stage} {outcome} {n}" for (stage, outcome), n in sorted(survived.outcomes.items()))
    errors = ", ".join(f"{kind} {n}" for kind, n in sorted(survived.sent.items()) if kind != "answered")
    lost = survived.answered - survived.rows
    rows: list[dict[str, object]] = [
        {"what": "pictures", "figure": pictures},
        {"what": "how they ended", "figure": ended},
        {
            "what": "pending at the end, failed without a reason",
            "figure": f"{survived.pending}, {survived.unexplained}",
        },
        {"what": "replies that the server sent whole", "figure": survived.answered},
        {"what": "other ends of requests", "figure": errors},
        {"what": "calls in the ledger, distinct keys", "figure": f"{survived.rows}, {survived.keys}"},
        {"what": "replies that are not in the ledger", "figure": lost},
        {"what": "of these at each kill", "figure": ", ".join(map(str, survived.lost))},
        {"what": "what may be in flight at a kill", "figure": survived.in_flight},
        {"what": "claims left", "figure": survived.claims},
        {"what": "seconds", "figure": round(survived.seconds)},
    ]
    print(table_markdown(rows, ["what", "figure"]))


def main() -> None:
    """Ends with 1 when a picture is not settled, or more was paid for than the ledger and the kills explain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hopchain-paid-") as place:
        survived = survive(Path(place), options.pictures, options.kills)
    report(survived, options.pictures)
    sys.exit(bool(survived.pending or survived.unexplained or survived.claims or not survived.within))


if __name__ == "__main__":
    main()
