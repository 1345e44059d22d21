"""Programs as JSON: what may be read as one, field by field, and how a node is written.

Nothing that arrives is trusted: whatever JSON comes in, what goes out is nodes with fields of the right type and size,
or a `ProgramError` of one sentence. Whether the nodes fit each other is for `program.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from hopchain_assets.domain.nodes import (
    MAX_CONSTANT,
    MAX_NODES,
    MIDDLE,
    OPS,
    VERSION,
    Arith,
    Axis,
    By,
    Compare,
    Node,
    Operand,
    ProgramError,
    Relation,
    Side,
)

# far more than the longest program, and read in milliseconds
LONGEST_TEXT = 1_000_000


def nodes_from_json(value: object) -> tuple[list[Node], str]:
    """The nodes of a program and the name of its answer, from JSON values or JSON text.

    Raises:
        ProgramError: when it is no program; the message says which node and why.
    """
    if isinstance(value, str | bytes):
        value = _parsed(value)
    if not isinstance(value, dict):
        raise ProgramError("a program is an object with version, nodes and answer")
    for key in value:
        if key not in ("version", "nodes", "answer"):
            raise ProgramError(f"a program has no field {short(key)}")
    version, nodes, answer = value.get("version"), value.get("nodes"), value.get("answer")
    if version != VERSION or isinstance(version, bool):
        raise ProgramError(f"this release reads programs of version {VERSION}, not {short(version)}")
    if not isinstance(nodes, list) or not nodes or not isinstance(answer, str):
        raise ProgramError("a program needs a list of nodes and the name of its answer")
    if len(nodes) > MAX_NODES:
        raise ProgramError(f"a program has at most {MAX_NODES} nodes, this one has {len(nodes)}")
    return [_node_from_json(node) for node in nodes], answer


def _parsed(text: str | bytes) -> object:
    if len(text) > LONGEST_TEXT:
        raise ProgramError(f"the program's JSON is {len(text)} letters long, more than {LONGEST_TEXT}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProgramError(f"the program is not JSON: {error}") from error


def node_to_json(node: Node) -> dict[str, Any]:
    """A node as a JSON object; an attribute that is not given is left out."""
    out: dict[str, Any] = {"id": node.id, "op": node.op}
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if item.name == "id" or (isinstance(node, Compare) and item.name == "attribute" and not value):
            continue
        if isinstance(node, Arith) and item.name == "terms":
            value = [[name, plain_number(times)] for name, times in node.terms]
        out[item.name] = plain_number(value)
    return out


def plain_number(value: Any) -> Any:
    """A float without a fraction as the whole number that it is; anything else as it stands."""
    return int(value) if isinstance(value, float) and value == int(value) else value


_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def _node_from_json(value: object) -> Node:
    if not isinstance(value, dict):
        raise ProgramError("each node is an object with id and op")
    name, op = value.get("id"), value.get("op")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == MIDDLE:
        raise ProgramError(f"a node's id is a short lower-case word, not {short(name)}")
    if not isinstance(op, str) or op not in OPS:
        raise ProgramError(f"node {name}: there is no operation {short(op)}")
    cls = OPS[op]
    known = {item.name: item for item in dataclasses.fields(cls) if item.name != "id"}
    for key in value:
        if key not in known and key not in ("id", "op"):
            raise ProgramError(f"node {name}: {op} has no field {short(key)}")
    arguments: dict[str, Any] = {}
    for key, item in known.items():
        if key not in value:
            if item.default is dataclasses.MISSING:
                raise ProgramError(f"node {name}: {op} needs the field {key!r}")
            continue
        arguments[key] = _FIELDS[key](name, key, value[key])
    return cls(id=name, **arguments)


def short(value: object) -> str:
    """A value from outside as it may stand in a sentence."""
    # a deep list has no repr, and neither has a number of five thousand digits
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of many digits"
    text = repr(value[:40] if isinstance(value, str) else value)
    return text if len(text) <= 40 else text[:37] + "..."


def _text(node: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 100 or not value.isprintable():
        raise ProgramError(f"node {node}: {key} is a short printable text, not {short(value)}")
    return value


def _number(node: str, key: str, value: object) -> float:
    # bool is an int to Python, and NaN passes every range test written the other way round
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_CONSTANT:
        raise ProgramError(f"node {node}: {key} is a number within a million, not {short(value)}")
    if not math.isfinite(value):
        raise ProgramError(f"node {node}: {key} is not finite")
    return value


def _operand(node: str, key: str, value: object) -> Operand:
    return _text(node, key, value) if isinstance(value, str) else _number(node, key, value)


def _choice(options: Any) -> Callable[[str, str, object], str]:
    names = get_args(options)

    def read(node: str, key: str, value: object) -> str:
        if value not in names or not isinstance(value, str):
            raise ProgramError(f"node {node}: {key} is one of {', '.join(names)}, not {short(value)}")
        return value

    return read


def _rank(node: str, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10:
        raise ProgramError(f"node {node}: {key} is a whole number from 1 to 10, not {short(value)}")
    return value


def _terms(node: str, key: str, value: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 6:
        raise ProgramError(f"node {node}: terms is a list of one to six [node, times]")
    terms: list[tuple[str, float]] = []
    for term in value:
        if not isinstance(term, list) or len(term) != 2:
            raise ProgramError(f"node {node}: a term is [node, times], not {short(term)}")
        terms.append((_text(node, key, term[0]), _number(node, key, term[1])))
    return tuple(terms)


_FIELDS: Mapping[str, Callable[[str, str, object], Any]] = {
    "category": _text, "attribute": _text, "value": _text, "predicate": _text,
    "of": _text, "anchor": _text, "left": _text, "condition": _text,
    "right": _operand, "yes": _operand, "no": _operand,
    "side": _choice(Side), "axis": _choice(Axis), "by": _choice(By), "relation": _choice(Relation),
    "rank": _rank, "terms": _terms, "plus": _number,
}  # fmt: skip
