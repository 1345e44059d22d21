"""The margins of a chain in words."""

from __future__ import annotations

from dataclasses import dataclass

from hopchain_assets.domain.certify.explain import Unit, chain_margins
from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.english.nouns import singular
from hopchain_assets.export.words import Entry, clean_text, found_instances, instance_words


@dataclass(frozen=True, slots=True)
class ClosestCall:
    """The choice of a hop that came closest to turning out otherwise: by how much, and how much it needed."""

    hop: int
    what: str
    margin: str
    needed: str
    holds: bool


def closest_calls(entry: Entry, margins: Margins) -> list[ClosestCall]:
    """One for each choice, in the order of the program; instances by the hop that found them, not by their ids."""
    words = {item.instance_id: instance_words(item, entry.facts) for item in entry.facts.instances}
    category = {item.instance_id: clean_text(singular(item.category)) for item in entry.facts.instances}
    for number, name in found_instances(entry.chain, entry.facts):
        words[name] = f"the {category[name]} of hop {number}"
    calls: list[ClosestCall] = []
    for margin in chain_margins(entry.facts, entry.chain, margins):
        pair = " and ".join(words[name] for name in (margin.subject, margin.rival) if name in words)
        told = f"{pair}: {margin.why}" if pair else margin.why
        measured, needed = _amount(margin.measured, margin.unit), _amount(margin.needed, margin.unit)
        calls.append(ClosestCall(margin.hop, told, measured, needed, margin.slack >= 1))
    return calls


def _amount(value: float, unit: Unit) -> str:
    match unit:
        case "px":
            return f"{value:.0f} px"
        case "times":
            return f"{value:.2f} times"
        case "share":
            return f"{value:.0%}"
    return f"{value:g}"
