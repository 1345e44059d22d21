"""The key of a call: equal exactly when the same question is put to the same model in the same way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from hopchain_assets.ports.vlm import Ask

# begins every key; a new number makes every call anew, so that it changes only where the rest below does
LAYOUT = "hopchain call 1"


def call_key(model: str, revision: str, ask: Ask[Any]) -> str:
    """64 hexadecimal digits: sha256 of model, revision, messages, schema, sampling, sample and round.

    Each field goes in with its length before it, so that no two questions run together. Who asks and what for (stage,
    purpose, input) is left out: the same question is paid for once.
    """
    # a lone surrogate is no text that can be sent, but it must not fail here
    fields = [field.encode(errors="surrogatepass") for field in _fields(model, revision, ask)]
    return hashlib.sha256(b"".join(len(field).to_bytes(8, "big") + field for field in fields)).hexdigest()


def _fields(model: str, revision: str, ask: Ask[Any]) -> Iterator[str]:
    yield from (LAYOUT, model, revision, ask.system, ask.prompt, str(len(ask.pictures)))
    for picture in ask.pictures:
        yield from (picture.sha256, picture.media_type)
    sampling = ask.sampling
    yield from (repr(float(sampling.temperature)), repr(float(sampling.top_p)), str(sampling.max_tokens))
    # of the standard library, whose way of writing does not change
    schema = json.dumps(ask.schema, sort_keys=True, separators=(",", ":"), default=dict)
    yield from (ask.schema_name, schema, str(ask.sample_index), str(ask.repair_round))
