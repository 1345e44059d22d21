"""Pictures of instances and of chains, and pictures small enough to travel inside a text."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageOps

from hopchain_assets.domain.records import Chain, Facts, Instance
from hopchain_assets.export.marks import (
    INK,
    PALETTE,
    PAPER,
    Mask,
    Overlay,
    Point,
    category_colours,
    draw_mask,
    ink_on,
    instance_mask,
    stroke_width,
    to_picture,
    to_pixels,
)
from hopchain_assets.export.words import clean_text, counted_members, found_instances, shortened

_DIM = 0.62
_LABEL_LENGTH = 28
_QUALITIES = (86, 78, 70, 60)
_SMALLEST_SIDE = 24
_THUMBNAIL_SIDE = 1000
_STRIP_GROUND = (128, 134, 142)


def open_picture(data: bytes, facts: Facts) -> Image.Image:
    """A picture file's bytes as RGB in the size that the facts state.

    A picture that was measured as its EXIF orientation shows it is turned that way.

    Raises:
        ValueError: when the picture has another size than the facts.
    """
    picture = Image.open(io.BytesIO(data))
    wanted = (facts.width, facts.height)
    turned = picture if picture.size == wanted else ImageOps.exif_transpose(picture)
    if turned.size != wanted:
        raise ValueError(
            f"picture {facts.image_id} is {picture.width}x{picture.height}, but its facts say "
            f"{facts.width}x{facts.height}; read the picture and its facts from the same ingest"
        )
    return turned.convert("RGB")


def outline_instances(
    picture: Image.Image, instances: Sequence[Instance], labels: Mapping[str, str] | None = None
) -> Image.Image:
    """The picture with each instance's mask outlined in its category's colour.

    `labels` maps instance ids to short texts, set beside the objects where there is room.

    Raises:
        ValueError: when a mask is not one of a picture of this size.
    """
    masks = {instance.instance_id: instance_mask(instance, picture.size) for instance in instances}
    colours = category_colours(instance.category for instance in instances)
    pixels = to_pixels(picture)
    for instance in _large_first(instances):
        colour = PALETTE[colours[instance.category]]
        draw_mask(pixels, masks[instance.instance_id], colour, stroke_width(picture.size))
    drawn = to_picture(pixels)
    if not labels:
        return drawn
    overlay, places = Overlay(picture.size), _Places(masks.values(), picture.size)
    height = max(13.0, max(picture.size) / 44)
    for instance in instances:
        text = shortened(clean_text(labels.get(instance.instance_id, "")), _LABEL_LENGTH)
        if text:
            colour = PALETTE[colours[instance.category]]
            center = places.beside(instance.box, overlay.text_size(text, height))
            overlay.pill(center, text, height, colour, ink_on(colour), INK)
    return overlay.onto(drawn)


def draw_chain(picture: Image.Image, facts: Facts, chain: Chain) -> Image.Image:
    """The picture with the chain's instances outlined, numbered by hop and joined by arrows.

    Full badges are instances that a hop finds, white badges members of a set that a hop counts.
    The rest of the picture is dimmed.

    Raises:
        ValueError: when a mask is not one of a picture of this size.
    """
    found = found_instances(chain, facts)
    wanted = {*chain.instance_ids, *(name for _, name in found)}
    instances = [instance for instance in facts.instances if instance.instance_id in wanted]
    masks = {instance.instance_id: instance_mask(instance, picture.size) for instance in instances}
    drawn = _spotlit(picture, instances, masks)
    overlay, places = Overlay(picture.size), _Places(masks.values(), picture.size)
    height = max(18.0, max(picture.size) / 26)
    badges = _badges(found, counted_members(chain, facts))
    centers: dict[str, Point] = {}
    for instance in sorted(instances, key=lambda one: one.area):
        if instance.instance_id in badges:
            size = overlay.text_size(badges[instance.instance_id], height)
            centers[instance.instance_id] = places.on_or_beside(instance, masks[instance.instance_id], size)
    path = [name for _, name in found]
    for start, end in zip(path, path[1:], strict=False):
        if start != end:
            trims = tuple(overlay.text_size(badges[name], height)[0] / 2 + height * 0.12 for name in (start, end))
            overlay.arrow(centers[start], centers[end], (trims[0], trims[1]), max(2.0, height / 9))
    colours = category_colours(instance.category for instance in instances)
    for instance in instances:
        if instance.instance_id in badges:
            colour, text = PALETTE[colours[instance.category]], badges[instance.instance_id]
            by_hop = instance.instance_id in path
            look = (colour, ink_on(colour), PAPER) if by_hop else (PAPER, INK, colour)
            overlay.pill(centers[instance.instance_id], text, height, *look)
    return overlay.onto(drawn)


def thumbnail_data_uri(image: Image.Image, max_bytes: int = 90_000) -> str:
    """The image as a base64 JPEG data URI of at most `max_bytes` characters.

    Shrinks and lowers the quality only as far as the limit asks.

    Raises:
        ValueError: when no legible picture fits into `max_bytes`.
    """
    small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    while max(small.size) >= min(_SMALLEST_SIDE, *image.size):
        for quality in _QUALITIES:
            out = io.BytesIO()
            small.save(out, "JPEG", quality=quality, optimize=True)
            uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
            if len(uri) <= max_bytes:
                return uri
        if max(small.size) == 1:
            break
        small = small.resize((max(1, int(small.width * 0.82)), max(1, int(small.height * 0.82))))
    raise ValueError(f"no legible picture fits into {max_bytes} bytes; allow a few thousand")


def contact_strip(images: Sequence[Image.Image], columns: int, width: int) -> Image.Image:
    """The images in rows of `columns`, `width` pixels wide in all, each whole and centred in its cell.

    Raises:
        ValueError: when there is no image or no room for a column.
    """
    gap = max(2, width // 200)
    cell = (width - gap * (columns + 1)) // columns if columns > 0 else 0
    if not images or cell < 1:
        raise ValueError(f"{len(images)} images in {columns} columns on {width} pixels make no strip")
    tiles = [image.convert("RGB").resize((cell, max(1, round(cell * image.height / image.width)))) for image in images]
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    strip = Image.new("RGB", (width, sum(heights) + gap * (len(rows) + 1)), _STRIP_GROUND)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            strip.paste(tile, (gap + column * (cell + gap), top + (height - tile.height) // 2))
        top += height + gap
    return strip


def _spotlit(picture: Image.Image, instances: Sequence[Instance], masks: Mapping[str, Mask]) -> Image.Image:
    pixels = to_pixels(picture)
    shown = np.zeros(pixels.shape[:2], dtype=bool)
    for mask in masks.values():
        shown |= mask
    pixels[~shown] *= _DIM
    colours = category_colours(instance.category for instance in instances)
    for instance in _large_first(instances):
        colour = PALETTE[colours[instance.category]]
        draw_mask(pixels, masks[instance.instance_id], colour, stroke_width(picture.size), fill=0.06)
    return to_picture(pixels)


def _large_first(instances: Sequence[Instance]) -> list[Instance]:
    return sorted(instances, key=lambda one: (-one.area, one.instance_id))


def _badges(found: Sequence[tuple[int, str]], members: Mapping[str, int]) -> dict[str, str]:
    """The text on each instance's badge: the hops that found it, or the hop that counted it."""
    texts = {name: str(number) for name, number in members.items()}
    for number, name in found:
        hops = texts[name].split(" · ") if name in texts else []
        texts[name] = " · ".join([*hops, str(number)])
    return texts


class _Places:
    """Finds room for badges and labels where they hide neither objects nor each other."""

    def __init__(self, masks: Sequence[Mask] | object, size: tuple[int, int]) -> None:
        self._width, self._height = size
        self._objects = np.zeros((size[1], size[0]), dtype=bool)
        for mask in masks:  # pyright: ignore
            self._objects |= mask
        self._taken = np.zeros_like(self._objects)
