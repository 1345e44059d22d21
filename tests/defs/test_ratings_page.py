"""The page of a batch's ratings: how complex its pictures are, and how many of them go on."""

from __future__ import annotations

import base64
from pathlib import Path

from hopchain_assets.defs.metadata import pages
from hopchain_assets.defs.plots import ratings_metadata
from hopchain_assets.warehouse.landing import batches
from tests.stages.conftest import new_line
from tests.stages.model_server import ModelServer, rating
from tests.stages.plain_pictures import asking, chat, land_plain, plain_files


def test_ratings_are_shown_with_what_they_keep(tmp_path: Path) -> None:
    """A picture of the complexities, counts by quality and outcome, and a sample; nothing where none was rated."""
    plain = new_line(tmp_path / "home")
    ids = land_plain(plain, plain_files(tmp_path / "p", 3))
    replies = dict(zip(ids, (rating(7), rating(8, "Low"), rating(7, reason="<b>|many</b>")), strict=True))
    (batch,) = batches(plain.lake)
    plain.run("raw_images", [batch])
    assert ratings_metadata(plain, batch) == {}
    with ModelServer(lambda asked: replies[asked.pictures[0]]) as server:
        line = asking(plain, chat(server.url))
        reports = line.run("image_ratings", [batch])
    told = pages(line.lake, "image_ratings", reports)[batch]
    values = {name: value.value for name, value in told.items()}
    assert (values["quality: High"], values["quality: Low"]) == (2, 1)
    assert (values["outcome: done"], values["outcome: nothing"]) == (2, 1)
    assert "<b>" not in str(values["sample"])
    image = str(ratings_metadata(line, batch)["picture"].value)
    assert image.startswith("![Ratings: 2 of 3 pictures are kept](data:image/svg")
    svg = base64.b64decode(image.rpartition("base64,")[2].rstrip(")")).decode()
    assert "7 2, 8 1" in svg and "2 of 3 pictures are kept" in svg
