"""Programs that differ from a program in one small thing, as a slip of the pen would make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from hopchain_assets.stand_in.english import SAID
from hopchain_assets.stand_in.evaluate import Program
from hopchain_assets.stand_in.looks import reads

Attributes = Mapping[str, Sequence[str]]
Slip = Callable[[Program, Attributes, Sequence[str]], Iterator[Program]]

OPPOSITE = {
    "left": "right", "right": "left", "above": "below", "below": "above",
    "top": "bottom", "bottom": "top", "largest": "smallest", "smallest": "largest",
    "larger": "smaller", "smaller": "larger",
}  # fmt: skip
TURNED = {"left": "above", "above": "left", "right": "below", "below": "right"}
HIGHEST_RANK = 5


def changed(program: Program, place: int, **fields: Any) -> Program:
    """The program with other fields in the node at that place."""
    nodes = [dict(node) for node in program["nodes"]]
    nodes[place] |= fields
    return {**program, "nodes": nodes}


def sides(program: Program, attributes: Attributes, categories: Sequence[str]) -> Iterator[Program]:
    """Another side, half, position or size than the program's."""
    for place, node in enumerate(program["nodes"]):
        if node["op"] == "side":
            for side in (OPPOSITE[node["side"]], TURNED[node["side"]]):
                yield changed(program, place, side=side)
        elif node["op"] == "extreme":
            yield changed(program, place, axis=OPPOSITE[node["axis"]])
        elif node["op"] == "compare" and node["by"] in ("position", "area"):
            yield changed(program, place, relation=OPPOSITE[node["relation"]])


def ranks(program: Program, attributes: Attributes, categories: Sequence[str]) -> Iterator[Program]:
    """Another rank, or the far end instead of the near one."""
    for place, node in enumerate(program["nodes"]):
        if node["op"] == "extreme":
            for rank in (node["rank"] + 1, node["rank"] - 1):
                if 1 <= rank <= HIGHEST_RANK:
                    yield changed(program, place, rank=rank)
        elif node["op"] in ("nearest", "farthest"):
            yield changed(program, place, op="farthest" if node["op"] == "nearest" else "nearest")


def kinds(program: Program, attributes: Attributes, categories: Sequence[str]) -> Iterator[Program]:
    """Another of the categories."""
    for place, node in enumerate(program["nodes"]):
        if node["op"] == "objects":
            for category in categories:
                if category != node["category"]:
                    yield changed(program, place, category=category)


def constants(program: Program, attributes: Attributes, categories: Sequence[str]) -> Iterator[Program]:
    """Another constant in a choice, a sum or a comparison."""
    for place, node in enumerate(program["nodes"]):
        for key in ("yes", "no", "plus", "right"):
            value = node.get(key)
            if isinstance(value, int | float) and not (key == "plus" and not value):
                for other in (value + 1, value - 1, value + 10):
                    if other >= 1:
                        yield changed(program, place, **{key: other})
        for k, (name, factor) in enumerate(node.get("terms", ())):
            terms = [list(term) for term in node["terms"]]
            terms[k] = [name, factor + 1]
            yield changed(program, place, terms=terms)


def adjectives(program: Program, attributes: Attributes, categories: Sequence[str]) -> Iterator[Program]:
    """A colour or a facing that is another one, is left out, or is put in."""
    for place, node in enumerate(program["nodes"]):
        if node["op"] == "filter" and node["attribute"] in ("color", "facing"):
            for value in attributes.get(node["attribute"], ()):
                if value != node["value"]:
                    yield changed(program, place, value=value)
            yield without(program, node["id"])
        elif node["op"] == "objects":
            for value in attributes.get("color", ()):
                yield narrowed(program, node["id"], "color", value)


def unheard(program: Program, adjective: str, random: Random) -> Program:
    """The program whose words put an adjective in that nothing tells of."""
    sets = [node["id"] for node in program["nodes"] if node["op"] == "objects"]
    return narrowed(program, sets[random.randrange(len(sets))], SAID, adjective)


def narrowed(program: Program, name: str, attribute: str, value: str) -> Program:
    """The program in which whatever reads a set reads only those of it with an attribute's value."""
    nodes: list[dict[str, Any]] = []
    for node in program["nodes"]:
        nodes.append(_reading(node, name, "extra"))
        if node["id"] == name:
            nodes.append({"id": "extra", "op": "filter", "of": name, "attribute": attribute, "value": value})
    return {**program, "nodes": nodes}


def without(program: Program, name: str) -> Program:
    """The program without a node that narrows: what reads it reads what it narrows."""
    of = next(node["of"] for node in program["nodes"] if node["id"] == name)
    return {**program, "nodes": renamed([node for node in program["nodes"] if node["id"] != name], name, of)}


def renamed(nodes: Sequence[Mapping[str, Any]], name: str, instead: str) -> list[dict[str, Any]]:
    """The nodes, reading another one wherever they read that name."""
    return [_reading(node, name, instead) for node in nodes]


def _reading(node: Mapping[str, Any], name: str, instead: str) -> dict[str, Any]:
    """The node with another name wherever it reads that one."""
    made = dict(node)
    for key in ("of", "anchor", "left", "right", "condition", "yes", "no"):
        literal = key == "right" and (node.get("by") == "attribute" or node.get("right") == "middle")
        if made.get(key) == name and not literal:
            made[key] = instead
    if "terms" in made:
        made["terms"] = [[instead if term == name else term, factor] for term, factor in made["terms"]]
    return made


def needed(program: Program) -> Program:
    """The program without nodes that do not reach the answer."""
    reached = {program["answer"]}
    for node in reversed(program["nodes"]):
        if node["id"] in reached:
            reached.update(name for name, _ in reads(node))
    return {**program, "nodes": [node for node in program["nodes"] if node["id"] in reached]}
