"""Pictures that nobody annotated, and a line over them whose model is on a loopback server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from hopchain_assets.models.openai_chat import OpenAiChat
from hopchain_assets.models.retrying import Pauses
from hopchain_assets.ports.vlm import Vlm
from hopchain_assets.stages.asking import AskSettings, Models
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.landing import Landed, land
from tests.stages.model_server import MODEL


def plain_files(folder: Path, count: int, size: tuple[int, int] = (96, 64)) -> list[Path]:
    """Pictures that differ."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        Image.effect_noise(size, 40 + 8 * number).convert("RGB").save(path, "JPEG")
    return paths


def land_plain(line: Line, paths: Sequence[Path], said: str | None = None) -> list[str]:
    """Lands the files in one batch; returns their ids in order."""
    ids = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    land(line.lake, [Landed(path.as_uri(), name, said) for path, name in zip(paths, ids, strict=True)], 64)
    return ids


def asking(line: Line, vlm: Vlm, settings: AskSettings | None = None) -> Line:
    """The line with a model that rates and names; nobody writes, as there is nobody to read it."""
    return replace(line, models=Models(vlm), asking=settings or AskSettings())


def chat(url: str, model: str = MODEL, revision: str = "") -> OpenAiChat:
    """A client that does not wait long."""
    return OpenAiChat(url, model, revision, attempts=2, pauses=Pauses(0.01, 0.01))


def outcomes(line: Line, stage: str) -> dict[str, tuple[str, str]]:
    """How each input of a stage ended, and why."""
    rows = line.lake.query("SELECT input_id, outcome, coalesce(detail, '') FROM stage_done WHERE stage = ?", [stage])
    return {name: (outcome, detail) for name, outcome, detail in rows.iter_rows()}
