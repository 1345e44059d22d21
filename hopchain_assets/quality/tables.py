"""A Great Expectations suite for every table that the line writes or is given: what each row has to keep.

Facts about several rows, other tables or JSON are first worked out into columns (`columns.py`), so that every rule is
about one row and a failing row can be named.
"""

from __future__ import annotations

from collections.abc import Mapping

from hopchain_assets.domain.certify import RULES
from hopchain_assets.domain.records import NOT_WRITTEN
from hopchain_assets.domain.sift import OTHER_NAME, OVERLAPS, TOO_SMALL, TWICE
from hopchain_assets.quality import columns
from hopchain_assets.quality.answers import EXECUTED, SPLITS
from hopchain_assets.quality.people import PEOPLE, REVIEWS, VOTES
from hopchain_assets.quality.suite import (
    COMPLETE,
    CheckOutcome,
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
QUALITIES = ("High", "Medium", "Low")
KEPT_QUALITIES = ("High", "Medium")
MOST_COMPLEX = 10
QUERY_TYPES = ("A", "B", "C")
LEFT_OUT_REASONS = (TOO_SMALL, TWICE, OVERLAPS, OTHER_NAME)
WAITING_REASONS = (
    "executors differ", "category incomplete", "category not audited", "models only", "not reviewed",
    "people disagree", "people report a defect",
)  # fmt: skip
ANSWER_SOURCES = (EXECUTED, PEOPLE)


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


_ONCE = between("row_once", "that are there twice", "n_same", None, 1)
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
    columns.pixels,
)
_QUARANTINE = Suite("quarantine", ("source_uri",), ("source_uri", "reason", "detail", "at"))
_IMAGE_RATINGS = Suite(
    "image_ratings",
    ("image_id",),
    ("image_id", "complexity", "quality", "complex_objects", "kept", "source"),
    (
        unique("image_id"),
        between("complexity_in_range", f"whose complexity is not 1 to {MOST_COMPLEX}", "complexity", 1, MOST_COMPLEX),
        one_of("quality_known", "whose quality is not High, Medium or Low", "quality", QUALITIES),
        not_null("objects_listed", "whose complex_objects are no JSON list of names and reasons", "n_objects"),
        one_of("low_not_kept", "kept though of low quality", "kept_quality", KEPT_QUALITIES),
        not_null("rated_by_model", "whose source names no model", "model"),
    ),
    columns.rated,
)
_CATEGORIES = Suite(
    "categories",
    ("image_id", "category"),
    ("image_id", "category", "source", "crowd"),
    (
        _ONCE,
        equal("category_plain", "whose category is not trimmed and in lower case", "category", "plain"),
        one_of("source_known", f"whose source is not {' or '.join(SOURCES)}, nor a model", "unmodelled", SOURCES),
    ),
    columns.named,
)
# nobody owns up to `by` when it is blank, but words are never removed: a check on it could not be mended
_CATEGORY_AUDIT = Suite("category_audit", ("image_id", "category"), ("image_id", "category", "exhaustive", "at"))
_INSTANCES = Suite(
    "instances",
    ("instance_id",),
    (
        "instance_id", "image_id", "category", "x0", "y0", "x1", "y1", "cx", "cy", "area", "score", "presence",
        "mask_rle", "attributes", "source",
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
        between("presence_a_share", "whose presence is not within 0 to 1", "presence", 0, 1),
        not_null("attributes_are_texts", "whose attributes are no JSON object of texts", "attributes_told"),
        one_of("source_known", f"whose source is not {' or '.join(SOURCES)}, nor a segmenter", "unsegmented", SOURCES),
        equal("paired_with_all", "not paired with all others of the picture", "n_pairs", "n_others"),
    ),
    columns.measured,
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
    columns.mirrored,
)
_BAD_ANNOTATIONS = Suite("bad_annotations", ("image_id", "annotation_id"), ("image_id", "annotation_id", "reason"))
_GROUNDINGS = Suite(
    "groundings",
    ("image_id", "category"),
    ("image_id", "category", "presence", "n_found", "n_kept", "grounded", "source"),
    (
        _ONCE,
        between("presence_a_share", "whose presence is not within 0 to 1", "presence", 0, 1),
        between("best_a_share", "whose best score is not within 0 to 1", "best_score", 0, 1),
        between("kept_were_found", "of which more were kept than found", "spare", 0, None),
        between("grounded_found", "that are grounded without a find", "grounded_by", 1, None),
        between("not_grounded_empty", "that are not grounded and have instances", "found_by", None, 0),
        not_null("found_by_segmenter", "whose source names no segmenter", "segmenter"),
    ),
    columns.grounded,
)
_LEFT_OUT = Suite(
    "left_out",
    ("image_id", "instance_id"),
    ("instance_id", "image_id", "category", "area", "score", "mask_rle", "reason", "doubtful", "source"),
    (
        between("score_a_share", "whose score is not within 0 to 1", "score", 0, 1),
        one_of("reason_known", "whose reason is not a known one", "reason", LEFT_OUT_REASONS),
    ),
)
_TEXTS = Suite(
    "texts",
    ("image_id",),
    ("image_id", "text", "x0", "y0", "x1", "y1", "confidence", "decisive", "source"),
    (
        between("confidence_a_share", "whose confidence is not within 0 to 1", "confidence", 0, 1),
        not_null("reason_told", "that are not decisive and do not say why", "why"),
    ),
    columns.printed,
)
# that the instance is there is not asked: nobody removes what was perceived of an instance that was marked anew
_PERCEPTIONS = Suite(
    "perceptions",
    ("instance_id", "predicate"),
    ("instance_id", "image_id", "predicate", "value", "samples", "source"),
    (_ONCE, between("samples_positive", "that rest on no look", "samples", 1, None)),
    columns.repeats("instance_id", "predicate"),
)
_HOP_CHAINS = Suite(
    "hop_chains",
    ("chain_id",),
    (
        "chain_id",
        "question_id",
        "image_id",
        "question",
        "query_type",
        "skeleton",
        "hops",
        "program",
        "generator",
        "bound_by",
    ),
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
    columns.parsed,
)
_REJECTED_CHAINS = Suite(
    "rejected_chains",
    ("image_id", "chain_id"),
    ("image_id", "rule", "detail", "generator"),
    (
        one_of("rule_known", "whose rule is not a known one", "rule", (*RULES, *NOT_WRITTEN)),
        not_null("chain_named", "without a chain_id, though there was a chain", "known_as"),
    ),
    columns.identified,
)
_VERIFIED_SET = Suite(
    "verified_set",
    ("chain_id",),
    ("chain_id", "question_id", "image_id", "answer_source", "verified_by"),
    (
        one_of(
            "answer_source_known", f"whose answer_source is not {EXECUTED} or {PEOPLE}", "answer_source", ANSWER_SOURCES
        ),
        one_of("people_verified", "whose answer is people's, and who verified it are not", "who_says_it", (PEOPLE,)),
        one_of("held_of_people", "held though execution gives the answer", "source_of_held", (PEOPLE,)),
    ),
    columns.answered,
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
    columns.undecided,
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
    columns.sharded,
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
    columns.filled,
)

# what is given is judged with the first stage after which nothing has used it wrongly yet
SUITES: Mapping[str, tuple[Suite, ...]] = {
    "raw_images": (_BATCH_MEMBERS, _IMAGES, _QUARANTINE),
    "image_ratings": (_IMAGE_RATINGS,),
    "categories": (_CATEGORIES, _CATEGORY_AUDIT),
    "instance_masks": (_INSTANCES, _PAIRS, _BAD_ANNOTATIONS, _GROUNDINGS, _LEFT_OUT, _TEXTS),
    "hop_chains": (_HOP_CHAINS, _REJECTED_CHAINS, _PERCEPTIONS),
    "verified_set": (_VERIFIED_SET, _WAITING_CHAINS, VOTES, REVIEWS),
    "training_shards": (_SHARD_EXAMPLES, _SHARDS),
}
# the columns of other tables that a stage's rows are compared with
BESIDE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "instance_masks": {"images": ("image_id", "width", "height")},
    "hop_chains": {"instances": ("instance_id", "image_id")},
}
