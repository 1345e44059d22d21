"""Small pictures of counts on the pages of assets and models that people look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg

from hopchain_assets.defs.metadata import Metadata
from hopchain_assets.export.plots import as_markdown_image, bars_svg, funnels_svg, shares_svg
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.lake import Lake


def ratings_metadata(line: Line, batch: str) -> Metadata:
    """How complex the pictures of a batch were rated; nothing where none was."""
    rows = line.lake.query(
        "SELECT complexity::VARCHAR, count(*), count(*) FILTER (kept) FROM image_ratings WHERE batch = ? GROUP BY 1",
        [batch],
    ).rows()
    if not rows:
        return {}
    of, kept = sum(count for _, count, _ in rows), sum(kept for *_, kept in rows)
    title, note = "Complexity as the model rates it", f"{kept:,} of {of:,} pictures are kept"
    svg = bars_svg([(complexity, count) for complexity, count, _ in rows], title, note=note)
    return _picture(svg, f"Ratings: {note}")


def _yield_funnel(lake: Lake) -> Metadata:
    rows = lake.query("SELECT unit, name, n FROM yield_funnel ORDER BY unit DESC, step").rows()
    units = [
        (unit, [(name, n) for of, name, n in rows if of == unit]) for unit in dict.fromkeys(row[0] for row in rows)
    ]
    return _picture(funnels_svg(units, "What is left at each step"), "Yield funnel")


def _answers(lake: Lake) -> Metadata:
    rows = lake.query("SELECT answer, chains FROM answer_distribution").rows()
    return _picture(bars_svg(rows, "Answers of the verified set"), "How often each answer occurs")


def _rejects(lake: Lake) -> Metadata:
    rows = lake.query("SELECT rule, rejected FROM rejects_by_rule WHERE kind = 'chain'").rows()
    return _picture(shares_svg(rows, "Rejected chains by rule"), "Rejected chains by rule")


def _picture(svg: str, alt: str) -> Metadata:
    return {"picture": dg.MetadataValue.md(as_markdown_image(svg, alt))}


MODEL_PLOTS: Mapping[str, Callable[[Lake], Metadata]] = {
    "yield_funnel": _yield_funnel,
    "answer_distribution": _answers,
    "rejects_by_rule": _rejects,
}
