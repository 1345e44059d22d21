"""Stage `raw_images`: landed files become pictures that can be trusted, or are set aside with a reason.

The store holds under an `image_id`, which is the sha256 of the file as it landed, that picture in the form of
`sources/picture_file.py`: often the very file, else a new one made of it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

import duckdb
import numpy as np
import polars as pl
from PIL import Image

from hopchain_assets.domain.records import digest
from hopchain_assets.sources.picture_file import Marked, UnusablePicture, fetch, normalise, size_of
from hopchain_assets.stages.engine import Inputs, Progress, Work, stage_version
from hopchain_assets.warehouse.done import StageTables
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import members
from hopchain_assets.warehouse.pictures import PictureStore
from hopchain_assets.warehouse.rows import utc_now

CODE = 2
NEAR_DUPLICATE_BITS = 3
THREADS = 4
# Pillow takes 4 bytes a pixel, twice while a picture is turned. Larger pictures are decoded one after the other, and
# in one thread: what a thread gives back, the C library keeps for that thread, and in four the peak was twice as high.
LARGE_PIXELS = 24_000_000
CREDITS = ("license", "license_url", "author", "source_page")

Item = TypeVar("Item")
Result = TypeVar("Result")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RawImages:
    """Takes pictures in: bytes to the store, one row each.

    Exclusive: near-duplicates find each other by the rows of the batches before, and in two batches worked on
    at once they would not, and could end up on both sides of the split.
    """

    lake: Lake
    pictures: PictureStore

    tables: ClassVar[StageTables] = StageTables("raw_images", {"images": "image_id", "quarantine": "content_sha256"})
    exclusive: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """Raised by code alone."""
        return stage_version("raw_images", CODE)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> Inputs:
        """Every member, with the hash of its bytes and of what its source says."""
        found: Inputs = {}
        for batch, content, said in members(connection, batches):
            found.setdefault(batch, {})[content] = digest(content, said)
        return found

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Reads, checks and keeps each file; one that is broken goes to quarantine.

        Raises:
            OSError: when the store cannot take a picture, as when the disk is full.
            ValueError: when its address is of no kind that is installed.
        """
        rows = self.lake.query(
            "SELECT content_sha256, source_uri, annotations FROM batch_members WHERE batch = ?", [batch]
        )
        # a store that cannot be reached is no picture's fault: it fails here, before any is blamed
        self.pictures.has("0" * 64)
        found = {row["content_sha256"]: row for row in rows.iter_rows(named=True)}
        wanted = [found[name] for name in inputs if name in found]
        with warnings.catch_warnings():
            # Pillow's, of odd files; we have our own limits, and say what to do
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with ThreadPoolExecutor(1, "large picture") as large:
                ended = _in_threads(partial(self._take_in, large=large), wanted, progress)
        now = utc_now()
        images = [row | {"ingested_at": now} for row in ended if "image_id" in row]
        rejected = [row | {"at": now} for row in ended if "reason" in row]
        frames = {"images": self._grouped(images), "quarantine": pl.DataFrame(rejected)}
        outcomes = {str(row["content_sha256"]): "quarantined" for row in rejected}
        return Work({name: frame for name, frame in frames.items() if frame.height}, outcomes)

    def _take_in(self, member: Mapping[str, str], large: ThreadPoolExecutor) -> Row:
        """A row of `images`, or one of `quarantine`."""
        try:
            data, row = self._read(member, large)
        except UnusablePicture as error:
            return _rejected(member, error.reason, str(error))
        except Exception as error:  # a decoder may fail in ways nobody thought of, and the others still come in
            told = f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace").decode("utf-8")
            return _rejected(member, "failed", f"{told}; convert the file to JPEG or PNG and import that")
        # not above: that the store cannot be written to is not this picture's fault
        self.pictures.put(row["image_id"], data)
        return row

    def _read(self, member: Mapping[str, str], large: ThreadPoolExecutor) -> tuple[bytes, Row]:
        """The bytes to keep, and the row that goes with them."""
        original = self._original(member["content_sha256"], member["source_uri"])
        if _sha256(original) != member["content_sha256"]:
            wrong = "the file is not the one that landed"
            raise UnusablePicture("changed since it landed", wrong, "import it again")
        said = json.loads(member["annotations"] or "{}")
        marked = (said.get("width"), said.get("height"))
        width, height = size_of(original)
        if width * height > LARGE_PIXELS:
            data, row = large.submit(_normal, original, marked).result()
        else:
            data, row = _normal(original, marked)
        row |= {"image_id": member["content_sha256"], "source_uri": member["source_uri"]}
        return data, row | {key: _text(said.get(key)) for key in CREDITS}

    def _original(self, content: str, uri: str) -> bytes:
        """The file as it landed."""
        if self.pictures.originals.has(content):
            return self.pictures.originals.get(content)
        try:
            return fetch(uri)
        except UnusablePicture:
            # a folder that was cleared out after its pictures came in is no reason to lose them
            kept = self.pictures.get(content) if self.pictures.has(content) else b""
            if _sha256(kept) == content:
                return kept
            raise

    def _grouped(self, images: list[Row]) -> pl.DataFrame:
        """Near-duplicates share a split group; a picture keeps the group it was given when it first came in."""
        if not images:
            return pl.DataFrame()
        # in an order of their own, so that the group does not depend on how the rows lie
        known = self.lake.query("SELECT image_id, perceptual_hash, split_group FROM images ORDER BY batch, image_id")
        groups = known["split_group"].to_list()
        group = dict(zip(known["image_id"].to_list(), groups, strict=True))
        hashes = np.zeros(known.height + len(images), np.uint64)
        hashes[: known.height] = np.frombuffer(bytes.fromhex("".join(known["perceptual_hash"].to_list())), ">u8")
        for row in images:
            name, value = row["image_id"], np.uint64(int(row["perceptual_hash"], 16))
            if name not in group:
                near = np.bitwise_count(hashes[: len(groups)] ^ value) <= NEAR_DUPLICATE_BITS
                group[name] = groups[int(near.argmax())] if near.any() else name
                hashes[len(groups)] = value
                groups.append(group[name])
            row["split_group"] = group[name]
        return pl.DataFrame(images)


def perceptual_hash(picture: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits: is each cell of a 9x8 grey miniature brighter than the one to its right?"""
    if picture.width * picture.height > LARGE_PIXELS:
        # the mean of means is the mean but for the last columns and rows, and a grey copy the less is held
        picture = picture.reduce(4)
    small = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = (small[:, :-1] > small[:, 1:]).ravel()
    return np.packbits(bits).tobytes().hex()


def _normal(original: bytes, marked: Marked) -> tuple[bytes, Row]:
    picture = normalise(original, marked)
    width, height = picture.pixels.size
    told = {"width": width, "height": height, "format": picture.format, "byte_size": len(picture.data)}
    return picture.data, told | {"perceptual_hash": perceptual_hash(picture.pixels)}


def _in_threads(do: Callable[[Item], Result], items: Sequence[Item], progress: Progress) -> list[Result]:
    """Results in the order of the items; progress is told in this thread, as they come.

    The first error ends it, one of `progress` too: items at work are waited for, others not begun.
    """
    pool = ThreadPoolExecutor(THREADS, "picture")
    try:
        futures = [pool.submit(do, item) for item in items]
        for number, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(number, len(futures))
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _rejected(member: Mapping[str, str], reason: str, detail: str) -> Row:
    shown = {"source_uri": member["source_uri"], "content_sha256": member["content_sha256"]}
    return shown | {"reason": reason, "detail": detail}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(value: object) -> str:
    """What a file says, as text that can be written down: JSON may hold half a character, or none at all."""
    return str(value or "").encode("utf-8", "replace").decode("utf-8")
