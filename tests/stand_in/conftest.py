"""Rendered scenes as the stand-in's truth, and questions in the form of the wire."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from hopchain_assets.export.sent import crops_sent
from hopchain_assets.sources.scenes import render_scenes
from hopchain_assets.stand_in.truth import Known, Truth
from hopchain_assets.stand_in.wire import Request, read_request

SCENES = 12


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rendered scenes, as `hopchain scenes` leaves it."""
    made = tmp_path_factory.mktemp("truth")
    render_scenes(made, SCENES, seed=11)
    return made


@pytest.fixture(scope="session")
def truth(folder: Path) -> Truth:
    return Truth([folder])


@pytest.fixture(scope="session")
def pictures(truth: Truth) -> list[Known]:
    return [truth.known(name) for name in truth.names()]


def attributes_of(known: Known) -> dict[str, list[str]]:
    values: dict[str, set[str]] = {}
    for thing in known.things:
        for name, value in thing.attributes.items():
            values.setdefault(name, set()).add(value)
    return {name: sorted(found) for name, found in values.items()}


def open_positions(known: Known) -> list[int]:
    """Objects that may be counted or searched."""
    return [k for k, thing in enumerate(known.things) if thing.category not in known.closed]


def order_of(known: Known, combination: Collection[int], wanted: int = 2) -> dict[str, Any]:
    """What a writer is told of a combination."""
    sizes = (known.width, known.height) * 2
    instances = [
        {
            "label": f"i{number}",
            "category": known.things[k].category,
            "box": [round(1000 * value / size) for value, size in zip(known.things[k].box, sizes, strict=True)],
            "picture": number + 1,
        }
        for number, k in enumerate(combination, start=1)
    ]
    categories = {name: len(members) for name, members in known.categories.items() if name not in known.closed}
    return {
        "chains_wanted": wanted,
        "instances": instances,
        "categories": categories,
        "attributes": attributes_of(known),
    }


def body_of(
    schema_name: str, said: Mapping[str, Any], pictures: Sequence[bytes] = (), model: str = "stand-in", seed: int = 0
) -> bytes:
    """The body of a request for a chat completion."""
    uris = [f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}" for picture in pictures]
    content = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
    return orjson.dumps(
        {
            "model": model,
            "messages": [
                {"role": "system", "content": "instructions"},
                {"role": "user", "content": [*content, {"type": "text", "text": json.dumps(said)}]},
            ],
            "seed": seed,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": schema_name, "strict": True, "schema": {}},
            },
        }
    )


Asks = Callable[..., bytes]


@pytest.fixture
def ask_for_chains(truth: Truth) -> Callable[..., Request]:
    """A request for chains over a combination of a picture's objects."""

    def make(known: Known, combination: Sequence[int], seed: int = 0, **more: Any) -> Request:
        data = truth.path(known.image_id).read_bytes()
        crops = crops_sent(data, [known.things[k].box for k in combination])
        said = {**order_of(known, combination), **more}
        return read_request(body_of("chains", said, [data, *(crop.data for crop in crops)], seed=seed))

    return make
