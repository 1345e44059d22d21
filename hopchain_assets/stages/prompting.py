"""The prompts of `hopchain_assets/prompts/`: one file each, and part of the version of the stage that uses it."""

from __future__ import annotations

from functools import cache
from importlib import resources

from hopchain_assets.domain.records import digest


@cache
def prompt(name: str) -> str:
    """The text of a prompt. All of it is ours: what comes from models, files and pictures goes into the message."""
    return resources.files("hopchain_assets").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")


def prompts_version(*names: str) -> str:
    """A hash of the texts of these prompts."""
    return digest(*(prompt(name) for name in names))
