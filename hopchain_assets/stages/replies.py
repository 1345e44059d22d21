"""What models reply, as pydantic models: the JSON schema that is sent with a question, and the check on arrival."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from hopchain_assets.domain.nodes import MAX_CONSTANT, MAX_NODES, OPS, VERSION, Axis, By, Relation, Side

M = TypeVar("M", bound="Replied")

Quality = Literal["High", "Medium", "Low"]
Why = Literal["occlusion", "count or density", "pose", "interaction", "fine-grained recognition", "lighting"]

_NUMBER = {"type": "number", "minimum": -MAX_CONSTANT, "maximum": MAX_CONSTANT}
_TEXT = {"type": "string", "maxLength": 100}
_OPERAND = {"anyOf": [_TEXT, _NUMBER]}
_TERM = {"type": "array", "prefixItems": [_TEXT, _NUMBER], "minItems": 2, "maxItems": 2}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("category", "attribute", "value", "predicate", "of", "anchor", "left", "condition"), _TEXT),
    **dict.fromkeys(("right", "yes", "no"), _OPERAND),
    "side": {"enum": list(get_args(Side))},
    "axis": {"enum": list(get_args(Axis))},
    "by": {"enum": list(get_args(By))},
    "relation": {"enum": list(get_args(Relation))},
    "rank": {"type": "integer", "minimum": 1, "maximum": 10},
    "terms": {"type": "array", "items": _TERM, "minItems": 1, "maxItems": 6},
    "plus": _NUMBER,
}


def _node_schema(op: str) -> dict[str, Any]:
    names = [item.name for item in dataclasses.fields(OPS[op]) if item.name != "id"]
    properties = {"id": {"type": "string", "maxLength": 32}, "op": {"const": op}, **{n: _FIELDS[n] for n in names}}
    # `attribute` goes with one kind of comparison only
    required = ["id", "op", *(name for name in names if (op, name) != ("compare", "attribute"))]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


PROGRAM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "version": {"const": VERSION},
        "nodes": {
            "type": "array",
            "items": {"anyOf": [_node_schema(op) for op in OPS]},
            "minItems": 1,
            "maxItems": MAX_NODES,
        },
        "answer": {"type": "string", "maxLength": 32},
    },
    "required": ["version", "nodes", "answer"],
    "additionalProperties": False,
}
# Not checked any further here: a program that does not hold together is a finding, which its writer may mend.
ProgramJson = Annotated[dict[str, Any], WithJsonSchema(dict(PROGRAM_SCHEMA))]
Word = Annotated[str, Field(max_length=60)]
Sentence = Annotated[str, Field(max_length=400)]


class Replied(BaseModel):
    """A reply. Unknown fields are refused: a server that does not hold to the schema shall not go unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    @cache
    def schema_sent(cls) -> Mapping[str, Any]:
        """The JSON schema that goes with the question."""
        return cls.model_json_schema()

    @classmethod
    def read(cls: type[M], text: str) -> M:
        """The reply of its JSON text.

        Raises:
            ValueError: with one sentence, when the text is not such a reply.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the reply"
            raise ValueError(f"{where}: {first['msg']}") from None


class ComplexObject(Replied):
    """An object that takes effort to perceive."""

    name: Word
    why: Why


class Rating(Replied):
    """Stage 0 of the paper: how much there is to see."""

    complexity: Annotated[int, Field(ge=1, le=10)]
    quality: Quality
    complex_objects: Annotated[list[ComplexObject], Field(max_length=12)]
    reason: Sentence


class Named(Replied):
    """Stage 1 of the paper: names of the kinds of object."""

    categories: Annotated[list[Word], Field(max_length=40)]


class WrittenHop(Replied):
    """A look as the writer states it: the node, the words and what it found."""

    number: Annotated[int, Field(ge=1, le=12)]
    node: Annotated[str, Field(max_length=32)]
    text: Sentence
    result: Word


class WrittenChain(Replied):
    """A question with its program, as a model wrote it. Nothing of it is believed."""

    question: Annotated[str, Field(min_length=1, max_length=2_000)]
    hops: Annotated[list[WrittenHop], Field(max_length=12)]
    program: ProgramJson
    answer: Annotated[str, Field(max_length=20)]


class Written(Replied):
    """Stage 3 of the paper: the questions for one combination."""

    chains: Annotated[list[WrittenChain], Field(max_length=8)]


class Phrase(Replied):
    """A phrase of a question, and the node that carries it; None where none does."""

    phrase: Annotated[str, Field(max_length=200)]
    node: Annotated[str, Field(max_length=32)] | None


class Reading(Replied):
    """What a reader who sees the words alone makes of them."""

    program: ProgramJson
    phrases: Annotated[list[Phrase], Field(max_length=60)]


class Look(Replied):
    """Whether something is true of the object in a crop."""

    value: Literal["yes", "no", "unsure"]
