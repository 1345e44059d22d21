"""Chains with all that a page or a command shows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from hopchain_assets.export.words import Entry, State
from hopchain_assets.stages.facts import chain_of, read_facts
from hopchain_assets.stages.line import Line


@dataclass(frozen=True, slots=True)
class Rejected:
    """A proposal that broke a rule; its program is not kept."""

    chain_id: str
    image_id: str
    question: str
    rule: str
    detail: str


def chain_ids(line: Line, state: State, most: int) -> list[str]:
    """Ids of up to `most` chains in a state, one of each picture before the second of any."""
    if state == "rejected":
        return []
    table = {"verified": "verified_set", "waiting": "waiting_chains"}[state]
    return line.lake.query(_SPREAD.format(table=table), [most])["chain_id"].to_list()


def starting_with(line: Line, prefix: str, most: int = 10) -> tuple[list[str], list[Rejected]]:
    """Certified chains, and rejected proposals, whose ids begin so."""
    certified = line.lake.query(_CERTIFIED, [prefix, most])["chain_id"].to_list()
    rejected = line.lake.query(_REJECTED, [prefix, most]).rows()
    return certified, [Rejected(*row) for row in rejected]


def entries(line: Line, ids: Sequence[str]) -> list[Entry]:
    """The certified chains of these ids, in this order; ids that are gone are left out."""
    rows = {row["chain_id"]: row for row in line.lake.query(_ENTRIES, [list(ids)]).iter_rows(named=True)}
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows.values():
        wanted[row["batch"]].add(row["image_id"])
    facts = {}
    with line.lake.reading() as connection:
        for batch, images in wanted.items():
            facts |= read_facts(connection, batch, line.chains.limits, sorted(images))
    pictures = {name: line.pictures.get(name) for name in facts}
    found = (rows[name] for name in ids if name in rows and rows[name]["image_id"] in facts)
    return [_entry(row, pictures[row["image_id"]], facts[row["image_id"]]) for row in found]


def _entry(row: dict[str, Any], picture: bytes, facts: Any) -> Entry:
    state: State = "verified" if row["verified_by"] else "waiting"
    chain = chain_of(row)
    return Entry(
        picture=picture,
        facts=facts,
        # where people say another number than the program, theirs is the answer
        chain=replace(chain, answer=row["said"] or chain.answer),
        state=state,
        licence=row["license"] or "",
        author=row["author"] or "",
        source_page=row["source_page"] or "",
        split=row["split"] or "",
        name=file_name(row["source_uri"]),
        note=_verified(row, chain.answer) if row["verified_by"] else _waits(row),
    )


def _verified(row: dict[str, Any], executed: str) -> str:
    told = f"verified by {row['verified_by']}"
    if row["held"]:
        return f"{told}, not in the shards: {row['held']}"
    return told if row["said"] == executed else f"{told}, who say {row['said']} where the program gives {executed}"


def _waits(row: dict[str, Any]) -> str:
    if not row["reason"]:
        return "the stage verified_set has not looked at it yet"
    return f"{row['reason']}: {row['detail']}"


def file_name(uri: str) -> str:
    """The last part of a file's address, as people know it."""
    return unquote(urlsplit(uri).path).rpartition("/")[2]


# the picture's turn comes by a hash of its id, so that a page shows scenes of every kind, not the first ones
_SPREAD = """
SELECT chain_id FROM {table}
ORDER BY row_number() OVER (PARTITION BY image_id ORDER BY chain_id), md5(image_id), chain_id
LIMIT ?
"""
_CERTIFIED = "SELECT DISTINCT chain_id FROM hop_chains WHERE starts_with(chain_id, ?) ORDER BY chain_id LIMIT ?"
_REJECTED = """
SELECT chain_id, image_id, question, rule, detail FROM rejected_chains
WHERE question IS NOT NULL AND starts_with(chain_id, ?) ORDER BY chain_id, rule LIMIT ?
"""
_ENTRIES = """
SELECT c.*, i.source_uri, i.license, i.author, i.source_page, v.verified_by, v.held, v.answer AS said, w.reason,
    w.detail, s.split
FROM hop_chains AS c
JOIN images AS i ON i.image_id = c.image_id AND i.batch = c.batch
LEFT JOIN verified_set AS v ON v.chain_id = c.chain_id AND v.batch = c.batch
LEFT JOIN waiting_chains AS w ON w.chain_id = c.chain_id AND w.batch = c.batch
LEFT JOIN shard_examples AS s ON s.chain_id = c.chain_id AND s.batch = c.batch
WHERE list_contains(?, c.chain_id)
"""
