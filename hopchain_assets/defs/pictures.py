"""The pictures on the pages of `instance_masks` and `hop_chains`, small enough to travel in the metadata."""

from __future__ import annotations

from collections import Counter

import dagster as dg
from PIL import Image

from hopchain_assets.domain.records import Facts
from hopchain_assets.export.drawing import contact_strip, open_picture, outline_instances, thumbnail_data_uri
from hopchain_assets.export.markdown import chain_markdown, escape_markdown
from hopchain_assets.export.words import Entry
from hopchain_assets.stages.facts import chain_of, read_facts
from hopchain_assets.stages.line import Line

MASK_PICTURES = 6
STRIP_COLUMNS, STRIP_WIDTH, STRIP_BYTES = 3, 1000, 120_000
CHAINS = 3


def masks_metadata(line: Line, batch: str) -> dict[str, dg.MetadataValue]:
    """The outlines of up to six pictures with the most kinds of objects, as one strip."""
    chosen = line.lake.query(
        "SELECT image_id FROM instances WHERE batch = ? GROUP BY ALL "
        f"ORDER BY count(DISTINCT category) DESC, image_id LIMIT {MASK_PICTURES}",
        [batch],
    )["image_id"].to_list()
    facts = _facts(line, batch, chosen)
    drawn: list[Image.Image] = []
    captions: list[str] = []
    for name in chosen:
        try:
            picture = open_picture(line.pictures.get(name), facts[name])
            drawn.append(outline_instances(picture, facts[name].instances))
            captions.append(f"{len(drawn)}. {_caption(facts[name])}")
        except (OSError, ValueError) as error:
            # a picture that was lost since it came in is no reason to fail a run whose rows are in place
            captions.append(f"- {escape_markdown(f'{name[:12]} cannot be shown: {error}')}")
    parts = ["\n".join(captions)]
    if drawn:
        strip = contact_strip(drawn, min(STRIP_COLUMNS, len(drawn)), STRIP_WIDTH)
        parts.insert(0, f"![mask outlines]({thumbnail_data_uri(strip, STRIP_BYTES)})")
    return {"mask outlines": dg.MetadataValue.md("\n\n".join(parts))} if captions else {}


def chains_metadata(line: Line, batch: str) -> dict[str, dg.MetadataValue]:
    """Up to three chains of different skeletons: picture, question, each hop with its result, the answer."""
    rows = line.lake.query(
        "SELECT c.*, i.license, i.author, i.source_page FROM hop_chains AS c "
        "JOIN images AS i ON i.image_id = c.image_id AND i.batch = c.batch WHERE c.batch = ? "
        "QUALIFY row_number() OVER (PARTITION BY c.skeleton ORDER BY c.chain_id) = 1 "
        f"ORDER BY c.chain_id LIMIT {CHAINS}",
        [batch],
    ).to_dicts()
    facts = _facts(line, batch, sorted({row["image_id"] for row in rows}))
    found: dict[str, dg.MetadataValue] = {}
    for number, row in enumerate(rows, start=1):
        name = row["image_id"]
        try:
            entry = Entry(
                picture=line.pictures.get(name),
                facts=facts[name],
                chain=chain_of(row),
                state="certified",
                licence=row["license"] or "",
                author=row["author"] or "",
                source_page=row["source_page"] or "",
            )
            shown = chain_markdown(entry)
        except (OSError, ValueError) as error:
            shown = escape_markdown(f"chain {row['chain_id']} cannot be shown: {error}")
        found[f"chain {number}"] = dg.MetadataValue.md(shown)
    return found


def _facts(line: Line, batch: str, images: list[str]) -> dict[str, Facts]:
    with line.lake.reading() as connection:
        return read_facts(connection, batch, line.chains.limits, images)


def _caption(facts: Facts) -> str:
    """How many of each kind are outlined; the strip is too small for labels in it."""
    counts = Counter(instance.category for instance in facts.instances)
    return ", ".join(f"{escape_markdown(category)} {count}" for category, count in sorted(counts.items()))
