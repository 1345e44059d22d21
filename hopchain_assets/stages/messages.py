"""What goes to a model beside the prompt and the pictures: one JSON document.

Names come from files and from other models. As JSON they stay data, whatever they say.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from hopchain_assets.domain.records import Facts, Instance

SCALE = 1000


def message(content: Mapping[str, object]) -> str:
    """The document, the same text for the same content: the ledger knows it by its words."""
    return json.dumps(content, ensure_ascii=False, separators=(", ", ": "))


def searchable(facts: Facts) -> dict[str, int]:
    """How many there are of each category that may be counted and searched."""
    names = sorted({item.category for item in facts.instances} - facts.uncountable.keys())
    return {name: sum(item.category == name for item in facts.instances) for name in names}


def known_attributes(facts: Facts) -> dict[str, list[str]]:
    """Attributes that are facts in the picture, with the values that occur."""
    values: dict[str, set[str]] = {}
    for item in facts.instances:
        for name, value in item.attributes.items():
            values.setdefault(name, set()).add(value)
    return {name: sorted(found) for name, found in sorted(values.items())}


def combination_message(facts: Facts, chosen: Collection[str], wanted: int) -> dict[str, object]:
    """What a writer gets: the instances with their boxes in 0..1000, and what may be searched."""
    items = [item for item in facts.instances if item.instance_id in chosen]
    return {
        "chains_wanted": wanted,
        "instances": [
            {"label": f"i{k}", "category": item.category, "box": _box(facts, item), "picture": k + 1}
            for k, item in enumerate(items, start=1)
        ],
        "categories": searchable(facts),
        "attributes": known_attributes(facts),
    }


def _box(facts: Facts, item: Instance) -> list[int]:
    sizes = (facts.width, facts.height, facts.width, facts.height)
    return [round(SCALE * value / size) for value, size in zip(item.box, sizes, strict=True)]
