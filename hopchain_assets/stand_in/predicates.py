"""What can be seen of an object beyond what is known of it by name: words whose truth follows from its attributes."""

from __future__ import annotations

from collections.abc import Mapping

from hopchain_assets.stand_in.truth import Thing

# single words, so that they stand before a noun
SHADES: Mapping[str, frozenset[str]] = {
    "warm-coloured": frozenset({"red", "orange", "yellow"}),
    "cool-coloured": frozenset({"green", "blue", "purple"}),
    "colourless": frozenset({"white", "black", "grey", "gray"}),
}
PARITY: Mapping[str, int] = {"even-numbered": 0, "odd-numbered": 1}
# adjectives that no attribute tells of: said of a thing, they are nobody's knowledge
UNKNOWN = ("wooden", "shiny", "broken", "dusty", "brand-new", "standing", "sleeping", "patterned", "glowing", "dented")


def perceived(thing: Thing, predicate: str) -> str | None:
    """`yes` or `no`, or None where nothing that is known of the thing tells."""
    words = predicate.strip().lower()
    if words.startswith("not "):
        turned = {"yes": "no", "no": "yes"}
        return turned.get(perceived(thing, words[4:]) or "")
    color, facing = thing.attributes.get("color"), thing.attributes.get("facing")
    if words in SHADES:
        return None if color is None else _said(color in SHADES[words])
    if words in PARITY:
        number = thing.attributes.get("number", "")
        return _said(int(number) % 2 == PARITY[words]) if number.isascii() and number.isdigit() else None
    side = words.removeprefix("facing ").removesuffix("-facing")
    if side in ("left", "right") and side != words:
        return None if facing is None else _said(facing == side)
    colors = frozenset().union(*SHADES.values())
    return _said(color == words) if color is not None and words in colors else None


def _said(holds: bool) -> str:
    return "yes" if holds else "no"
