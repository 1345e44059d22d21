"""Markdown for Dagster's pages. Whatever comes from outside is shown and never obeyed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hopchain_assets.export.drawing import draw_chain, open_picture, thumbnail_data_uri
from hopchain_assets.export.words import KIND_WORDS, Entry, clean_text, form_words, result_words, shortened

_VALUE_LENGTH = 160
_PICTURE_BYTES = 80_000
_ACTIVE = re.compile(r"([\\`*_{}\[\]()<>#|~&!$^+=-])")
_LIST_NUMBER = re.compile(r"^(\d+)\.(?!\S)")
# Dagster's renderer turns bare addresses into links after escapes are read, so only a character
# inside the address stops it: the word joiner, which has no width
_ADDRESS = re.compile(r"(https?(?=:)|www(?=\.)|@)", re.IGNORECASE)
_JOINER = "\u2060"


def escape_markdown(text: str) -> str:
    """The text on one line such that Markdown (CommonMark and GitHub's) shows it as it is.

    No HTML, links, bare addresses, images, emphasis, code, headings, lists or table cells come of it.
    """
    escaped = _ACTIVE.sub(r"\\\1", clean_text(text))
    escaped = _LIST_NUMBER.sub(r"\1\\.", escaped)
    return _ADDRESS.sub(rf"\1{_JOINER}", escaped)


def chain_markdown(entry: Entry) -> str:
    """The picture with its chain drawn, the question, each hop with its result, and the answer.

    Raises:
        ValueError: when the picture does not fit its facts.
    """
    facts, chain = entry.facts, entry.chain
    picture = open_picture(entry.picture, facts)
    uri = thumbnail_data_uri(draw_chain(picture, facts, chain), _PICTURE_BYTES)
    rows = [
        {
            "hop": hop.number,
            "kind": KIND_WORDS.get(hop.kind, hop.kind),
            "level": hop.level,
            "words": hop.text,
            "result": result_words(hop.result, facts),
        }
        for hop in chain.hops
    ]
    facts_line = " · ".join(part for part in (entry.state, entry.split, form_words(chain), entry.licence) if part)
    return "\n\n".join(
        [
            f"![the picture with its chain]({uri})",
            f"**Question.** {escape_markdown(chain.question)}",
            table_markdown(rows, ("hop", "kind", "level", "words", "result")),
            f"**Answer: {escape_markdown(chain.answer)}**",
            escape_markdown(facts_line),
        ]
    )


def table_markdown(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """A table of the named columns; values are escaped, and shortened to a readable length."""
    lines = [_row([escape_markdown(column) for column in columns]), _row(["---"] * len(columns))]
    lines += [_row([_cell(row.get(column)) for column in columns]) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape_markdown(shortened(clean_text(text), _VALUE_LENGTH))
