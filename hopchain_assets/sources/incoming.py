"""What a source hands over: pictures one by one, and a reason for each row that gives none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

CREDITS = ("license", "license_url", "author", "source_page")


class UnusableSource(ValueError):
    """Nothing can be read from the source; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that comes in.

    `data` is None where the picture lies in a file of its own, at `source_uri`. `annotations` is the JSON of what the
    source says of it, None when it says nothing.
    """

    source_uri: str
    content_sha256: str
    data: bytes | None
    annotations: str | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row, file or address that gives no picture, and why."""

    name: str
    reason: str


def held(source_uri: str, data: bytes, credits: Mapping[str, str] | None = None) -> Picture:
    """A picture whose bytes the source holds; `credits` are the texts of `CREDITS` that it names."""
    return Picture(source_uri, hashlib.sha256(data).hexdigest(), data, _said(credits or {}))


def _said(credits: Mapping[str, str]) -> str | None:
    if not any(credits.values()):
        return None
    said = {"source": "dataset", "marks": []} | {key: credits.get(key, "") for key in CREDITS}
    return json.dumps(said, sort_keys=True, separators=(",", ":"))
