"""Stage `raw_images`: landed files become pictures that can be trusted, or are set aside with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import unquote

import duckdb
import fsspec
import numpy as np
import polars as pl
from PIL import Image, UnidentifiedImageError

from hopchain_assets.domain.records import digest
from hopchain_assets.stages.engine import Progress, Work, stage_version
from hopchain_assets.warehouse.done import StageTables
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.pictures import PictureStore

CODE = 1
MOST_PIXELS = 120_000_000
NEAR_DUPLICATE_BITS = 3


class Unusable(ValueError):
    """A file that cannot become a picture; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RawImages:
    """Takes pictures in: bytes to the store, one row each."""

    lake: Lake
    pictures: PictureStore

    tables: ClassVar[StageTables] = StageTables("raw_images", {"images": "image_id", "quarantine": "content_sha256"})

    @property
    def version(self) -> str:
        """Raised by code alone."""
        return stage_version("raw_images", CODE)

    def inputs(self, connection: duckdb.DuckDBPyConnection, batch: str) -> Mapping[str, str]:
        """Every member of the batch, with the hash of its bytes and of what its source says."""
        rows = connection.execute(
            "SELECT content_sha256, coalesce(sha256(annotations), '') FROM batch_members WHERE batch = ? ORDER BY ALL",
            [batch],
        ).fetchall()
        return {content: digest(content, said) for content, said in rows}

    def work(self, batch: str, inputs: Sequence[str], progress: Progress) -> Work:
        """Reads, checks and keeps each file; one that is broken goes to quarantine."""
        members = self.lake.query(
            "SELECT content_sha256, source_uri, annotations FROM batch_members WHERE batch = ?", [batch]
        ).filter(pl.col("content_sha256").is_in(list(inputs)))
        now = datetime.now(UTC).replace(tzinfo=None)
        images: list[dict[str, object]] = []
        rejected: list[dict[str, object]] = []
        for number, member in enumerate(members.iter_rows(named=True), start=1):
            try:
                images.append(self._take_in(member) | {"ingested_at": now})
            except Unusable as error:
                reason, _, detail = str(error).partition(": ")
                rejected.append(
                    {"source_uri": member["source_uri"], "content_sha256": member["content_sha256"]}
                    | {"reason": reason, "detail": detail, "at": now}
                )
            progress(number, len(inputs))
        outcomes = {str(row["content_sha256"]): "quarantined" for row in rejected}
        frames = {"images": self._grouped(images), "quarantine": pl.DataFrame(rejected)}
        return Work({name: frame for name, frame in frames.items() if frame.height}, outcomes)

    def _take_in(self, member: Mapping[str, str]) -> dict[str, object]:
        data = _read(member["source_uri"])
        content = hashlib.sha256(data).hexdigest()
        if content != member["content_sha256"]:
            raise Unusable("changed since it landed: import it again")
        said = json.loads(member["annotations"]) if member["annotations"] else {}
        picture, form = _open(data)
        size = [said.get("width"), said.get("height")]
        if said and size != list(picture.size):
            raise Unusable(f"size differs: the annotations say {size}, the file has {list(picture.size)}; mend either")
        self.pictures.put(content, data)
        return {
            "image_id": content,
            "source_uri": member["source_uri"],
            "width": picture.width,
            "height": picture.height,
            "format": form,
            "byte_size": len(data),
            "perceptual_hash": perceptual_hash(picture),
        } | {key: said.get(key, "") for key in ("license", "license_url", "author", "source_page")}

    def _grouped(self, images: list[dict[str, object]]) -> pl.DataFrame:
        """Near-duplicates share a split group; a picture keeps the group it was given when it first came in."""
        if not images:
            return pl.DataFrame()
        known = self.lake.query("SELECT image_id, perceptual_hash, split_group FROM images")
        group = dict(zip(known["image_id"], known["split_group"], strict=True))
        seen = [(int(h, 16), g) for h, g in zip(known["perceptual_hash"], known["split_group"], strict=True)]
        for row in images:
            name, value = str(row["image_id"]), int(str(row["perceptual_hash"]), 16)
            if name not in group:
                group[name] = next((g for h, g in seen if (h ^ value).bit_count() <= NEAR_DUPLICATE_BITS), name)
                seen.append((value, group[name]))
            row["split_group"] = group[name]
        return pl.DataFrame(images)


def perceptual_hash(picture: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits: is each cell of a 9x8 grey miniature brighter than the one to its right?"""
    small = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = (small[:, :-1] > small[:, 1:]).ravel()
    return np.packbits(bits).tobytes().hex()


def _read(uri: str) -> bytes:
    # fsspec takes the address of a local file as it stands, so `%20` would stay `%20`
    address = unquote(uri) if uri.startswith("file://") else uri
    try:
        with fsspec.open(address, "rb") as file:
            return file.read()  # type: ignore[union-attr]
    except OSError as error:
        raise Unusable(f"cannot be read: {error}; put the file back and run again") from error


def _open(data: bytes) -> tuple[Image.Image, str]:
    """The decoded picture and its format's name."""
    try:
        with warnings.catch_warnings():
            # we have our own limit, and say what to do
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > MOST_PIXELS:
            raise Unusable(f"too large: {picture.width}x{picture.height} pixels; scale it down below 120 megapixels")
        picture.load()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable(f"no picture: {error}; convert it to JPEG or PNG") from error
    return picture, (picture.format or "").lower()
