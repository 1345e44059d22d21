"""The store of picture files: each kept once, under the hash of what landed, on a disk or in an object store."""

from __future__ import annotations

from dataclasses import dataclass

import fsspec
from fsspec.core import url_to_fs


@dataclass(frozen=True, slots=True)
class PictureStore:
    """Pictures under `folder` (a path or any fsspec URL).

    `image_id` is the sha256 of the file that landed. The bytes kept under it are that file's, or those of the same
    picture in the one form that the line works with.
    """

    folder: str

    @property
    def originals(self) -> PictureStore:
        """Bytes as they landed, of pictures that do not lie in a file of their own (Parquet, downloads)."""
        return PictureStore(f"{self.folder.rstrip('/')}/originals")

    def has(self, image_id: str) -> bool:
        """Whether the store holds the picture."""
        system, path = url_to_fs(self._path(image_id))
        return system.exists(path)

    def put(self, image_id: str, data: bytes) -> None:
        """Keeps a picture; one that is there already with the same bytes is not written again."""
        system, path = url_to_fs(self._path(image_id))
        # another form of the same picture may have just as many bytes: a picture of one colour, turned
        if system.exists(path) and system.size(path) == len(data) and system.cat_file(path) == data:
            return
        system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        # whole or not at all: a reader must never meet half a file after a kill
        temporary = f"{path}.part"
        system.pipe_file(temporary, data)
        system.mv(temporary, path)

    def get(self, image_id: str) -> bytes:
        """The bytes of a picture.

        Raises:
            FileNotFoundError: when the store does not hold it.
        """
        with fsspec.open(self._path(image_id), "rb") as file:
            return file.read()  # type: ignore[union-attr]

    def _path(self, image_id: str) -> str:
        return f"{self.folder.rstrip('/')}/{image_id[:2]}/{image_id}"
