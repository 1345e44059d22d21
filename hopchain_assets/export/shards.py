"""Training shards: Parquet in verl's layout, a manifest that is written last, and the reward beside them.

A folder, local or an address that fsspec knows (`s3://...`, `memory://...`), holds

    train/<batch>-<12 hex>.parquet, validation/<batch>-<12 hex>.parquet, manifest.json, reward.py

A shard's name carries the start of its content's sha256, so a shard is never changed, only added and
dropped. The order write_batch, write_manifest, remove_unlisted leaves a valid folder wherever it is
killed: until the new manifest is in place, the old one and all that it lists are there.

The same examples give the same bytes with the same release of pyarrow; another release may encode
them otherwise, and gives them another name.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem
from PIL import Image, UnidentifiedImageError

from hopchain_assets.domain.records import canonical_number
from hopchain_assets.export.words import clean_text

Split = Literal["train", "validation"]

SPLITS: tuple[Split, Split] = ("train", "validation")
DATA_SOURCE = "hopchain"
MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
REWARD_FILE = "reward.py"
INSTRUCTION = (
    "Work it out step by step and look at the picture at every step. "
    "End with the final number alone inside answer tags, like this: <answer>7</answer>"
)

_GROUP_ROWS = 64
_GROUP_BYTES = 128 << 20
_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")
_SHARD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._=-]*)-([0-9a-f]{12})\.parquet")
_PART = re.compile(r"\.([A-Za-z0-9][A-Za-z0-9._=-]*)-[0-9a-f]{12}\.parquet\.[0-9a-f]{32}\.part")

_TEXT = pa.string()
_EXTRA_TEXTS = (
    "example_id", "chain_id", "image_id", "query_type", "skeleton",
    "license", "license_url", "attribution", "source_page", "verified_by",
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
    fs, root = _open_folder(folder)
    written: list[WrittenShard] = []
    for split in SPLITS:
        chosen = sorted((each for each in examples if each.split == split), key=lambda each: each.example_id)
        for start in range(0, len(chosen), max_rows):
            written.append(_write_shard(fs, root, batch, split, chosen[start : start + max_rows]))
    return written


def inspect_shard(folder: str, path: str) -> ManifestShard:
    """What the manifest says of a shard, read from the shard itself.

    Raises:
        ValueError: when the path is not a shard's, or the content is not what its name says.
        FileNotFoundError: when there is no such shard.
    """
    split, name = _parts(path)
    fs, root = _open_folder(folder)
    with _reader(fs, f"{root}/{path}") as shard:
        sha256 = hashlib.file_digest(shard, "sha256").hexdigest()
        size = shard.seek(0, io.SEEK_END)
        if sha256[:12] != name[2]:
            raise ValueError(f"{folder}/{path} is damaged: its sha256 begins with {sha256[:12]}; write its batch again")
        shard.seek(0)
        rows = pq.read_metadata(shard).num_rows
    return ManifestShard(path, split, sha256, rows, size)


def write_manifest(folder: str, shards: Sequence[ManifestShard], versions: Mapping[str, str], snapshot: int) -> str:
    """Writes `manifest.json` with all shards of the folder and returns its address.

    `versions` names what made the rows, `snapshot` is the warehouse's. A manifest that says the
    same already is left alone.

    Raises:
        ValueError: when a shard comes twice, has no shard's path, or lies in the folder with another size.
        FileNotFoundError: when a shard is not in the folder.
    """
    fs, root = _open_folder(folder)
    _check_listed(fs, root, folder, shards)
    manifest = {
        "format": MANIFEST_FORMAT,
        "data_source": DATA_SOURCE,
        "warehouse_snapshot": snapshot,
        "versions": dict(versions),
        "totals": {split: _totals([shard for shard in shards if shard.split == split]) for split in SPLITS},
        "shards": [
            {"path": shard.path, "split": shard.split, "sha256": shard.sha256, "rows": shard.rows,
             "bytes": shard.byte_size}
            for shard in sorted(shards, key=lambda shard: shard.path)
        ],
    }  # fmt: skip
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    return _put_text(fs, root, folder, MANIFEST, text.encode())


def read_manifest(folder: str) -> list[ManifestShard]:
    """The shards that the manifest lists; none where there is no manifest yet.

    Raises:
        ValueError: when the manifest cannot be read.
    """
    fs, root = _open_folder(folder)
    content = _content(fs, f"{root}/{MANIFEST}")
    return [] if content is None else _listed(folder, content)


def write_reward(folder: str) -> str:
    """Puts the stand-alone reward beside the shards and returns its address."""
    fs, root = _open_folder(folder)
    source = resources.files("hopchain_assets.export").joinpath("reward.py").read_bytes()
    return _put_text(fs, root, folder, REWARD_FILE, source)


def remove_unlisted(folder: str, batches: Collection[str] | None = None) -> list[str]:
    """Deletes shards, and parts of shards, that the manifest does not list; returns their paths.

    Only files of our own naming in the folders of the splits. A shard that another process has written
    but not yet listed would go too: while others write, name the `batches` whose lock you hold.

    Raises:
        FileNotFoundError: when there is no manifest, for then everything would be unlisted.
        ValueError: when the manifest cannot be read.
    """
    fs, root = _open_folder(folder)
    content = _content(fs, f"{root}/{MANIFEST}")
    if content is None:
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: write it before unlisted shards are removed")
    listed = {shard.path for shard in _listed(folder, content)}
    removed: list[str] = []
    for path in sorted(_sizes(fs, root)):
        name = path.partition("/")[2]
        ours = _SHARD.fullmatch(name) or _PART.fullmatch(name)
        if ours and path not in listed and (batches is None or ours[1] in batches):
            fs.rm_file(f"{root}/{path}")
            removed.append(path)
    return removed


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


def _write_shard(
    fs: AbstractFileSystem, root: str, batch: str, split: Split, examples: Sequence[Example]
) -> WrittenShard:
    # by way of a local file: a shard of large pictures need not fit into memory a second time
    with tempfile.TemporaryDirectory(prefix="hopchain-shard-") as scratch:
        local = Path(scratch) / "shard.parquet"
        _write_parquet(local, examples)
        with local.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        path, size = f"{split}/{batch}-{sha256[:12]}.parquet", local.stat().st_size
        _put(fs, root, path, local)
    ids = tuple(example.example_id for example in examples)
    return WrittenShard(path, split, sha256, len(examples), size, ids)


def _put(fs: AbstractFileSystem, root: str, path: str, local: Path) -> None:
    fs.invalidate_cache()
    if fs.exists(f"{root}/{path}") and fs.size(f"{root}/{path}") == local.stat().st_size:
        return
    parent, name = f"{root}/{path}".rsplit("/", 1)
    fs.makedirs(parent, exist_ok=True)
    part = f"{parent}/.{name}.{uuid.uuid4().hex}.part"
    try:
        fs.put_file(str(local), part)
        _move(fs, part, f"{root}/{path}")
    except BaseException:
        if fs.exists(part):
            fs.rm_file(part)
        raise


def _move(fs: AbstractFileSystem, source: str, target: str) -> None:
    if isinstance(fs, LocalFileSystem):
        Path(source).replace(target)
    else:
        # fsspec's own `mv` reads * and [ in a path as a pattern
        fs.cp_file(source, target)
        fs.rm_file(source)


def _put_text(fs: AbstractFileSystem, root: str, folder: str, name: str, content: bytes) -> str:
    path = f"{root}/{name}"
    if _content(fs, path) != content:
        fs.makedirs(root or "/", exist_ok=True)
        part = f"{root}/.{name}.{uuid.uuid4().hex}.part"
        fs.pipe_file(part, content)
        _move(fs, part, path)
    return folder.removesuffix("/") + "/" + name


def _content(fs: AbstractFileSystem, path: str) -> bytes | None:
    try:
        with _reader(fs, path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def _reader(fs: AbstractFileSystem, path: str) -> io.BufferedReader:
    # fsspec's types say text or its own buffer; in mode "rb" all of them read like this one
    return cast(io.BufferedReader, fs.open(path, "rb"))


def _open_folder(folder: str) -> tuple[AbstractFileSystem, str]:
    fs, root = url_to_fs(folder)
    return fs, str(root).rstrip("/")


def _sizes(fs: AbstractFileSystem, root: str) -> dict[str, int]:
    fs.invalidate_cache()
    found: dict[str, int] = {}
    for split in SPLITS:
        if fs.isdir(f"{root}/{split}"):
            files = [item for item in fs.ls(f"{root}/{split}", detail=True) if item["type"] == "file"]
            found |= {f"{split}/{item['name'].rsplit('/', 1)[-1]}": item["size"] for item in files}
    return found


def _parts(path: str) -> tuple[Split, re.Match[str]]:
    folder, _, file = path.partition("/")
    name = _SHARD.fullmatch(file)
    for split in SPLITS:
        if folder == split and name:
            return split, name
    raise ValueError(f"{path!r} is no shard's path: it is like train/<batch>-<12 hex>.parquet")


def _check_listed(fs: AbstractFileSystem, root: str, folder: str, shards: Sequence[ManifestShard]) -> None:
    sizes = _sizes(fs, root)
    seen: set[str] = set()
    for shard in shards:
        split, name = _parts(shard.path)
        if shard.path in seen or shard.split != split or not shard.sha256.startswith(name[2]):
            raise ValueError(f"shard {shard.path} comes twice, or its split or sha256 is not what its path says")
        if shard.path not in sizes:
            raise FileNotFoundError(f"{folder}/{shard.path} is to be listed but is not there: write its batch again")
        if sizes[shard.path] != shard.byte_size:
            raise ValueError(
                f"{folder}/{shard.path} has {sizes[shard.path]} bytes and should have {shard.byte_size}: "
                "delete it and write its batch again"
            )
        seen.add(shard.path)


def _totals(shards: Sequence[ManifestShard]) -> dict[str, int]:
    return {
        "shards": len(shards),
        "rows": sum(shard.rows for shard in shards),
        "bytes": sum(shard.byte_size for shard in shards),
    }


def _listed(folder: str, content: bytes) -> list[ManifestShard]:
    try:
        manifest = json.loads(content)
        if manifest["format"] != MANIFEST_FORMAT:
            raise ValueError(f"its format is {manifest['format']!r}, this release reads {MANIFEST_FORMAT}")
        return [
            ManifestShard(each["path"], each["split"], each["sha256"], each["rows"], each["bytes"])
            for each in manifest["shards"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        message = f"{folder}/{MANIFEST} cannot be read ({error}): write it again from the warehouse"
        raise ValueError(message) from error
