"""What the warehouse knows of pictures that are about to come in, so that no work is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hopchain_assets.warehouse.lake import Lake


@dataclass(frozen=True, slots=True)
class Known:
    """A picture that has landed: its batch, and whether its source said anything of it."""

    batch: str
    annotated: bool


def known_contents(lake: Lake, contents: Sequence[str]) -> dict[str, Known]:
    """Those of the contents (sha256) that have landed."""
    rows = lake.query(
        "SELECT content_sha256, batch, annotations IS NOT NULL FROM batch_members "
        "WHERE content_sha256 IN (SELECT unnest(?))",
        [list(contents)],
    )
    return {content: Known(batch, annotated) for content, batch, annotated in rows.iter_rows()}


def known_addresses(lake: Lake, addresses: Sequence[str]) -> frozenset[str]:
    """Those of the addresses from which a picture has landed."""
    rows = lake.query("SELECT source_uri FROM batch_members WHERE source_uri LIKE 'https:%'")
    return frozenset(rows["source_uri"]) & frozenset(addresses)
