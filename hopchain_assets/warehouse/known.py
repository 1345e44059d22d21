"""What the warehouse knows of pictures that are about to come in, so that no work is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from hopchain_assets.warehouse.lake import Lake

_LANDED = """
    SELECT content_sha256, batch, annotations_sha256 FROM batch_members WHERE content_sha256 IN (SELECT unnest(?))
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A picture that has landed: its batch, and the hash of what its source said of it, None when it said nothing."""

    batch: str
    annotations_sha256: str | None

    @property
    def annotated(self) -> bool:
        """Whether its source said anything of it."""
        return self.annotations_sha256 is not None


def known_contents(source: Lake | duckdb.DuckDBPyConnection, contents: Sequence[str]) -> dict[str, Known]:
    """Those of the contents (sha256) that have landed, as the warehouse is now or as an open transaction sees it."""
    if not contents:
        return {}
    asked = [list(contents)]
    found = source.query(_LANDED, asked) if isinstance(source, Lake) else source.execute(_LANDED, asked).pl()
    return {content: Known(batch, said) for content, batch, said in found.iter_rows()}


def known_addresses(lake: Lake, addresses: Sequence[str]) -> frozenset[str]:
    """Those of the addresses from which a picture has landed."""
    rows = lake.query("SELECT source_uri FROM batch_members WHERE source_uri LIKE 'https:%'")
    return frozenset(rows["source_uri"]) & frozenset(addresses)
