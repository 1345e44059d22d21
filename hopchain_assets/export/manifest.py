"""What stands beside the shards: `manifest.json`, which says which of them count, and the reward.

The order write_batch, write_manifest, remove_unlisted leaves a valid folder wherever it is killed: until
the new manifest is in place, the old one and all that it lists are there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from importlib import resources

from hopchain_assets.export.folder import Folder
from hopchain_assets.export.shards import DATA_SOURCE, SPLITS, ManifestShard, Split

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
REWARD_FILE = "reward.py"

_SHARD = re.compile(r"([A-Za-z0-9][A-Za-z0-9._=-]*)-([0-9a-f]{12})\.parquet")
# a shard that was still being put into the folder when its writer was killed
_PART = re.compile(r"\.([A-Za-z0-9][A-Za-z0-9._=-]*)-[0-9a-f]{12}\.parquet\.[0-9a-f]{32}\.part")


def write_manifest(folder: str, shards: Sequence[ManifestShard], versions: Mapping[str, str], snapshot: int) -> str:
    """Writes `manifest.json` with all shards of the folder and returns its address.

    `versions` names what made the rows, `snapshot` is the warehouse's. A manifest that says the
    same already is left alone.

    Raises:
        ValueError: when a shard comes twice, has no shard's path, or lies in the folder with another size.
        FileNotFoundError: when a shard is not in the folder.
    """
    place = Folder.at(folder)
    _check_listed(place, shards)
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
    return place.put_content(MANIFEST, text.encode())


def write_reward(folder: str) -> str:
    """Puts the stand-alone reward beside the shards and returns its address."""
    source = resources.files("hopchain_assets.export").joinpath("reward.py").read_bytes()
    return Folder.at(folder).put_content(REWARD_FILE, source)


def unlisted_batches(folder: str) -> set[str]:
    """Batches of which there are shards, or parts of shards, that the manifest does not list.

    Raises:
        FileNotFoundError: when there is no manifest, for then everything would be unlisted.
        ValueError: when the manifest cannot be read.
    """
    place = Folder.at(folder)
    content = place.content(MANIFEST)
    if content is None:
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: write it before unlisted shards are removed")
    listed = {shard.path for shard in _listed(folder, content)}
    return {batch for path, batch in _ours(place) if path not in listed}


def remove_unlisted(folder: str, batch: str, keep: Collection[str]) -> list[str]:
    """Deletes shards, and parts of shards, of a batch, but for the paths to keep; returns the paths deleted.

    Only files of our own naming in the folders of the splits. Nobody else may be writing the batch.
    """
    place = Folder.at(folder)
    removed = sorted(path for path, of in _ours(place) if of == batch and path not in keep)
    for path in removed:
        place.remove(path)
    return removed


def _ours(place: Folder) -> list[tuple[str, str]]:
    """Path and batch of every file of our own naming."""
    found: list[tuple[str, str]] = []
    for path in place.sizes(SPLITS):
        name = path.partition("/")[2]
        ours = _SHARD.fullmatch(name) or _PART.fullmatch(name)
        if ours:
            found.append((path, ours[1]))
    return found


def _parts(path: str) -> tuple[Split, re.Match[str]]:
    folder, _, file = path.partition("/")
    name = _SHARD.fullmatch(file)
    for split in SPLITS:
        if folder == split and name:
            return split, name
    raise ValueError(f"{path!r} is no shard's path: it is like train/<batch>-<12 hex>.parquet")


def _check_listed(folder: Folder, shards: Sequence[ManifestShard]) -> None:
    sizes = folder.sizes(SPLITS)
    seen: set[str] = set()
    for shard in shards:
        split, name = _parts(shard.path)
        if shard.path in seen or shard.split != split or not shard.sha256.startswith(name[2]):
            raise ValueError(f"shard {shard.path} comes twice, or its split or sha256 is not what its path says")
        if shard.path not in sizes:
            raise FileNotFoundError(
                f"{folder.address}/{shard.path} is to be listed but is not there: write its batch again"
            )
        if sizes[shard.path] != shard.byte_size:
            raise ValueError(
                f"{folder.address}/{shard.path} has {sizes[shard.path]} bytes and should have {shard.byte_size}: "
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
