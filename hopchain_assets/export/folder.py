"""A folder of files, local or at an address that fsspec knows (`s3://...`, `memory://...`).

A file gets its name only when it is whole: until then it is a part, `.<name>.<32 hex>.part`, beside it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem


@dataclass(frozen=True, slots=True)
class Folder:
    """`address` as it was given, `root` as the storage knows it. Paths of files are relative to it, with `/`."""

    address: str
    fs: AbstractFileSystem
    root: str

    @classmethod
    def at(cls, address: str) -> Folder:
        """The folder at an address. It need not be there yet."""
        fs, root = url_to_fs(address)
        return cls(address, fs, str(root).rstrip("/"))

    def put_file(self, path: str, local: Path) -> None:
        """Copies a local file to `path`, unless a file of that name and size is there."""
        self.fs.invalidate_cache()
        target = f"{self.root}/{path}"
        if self.fs.exists(target) and self.fs.size(target) == local.stat().st_size:
            return
        parent, name = target.rsplit("/", 1)
        self.fs.makedirs(parent, exist_ok=True)
        part = f"{parent}/{_part_name(name)}"
        try:
            self.fs.put_file(str(local), part)
            self._move(part, target)
        except BaseException:
            if self.fs.exists(part):
                self.fs.rm_file(part)
            raise

    def put_content(self, name: str, content: bytes) -> str:
        """Writes a small file, unless it holds the same already; returns its address."""
        if self.content(name) != content:
            self.fs.makedirs(self.root or "/", exist_ok=True)
            part = f"{self.root}/{_part_name(name)}"
            self.fs.pipe_file(part, content)
            self._move(part, f"{self.root}/{name}")
        return self.address.removesuffix("/") + "/" + name

    def content(self, path: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        try:
            with self.fs.open(f"{self.root}/{path}", "rb") as file:
                # fsspec's types say bytes or text; in mode "rb" it is bytes
                return cast(bytes, file.read())
        except FileNotFoundError:
            return None

    def sizes(self, subfolders: Iterable[str]) -> dict[str, int]:
        """The files of these subfolders, not of folders in them: path -> size in bytes."""
        self.fs.invalidate_cache()
        found: dict[str, int] = {}
        for subfolder in subfolders:
            place = f"{self.root}/{subfolder}"
            if self.fs.isdir(place):
                files = [item for item in self.fs.ls(place, detail=True) if item["type"] == "file"]
                found |= {f"{subfolder}/{item['name'].rsplit('/', 1)[-1]}": item["size"] for item in files}
        return found

    def remove(self, path: str) -> None:
        """Deletes one file."""
        self.fs.rm_file(f"{self.root}/{path}")

    def _move(self, source: str, target: str) -> None:
        if isinstance(self.fs, LocalFileSystem):
            Path(source).replace(target)
        else:
            # fsspec's own `mv` reads * and [ in a path as a pattern
            self.fs.cp_file(source, target)
            self.fs.rm_file(source)


def _part_name(name: str) -> str:
    return f".{name}.{uuid.uuid4().hex}.part"
