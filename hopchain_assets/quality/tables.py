"""A Great Expectations suite for every table that the line writes or is given: what each row has to keep.

Facts about several rows, other tables or JSON are first worked out into columns, so that every rule is about
one row and a failing row can be named. Amounts are preferred to yes and no: "outside by 12 pixels" tells more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from hopchain_assets.domain.certify import RULES
from hopchain_assets.domain.masks import MaskError, run_lengths
from hopchain_assets.domain.program import Program, ProgramError
from hopchain_assets.domain.records import digest, normal_question
from hopchain_assets.quality.answers import EXECUTED, SPLITS
from hopchain_assets.quality.suite import (
    COMPLETE,
    CheckOutcome,
    Completed,
    Frames,
    Suite,
    between,
    check_table,
    equal,
    hexadecimal,
    merged,
    not_null,
    one_of,
    unique,
)

# what sources, stages and policies write is decided in rooms that this one does not see: a test holds all against it
FORMATS = ("jpeg", "mpo", "png", "webp", "gif", "bmp", "tiff", "avif", "jpeg2000", "ppm", "qoi")
MOST_PIXELS = 120_000_000
SMALLEST_PIXELS = 16
SOURCES = ("annotation", "scene")
QUERY_TYPES = ("A", "B", "C")
WAITING_REASONS = ("executors differ", "model masks", "category incomplete", "category not audited")


def check_tables(stage: str, frames: Frames) -> CheckOutcome:
    """Holds all rows of a stage's tables against their suites.

    Args:
        frames: by name, the tables of `SUITES[stage]` and those that `BESIDE` lists for it, with their rows of one
            batch, or of several.

    Raises:
        RuntimeError: when Great Expectations could not evaluate a rule.
    """
    return merged({suite.table: check_table(suite, frames) for suite in SUITES[stage]})


def told(stage: str) -> str:
    """What the suites of a stage ask, table by table, for a person."""
    asked = [(suite.table, [COMPLETE.fault, *(rule.fault for rule in suite.rules)]) for suite in SUITES[stage]]
    return " ".join(f"No row of {table}: {'; '.join(dict.fromkeys(faults))}." for table, faults in asked)


def _pixels(images: pl.DataFrame, _: Frames) -> pl.DataFrame:
    return images.with_columns(pixels=pl.col("width").cast(pl.Int64) * pl.col("height"))


def _repeats(*columns: str) -> Completed:
    """Adds `n_same`, the number of rows with the same values in these columns."""
    return lambda frame, _: frame.with_columns(n_same=pl.len().over(*columns))


def _named(categories: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """Names as they should be written; what the source gives no name is called by its id there, as it stands."""
    name = pl.col("category")
    unnamed = name.str.starts_with("category ")
    return categories.with_columns(
        n_same=pl.len().over("image_id", "category"),
        plain=pl.when(unnamed).then(name).otherwise(name.str.strip_chars().str.to_lowercase()),
    )


def _measured(instances: pl.DataFrame, frames: Frames) -> pl.DataFrame:
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
        shorter_side=pl.min_horizontal(x1 - x0, y1 - y0),
        outside=pl.max_horizontal(-x0, -y0, x1 - pl.col("width"), y1 - pl.col("height")),
        centre_off=pl.max_horizontal(x0 - cx, cx - x1, y0 - cy, cy - y1),
        box_spare=(x1 - x0) * (y1 - y0) - pl.col("area"),
    )


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


def _mirrored(pairs: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """How many of a pair's ends are instances of its picture, and how far it is from the same pair turned round."""
    ends = frames["instances"].unique("instance_id", keep="first").select("instance_id", "image_id", pixels="area")
    back = pairs.unique(["a", "b"], keep="first").select(a="b", b="a", overlap_back="overlap_px", gap_back="edge_gap")
    rows = pairs.join(back, on=["a", "b"], how="left", maintain_order="left")
    for end in ("a", "b"):
        named = ends.rename({"image_id": f"picture_{end}", "pixels": f"pixels_{end}"})
        rows = rows.join(named, left_on=end, right_on="instance_id", how="left", maintain_order="left")
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


def _parsed(chains: pl.DataFrame, frames: Frames) -> pl.DataFrame:
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


def _identified(rejected: pl.DataFrame, _: Frames) -> pl.DataFrame:
    """A category that no question may be about is rejected before there is a chain, and has no chain_id."""
    anonymous = pl.when(pl.col("rule") == "countable").then(pl.lit(""))
    return rejected.with_columns(known_as=pl.coalesce("chain_id", anonymous))


def _undecided(waiting: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    return waiting.with_columns(n_verified=_counted(waiting["chain_id"], frames["verified_set"]["chain_id"]))


def _sharded(examples: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """In how many listed shards of its split an example lies."""
    place = pl.concat_str("split", "shard_path", separator=" ")
    return examples.with_columns(
        n_shards=_counted(examples.select(place).to_series(), frames["shards"].select(place).to_series())
    )


def _filled(shards: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    return shards.with_columns(n_examples=_counted(shards["shard_path"], frames["shard_examples"]["shard_path"]))


def _counted(values: pl.Series, among: pl.Series) -> pl.Series:
    """How often each value is among the others."""
    counts = among.rename("value").to_frame().group_by("value").agg(count=pl.len().cast(pl.Int64))
    found = values.rename("value").to_frame().join(counts, on="value", how="left", maintain_order="left")
    return found["count"].fill_null(0)


_ONCE = between("row_once", "that are there twice", "n_same", None, 1)
_KNOWN_SOURCE = one_of("source_known", f"whose source is not {' or '.join(SOURCES)}", "source", SOURCES)
_KNOWN_SPLIT = one_of("split_known", f"whose split is not {' or '.join(SPLITS)}", "split", SPLITS)

_BATCH_MEMBERS = Suite(
    "batch_members",
    ("content_sha256",),
    ("source_uri", "content_sha256", "landed_at"),
    (unique("content_sha256"), *hexadecimal("content_sha256", 64)),
)
_IMAGES = Suite(
    "images",
    ("image_id",),
    (
        "image_id",
        "source_uri",
        "width",
        "height",
        "format",
        "byte_size",
        "perceptual_hash",
        "split_group",
        "ingested_at",
    ),
    (
        unique("image_id"),
        *hexadecimal("image_id", 64),
        between("width_positive", "less than 1 pixel wide", "width", 1, None),
        between("height_positive", "less than 1 pixel high", "height", 1, None),
        between("pixels_within_limit", f"of more than {MOST_PIXELS} pixels", "pixels", None, MOST_PIXELS),
        one_of("format_known", "whose format is not a known one", "format", FORMATS),
        between("bytes_positive", "of a file without bytes", "byte_size", 1, None),
        *hexadecimal("perceptual_hash", 16),
    ),
    _pixels,
)
_QUARANTINE = Suite("quarantine", ("source_uri",), ("source_uri", "reason", "detail", "at"))
_CATEGORIES = Suite(
    "categories",
    ("image_id", "category"),
    ("image_id", "category", "source", "crowd"),
    (
        _ONCE,
        equal("category_plain", "whose category is not trimmed and in lower case", "category", "plain"),
        _KNOWN_SOURCE,
    ),
    _named,
)
# nobody owns up to `by` when it is blank, but words are never removed: a check on it could not be mended
_CATEGORY_AUDIT = Suite("category_audit", ("image_id", "category"), ("image_id", "category", "exhaustive", "at"))
_INSTANCES = Suite(
    "instances",
    ("instance_id",),
    (
        "instance_id", "image_id", "category", "x0", "y0", "x1", "y1", "cx", "cy", "area", "score", "mask_rle",
        "attributes", "source",
    ),
    (
        unique("instance_id"),
        not_null("picture_known", "whose picture is not there", "width"),
        # a pixel is the least that a box is wide: its sides lie between pixels
        between("box_ordered", "whose box has no extent", "shorter_side", 1, None),
        between("box_inside", "whose box reaches out of the picture", "outside", None, 0),
        between("centre_in_box", "whose centre lies outside the box", "centre_off", None, 0),
        between("area_large_enough", f"of fewer than {SMALLEST_PIXELS} pixels", "area", SMALLEST_PIXELS, None),
        between("area_fits_box", "larger than their box", "box_spare", 0, None),
        between("score_a_share", "whose score is not within 0 to 1", "score", 0, 1),
        not_null("mask_readable", "whose run lengths cannot be read", "mask_fills"),
        equal("mask_fills_picture", "whose run lengths do not fill the picture", "mask_fills", "picture"),
        equal("area_of_mask", "whose area is not that of the mask", "area", "mask_area"),
        not_null("attributes_are_texts", "whose attributes are no JSON object of texts", "attributes_told"),
        _KNOWN_SOURCE,
        equal("paired_with_all", "not paired with all others of the picture", "n_pairs", "n_others"),
    ),
    _measured,
)  # fmt: skip
_PAIRS = Suite(
    "pairs",
    ("a", "b"),
    ("image_id", "a", "b", "overlap_px", "inside_share", "edge_gap"),
    (
        _ONCE,
        between("ends_known", "whose ends are not two instances of the picture", "n_ends", 2, None),
        between("mirrored", "that differ from the same pair turned round", "mirror_off", None, 0),
        between("overlap_positive", "that overlap by less than nothing", "overlap_px", 0, None),
        between("overlap_fits", "that share more pixels than one of them has", "overlap_spare", 0, None),
        between("inside_a_share", "whose inside_share is not within 0 to 1", "inside_share", 0, 1),
        between("gap_positive", "with a negative gap", "edge_gap", 0, None),
        between("no_gap_in_overlap", "that overlap and have a gap", "gap_of_touching", None, 0),
    ),
    _mirrored,
)
_BAD_ANNOTATIONS = Suite("bad_annotations", ("image_id", "annotation_id"), ("image_id", "annotation_id", "reason"))
# that the instance is there is not asked: nobody removes what was perceived of an instance that was marked anew
_PERCEPTIONS = Suite(
    "perceptions",
    ("instance_id", "predicate"),
    ("instance_id", "image_id", "predicate", "value", "samples", "source"),
    (_ONCE, between("samples_positive", "that rest on no look", "samples", 1, None)),
    _repeats("instance_id", "predicate"),
)
_HOP_CHAINS = Suite(
    "hop_chains",
    ("chain_id",),
    ("chain_id", "question_id", "image_id", "question", "query_type", "skeleton", "hops", "program", "generator"),
    (
        one_of("query_type_known", "whose query_type is not A, B or C", "query_type", QUERY_TYPES),
        equal("words_give_question_id", "whose question_id is not that of the words", "question_id", "words_id"),
        not_null("program_readable", "whose program cannot be read", "program_id"),
        equal("program_gives_chain_id", "whose chain_id is not that of the program", "chain_id", "program_id"),
        not_null("hops_numbered", "whose hops are not numbered from 1", "n_numbered"),
        equal("hops_counted", "with another number of hops than stated", "n_hops", "n_numbered"),
        between("instances_enough", "that do not rest on 3 to 6 instances", "n_involved", 3, 6),
        equal("instances_known", "with an instance listed twice or not of the picture", "n_listed", "n_involved"),
    ),
    _parsed,
)
_REJECTED_CHAINS = Suite(
    "rejected_chains",
    ("image_id", "chain_id"),
    ("image_id", "rule", "detail", "generator"),
    (
        one_of("rule_known", "whose rule is not one of the certifier's", "rule", RULES),
        not_null("chain_named", "without a chain_id, though there was a chain", "known_as"),
    ),
    _identified,
)
_VERIFIED_SET = Suite(
    "verified_set",
    ("chain_id",),
    ("chain_id", "question_id", "image_id", "answer_source", "verified_by"),
    (one_of("answer_source_known", f"whose answer_source is not {EXECUTED}", "answer_source", (EXECUTED,)),),
)
_WAITING_CHAINS = Suite(
    "waiting_chains",
    ("chain_id",),
    ("chain_id", "question_id", "image_id", "reason", "detail"),
    (
        unique("chain_id"),
        one_of("reason_known", "whose reason is not a known one", "reason", WAITING_REASONS),
        between("not_verified", "that are verified as well", "n_verified", None, 0),
    ),
    _undecided,
)
_SHARD_EXAMPLES = Suite(
    "shard_examples",
    ("example_id",),
    ("example_id", "chain_id", "image_id", "split", "shard_path"),
    (
        unique("example_id"),
        _KNOWN_SPLIT,
        between("shard_listed", "not in exactly one listed shard of the split", "n_shards", 1, 1),
    ),
    _sharded,
)
_SHARDS = Suite(
    "shards",
    ("shard_path",),
    ("shard_path", "split", "sha256", "n_rows", "byte_size"),
    (
        unique("shard_path"),
        *hexadecimal("sha256", 64),
        _KNOWN_SPLIT,
        between("rows_positive", "without rows", "n_rows", 1, None),
        equal("rows_listed", "with another number of rows than examples", "n_rows", "n_examples"),
        between("bytes_positive", "of a file without bytes", "byte_size", 1, None),
        not_null("file_there", "whose file is not there", "file_size"),
        equal("file_of_that_size", "whose file has another size", "byte_size", "file_size"),
    ),
    _filled,
)

# what is given is judged with the first stage after which nothing has used it wrongly yet
SUITES: Mapping[str, tuple[Suite, ...]] = {
    "raw_images": (_BATCH_MEMBERS, _IMAGES, _QUARANTINE),
    "categories": (_CATEGORIES, _CATEGORY_AUDIT),
    "instance_masks": (_INSTANCES, _PAIRS, _BAD_ANNOTATIONS, _PERCEPTIONS),
    "hop_chains": (_HOP_CHAINS, _REJECTED_CHAINS),
    "verified_set": (_VERIFIED_SET, _WAITING_CHAINS),
    "training_shards": (_SHARD_EXAMPLES, _SHARDS),
}
# the columns of other tables that a stage's rows are compared with
BESIDE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "instance_masks": {"images": ("image_id", "width", "height")},
    "hop_chains": {"instances": ("instance_id", "image_id")},
}
