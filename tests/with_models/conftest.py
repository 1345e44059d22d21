"""A SAM3 of random weights on disk, as a user's would be, and photographs."""

# pyright: reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import pytest

PHOTOS = Path(__file__).parents[3] / "shared" / "photos"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny SAM3."""
    pytest.importorskip("torch", reason="torch is not installed: make test-models")
    pytest.importorskip("transformers", reason="transformers is not installed: make test-models")
    from tests.with_models.tiny_sam3 import save_tiny_sam3

    return save_tiny_sam3(tmp_path_factory.mktemp("sam3") / "tiny")


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Real photographs."""
    found = sorted((PHOTOS / "images").glob("*.jpg"))
    if not found:
        pytest.skip(f"there are no photographs at {PHOTOS}")
    return found
