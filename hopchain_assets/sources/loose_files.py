"""Pictures that lie in files of their own: they come in as they are, and stay where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hopchain_assets.sources.incoming import LeftOut, Picture


def read_files(files: Sequence[Path], root: Path) -> Iterator[Picture | LeftOut]:
    """Each file with the hash of its bytes; whether they can be decoded is looked at later.

    Links that lead out of `root` are not followed: somebody else may have put them there.
    """
    inside = root.resolve()
    for path in files:
        try:
            if not path.resolve().is_relative_to(inside):
                yield LeftOut(path.as_uri(), f"it is a link that leads out of {root}: put the file itself there")
                continue
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            yield Picture(path.as_uri(), content, None, None)
        except (OSError, RuntimeError) as error:
            yield LeftOut(path.as_uri(), f"it cannot be read: {error}")
