"""Training shards: verified questions as Parquet in verl's layout.

A folder, local or an address that fsspec knows (`s3://...`, `memory://...`), holds

    train/<batch>-<12 hex>.parquet, validation/<batch>-<12 hex>.parquet, manifest.json, reward.py

A shard's name carries the start of its content's sha256, so a shard is never changed, only added and
dropped. Which of them count is the manifest's to say (`export/manifest.py`).

The same examples give the same bytes with the same release of pyarrow; another release may encode
them otherwise, and gives them another name.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.export.folder import Folder
from hopchain_assets.export.words import clean_text

Split = Literal["train", "validation"]

SPLITS: tuple[Split, Split] = ("train", "validation")
DATA_SOURCE = "hopchain"
INSTRUCTION = (
    "Work it out step by step and look at the picture at every step. "
    "End with the final number alone inside answer tags, like this: <answer>7</answer>"
)

_GROUP_ROWS = 64
_GROUP_BYTES = 128 << 20
_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")

_TEXT = pa.string()
_EXTRA_TEXTS = (
    "example_id", "chain_id", "image_id", "query_type", "skeleton",
    "license", "license_url", "attribution", "source_page", "verified_by", "generator",
)  # fmt: skip
_SCHEMA = pa.schema(
    {
        "data_source": _TEXT,
        "prompt": pa.list_(pa.struct({"role": _TEXT, "content": _TEXT})),
        "images": pa.list_(pa.struct({"bytes": pa.binary(), "path": _TEXT})),
        "ability": _TEXT,
        "reward_model": pa.struct({"style": _TEXT, "ground_truth": _TEXT}),
        "extra_info": pa.struct(
            {"split": _TEXT, "index": pa.int64(), "n_hops": pa.int64(), **dict.fromkeys(_EXTRA_TEXTS, _TEXT)}
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Example:
    """A verified question with its picture (the bytes of its file), as it goes to a trainer."""

    example_id: str
    chain_id: str
    image_id: str
    split: Split
    picture: bytes
    question: str
    answer: str
    n_hops: int
    query_type: str
    skeleton: str
    license: str
    license_url: str
    attribution: str
    source_page: str
    verified_by: str
    generator: str


@dataclass(frozen=True, slots=True)
class ManifestShard:
    """A shard as the manifest lists it. `path` is relative to the folder, with `/`."""

    path: str
    split: Split
    sha256: str
    rows: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class WrittenShard(ManifestShard):
    """A shard with the examples in it, in the order of its rows."""

    example_ids: tuple[str, ...]


def split_of(split_group: str, validation_share: float) -> Split:
    """The split of a group of pictures, by a hash of its name alone, so growth never moves a row.

    Raises:
        ValueError: when the share is not from 0 to 1.
    """
    if not 0 <= validation_share <= 1:
        raise ValueError(f"validation_share is a share from 0 to 1, not {validation_share}")
    drawn = int.from_bytes(hashlib.sha256(split_group.encode()).digest()[:8], "big")
    return "validation" if drawn < validation_share * 2**64 else "train"


def row(example: Example) -> dict[str, Any]:
    """The example as a row for verl: one picture and exactly one `<image>` in the prompt.

    `extra_info.index` is a number made of the example's id: it stays when other rows come and go.

    Raises:
        ValueError: when the question is empty, the answer no canonical number, or the picture unreadable.
    """
    question = _harmless(example.question)
    if not question:
        raise ValueError(f"example {example.example_id}: the question is empty")
    # an author's name comes from a file too, and one lone surrogate would stop the whole shard
    extra = {name: clean_text(getattr(example, name)) for name in _EXTRA_TEXTS}
    # 52 bits: a reader that goes by way of JSON keeps them exactly
    index = int(hashlib.sha256(example.example_id.encode()).hexdigest()[:13], 16)
    return {
        "data_source": DATA_SOURCE,
        "prompt": [{"role": "user", "content": f"<image>\n{question}\n\n{INSTRUCTION}"}],
        "images": [{"bytes": example.picture, "path": f"{example.image_id}.{_suffix(example)}"}],
        "ability": "multi_hop_vision",
        "reward_model": {"style": "rule", "ground_truth": _checked_answer(example)},
        "extra_info": {"split": example.split, "index": index, "n_hops": example.n_hops, **extra},
    }


def write_batch(folder: str, batch: str, examples: Sequence[Example], max_rows: int = 2048) -> list[WrittenShard]:
    """Writes a batch's shards, by split and example id; at most `max_rows` rows in each.

    A shard that is there already is left alone. Old shards of the batch stay until `remove_unlisted`.

    Raises:
        ValueError: when the batch's name cannot be a file name, an example comes twice, a split is
            unknown, or an example cannot be a row (see `row`).
    """
    if max_rows < 1:
        raise ValueError(f"max_rows is at least 1, not {max_rows}")
    _check_batch(batch, examples)
    place = Folder.at(folder)
    written: list[WrittenShard] = []
    for split in SPLITS:
        chosen = sorted((each for each in examples if each.split == split), key=lambda each: each.example_id)
        for start in range(0, len(chosen), max_rows):
            written.append(_write_shard(place, batch, split, chosen[start : start + max_rows]))
    return written


def _harmless(question: str) -> str:
    # A trainer cuts the prompt at <image>, <video> and <audio>, a tokenizer knows <|im_end|>, and a
    # question that brings its own <answer> or <think> would teach the wrong form. A space opens them all.
    return re.sub(r"<(?=[A-Za-z/|!?])", "< ", clean_text(question))


def _checked_answer(example: Example) -> str:
    try:
        canonical = canonical_number(float(example.answer))
    except ValueError:
        canonical = None
    if canonical != example.answer:
        raise ValueError(f"example {example.example_id}: the answer {example.answer[:40]!r} is no canonical number")
    return example.answer


def _suffix(example: Example) -> str:
    try:
        with Image.open(io.BytesIO(example.picture)) as picture:
            return (picture.format or "bin").lower()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        message = f"example {example.example_id}: picture {example.image_id} cannot be read: {error}"
        raise ValueError(message) from error


def _check_batch(batch: str, examples: Sequence[Example]) -> None:
    if not _BATCH.fullmatch(batch):
        raise ValueError(f"batch {batch!r} cannot be part of a file name: use letters, digits and . _ = -")
    seen: set[str] = set()
    for example in examples:
        if example.example_id in seen:
            raise ValueError(f"batch {batch}: example {example.example_id} comes twice")
        if example.split not in SPLITS:
            raise ValueError(f"example {example.example_id}: {example.split!r} is no split of {', '.join(SPLITS)}")
        seen.add(example.example_id)


def _row_groups(examples: Sequence[Example]) -> Iterator[list[Example]]:
    group: list[Example] = []
    size = 0
    for example in examples:
        if group and (len(group) == _GROUP_ROWS or size + len(example.picture) > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(example)
        size += len(example.picture)
    yield group


def _write_parquet(path: Path, examples: Sequence[Example]) -> None:
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False) as out:
        for group in _row_groups(examples):
            table = pa.Table.from_pylist([row(example) for example in group], schema=_SCHEMA)
            out.write_table(table, row_group_size=len(group))


def _write_shard(folder: Folder, batch: str, split: Split, examples: Sequence[Example]) -> WrittenShard:
    # by way of a local file: a shard of large pictures need not fit into memory a second time
    with tempfile.TemporaryDirectory(prefix="hopchain-shard-") as scratch:
        local = Path(scratch) / "shard.parquet"
        _write_parquet(local, examples)
        with local.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        path, size = f"{split}/{batch}-{sha256[:12]}.parquet", local.stat().st_size
        folder.put_file(path, local)
    ids = tuple(example.example_id for example in examples)
    return WrittenShard(path, split, sha256, len(examples), size, ids)
