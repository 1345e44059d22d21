"""The one reader of the environment, at call time. docs/settings.md lists what can be set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from hopchain_assets.domain.certify import CertifierSettings
from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.composer import ComposerSettings
from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.stages.hop_chains import ChainSettings
from hopchain_assets.stages.landing import LandingSettings
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.training_shards import ShardSettings
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

T = TypeVar("T", int, float)


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is, and what the line is set to."""

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
            landing_folders=_folders(given.get("HOPCHAIN_LANDING")) or (str(home / "landing"),),
            batch_size=_number(given, "HOPCHAIN_BATCH_SIZE", 64, 1, 10_000),
            quiet_seconds=_number(given, "HOPCHAIN_QUIET_SECONDS", 600.0, 0.0, 86_400.0),
            workers=_number(given, "HOPCHAIN_WORKERS", os.cpu_count() or 1, 1, 1_024),
            snapshot_age=timedelta(days=_number(given, "HOPCHAIN_SNAPSHOT_DAYS", 7.0, 1.0, 3650.0)),
            alert_webhook=_webhook(given),
            chains=_chains(given),
            shards=ShardSettings(_number(given, "HOPCHAIN_VALIDATION_SHARE", 0.1, 0.0, 1.0)),
        )

    def line(self) -> Line:
        """The line that these settings describe. Opens nothing."""
        return Line(
            lake=Lake(self.catalog, self.data_path, self.home / "locks"),
            pictures=PictureStore(self.picture_folder),
            shard_folder=self.shard_folder,
            chains=self.chains,
            shards=self.shards,
            workers=self.workers,
        )

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


def _folders(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(";") if part.strip()))


def _webhook(given: Mapping[str, str]) -> str:
    address = given.get("HOPCHAIN_ALERT_WEBHOOK") or ""
    if address and not address.startswith(("http://", "https://")):
        raise SettingsError(f"HOPCHAIN_ALERT_WEBHOOK must be an http or https address, it is {address!r}")
    return address


def _chains(given: Mapping[str, str]) -> ChainSettings:
    position = _number(given, "HOPCHAIN_MARGIN_POSITION", Margins().position, 0.0, 0.5)
    ratio = _number(given, "HOPCHAIN_MARGIN_RATIO", Margins().ratio, 0.0, 10.0)
    seed = _number(given, "HOPCHAIN_SEED", 0, 0, 2**31)
    attempts = _number(given, "HOPCHAIN_ATTEMPTS", ComposerSettings().attempts, 1, 100_000)
    limits = CountLimits(training_pixels=_number(given, "HOPCHAIN_TRAINING_PIXELS", 1_000_000.0, 1.0, 1e9))
    return ChainSettings(
        per_picture=_number(given, "HOPCHAIN_CHAINS_PER_PICTURE", 8, 1, 1_000),
        composer=ComposerSettings(attempts, position, ratio, seed),
        certifier=replace(CertifierSettings(seed=seed), margins=Margins(position, ratio)),
        limits=limits,
    )


def _number(given: Mapping[str, str], name: str, default: T, least: T, most: T) -> T:
    text = given.get(name)
    if not text:
        return default
    try:
        value = type(default)(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise SettingsError(f"{name} must be {kind} from {least:g} to {most:g}, it is {text!r}")
    return value
