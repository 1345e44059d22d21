"""Rendered scenes on disk: pictures and one COCO file that says all that is true of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from hopchain_assets.sources.scenes.catalogue import CATEGORIES
from hopchain_assets.sources.scenes.model import Scene
from hopchain_assets.sources.scenes.plan import plan_scene
from hopchain_assets.sources.scenes.render import draw

# raised by hand with every change to the looks or the layout: older pictures are then drawn anew
VERSION = 1
ANNOTATIONS = "instances.json"
CATEGORY_IDS: Mapping[str, int] = {name: number for number, name in enumerate(sorted(CATEGORIES), start=1)}
MOST_OBJECTS = 100


def render_scenes(folder: Path, count: int, seed: int, progress: Callable[[int], None] | None = None) -> Path:
    """Renders scenes 0 to `count - 1` of the series `seed` into the folder.

    Pictures go to `images/scene-<seed>-<index>.jpg`, their truth to `instances.json` (COCO, with compressed run
    lengths of the visible masks, and string `attributes`), which is renamed into place last. Scene i depends on seed
    and i alone. A picture that is already there, unchanged since an earlier call, is neither drawn nor written again.
    `progress` is told the number of scenes that are done.

    Returns:
        The path of `instances.json`.

    Raises:
        ValueError: when `count` is not positive, or the folder holds another series.
    """
    if count < 1:
        raise ValueError(f"cannot render {count} scenes: ask for one or more")
    target = folder / ANNOTATIONS
    known = _known(target, seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(count):
        entry = known.get(index + 1)
        if entry is None or not _intact(folder / "images" / entry[0]["file_name"], entry[0]["sha256"]):
            entry = _scene_entry(folder, seed, index)
        images.append(entry[0])
        annotations.extend(entry[1])
        if progress is not None:
            progress(index + 1)
    _write(target, json.dumps(_document(seed, images, annotations), separators=(",", ":")).encode())
    return target


def _document(seed: int, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "info": {
            "description": "Rendered scenes with known truth: every object of the listed categories is annotated.",
            "exhaustive": True,
            "source": "rendered scenes",
            "seed": seed,
            "version": VERSION,
        },
        "licenses": [{"id": 1, "name": "CC0 1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in CATEGORY_IDS.items()],
        "annotations": annotations,
    }


Entry = tuple[dict[str, Any], list[dict[str, Any]]]


def _known(target: Path, seed: int) -> dict[int, Entry]:
    """What an earlier call wrote, by image id; empty where it was of another version."""
    if not target.exists():
        return {}
    try:
        old = json.loads(target.read_bytes())
        info = old["info"]
        held, version = info["seed"], info.get("version")
        entries: dict[int, Entry] = {image["id"]: (image, []) for image in old["images"]}
        for annotation in old["annotations"]:
            entries[annotation["image_id"]][1].append(annotation)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{target} is no file of rendered scenes: remove it or choose a new folder") from error
    if held != seed:
        raise ValueError(f"{target} holds scenes of seed {held}, not {seed}: choose a new folder for another seed")
    return entries if version == VERSION else {}


def _intact(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _scene_entry(folder: Path, seed: int, index: int) -> Entry:
    scene = plan_scene(seed, index)
    picture, owner = draw(scene)
    name = f"scene-{seed}-{index:05d}.jpg"
    data = _jpeg(picture)
    _write(folder / "images" / name, data)
    image = {
        "id": index + 1,
        "file_name": name,
        "width": scene.width,
        "height": scene.height,
        "license": 1,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return image, _annotations(scene, owner, index)


def _jpeg(picture: Image.Image) -> bytes:
    # whole colour resolution: small red digits must not bleed
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def _annotations(scene: Scene, owner: NDArray[np.uint8], index: int) -> list[dict[str, Any]]:
    # pycocotools wants columns first; one copy serves all masks
    columns = np.asfortranarray(owner)
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(scene.objects, start=1):
        runs = coco_mask.encode((columns == number).view(np.uint8))
        counts = runs["counts"]
        rows.append(
            {
                "id": (index + 1) * MOST_OBJECTS + number,
                "image_id": index + 1,
                "category_id": CATEGORY_IDS[item.category],
                "bbox": [round(float(value)) for value in coco_mask.toBbox(runs)],
                "area": int(coco_mask.area(runs)),
                "iscrowd": 0,
                "segmentation": {
                    "size": [scene.height, scene.width],
                    "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts,
                },
                "attributes": dict(item.attributes),
            }
        )
    return rows


def _write(path: Path, data: bytes) -> None:
    """Puts the bytes in place whole, and leaves a file alone that holds them already."""
    if path.is_file() and path.read_bytes() == data:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_bytes(data)
    temporary.replace(path)
