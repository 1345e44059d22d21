"""The columns that the rules about tables read: facts about several rows, other tables or JSON, row by row.

Amounts are preferred to yes and no: "outside by 12 pixels" tells more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from hopchain_assets.domain.masks import MaskError, run_lengths
from hopchain_assets.domain.program import Program, ProgramError
from hopchain_assets.domain.records import BY_MODEL, BY_SEGMENTER, digest, normal_question
from hopchain_assets.quality.suite import Completed, Frames

_MODEL = pl.col("source").str.extract(f"^{BY_MODEL}(.+)$")
_SEGMENTER = pl.col("source").str.extract(f"^{BY_SEGMENTER}(.+)$")


def pixels(images: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Adds `pixels`, those of the picture in all."""
    return images.with_columns(pixels=pl.col("width").cast(pl.Int64) * pl.col("height"))


def repeats(*columns: str) -> Completed:
    """Adds `n_same`, the number of rows with the same values in these columns."""
    return lambda frame, _: frame.with_columns(n_same=pl.len().over(*columns))


def rated(ratings: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """How many objects are listed, the quality of those that are kept, and the model that a source names."""
    return ratings.with_columns(
        pl.Series("n_objects", [_objects(text) for text in ratings["complex_objects"]], dtype=pl.Int64),
        kept_quality=pl.when("kept").then("quality"),
        model=_MODEL,
    )


def _objects(text: str | None) -> int | None:
    """How many there are in a JSON list of `{name, why}`, None for anything else."""
    try:
        listed = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    whole = isinstance(listed, list) and all(isinstance(each, dict) and {"name", "why"} <= set(each) for each in listed)
    return len(listed) if whole else None


def named(categories: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Names as they should be written, and sources that are no model.

    What has no name in its source is called by its id there.
    """
    name = pl.col("category")
    unnamed = name.str.starts_with("category ")
    return categories.with_columns(
        n_same=pl.len().over("image_id", "category"),
        plain=pl.when(unnamed).then(name).otherwise(name.str.strip_chars().str.to_lowercase()),
        unmodelled=pl.when(_MODEL.is_null()).then("source"),
    )


def measured(instances: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """Amounts by which a box, a centre or an area is wrong, and what the run lengths say of the mask."""
    partners = frames["pairs"].group_by(instance_id="a").agg(n_pairs=pl.len())
    sizes = frames["images"].unique("image_id", keep="first").select("image_id", "width", "height")
    sums = [run_sums(text) for text in instances["mask_rle"]]
    rows = instances.join(sizes, on="image_id", how="left", maintain_order="left")
    rows = rows.join(partners, on="instance_id", how="left", maintain_order="left")
    x0, y0, x1, y1, cx, cy = (pl.col(name) for name in ("x0", "y0", "x1", "y1", "cx", "cy"))
    return rows.with_columns(
        pl.Series("mask_fills", [fills for fills, _ in sums], dtype=pl.Int64),
        pl.Series("mask_area", [area for _, area in sums], dtype=pl.Float64),
        pl.Series("attributes_told", [_texts(text) for text in instances["attributes"]], dtype=pl.Boolean),
        pl.col("n_pairs").fill_null(0).cast(pl.Int64),
        n_others=pl.len().over("image_id").cast(pl.Int64) - 1,
        picture=pl.col("width").cast(pl.Int64) * pl.col("height"),
        unsegmented=pl.when(_SEGMENTER.is_null()).then("source"),
        shorter_side=pl.min_horizontal(x1 - x0, y1 - y0),
        outside=pl.max_horizontal(-x0, -y0, x1 - pl.col("width"), y1 - pl.col("height")),
        centre_off=pl.max_horizontal(x0 - cx, cx - x1, y0 - cy, cy - y1),
        box_spare=(x1 - x0) * (y1 - y0) - pl.col("area"),
    )


def grounded(groundings: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """How often a name of a picture is there, the segmenter that a source names, and finds that are missing.

    `spare` is how many more were found than kept, `grounded_by` how many were found where it is said to be grounded.
    """
    return groundings.with_columns(
        n_same=pl.len().over("image_id", "category"),
        segmenter=_SEGMENTER,
        spare=pl.col("n_found") - pl.col("n_kept"),
        grounded_by=pl.when("grounded").then("n_found"),
        found_by=pl.when(~pl.col("grounded")).then("n_kept"),
    )


def printed(texts: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Adds `why`: the reason of a text that is no fact; empty for one that is."""
    return texts.with_columns(why=pl.when("decisive").then(pl.lit("")).otherwise("reason"))


def run_sums(counts: str | None) -> tuple[int | None, int | None]:
    """Pixels that the run lengths cover in all, and those of the mask; nothing is unrolled."""
    try:
        runs = run_lengths(counts or "")
    except MaskError:
        return None, None
    return int(runs.sum()), int(runs[1::2].sum())


def _texts(text: str | None) -> bool | None:
    """True for a JSON object whose values are texts, None for anything else."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return True if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()) else None


def mirrored(pairs: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """How many of a pair's ends are instances of its picture, and how far it is from the same pair turned round."""
    ends = frames["instances"].unique("instance_id", keep="first").select("instance_id", "image_id", pixels="area")
    back = pairs.unique(["a", "b"], keep="first").select(a="b", b="a", overlap_back="overlap_px", gap_back="edge_gap")
    rows = pairs.join(back, on=["a", "b"], how="left", maintain_order="left")
    for end in ("a", "b"):
        facts = ends.rename({"image_id": f"picture_{end}", "pixels": f"pixels_{end}"})
        rows = rows.join(facts, left_on=end, right_on="instance_id", how="left", maintain_order="left")
    overlap, gap, image = pl.col("overlap_px"), pl.col("edge_gap"), pl.col("image_id")
    first = (pl.col("picture_a") == image).fill_null(False)
    second = ((pl.col("picture_b") == image) & (pl.col("a") != pl.col("b"))).fill_null(False)
    return rows.with_columns(
        n_ends=first.cast(pl.Int64) + second.cast(pl.Int64),
        n_same=pl.len().over("a", "b"),
        mirror_off=pl.max_horizontal((overlap - pl.col("overlap_back")).abs(), (gap - pl.col("gap_back")).abs()),
        overlap_spare=pl.min_horizontal("pixels_a", "pixels_b") - overlap,
        gap_of_touching=pl.when(overlap > 0).then(gap),
    )


def parsed(chains: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """What the question, the program and the hops of a chain say of its ids and numbers."""
    picture = dict(frames["instances"].select("instance_id", "image_id").iter_rows())
    facts = [_chain_facts(row, picture) for row in chains.iter_rows(named=True)]
    return chains.with_columns(pl.DataFrame(facts, schema=_CHAIN_FACTS))


_CHAIN_FACTS = {
    "words_id": pl.String, "program_id": pl.String, "n_numbered": pl.Int64,
    "n_listed": pl.Int64, "n_involved": pl.Int64,
}  # fmt: skip


def _chain_facts(row: Mapping[str, Any], picture: Mapping[str, str]) -> dict[str, str | int | None]:
    """Both ids made anew, hops numbered from 1, instances listed, and those of its picture, each once."""
    listed = row["instance_ids"] or []
    return {
        "words_id": digest(row["image_id"] or "", normal_question(row["question"] or "")),
        "program_id": _program_id(row["question_id"] or "", row["program"]),
        "n_numbered": _numbered(row["hops"]),
        "n_listed": len(listed),
        "n_involved": len({name for name in listed if picture.get(name) == row["image_id"]}),
    }


def _program_id(question_id: str, program: str | None) -> str | None:
    try:
        return digest(question_id, Program.from_json(program).canonical())
    except ProgramError:
        return None


def _numbered(hops: str | None) -> int | None:
    """How many hops there are, None when they are not numbered 1, 2, 3 and so on."""
    try:
        listed = json.loads(hops or "")
        numbers = [hop["number"] for hop in listed]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return len(numbers) if numbers == list(range(1, len(numbers) + 1)) else None


def identified(rejected: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """A category that no question may be about is rejected before there is a chain, and has no chain_id."""
    anonymous = pl.when(pl.col("rule") == "countable").then(pl.lit(""))
    return rejected.with_columns(known_as=pl.coalesce("chain_id", anonymous))


def undecided(waiting: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """Adds `n_verified`, how often a waiting chain is verified as well."""
    return waiting.with_columns(n_verified=_counted(waiting["chain_id"], frames["verified_set"]["chain_id"]))


def answered(verified: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Who verified a row whose answer is people's, and whose the answer of a held row is."""
    return verified.with_columns(
        who_says_it=pl.when(pl.col("answer_source") == "people").then("verified_by"),
        source_of_held=pl.when(pl.col("held").is_not_null()).then("answer_source"),
    )


def voted(votes: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """How often somebody voted on a question, and of number and defect how many there are."""
    said = pl.col("number").is_not_null().cast(pl.Int64) + pl.col("defect").is_not_null().cast(pl.Int64)
    return votes.with_columns(n_same=pl.len().over("question_id", "person_id"), n_said=said)


def closed(reviews: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Adds `agreed_on`: the answer of what is unanimous, empty for all else."""
    return reviews.with_columns(agreed_on=pl.when(pl.col("state") == "unanimous").then("answer").otherwise(pl.lit("")))


def sharded(examples: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """In how many listed shards of its split an example lies."""
    place = pl.concat_str("split", "shard_path", separator=" ")
    return examples.with_columns(
        n_shards=_counted(examples.select(place).to_series(), frames["shards"].select(place).to_series())
    )


def filled(shards: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """Adds `n_examples`, how many examples name the shard."""
    return shards.with_columns(n_examples=_counted(shards["shard_path"], frames["shard_examples"]["shard_path"]))


def _counted(values: pl.Series, among: pl.Series) -> pl.Series:
    """How often each value is among the others."""
    counts = among.rename("value").to_frame().group_by("value").agg(count=pl.len().cast(pl.Int64))
    found = values.rename("value").to_frame().join(counts, on="value", how="left", maintain_order="left")
    return found["count"].fill_null(0)
