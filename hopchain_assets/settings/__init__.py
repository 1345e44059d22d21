"""The one reader of the environment, at call time. docs/settings.md lists what can be set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hopchain_assets.domain.certify import CertifierSettings
from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.certify.robust import Disturbance
from hopchain_assets.domain.composer import ComposerSettings
from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.domain.sift import SiftSettings
from hopchain_assets.ports import Policy
from hopchain_assets.ports.vlm import Vlm
from hopchain_assets.settings.environ import SettingsError, folders, number, one_of, optional, switch
from hopchain_assets.settings.eyes import Eyes
from hopchain_assets.settings.review import Review, opened
from hopchain_assets.settings.servers import Server, Servers
from hopchain_assets.stages.asking import AskSettings, Models
from hopchain_assets.stages.hop_chains import ChainSettings
from hopchain_assets.stages.landing import LandingSettings
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.policies import Executed, Human
from hopchain_assets.stages.segmenting import Sight
from hopchain_assets.stages.training_shards import ShardSettings
from hopchain_assets.stages.writing import WriterSettings
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

if TYPE_CHECKING:
    from hopchain_assets.operations.budget import Budget

POLICIES = ("executed", "human")

__all__ = ["Server", "Servers", "Settings", "SettingsError"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is, and what the line is set to.

    `day_cost` and `day_calls` bound what models are paid in a day; `max_cost`, `max_calls` bound this run, and are set
    by the command line alone.
    """

    home: Path
    catalog: str
    data_path: str
    picture_folder: str
    shard_folder: str
    landing_folders: tuple[str, ...]
    batch_size: int
    quiet_seconds: float
    workers: int
    snapshot_age: timedelta
    alert_webhook: str
    chains: ChainSettings
    shards: ShardSettings
    asking: AskSettings
    servers: Servers
    eyes: Eyes
    sift: SiftSettings
    operations: str
    prices_file: Path | None
    day_cost: float | None
    day_calls: int | None
    accept_models: bool
    policy: str
    review: Review
    max_cost: float | None = None
    max_calls: int | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from the environment (`os.environ` unless given), with the embedded defaults under `data/`.

        Raises:
            SettingsError: naming the variable and what it may be.
        """
        given = os.environ if environ is None else environ
        home = Path(given.get("HOPCHAIN_HOME") or "data").expanduser().resolve()
        data = given.get("HOPCHAIN_DATA_PATH") or str(home / "warehouse")
        return cls(
            home=home,
            catalog=given.get("HOPCHAIN_CATALOG") or f"sqlite:{home / 'catalog.sqlite'}",
            data_path=data,
            picture_folder=given.get("HOPCHAIN_PICTURES") or _beside(given, data, home, "pictures"),
            shard_folder=given.get("HOPCHAIN_SHARDS") or _beside(given, data, home, "shards"),
            landing_folders=folders(given.get("HOPCHAIN_LANDING")) or (str(home / "landing"),),
            batch_size=number(given, "HOPCHAIN_BATCH_SIZE", 64, 1, 10_000),
            quiet_seconds=number(given, "HOPCHAIN_QUIET_SECONDS", 600.0, 0.0, 86_400.0),
            workers=number(given, "HOPCHAIN_WORKERS", os.cpu_count() or 1, 1, 1_024),
            snapshot_age=timedelta(days=number(given, "HOPCHAIN_SNAPSHOT_DAYS", 7.0, 1.0, 3650.0)),
            alert_webhook=_webhook(given),
            chains=_chains(given),
            shards=ShardSettings(number(given, "HOPCHAIN_VALIDATION_SHARE", 0.1, 0.0, 1.0)),
            asking=AskSettings(
                sent_pixels=number(given, "HOPCHAIN_SENT_PIXELS", AskSettings().sent_pixels, 10_000.0, 1e8),
                least_complexity=number(given, "HOPCHAIN_LEAST_COMPLEXITY", AskSettings().least_complexity, 1, 10),
            ),
            servers=Servers.load(given),
            eyes=Eyes.load(given),
            sift=SiftSettings(least_score=number(given, "HOPCHAIN_LEAST_SCORE", SiftSettings().least_score, 0.0, 1.0)),
            operations=given.get("HOPCHAIN_OPERATIONS") or f"sqlite:///{home / 'operations.sqlite'}",
            prices_file=Path(prices).expanduser() if (prices := given.get("HOPCHAIN_PRICES")) else None,
            day_cost=optional(given, "HOPCHAIN_MAX_COST_A_DAY", float, 0.0, 1e9),
            day_calls=optional(given, "HOPCHAIN_MAX_CALLS_A_DAY", int, 0, 10**9),
            accept_models=switch(given, "HOPCHAIN_ACCEPT_MODELS"),
            policy=one_of(given, "HOPCHAIN_POLICY", POLICIES),
            review=Review.load(given),
        )

    def budget(self) -> Budget:
        """What may be spent on models, for all that shares it."""
        from hopchain_assets.operations.budget import Budget

        return Budget(self.max_cost, self.max_calls, self.day_cost, self.day_calls)

    def day_is_spent(self) -> bool:
        """Whether models may not be asked any more today."""
        budget = self.budget()
        if self.servers.vlm is None or not budget.limits_day:
            return False
        from hopchain_assets.operations.ledger import Ledger

        budget.begin_day(*Ledger(self.operations).spent_today())
        return budget.day_is_spent()

    def lake(self) -> Lake:
        """The warehouse, whatever the settings say of models. Opens nothing."""
        return Lake(self.catalog, self.data_path, self.home / "locks")

    def line(self, run: str = "", budget: Budget | None = None) -> Line:
        """The line that these settings describe. Opens nothing.

        Args:
            run: whose paid calls they are, in the ledger.
            budget: shared with other lines; by default this line has one of its own.
        """
        return Line(
            lake=self.lake(),
            pictures=PictureStore(self.picture_folder),
            shard_folder=self.shard_folder,
            chains=self.chains,
            shards=self.shards,
            policy=self._policy(),
            workers=self.workers,
            models=self._models(run, budget or self.budget()) if self.servers.vlm else Models(),
            asking=self.asking,
            sight=Sight(self.eyes.finder(self.operations, self.scene_folders()), self.eyes.reader(), self.sift),
            reviews=partial(opened, self.operations, self.review.rules),
        )

    def _policy(self) -> Policy:
        return Human() if self.policy == "human" else Executed(self.accept_models)

    def scene_folders(self) -> list[Path]:
        """The folders of scenes that were rendered into this home."""
        return sorted(path.parent for path in (self.home / "scenes").glob("*/instances.json"))

    def _models(self, run: str, budget: Budget) -> Models:
        """The models that are set, each behind the ledger. Imported here, as most commands ask nobody."""
        from hopchain_assets.operations.ledger import Ledger
        from hopchain_assets.operations.paid import Paid
        from hopchain_assets.operations.prices import Prices

        ledger, prices = Ledger(self.operations), Prices.load(self.prices_file)

        def behind(server: Server | None) -> Vlm | None:
            return Paid(server.client(), ledger, prices, budget, run) if server else None

        return Models(behind(self.servers.vlm), behind(self.servers.binder), behind(self.servers.perceiver))

    def landing(self) -> LandingSettings:
        """What the sweep of the landing folders goes by; the default folder is ours, and is made."""
        own = str(self.home / "landing")
        return LandingSettings(
            folders=self.landing_folders,
            batch_size=self.batch_size,
            quiet_seconds=self.quiet_seconds,
            own=own if own in self.landing_folders else "",
        )

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs and events."""
        return self.home / "dagster"


def _beside(given: Mapping[str, str], data: str, home: Path, name: str) -> str:
    """Pictures and shards go with the data: to the same object store when there is one."""
    return f"{data.rstrip('/')}-{name}" if given.get("HOPCHAIN_DATA_PATH") else str(home / name)


def _webhook(given: Mapping[str, str]) -> str:
    address = given.get("HOPCHAIN_ALERT_WEBHOOK") or ""
    if address and not address.startswith(("http://", "https://")):
        raise SettingsError(f"HOPCHAIN_ALERT_WEBHOOK must be an http or https address, it is {address!r}")
    return address


def _chains(given: Mapping[str, str]) -> ChainSettings:
    position = number(given, "HOPCHAIN_MARGIN_POSITION", Margins().position, 0.0, 0.5)
    ratio = number(given, "HOPCHAIN_MARGIN_RATIO", Margins().ratio, 0.0, 10.0)
    seed = number(given, "HOPCHAIN_SEED", 0, 0, 2**31)
    attempts = number(given, "HOPCHAIN_ATTEMPTS", ComposerSettings().attempts, 1, 100_000)
    weak = number(given, "HOPCHAIN_WEAK_SCORE", Disturbance().weak_score, 0.0, 1.0)
    limits = CountLimits(
        training_pixels=number(given, "HOPCHAIN_TRAINING_PIXELS", 1_000_000.0, 1.0, 1e9),
        sure_score=number(given, "HOPCHAIN_SURE_SCORE", CountLimits().sure_score, 0.0, 1.0),
    )
    return ChainSettings(
        per_picture=number(given, "HOPCHAIN_CHAINS_PER_PICTURE", 8, 1, 1_000),
        writer=WriterSettings(
            combinations=number(given, "HOPCHAIN_COMBINATIONS", WriterSettings().combinations, 0, 1_000),
            wanted=number(given, "HOPCHAIN_CHAINS_WANTED", WriterSettings().wanted, 1, 8),
        ),
        composer=ComposerSettings(attempts, position, ratio, seed),
        certifier=CertifierSettings(Margins(position, ratio), Disturbance(weak_score=weak), seed),
        limits=limits,
    )
