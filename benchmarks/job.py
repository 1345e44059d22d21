"""The whole job as one process: 500 pictures of 200 KB, 64 questions in flight, the schema checked, the ledger on.

Measured is a process of its own for each way to do it: the stage `categories` over a warehouse (all in one batch, and
in batches of 64), `ask_each` over a folder without a warehouse, and a script on the plain `openai` client that keeps
no ledger. Rounds alternate. The server is that of `benchmarks.client`: it answers at once. Linux only.
Run: `.venv/bin/python -m benchmarks.job [--pictures 500] [--rounds 3] [--in-flight 64]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

# no more than this up here: what a measured process does not need must not count against it

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

    from hopchain_assets.ports.vlm import Reply

MODEL = "stand-in"
BATCHES = (512, 64)
# noise of this size makes a JPEG of about 200 KB
SIDE, QUALITY = 576, 75


@dataclass(frozen=True, slots=True)
class Job:
    """What a measured process is told."""

    way: str
    folder: Path
    url: str
    in_flight: int
    round: int
    batch: int

    @property
    def home(self) -> Path:
        """The home with the warehouse in batches of that size."""
        return self.folder / f"home-{self.batch}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings; each round has a ledger of its own, and a limit of its own that makes all rows stale."""
        return {
            "HOPCHAIN_HOME": str(self.home),
            "HOPCHAIN_VLM_URL": self.url,
            "HOPCHAIN_VLM_MODEL": MODEL,
            "HOPCHAIN_IN_FLIGHT": str(self.in_flight),
            "HOPCHAIN_OPERATIONS": f"sqlite:///{self.folder / f'{self.way}-{self.batch}-{self.round}.sqlite'}",
            "HOPCHAIN_SENT_PIXELS": str(1_500_000 + self.round),
        }

    def measured(self) -> dict[str, float]:
        """What came of a process that does the job."""
        program = [sys.executable, "-m", "benchmarks.job", "--job"]
        told = json.dumps([self.way, str(self.folder), self.url, self.in_flight, self.round, self.batch])
        started = time.perf_counter()
        done = subprocess.run([*program, told], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout) | {"process": time.perf_counter() - started}


def make_pictures(folder: Path, count: int) -> None:
    """JPEGs of noise."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.jpg", "JPEG", quality=QUALITY)


def land(job: Job) -> None:
    """A warehouse in which the pictures wait for the stage `categories`."""
    import hashlib

    from hopchain_assets.settings import Settings
    from hopchain_assets.warehouse.landing import Landed, batches
    from hopchain_assets.warehouse.landing import land as land_all

    line = Settings.load({"HOPCHAIN_HOME": str(job.home)}).line()
    line.lake.migrate()
    paths = sorted((job.folder / "pictures").iterdir())
    members = [Landed(path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest(), None) for path in paths]
    land_all(line.lake, members, job.batch)
    for stage in ("raw_images", "image_ratings"):
        line.run(stage, batches(line.lake))


def over_warehouse(job: Job) -> Callable[[], int]:
    """The stage as `hopchain run` has it."""
    from hopchain_assets.settings import Settings
    from hopchain_assets.warehouse.landing import batches

    def work() -> int:
        line = Settings.load(job.environment).line("job")
        reports = line.run("categories", batches(line.lake))
        return sum(report.outcomes["done"] for report in reports)

    return work


def over_folder(job: Job) -> Callable[[], int]:
    """Client, ledger, schema, and nothing else of the project."""
    from hopchain_assets.export.sent import as_sent
    from hopchain_assets.models.openai_chat import OpenAiChat
    from hopchain_assets.operations.budget import Budget
    from hopchain_assets.operations.ledger import Ledger
    from hopchain_assets.operations.paid import Paid
    from hopchain_assets.operations.prices import Prices
    from hopchain_assets.ports.vlm import Ask, Reply
    from hopchain_assets.stages.asking import Models, ask_each
    from hopchain_assets.stages.prompting import prompt
    from hopchain_assets.stages.replies import Named

    chat = OpenAiChat(job.url, MODEL, most=job.in_flight)
    ledger = Ledger(job.environment["HOPCHAIN_OPERATIONS"])
    vlm = Paid(chat, ledger, Prices.load(None), Budget(None, None), "job")

    async def one(path: Path) -> Reply[Named]:
        picture = await asyncio.to_thread(lambda: as_sent(path.read_bytes(), 1_500_000))
        return await vlm.ask(
            Ask("name", "categories", path.name, prompt("categories"), "{}", (picture,), "categories",
                Named.schema_sent(), Named.read)
        )  # fmt: skip

    def work() -> int:
        paths = sorted((job.folder / "pictures").iterdir())
        results = ask_each(Models(vlm), paths, one, lambda _done, _of: None)
        return sum(isinstance(result, Reply) for result in results)

    return work


def plain(job: Job) -> Callable[[], int]:
    """A script on the `openai` client as its documentation has it; replies go to a file of JSON lines."""
    import base64

    from openai import AsyncOpenAI

    from hopchain_assets.stages.prompting import prompt
    from hopchain_assets.stages.replies import Named

    async def script() -> int:
        places = asyncio.Semaphore(job.in_flight)
        done = 0
        with (job.folder / f"plain-{job.round}.jsonl").open("w") as out:
            async with AsyncOpenAI(base_url=job.url, api_key="none", timeout=60.0) as client:

                async def one(path: Path) -> None:
                    nonlocal done
                    async with places:
                        data = base64.b64encode(path.read_bytes()).decode()
                        messages: list[ChatCompletionMessageParam] = [
                            {"role": "system", "content": prompt("categories")},
                            {
                                "role": "user",
                                "content": [
                                    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
                                    {"type": "text", "text": "{}"},
                                ],
                            },
                        ]
                        reply = await client.chat.completions.create(
                            model=MODEL,
                            messages=messages,
                            max_tokens=1000,
                            response_format={
                                "type": "json_schema",
                                "json_schema": {"name": "n", "strict": True, "schema": dict(Named.schema_sent())},
                            },
                        )
                    named = Named.read(reply.choices[0].message.content or "")
                    out.write(json.dumps({"picture": path.name, "categories": named.categories}) + "\n")
                    done += 1

                await asyncio.gather(*(one(path) for path in sorted((job.folder / "pictures").iterdir())))
        return done

    return lambda: asyncio.run(script())


WAYS: Mapping[str, Callable[[Job], Callable[[], int]]] = {
    "warehouse": over_warehouse,
    "folder": over_folder,
    "openai": plain,
}


def do(job: Job) -> dict[str, float]:
    """Does the job in this process, and tells what it took."""
    work = WAYS[job.way](job)
    imported = _memory()["VmRSS"]
    wall, cpu = time.perf_counter(), time.process_time()
    pictures = work()
    return {
        "pictures": pictures,
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "imported": imported,
        "peak": _memory()["VmHWM"],
    }


def _memory() -> dict[str, float]:
    """MB of this process, now and at its peak. Not `getrusage`: that of a child begins with its parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {
        key: int(value.split()[0]) / 1024
        for key, _, value in (line.partition(":") for line in lines)
        if key[:2] == "Vm"
    }


def table(found: Mapping[tuple[str, int], list[dict[str, float]]], pictures: int) -> str:
    """Medians of the rounds, one row for each way."""
    from hopchain_assets.export.markdown import table_markdown

    def middle(key: tuple[str, int], name: str) -> float:
        return median(one[name] for one in found[key])

    base = middle(("openai", 0), "seconds")
    rows: list[dict[str, object]] = []
    for key in found:
        assert all(one["pictures"] == pictures for one in found[key]), found[key]
        way, batch = key
        rows.append(
            {
                "way": f"{way}, batches of {batch}" if batch else way,
                "requests/s": round(pictures / middle(key, "seconds")),
                "times openai": f"{base / middle(key, 'seconds'):.2f}",
                "CPU ms a request": f"{1000 * middle(key, 'cpu') / pictures:.2f}",
                "requests/s, with start and imports": round(pictures / middle(key, "process")),
                "peak of memory, MB": round(middle(key, "peak")),
                "of these after the imports": round(middle(key, "imported")),
            }
        )
    return table_markdown(rows, list(rows[0]))


def main() -> None:
    """Prints a table for docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        way, folder, *rest = json.loads(options.job)
        print(json.dumps(do(Job(way, Path(folder), *rest))))
        return
    from benchmarks.client import server

    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="hopchain-job-") as place, server() as url:
        folder = Path(place)
        make_pictures(folder / "pictures", options.pictures)
        sizes = [path.stat().st_size for path in (folder / "pictures").iterdir()]
        print(f"{len(sizes)} pictures of {sum(sizes) / len(sizes) / 1000:.0f} KB", file=sys.stderr)
        for batch in BATCHES:
            land(Job("warehouse", folder, url, options.in_flight, 0, batch))
        for number in range(options.rounds):
            for way, batch in (("openai", 0), ("folder", 0), *(("warehouse", batch) for batch in BATCHES)):
                found[way, batch].append(Job(way, folder, url, options.in_flight, number, batch).measured())
    print(table(found, options.pictures))


if __name__ == "__main__":
    main()
