"""Pictures of instances and of chains, and pictures small enough to travel inside a text."""

from __future__ import annotations

import base64
import io
import itertools
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
    instance_mask,
    stroke_width,
    to_picture,
    to_pixels,
)
from hopchain_assets.export.placing import Places, middle_of
from hopchain_assets.export.words import clean_text, counted_members, found_instances, shortened

_DIM = 0.68
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
    overlay, places = Overlay(picture.size), Places(masks.values(), picture.size)
    height = max(13.0, math.sqrt(picture.width * picture.height) / 37)
    for instance in instances:
        text = shortened(clean_text(labels.get(instance.instance_id, "")), _LABEL_LENGTH)
        if text:
            colour = PALETTE[colours[instance.category]]
            center = places.beside(masks[instance.instance_id], overlay.text_size(text, height))
            overlay.pill(center, text, height, colour, INK, INK)
    return overlay.onto(drawn)


def draw_chain(picture: Image.Image, facts: Facts, chain: Chain) -> Image.Image:
    """The picture with the chain's instances outlined, numbered by hop and joined by arrows.

    Coloured badges mark instances that a hop finds, white ones members of a set that a hop counts.
    The rest of the picture is dimmed.

    Raises:
        ValueError: when a mask is not one of a picture of this size.
    """
    found = found_instances(chain, facts)
    wanted = {*chain.instance_ids, *(name for _, name in found)}
    instances = [instance for instance in facts.instances if instance.instance_id in wanted]
    masks = {instance.instance_id: instance_mask(instance, picture.size) for instance in instances}
    drawn = _spotlit(picture, instances, masks)
    badges = _badges(found, counted_members(chain, facts))
    height = max(18.0, math.sqrt(picture.width * picture.height) / 21)
    overlay = Overlay(picture.size)
    path = [name for _, name in found]
    steps = [(start, end) for start, end in itertools.pairwise(path) if start != end]
    sizes = {name: overlay.text_size(badges[name], height) for name in masks if name in badges}
    centers = _badge_centers(masks, sizes, steps, picture.size)
    for start, end in steps:
        gap = height * 0.12
        trim = (sizes[start][0] / 2 + gap, sizes[end][0] / 2 + gap)
        overlay.arrow(centers[start], centers[end], trim, max(2.0, height / 9))
    colours = category_colours(instance.category for instance in instances)
    for instance in instances:
        name, colour = instance.instance_id, PALETTE[colours[instance.category]]
        if name in centers:
            fill, rim = (colour, PAPER) if name in path else (PAPER, colour)
            overlay.pill(centers[name], badges[name], height, fill, INK, rim)
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


def _badge_centers(
    masks: Mapping[str, Mask],
    sizes: Mapping[str, tuple[float, float]],
    steps: Sequence[tuple[str, str]],
    picture_size: tuple[int, int],
) -> dict[str, Point]:
    """Where each badge goes; small objects choose first, for they have the fewest places."""
    places = Places(masks.values(), picture_size)
    centers: dict[str, Point] = {}
    for name in sorted(sizes, key=lambda one: (int(masks[one].sum()), one)):
        others = [other for step in steps if name in step for other in step if other != name]
        links = [middle_of(masks[other]) for other in others]
        centers[name] = places.on_or_beside(masks[name], sizes[name], links)
    return centers


def _large_first(instances: Sequence[Instance]) -> list[Instance]:
    return sorted(instances, key=lambda one: (-one.area, one.instance_id))


def _badges(found: Sequence[tuple[int, str]], members: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """The text on each instance's badge: the hops that found it, else those that counted it."""
    hops: dict[str, list[int]] = {}
    for number, name in found:
        hops.setdefault(name, []).append(number)
    numbers = {**members, **hops}
    return {name: " · ".join(map(str, sorted(set(those)))) for name, those in numbers.items()}
